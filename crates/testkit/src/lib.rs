//! What tests, and the demonstration, need of the world outside: a forge, repositories, webhooks, a judge.
//!
//! Everything here is real as far as it goes: the fake speaks HTTP on a socket, repositories are made by `git`,
//! payloads have every member that a forge sends. Nothing here knows the control plane.

#[cfg(feature = "database")]
pub mod database;
pub mod fake_github;
pub mod git_repository;
pub mod openapi;
pub mod payload;
#[cfg(feature = "platform")]
pub mod platform;

pub use fake_github::{FakeGitHub, RecordedRequest, StoredStatus};
pub use git_repository::GitRepository;
pub use openapi::OpenApiJudge;
pub use payload::{
    HostedRepository, PullRequestFacts, PushedCommit, github_headers, github_ping_payload,
    github_pull_request_payload, github_push_payload, github_tag_create_payload, github_tag_push_payload,
};
pub use penstock_forge::github::sign;
