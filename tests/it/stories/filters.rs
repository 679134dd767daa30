//! What starts nothing, and says so.

use penstock_testkit::{
    HostedRepository, PullRequestFacts, PushedCommit, github_ping_payload, github_pull_request_payload,
    github_push_payload,
};
use serde_json::{Value, json};

use crate::harness::{Installation, Project, has_ended};

/// What is delivered, as what, and how it is answered.
type Case = (&'static str, Vec<u8>, &'static str, Option<&'static str>);

fn definition() -> String {
    json!({
        "on": {
            "push": { "branches": ["main", "release/*", "!release/old"], "paths": ["src/**"] },
            "pull_request": { "branches": ["main"] },
        },
        "stages": [{ "name": "build", "jobs": [{ "name": "app", "steps": ["true"] }] }],
    })
    .to_string()
}

#[test]
fn what_asks_for_no_run_is_answered_as_ignored_with_the_reason() {
    let at = Installation::start();
    let project = Project::new(&at, &definition());
    let hosted = project.hosted();
    let head = project.head();
    let skipping = |message: &str| {
        let commit = PushedCommit { message: message.to_owned(), ..project.pushed_commit(&head) };
        github_push_payload(&hosted, "main", Some(&head), &[commit])
    };
    let star = json!({ "action": "created", "starred_at": "2023-11-14T22:13:20Z" }).to_string().into_bytes();
    let closed = PullRequestFacts { action: "closed".to_owned(), ..pull_request(&head) };
    let cases: [Case; 7] = [
        ("ping", github_ping_payload(&hosted), "ignored", Some("ping")),
        ("star", star, "ignored", Some("event_not_used")),
        ("a_new_event_of_github", b"{}".to_vec(), "ignored", Some("event_not_used")),
        ("push", skipping("Say it\n\nlonger [skip ci]"), "ignored", Some("skip_ci")),
        ("push", skipping("[CI SKIP] docs"), "ignored", Some("skip_ci")),
        ("push", github_push_payload(&hosted, "gone", Some(&head), &[]), "ignored", Some("ref_deleted")),
        ("pull_request", github_pull_request_payload(&hosted, &closed), "ignored", Some("action_not_used")),
    ];
    for (event, payload, status, reason) in cases {
        let answer = at.deliver(event, &payload).expect(202);
        let told = (answer["status"].as_str(), answer["reason"].as_str());
        assert_eq!(told, (Some(status), reason), "{event}: {answer}");
    }
    at.at_rest();
    assert_eq!(project.executions(), [] as [Value; 0]);
    assert_eq!(project.told(&head), []);
}

#[test]
fn branches_paths_and_repositories_that_no_pipeline_wants_start_nothing() {
    let at = Installation::start();
    let project = Project::new(&at, &definition());
    let docs = project.commit(&[("docs/page.md", "words")], "Write words");
    let source = project.commit(&[("src/main.c", "int main;")], "Write code");
    let unknown = HostedRepository::new("acme/unknown").cloned_from("file:///nowhere/at/all.git");
    let commit = project.pushed_commit(&source);
    let elsewhere = PullRequestFacts { base_branch: "other".to_owned(), ..pull_request(&source) };
    for (event, payload, status) in [
        ("push", project.push_payload("main", &docs), "received"),
        ("push", project.push_payload("feature/x", &source), "received"),
        ("push", project.push_payload("release/old", &source), "received"),
        ("push", github_push_payload(&unknown, "main", None, &[commit]), "ignored"),
        ("pull_request", github_pull_request_payload(&project.hosted(), &elsewhere), "received"),
    ] {
        assert_eq!(at.deliver(event, &payload).expect(202)["status"], status);
    }
    at.at_rest();
    assert_eq!(project.executions(), [] as [Value; 0]);
    let reasons =
        at.database().texts("SELECT DISTINCT reason FROM deliveries WHERE status = 'ignored' ORDER BY 1");
    assert_eq!(reasons, ["no_pipeline", "nothing_started"]);

    for branch in ["main", "release/2"] {
        at.deliver("push", &project.push_payload(branch, &source)).expect(202);
    }
    at.at_rest();
    let executions = project.executions();
    let mut branches: Vec<_> =
        executions.iter().map(|one| one["branch_name"].as_str().unwrap_or("")).collect();
    branches.sort_unstable();
    assert_eq!(branches, ["main", "release/2"]);
}

#[test]
fn a_pipeline_can_be_narrowed_and_switched_off_without_touching_its_file() {
    let at = Installation::start();
    let project = Project::new(&at, &definition());
    let path = format!("/api/v1/pipelines/{}", project.pipeline);
    for change in [
        json!({ "branch_patterns": ["release/**"], "trigger_events": [] }),
        json!({ "branch_patterns": [], "trigger_events": ["tag"] }),
        json!({ "trigger_events": [], "is_active": false }),
    ] {
        let changed = at.api("PUT", &path, Some(&change)).expect(200);
        for (member, value) in change.as_object().expect("an object") {
            assert_eq!(changed["pipeline"][member], *value);
        }
        let sha = project.commit(&[("src/main.c", &change.to_string())], "Change it");
        project.push(&sha).expect(202);
        at.at_rest();
        assert_eq!(project.executions(), [] as [Value; 0], "{change}");
    }
    at.api("PUT", &path, Some(&json!({ "is_active": true }))).expect(200);
    let sha = project.commit(&[("src/main.c", "again")], "Change it");
    project.push(&sha).expect(202);
    at.at_rest();
    assert_eq!(project.executions().len(), 1);

    at.api("DELETE", &path, None).expect(200);
    let sha = project.commit(&[("src/main.c", "deleted")], "Change it");
    project.push(&sha).expect(202);
    at.at_rest();
    assert!(at.get("/api/v1/executions")["executions"].as_array().is_some_and(|all| all.len() == 1));
}

/// An opened pull request of a branch of the same repository into `main`.
pub fn pull_request(head: &str) -> PullRequestFacts {
    PullRequestFacts {
        action: "opened".to_owned(),
        number: 7,
        title: "Make it better".to_owned(),
        author: "ada".to_owned(),
        draft: false,
        head_branch: "better".to_owned(),
        head_sha: head.to_owned(),
        fork: None,
        base_branch: "main".to_owned(),
        base_sha: head.to_owned(),
    }
}

#[test]
fn a_pull_request_of_the_repository_itself_runs_at_once() {
    let at = Installation::start();
    let project = Project::new(&at, &definition());
    project.git.switch("better").expect("git switches");
    let head = project.commit(&[("src/main.c", "better")], "Make it better");
    let payload = github_pull_request_payload(&project.hosted(), &pull_request(&head));
    at.deliver("pull_request", &payload).expect(202);
    let id = project.execution_of(&head);
    let ended = at.wait_for_execution(&id, "to end", has_ended);
    let execution = &ended["execution"];
    assert_eq!(
        (&execution["status"], &execution["trigger_event"]),
        (&json!("succeeded"), &json!("pull_request"))
    );
    let told = project.statuses(&head);
    assert_eq!(told.last().map(|status| status.state.as_str()), Some("success"));
    at.at_rest();
}
