//! Per forge: verify a webhook, parse it to one [`ForgeEvent`], and the requests for statuses and files as data.
//!
//! Each forge has its folder with the same files in it: `verify.rs`, `parse.rs`, `status.rs`, `contents.rs`,
//! `commit.rs`, `repository.rs` and `response.rs`. What they share lies above them. Nothing here sends, waits, reads a
//! clock or holds a token: whoever sends a [`RequestSpec`] adds the `Authorization` header.

mod clone_url;
pub mod event;
pub mod github;
pub mod outcome;
pub mod parsed;
pub mod repository;
pub mod request;
pub mod signature;
pub mod status;
mod text;

pub use clone_url::{BadCloneUrl, clone_url};
pub use event::{
    BranchHead, CommitInfo, DEDUP_WINDOW_SECONDS, EventKind, ForgeEvent, PullRequest, PullRequestAction,
    Push, Tag,
};
pub use outcome::{Outcome, RetryCause, backoff_seconds};
pub use parsed::{IgnoreReason, MAX_BODY_BYTES, ParseError, Parsed, skips_ci};
pub use repository::{Repository, repository_key};
pub use request::{RequestError, RequestSpec};
pub use signature::SignatureError;
pub use status::{CommitState, CommitStatus};
