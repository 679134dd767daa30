//! Webhooks as GitHub sends them: every member, not only those that are read here.

mod account;
mod pull_request;
mod push;
mod repository;
mod tag;

use serde_json::json;

pub(crate) use account::account;
pub use pull_request::{PullRequestFacts, github_pull_request_payload};
pub use push::{PushedCommit, github_push_payload};
pub use repository::HostedRepository;
pub(crate) use repository::{full_repository, minimal_repository};
pub use tag::{github_tag_create_payload, github_tag_push_payload};

/// The id that stands for "no commit".
pub const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// The headers of a delivery: `name: value`, the signature among them.
pub fn github_headers(
    event: &str,
    delivery: &str,
    secret: &[u8],
    body: &[u8],
) -> Vec<(&'static str, String)> {
    vec![
        ("accept", "*/*".to_owned()),
        ("content-type", "application/json".to_owned()),
        ("user-agent", "GitHub-Hookshot/044aadd".to_owned()),
        ("x-github-delivery", delivery.to_owned()),
        ("x-github-event", event.to_owned()),
        ("x-github-hook-id", "109948940".to_owned()),
        ("x-github-hook-installation-target-id", "186853002".to_owned()),
        ("x-github-hook-installation-target-type", "repository".to_owned()),
        ("x-hub-signature-256", penstock_forge::github::sign(secret, body)),
    ]
}

/// What GitHub sends when a webhook was made.
pub fn github_ping_payload(repository: &HostedRepository) -> Vec<u8> {
    let hook = json!({
        "type": "Repository",
        "id": 109_948_940,
        "name": "web",
        "active": true,
        "events": ["create", "pull_request", "push"],
        "config": {"content_type": "json", "insecure_ssl": "0", "secret": "********"},
    });
    let payload = json!({
        "zen": "Keep it logically awesome.",
        "hook_id": 109_948_940,
        "hook": hook,
        "repository": full_repository(repository),
        "sender": account(repository.owner()),
    });
    payload.to_string().into_bytes()
}
