//! One new tag, as each of the two events reports it: `push` with its commit, `create` with its name.

use serde_json::json;

use super::push::{PushedCommit, envelope};
use super::{HostedRepository, account, full_repository};

/// The `push` of a tag. `tag_object` is the id of an annotated tag; a plain one has none.
pub fn github_tag_push_payload(
    repository: &HostedRepository,
    tag: &str,
    tag_object: Option<&str>,
    commit: &PushedCommit,
) -> Vec<u8> {
    let mut payload = envelope(repository, &format!("refs/tags/{tag}"), None, Some(commit));
    payload["after"] = json!(tag_object.unwrap_or(&commit.sha));
    payload.to_string().into_bytes()
}

/// The `create` of a tag.
pub fn github_tag_create_payload(repository: &HostedRepository, tag: &str, sender: &str) -> Vec<u8> {
    let payload = json!({
        "ref": tag,
        "ref_type": "tag",
        "full_ref": format!("refs/tags/{tag}"),
        "master_branch": repository.default_branch,
        "description": null,
        "pusher_type": "user",
        "repository": full_repository(repository),
        "sender": account(sender),
    });
    payload.to_string().into_bytes()
}
