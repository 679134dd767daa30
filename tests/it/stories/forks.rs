//! A pull request from a fork waits until a person lets it run.

use penstock_testkit::{HostedRepository, PullRequestFacts, github_pull_request_payload};
use serde_json::json;

use super::filters::pull_request;
use crate::harness::{Installation, Project, SOON, one_job, wait_for};

#[test]
fn a_pull_request_from_a_fork_waits_for_leave_and_then_runs() {
    let at = Installation::start();
    let mark = at.note("ran");
    let project = Project::new(&at, &one_job(&[&format!("echo ran >> {}", mark.display())]));
    project.git.switch("theirs").expect("git switches");
    let head = project.commit(&[("gift", "from a stranger")], "Offer something");
    let fork = HostedRepository::new("stranger/fork");
    let facts = PullRequestFacts { fork: Some(fork), author: "stranger".to_owned(), ..pull_request(&head) };
    at.deliver("pull_request", &github_pull_request_payload(&project.hosted(), &facts)).expect(202);

    let id = project.execution_of(&head);
    let waiting = at.execution(&id);
    let execution = &waiting["execution"];
    assert_eq!((&execution["status"], &execution["reason"]), (&json!("queued"), &json!("fork_approval")));
    assert_eq!(waiting["why_waiting"]["reason"], "fork_approval");
    wait_for("the forge to be told of the wait", SOON, || project.told(&head).first().cloned());

    // The same pipeline runs meanwhile, so it is not for want of a runner or of room.
    project.git.switch("main").expect("git switches");
    at.ended(&project.execute(&json!({ "commit_sha": project.head() })));
    assert_eq!(std::fs::read_to_string(&mark).expect("the other one ran"), "ran\n");
    assert_eq!(at.execution(&id)["execution"]["status"], "queued");

    let path = format!("/api/v1/executions/{id}/approve");
    at.api("POST", &path, None).expect(200);
    assert_eq!(at.ended(&id)["execution"]["status"], "succeeded");
    assert_eq!(std::fs::read_to_string(&mark).expect("it ran"), "ran\nran\n");
    let again = at.api("POST", &path, None).expect(409);
    assert_eq!(again["success"], false);

    let told = project.statuses(&head);
    let states: Vec<_> = told.iter().map(|status| status.state.as_str()).collect();
    assert_eq!(states, ["pending", "pending", "success"]);
    assert!(told[0].description.as_deref().is_some_and(|said| said.contains("fork")), "{told:?}");
    at.at_rest();
}

#[test]
fn a_pull_request_from_a_fork_can_be_refused_by_cancelling_it() {
    let at = Installation::start();
    let project = Project::new(&at, &one_job(&["true"]));
    let head = project.head();
    let fork = Some(HostedRepository::new("stranger/fork"));
    let facts = PullRequestFacts { fork, ..pull_request(&head) };
    at.deliver("pull_request", &github_pull_request_payload(&project.hosted(), &facts)).expect(202);
    let id = project.execution_of(&head);
    at.api("POST", &format!("/api/v1/executions/{id}/cancel"), None).expect(200);
    let ended = at.ended(&id);
    let execution = &ended["execution"];
    assert_eq!(
        (&execution["status"], &execution["reason"]),
        (&json!("cancelled"), &json!("cancelled_by_user"))
    );
    assert_eq!(project.statuses(&head).last().map(|status| status.state.clone()).as_deref(), Some("error"));

    // Who may try it again may not let it run.
    let dev = at.person("dev", "developer");
    let again = dev.post(&format!("/api/v1/executions/{id}/retry"), &json!({ "only": "all" })).expect(201);
    let again = &again["execution"];
    assert_eq!((&again["status"], &again["reason"]), (&json!("queued"), &json!("fork_approval")));
    let again = again["id"].as_str().expect("an id");
    assert_eq!(dev.post(&format!("/api/v1/executions/{again}/approve"), &json!({})).status(), 403);
    at.api("POST", &format!("/api/v1/executions/{again}/approve"), None).expect(200);
    assert_eq!(at.ended(again)["execution"]["status"], "succeeded");
    let third = dev.post(&format!("/api/v1/executions/{again}/retry"), &json!({ "only": "all" })).expect(201);
    let third = third["execution"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(at.ended(&third)["execution"]["status"], "succeeded", "it had leave");
    at.at_rest();
}
