//! The members of GitHub's payloads that are read, as GitHub spells them.
//!
//! Everything is optional here, because a missing member is better told by its name than by a line and column.
//! Members that nothing reads are skipped, whatever they hold.

use penstock_domain::Timestamp;
use serde::Deserialize;

use crate::event::CommitInfo;
use crate::parsed::{MAX_MESSAGE_BYTES, MAX_NAME_BYTES, MAX_TEXT_BYTES, ParseError};
use crate::repository::Repository;
use crate::text::cut_bytes;

/// A commit of a push as far as its paths go.
#[derive(Deserialize)]
pub(super) struct PushedCommit {
    pub id: Option<String>,
    #[serde(default)]
    pub added: Option<Vec<String>>,
    #[serde(default)]
    pub removed: Option<Vec<String>>,
    #[serde(default)]
    pub modified: Option<Vec<String>>,
}

#[derive(Deserialize)]
pub(super) struct PushPayload {
    #[serde(rename = "ref")]
    pub ref_: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
    pub deleted: Option<bool>,
    pub forced: Option<bool>,
    pub commits: Option<Vec<PushedCommit>>,
    pub head_commit: Option<HeadCommit>,
    pub repository: Option<RepositoryPayload>,
    pub pusher: Option<Person>,
    pub sender: Option<Account>,
}

#[derive(Deserialize)]
pub(super) struct CreatePayload {
    #[serde(rename = "ref")]
    pub ref_: Option<String>,
    pub ref_type: Option<String>,
    pub repository: Option<RepositoryPayload>,
    pub sender: Option<Account>,
}

#[derive(Deserialize)]
pub(super) struct ActionPayload {
    pub action: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct PullRequestPayload {
    pub number: Option<u64>,
    pub pull_request: Option<PullRequestMember>,
    pub repository: Option<RepositoryPayload>,
    pub sender: Option<Account>,
}

#[derive(Deserialize)]
pub(super) struct PullRequestMember {
    pub title: Option<String>,
    pub user: Option<Account>,
    pub draft: Option<bool>,
    pub head: Option<Side>,
    pub base: Option<Side>,
}

#[derive(Deserialize)]
pub(super) struct Side {
    #[serde(rename = "ref")]
    pub ref_: Option<String>,
    pub sha: Option<String>,
    pub repo: Option<SideRepository>,
}

#[derive(Deserialize)]
pub(super) struct SideRepository {
    pub id: Option<u64>,
    pub full_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct HeadCommit {
    pub id: Option<String>,
    pub message: Option<String>,
    pub timestamp: Option<String>,
    pub author: Option<Person>,
}

#[derive(Deserialize)]
pub(super) struct Person {
    pub name: Option<String>,
    pub username: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Account {
    pub login: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RepositoryPayload {
    pub full_name: Option<String>,
    pub clone_url: Option<String>,
    pub ssh_url: Option<String>,
    pub html_url: Option<String>,
    pub git_url: Option<String>,
    pub default_branch: Option<String>,
    pub private: Option<bool>,
}

impl RepositoryPayload {
    pub fn read(self) -> Result<Repository, ParseError> {
        let full_name = name(self.full_name, "repository.full_name")?;
        let (owner, repository) = split_full_name(&full_name)
            .ok_or_else(|| ParseError::Malformed("`repository.full_name` is not owner/name".to_owned()))?;
        let mut clone_urls: Vec<String> = vec![];
        for url in [self.clone_url, self.ssh_url, self.html_url, self.git_url].into_iter().flatten() {
            if url.len() <= MAX_NAME_BYTES && !url.is_empty() && !clone_urls.contains(&url) {
                clone_urls.push(url);
            }
        }
        if clone_urls.is_empty() {
            return Err(ParseError::Malformed("`repository.clone_url` is missing".to_owned()));
        }
        Ok(Repository {
            owner: owner.to_owned(),
            name: repository.to_owned(),
            full_name,
            clone_urls,
            default_branch: self.default_branch.filter(|b| !b.is_empty() && b.len() <= MAX_NAME_BYTES),
            private: self.private.unwrap_or(true),
        })
    }
}

impl HeadCommit {
    pub fn read(self, member: &str) -> Result<CommitInfo, ParseError> {
        let author = self.author.unwrap_or(Person { name: None, username: None });
        Ok(CommitInfo {
            sha: sha(self.id, &format!("{member}.id"))?,
            message: cut_bytes(&self.message.unwrap_or_default(), MAX_MESSAGE_BYTES).to_owned(),
            author_name: author.name.map(text),
            author_login: author.username.map(text),
            committed_at: self.timestamp.and_then(|at| at.parse::<Timestamp>().ok()),
        })
    }
}

impl Account {
    pub fn login(account: Option<Self>) -> Option<String> {
        account?.login.map(text)
    }
}

/// `owner/name`, where it is two names that can stand in a path of the API.
pub(crate) fn split_full_name(full_name: &str) -> Option<(&str, &str)> {
    let (owner, name) = full_name.split_once('/')?;
    let good = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['/', '\\']);
    (good(owner) && good(name)).then_some((owner, name))
}

pub(super) fn need<T>(member: Option<T>, what: &str) -> Result<T, ParseError> {
    member.ok_or_else(|| ParseError::Malformed(format!("`{what}` is missing")))
}

/// A name that means nothing when cut: whole, or refused.
pub(super) fn name(member: Option<String>, what: &str) -> Result<String, ParseError> {
    let name = need(member, what)?;
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(ParseError::Malformed(format!(
            "`{what}` is empty, longer than {MAX_NAME_BYTES} bytes, or has control characters"
        )));
    }
    Ok(name)
}

/// SHA-1 or SHA-256, in lower case.
pub(super) fn sha(member: Option<String>, what: &str) -> Result<String, ParseError> {
    let sha = need(member, what)?;
    if is_sha(&sha) {
        Ok(sha.to_ascii_lowercase())
    } else {
        Err(ParseError::Malformed(format!("`{what}` is not 40 or 64 hexadecimal digits")))
    }
}

pub(crate) fn is_sha(sha: &str) -> bool {
    matches!(sha.len(), 40 | 64) && sha.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The all-zero id, which stands for "no commit".
pub(super) fn is_zero(sha: &str) -> bool {
    sha.bytes().all(|b| b == b'0')
}

/// A text for people, cut.
pub(super) fn text(text: String) -> String {
    cut_bytes(&text, MAX_TEXT_BYTES).to_owned()
}
