//! What is cancelled ends, down to its last process.

use serde_json::json;

use crate::harness::processes::{is_alive, marked};
use crate::harness::{Installation, Project, SOON, job, one_job, wait_for};

#[test]
fn cancelling_ends_a_sleeping_step_and_every_process_that_it_has_started() {
    let at = Installation::start();
    let pids = at.note("pids");
    // One child that ignores the wish to end, and one that has left the process group.
    let stubborn = format!("(trap '' TERM; echo $$ >> {0}; sleep 1000) & ", pids.display());
    let apart = format!("setsid sh -c 'echo $$ >> {0}; exec sleep 1000' & ", pids.display());
    let wait = format!("echo $$ >> {0}; echo sleeping; sleep 1000", pids.display());
    let definition = json!({ "stages": [
        { "name": "build", "jobs": [{ "name": "app", "steps": [format!("{stubborn}{apart}{wait}"), "echo never"] }] },
        { "name": "later", "depends_on": ["build"], "jobs": [{ "name": "never", "steps": ["true"] }] },
    ]});
    let project = Project::new(&at, &definition.to_string());
    let id = project.run();
    let read = || std::fs::read_to_string(&pids).unwrap_or_default();
    wait_for("the step and its children", SOON, || (read().lines().count() == 3).then_some(()));
    let started: Vec<i32> = read().lines().map(|line| line.parse().expect("an id")).collect();
    assert!(started.iter().all(|id| is_alive(*id)));

    let answer = at.api("POST", &format!("/api/v1/executions/{id}/cancel"), None).expect(200);
    assert_eq!(answer["execution"]["status"], "cancelled");
    wait_for("the end of every process", SOON, || (!started.iter().any(|id| is_alive(*id))).then_some(()));
    wait_for("the end of all that bears the mark", SOON, || {
        marked(&pids.display().to_string()).is_empty().then_some(())
    });

    let ended = at.execution(&id);
    let app = job(&ended, "build", "app");
    assert_eq!((&app["status"], &app["reason"]), (&json!("cancelled"), &json!("cancelled_by_user")));
    assert_eq!(job(&ended, "later", "never")["status"], "cancelled");
    let again = at.api("POST", &format!("/api/v1/executions/{id}/cancel"), None).expect(409);
    assert_eq!(again["code"], "already_ended");
    assert_eq!(
        project.statuses(&project.head()).last().map(|told| told.state.clone()).as_deref(),
        Some("error")
    );
    assert!(!at.log(&id).contains("never"));
    at.at_rest();

    // The slot is free again, and the runner well.
    let next = Project::in_database(&at, &one_job(&["true"]));
    assert_eq!(at.ended(&next.start())["execution"]["status"], "succeeded");
}

#[test]
fn what_is_cancelled_before_it_began_never_begins() {
    let at = Installation::start();
    let (ran, go) = (at.note("ran"), at.note("go"));
    let commands =
        [format!("echo ran >> {}; until [ -e {} ]; do sleep 0.05; done", ran.display(), go.display())];
    let definition = json!({
        "pipeline_name": "one-at-a-time",
        "repository_url": "https://example.com/a/b.git",
        "definition": one_job(&[&commands[0]]),
        "max_concurrent_executions": 1,
    });
    let made = at.api("POST", "/api/v1/pipelines", Some(&definition)).expect(201);
    let path = format!("/api/v1/pipelines/{}/execute", made["pipeline"]["id"].as_str().expect("an id"));
    let start =
        || at.api("POST", &path, None).expect(201)["execution"]["id"].as_str().expect("an id").to_owned();
    let (first, second) = (start(), start());
    assert_eq!(at.execution(&second)["execution"]["status"], "queued");
    at.api("POST", &format!("/api/v1/executions/{second}/cancel"), None).expect(200);
    std::fs::write(go, "").expect("the step may go on");
    assert_eq!(at.ended(&first)["execution"]["status"], "succeeded");
    at.at_rest();
    assert_eq!(at.execution(&second)["execution"]["status"], "cancelled");
    assert_eq!(std::fs::read_to_string(ran).expect("the first ran"), "ran\n");
}
