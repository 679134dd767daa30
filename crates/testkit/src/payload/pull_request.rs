//! `pull_request`: someone offers a branch to be merged.

use serde_json::{Value, json};

use super::{HostedRepository, account, full_repository};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequestFacts {
    /// `opened`, `synchronize`, `closed`, …
    pub action: String,
    pub number: u64,
    pub title: String,
    pub author: String,
    pub draft: bool,
    pub head_branch: String,
    pub head_sha: String,
    /// The repository of the head: None is the base's own, another one a fork.
    pub fork: Option<HostedRepository>,
    pub base_branch: String,
    pub base_sha: String,
}

pub fn github_pull_request_payload(repository: &HostedRepository, facts: &PullRequestFacts) -> Vec<u8> {
    let payload = json!({
        "action": facts.action,
        "number": facts.number,
        "pull_request": pull_request(repository, facts),
        "repository": full_repository(repository),
        "sender": account(&facts.author),
    });
    payload.to_string().into_bytes()
}

fn pull_request(repository: &HostedRepository, facts: &PullRequestFacts) -> Value {
    let number = facts.number;
    let mut json = json!({
        "id": number,
        "node_id": format!("PR_{number:08x}"),
        "number": number,
        "state": if facts.action == "closed" { "closed" } else { "open" },
        "locked": false,
        "title": facts.title,
        "user": account(&facts.author),
        "body": null,
        "created_at": "2023-11-14T22:13:20Z",
        "updated_at": "2023-11-14T22:13:20Z",
        "closed_at": null,
        "merged_at": null,
        "merge_commit_sha": null,
        "assignee": null,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "labels": [],
        "milestone": null,
        "draft": facts.draft,
        "head": side(facts.fork.as_ref().unwrap_or(repository), &facts.head_branch, &facts.head_sha),
        "base": side(repository, &facts.base_branch, &facts.base_sha),
        "author_association": "CONTRIBUTOR",
        "auto_merge": null,
        "active_lock_reason": null,
        "merged": false,
        "mergeable": null,
        "rebaseable": null,
        "mergeable_state": "unknown",
        "merged_by": null,
        "comments": 0,
        "review_comments": 0,
        "maintainer_can_modify": false,
        "commits": 1,
        "additions": 1,
        "deletions": 0,
        "changed_files": 1,
    });
    let (pull, page) = (format!("{}/pulls/{number}", repository.api()), repository.page());
    json["url"] = json!(pull);
    json["diff_url"] = json!(format!("{page}/pull/{number}.diff"));
    json["patch_url"] = json!(format!("{page}/pull/{number}.patch"));
    json["_links"]["self"] = json!({"href": pull});
    for (name, link) in links(repository, facts) {
        json["_links"][name] = json!({"href": link});
        json[format!("{name}_url")] = json!(link);
    }
    json
}

/// What stands both as `<name>_url` and below `_links`.
fn links(repository: &HostedRepository, facts: &PullRequestFacts) -> Vec<(&'static str, String)> {
    let (api, number) = (repository.api(), facts.number);
    vec![
        ("html", format!("{}/pull/{number}", repository.page())),
        ("issue", format!("{api}/issues/{number}")),
        ("comments", format!("{api}/issues/{number}/comments")),
        ("review_comments", format!("{api}/pulls/{number}/comments")),
        ("review_comment", format!("{api}/pulls/comments{{/number}}")),
        ("commits", format!("{api}/pulls/{number}/commits")),
        ("statuses", format!("{api}/statuses/{}", facts.head_sha)),
    ]
}

fn side(repository: &HostedRepository, branch: &str, sha: &str) -> Value {
    let mut repo = full_repository(repository);
    for member in ["allow_merge_commit", "allow_rebase_merge", "allow_squash_merge", "delete_branch_on_merge"]
    {
        repo[member] = json!(member.starts_with("allow"));
    }
    json!({
        "label": format!("{}:{branch}", repository.owner()),
        "ref": branch,
        "sha": sha,
        "user": account(repository.owner()),
        "repo": repo,
    })
}
