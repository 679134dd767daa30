//! `push`: commits arrive on a branch.

use serde_json::{Value, json};

use super::repository::pushed_repository;
use super::{HostedRepository, NO_COMMIT, account};

/// A commit as a push reports it. [`crate::GitRepository::pushed_commit`] reads one from git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedCommit {
    pub sha: String,
    pub tree: String,
    pub message: String,
    /// RFC 3339.
    pub timestamp: String,
    pub author_name: String,
    pub author_email: String,
    pub author_login: String,
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub modified: Vec<String>,
}

impl Default for PushedCommit {
    fn default() -> Self {
        Self {
            sha: NO_COMMIT.to_owned(),
            // The empty tree.
            tree: "4b825dc642cb6eb9a060e54bf8d69288fbee4904".to_owned(),
            message: "Change it".to_owned(),
            timestamp: "2023-11-14T22:13:20Z".to_owned(),
            author_name: "Ada Example".to_owned(),
            author_email: "ada@example.com".to_owned(),
            author_login: "ada".to_owned(),
            added: vec![],
            removed: vec![],
            modified: vec![],
        }
    }
}

impl PushedCommit {
    pub(super) fn json(&self, repository: &HostedRepository) -> Value {
        let author =
            json!({"name": self.author_name, "email": self.author_email, "username": self.author_login});
        json!({
            "id": self.sha,
            "tree_id": self.tree,
            "distinct": true,
            "message": self.message,
            "timestamp": self.timestamp,
            "url": format!("{}/commit/{}", repository.page(), self.sha),
            "author": author,
            "committer": author,
            "added": self.added,
            "removed": self.removed,
            "modified": self.modified,
        })
    }
}

/// `before` is None for a new branch. The last of `commits` is the new head; none at all deletes the branch.
pub fn github_push_payload(
    repository: &HostedRepository,
    branch: &str,
    before: Option<&str>,
    commits: &[PushedCommit],
) -> Vec<u8> {
    let mut payload = envelope(repository, &format!("refs/heads/{branch}"), before, commits.last());
    payload["commits"] = commits.iter().map(|commit| commit.json(repository)).collect();
    payload.to_string().into_bytes()
}

/// What every push has, with no commits in its list.
pub(super) fn envelope(
    repository: &HostedRepository,
    ref_: &str,
    before: Option<&str>,
    head: Option<&PushedCommit>,
) -> Value {
    let before = before.unwrap_or(NO_COMMIT);
    let after = head.map_or(NO_COMMIT, |head| head.sha.as_str());
    let pusher = head.map_or(repository.owner(), |head| head.author_login.as_str());
    json!({
        "ref": ref_,
        "before": before,
        "after": after,
        "repository": pushed_repository(repository),
        "pusher": {"name": pusher, "email": format!("{pusher}@users.noreply.github.com")},
        "sender": account(pusher),
        "created": before == NO_COMMIT,
        "deleted": head.is_none(),
        "forced": false,
        "base_ref": null,
        "compare": format!("{}/compare/{before:.12}...{after:.12}", repository.page()),
        "commits": [],
        "head_commit": head.map(|head| head.json(repository)),
    })
}
