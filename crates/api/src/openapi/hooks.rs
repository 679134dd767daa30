//! What forges send.

use serde_json::json;

use super::operation::Operation;
use super::refusals::{HOOK, NO_SECRET, NOT_YET, STORE};

const TAG: &str = "webhooks";

pub fn operations() -> Vec<Operation> {
    vec![
        github(),
        later("/hooks/gitlab", "receiveGitlabWebhook", "GitLab"),
        later("/hooks/gitea", "receiveGiteaWebhook", "Gitea and Forgejo"),
        later("/hooks/bitbucket", "receiveBitbucketWebhook", "Bitbucket"),
    ]
}

fn github() -> Operation {
    let status = json!({ "type": "string", "enum": ["received", "duplicate", "ignored"] });
    let answer = json!({
        "type": "object",
        "properties": {
            "success": { "type": "boolean", "const": true },
            "delivery": { "type": "string", "description": "GitHub's id of the delivery, or the hash of its body where it has none." },
            "status": status,
            "reason": { "type": "string", "description": "Why it is ignored, in one word." },
        },
        "required": ["success", "delivery", "status"],
    });
    let id = json!({ "type": "string", "maxLength": 200 });
    Operation::new("post", "/hooks/github", "receiveGithubWebhook", TAG, "Receive a delivery of GitHub")
        .about(
            "The signature is checked over the raw body, the delivery is kept, and then answered; what follows from \
             it happens afterwards. A delivery that comes twice has one effect; one that had failed is taken up again. \
             Set the webhook's content type to `application/json`.",
        )
        .for_whom(&["github_signature"])
        .header("X-GitHub-Event", json!({ "type": "string", "minLength": 1, "maxLength": 200 }), "The event's name.")
        .optional_header("X-GitHub-Delivery", id, "GitHub's id of the delivery.")
        .body(json!({ "type": "object", "description": "The payload, as GitHub documents it; at most 25 MiB." }))
        .json(202, "Kept, known already, or of no use here.", answer)
        .refuses(&[HOOK, NO_SECRET, STORE])
}

/// Known by name: says what is missing.
fn later(path: &'static str, id: &str, forge: &str) -> Operation {
    Operation::new("post", path, id, TAG, &format!("Deliveries of {forge}: not taken by this version"))
        .for_whom(&[])
        .refuses(&[NO_SECRET, NOT_YET])
}
