//! The commit that a tag or a branch leads to, and what a commit says.
//!
//! `GET /repos/{owner}/{repo}/commits/{ref}` would tell both at once, and up to 300 changed files with their patches:
//! so it is asked for the id alone, and the list of commits for the one that begins there.

use http::Method;
use serde::Deserialize;

use super::contents::{repository_url, with_headers};
use super::payload::{Account, HeadCommit, Person, is_sha, need, sha as whole_sha};
use crate::event::CommitInfo;
use crate::parsed::ParseError;
use crate::request::{RequestError, RequestSpec, encode_path};

const SHA: &str = "application/vnd.github.sha";

/// `GET …/commits/tags/{tag}`: the id of the commit that a tag leads to, through annotated tags too.
///
/// # Errors
/// [`RequestError`], where base, repository or tag can't be named.
pub fn tag_request(api_url: &str, full_name: &str, tag: &str) -> Result<RequestSpec, RequestError> {
    id_request(api_url, full_name, "tags", tag)
}

/// `GET …/commits/heads/{branch}`: the id of a branch's newest commit.
///
/// # Errors
/// [`RequestError`], where base, repository or branch can't be named.
pub fn head_request(api_url: &str, full_name: &str, branch: &str) -> Result<RequestSpec, RequestError> {
    id_request(api_url, full_name, "heads", branch)
}

fn id_request(api_url: &str, full_name: &str, kind: &str, name: &str) -> Result<RequestSpec, RequestError> {
    let name = encode_path(name).ok_or_else(|| RequestError::Path(name.to_owned()))?;
    let url = format!("{}/commits/{kind}/{name}", repository_url(api_url, full_name)?);
    Ok(with_headers(Method::GET, url, SHA))
}

/// Reads the answer to [`tag_request`] and to [`head_request`].
///
/// # Errors
/// [`ParseError`], where it is no commit's id.
pub fn parse_id(body: &[u8]) -> Result<String, ParseError> {
    let text = std::str::from_utf8(body).map_err(|e| ParseError::Malformed(e.to_string()))?;
    whole_sha(Some(text.trim().to_owned()), "sha")
}

/// `GET …/commits?sha={sha}&per_page=1`: what a commit says.
///
/// # Errors
/// [`RequestError`], where base, repository or commit can't be named.
pub fn commit_request(api_url: &str, full_name: &str, sha: &str) -> Result<RequestSpec, RequestError> {
    if !is_sha(sha) {
        return Err(RequestError::Commit(sha.to_owned()));
    }
    let url = format!("{}/commits?sha={sha}&per_page=1", repository_url(api_url, full_name)?);
    Ok(with_headers(Method::GET, url, "application/vnd.github+json"))
}

/// Reads the answer to [`commit_request`].
///
/// # Errors
/// [`ParseError`], where it is not that commit.
pub fn parse_commit(body: &[u8], sha: &str) -> Result<CommitInfo, ParseError> {
    let answers: Vec<CommitAnswer> =
        serde_json::from_slice(body).map_err(|e| ParseError::Malformed(e.to_string()))?;
    let answer = need(answers.into_iter().next(), "0")?;
    let commit = need(answer.commit, "0.commit")?;
    let (name, date) = commit.author.map_or((None, None), |author| (author.name, author.date));
    let username = Account::login(answer.author);
    let author = Some(Person { name, username });
    let read =
        HeadCommit { id: answer.sha, message: commit.message, timestamp: date, author }.read("0.commit")?;
    if read.sha.eq_ignore_ascii_case(sha) {
        Ok(read)
    } else {
        Err(ParseError::Malformed(format!("it is of {} and not of {sha}", read.sha)))
    }
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
