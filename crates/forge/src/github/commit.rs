//! `GET /repos/{owner}/{repo}/commits/{tags|heads}/{name}`: the commit that a tag leads to, through annotated tags too,
//! or the newest of a branch.

use http::Method;
use serde::Deserialize;

use super::contents::{repository_url, with_headers};
use super::payload::{Account, HeadCommit, Person, need};
use crate::event::CommitInfo;
use crate::parsed::ParseError;
use crate::request::{RequestError, RequestSpec, encode_path};

/// # Errors
/// [`RequestError`], where base, repository or tag can't be named.
pub fn commit_request(api_url: &str, full_name: &str, tag: &str) -> Result<RequestSpec, RequestError> {
    request(api_url, full_name, "tags", tag)
}

/// # Errors
/// [`RequestError`], where base, repository or branch can't be named.
pub fn head_request(api_url: &str, full_name: &str, branch: &str) -> Result<RequestSpec, RequestError> {
    request(api_url, full_name, "heads", branch)
}

fn request(api_url: &str, full_name: &str, kind: &str, name: &str) -> Result<RequestSpec, RequestError> {
    let name = encode_path(name).ok_or_else(|| RequestError::Path(name.to_owned()))?;
    let url = format!("{}/commits/{kind}/{name}", repository_url(api_url, full_name)?);
    Ok(with_headers(Method::GET, url, "application/vnd.github+json"))
}

/// Reads the answer to [`commit_request`] and to [`head_request`].
///
/// # Errors
/// [`ParseError`], where it is no commit.
pub fn parse_commit(body: &[u8]) -> Result<CommitInfo, ParseError> {
    let answer: CommitAnswer =
        serde_json::from_slice(body).map_err(|e| ParseError::Malformed(e.to_string()))?;
    let commit = need(answer.commit, "commit")?;
    let (name, date) = commit.author.map_or((None, None), |author| (author.name, author.date));
    let username = Account::login(answer.author);
    let author = Some(Person { name, username });
    HeadCommit { id: answer.sha, message: commit.message, timestamp: date, author }.read("commit")
}

#[derive(Deserialize)]
struct CommitAnswer {
    sha: Option<String>,
    commit: Option<CommitMember>,
    /// The account; null where the address belongs to none.
    author: Option<Account>,
}

#[derive(Deserialize)]
struct CommitMember {
    message: Option<String>,
    author: Option<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    name: Option<String>,
    date: Option<String>,
}
