//! What a forge reported, in one shape for every forge.
//!
//! Only what may start work is here. Whether it does, and which pipeline it starts, is decided elsewhere.

use penstock_domain::{Timestamp, TriggerEvent};
use serde::{Deserialize, Serialize};

use crate::parsed::{IgnoreReason, Parsed, skips_ci};
use crate::repository::Repository;

/// How long after the first event with a [`ForgeEvent::dedup_key`] another with the same key is taken for the same
/// happening. Long enough for a forge's second event or second hook to arrive late, short enough that pushing a
/// deleted tag again, to repeat a release, is a happening of its own.
pub const DEDUP_WINDOW_SECONDS: u32 = 600;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgeEvent {
    pub repository: Repository,
    pub kind: EventKind,
    /// Login of the account that did it, where the forge named one.
    pub actor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    Push(Push),
    PullRequest(PullRequest),
    Tag(Tag),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// Without `refs/heads/`.
    pub branch: String,
    /// None for a branch that is new.
    pub before: Option<String>,
    pub after: String,
    /// `before` is not an ancestor of `after`.
    pub forced: bool,
    /// Every path added, changed or removed by the pushed commits, sorted. None where the forge's list is not
    /// known to be whole: then a filter by path can't exclude this push.
    pub changed_paths: Option<Vec<String>>,
    pub head_commit: Option<CommitInfo>,
    pub pusher: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    pub number: u64,
    pub action: PullRequestAction,
    pub title: String,
    /// Login; None where the account is gone.
    pub author: Option<String>,
    pub draft: bool,
    /// The head lies in another repository than the base, or in one that is gone: no secrets for it.
    pub from_fork: bool,
    pub head_sha: String,
    pub head_branch: String,
    /// `owner/name` of the head; None where it is gone.
    pub head_repository: Option<String>,
    pub base_sha: String,
    pub base_branch: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullRequestAction {
    Opened,
    Synchronize,
    Reopened,
    ReadyForReview,
}

impl PullRequestAction {
    pub const ALL: [Self; 4] = [Self::Opened, Self::Synchronize, Self::Reopened, Self::ReadyForReview];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Synchronize => "synchronize",
            Self::Reopened => "reopened",
            Self::ReadyForReview => "ready_for_review",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// Without `refs/tags/`.
    pub name: String,
    /// The commit that the tag leads to, also where the tag is an annotated one. None where the event does not
    /// tell it: ask the forge ([`crate::github::commit::tag_request`]), then [`ForgeEvent::with_tag_commit`].
    pub commit: Option<CommitInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitInfo {
    pub sha: String,
    /// Cut to [`crate::parsed::MAX_MESSAGE_BYTES`].
    pub message: String,
    pub author_name: Option<String>,
    pub author_login: Option<String>,
    pub committed_at: Option<Timestamp>,
}

/// A branch, and its newest commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchHead {
    /// Without `refs/heads/`.
    pub branch: String,
    pub commit: CommitInfo,
}

impl ForgeEvent {
    pub const fn trigger(&self) -> TriggerEvent {
        match self.kind {
            EventKind::Push(_) => TriggerEvent::Push,
            EventKind::PullRequest(_) => TriggerEvent::PullRequest,
            EventKind::Tag(_) => TriggerEvent::Tag,
        }
    }

    /// The commit under test. None only for a tag whose commit the event did not tell.
    pub fn commit_sha(&self) -> Option<&str> {
        match &self.kind {
            EventKind::Push(push) => Some(&push.after),
            EventKind::PullRequest(pr) => Some(&pr.head_sha),
            EventKind::Tag(tag) => tag.commit.as_ref().map(|c| c.sha.as_str()),
        }
    }

    /// The branch or tag that the commit under test is on.
    pub fn ref_name(&self) -> &str {
        match &self.kind {
            EventKind::Push(push) => &push.branch,
            EventKind::PullRequest(pr) => &pr.head_branch,
            EventKind::Tag(tag) => &tag.name,
        }
    }

    /// Names the happening behind the event, however often and by whichever event it is reported. Two deliveries
    /// whose events have the same key within [`DEDUP_WINDOW_SECONDS`] start work once.
    ///
    /// Delivery ids alone don't do: a hook of the repository and one of its organisation report the same push
    /// under two ids, and GitHub reports one new tag as `push` and as `create`, of which a hook may be subscribed
    /// to either or both. The natural key of a tag is its name and its commit; `create` does not tell the commit,
    /// so its key is None until [`Self::with_tag_commit`]. The name alone is no key: a tag can be moved.
    ///
    /// Keys of one repository never meet those of another. Case matters in everything but the repository's name.
    pub fn dedup_key(&self) -> Option<String> {
        let repository = self.repository.full_name.to_ascii_lowercase();
        Some(match &self.kind {
            EventKind::Push(Push { branch, before, after, .. }) => {
                let before = before.as_deref().unwrap_or("new");
                format!("push:{repository}:{before}:{after}:{branch}")
            }
            EventKind::PullRequest(pr) => {
                let (number, action, sha) = (pr.number, pr.action.as_str(), &pr.head_sha);
                format!("pull_request:{repository}:{number}:{action}:{sha}")
            }
            EventKind::Tag(Tag { name, commit }) => {
                format!("tag:{repository}:{}:{name}", commit.as_ref()?.sha)
            }
        })
    }

    /// Completes a tag with the commit that the forge named for it, which may turn out to ask for no work.
    /// Any other event stays as it is.
    pub fn with_tag_commit(mut self, commit: CommitInfo) -> Parsed {
        if let EventKind::Tag(tag) = &mut self.kind {
            if skips_ci(&commit.message) {
                return Parsed::Ignored(IgnoreReason::SkipCi);
            }
            tag.commit = Some(commit);
        }
        Parsed::Event(self)
    }
}
