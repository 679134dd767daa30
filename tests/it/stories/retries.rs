//! A failed attempt is tried again, as its policy says.

use serde_json::json;

use crate::harness::{Installation, Project, job, one_job_with, text};

#[test]
fn an_attempt_that_fails_is_tried_again_after_its_wait_until_one_succeeds() {
    let at = Installation::start();
    let runs = at.note("runs");
    let count = format!("echo $PENSTOCK_ATTEMPT >> {0}; test $(wc -l < {0}) -ge 3", runs.display());
    let retry = json!({ "retry": { "max": 2, "delay": "1s", "backoff": 1.5, "on": ["exit_code"] } });
    let project = Project::new(&at, &one_job_with(&[&count, "echo after"], &retry));
    let id = project.run();
    let waiting = at.wait_for_execution(&id, "to wait for its second try", |seen| {
        let app = job(seen, "build", "app");
        app["status"] == "pending" && app["attempt"] == 2
    });
    let app = job(&waiting, "build", "app");
    assert_eq!(
        (&app["reason"], &app["why_waiting"]["reason"]),
        (&json!("retry_backoff"), &json!("retry_backoff"))
    );
    assert_eq!(app["why_waiting"]["until"], app["ready_at"]);
    assert!(
        app["steps"].as_array().is_some_and(|steps| steps.iter().all(|step| step["status"] == "pending"))
    );
    assert_eq!(waiting["execution"]["status"], "running");

    let ended = at.ended(&id);
    assert_eq!(ended["execution"]["status"], "succeeded");
    assert_eq!(job(&ended, "build", "app")["attempt"], 3);
    assert_eq!(std::fs::read_to_string(runs).expect("it ran"), "1\n2\n3\n");
    let states: Vec<_> = project.statuses(&project.head()).iter().map(|told| told.state.clone()).collect();
    assert_eq!(states, ["pending", "success"]);
    assert_eq!(at.log(&id).matches("| after\n").count(), 1);
    at.at_rest();
}

#[test]
fn tries_come_to_an_end_and_causes_that_are_not_named_are_not_tried_again() {
    let at = Installation::start();
    for (on, attempts) in [("exit_code", 2), ("runner_lost", 1)] {
        let runs = at.note(on);
        let retry = json!({ "retry": { "max": 1, "delay": "0s", "on": [on] } });
        let fail = format!("echo ran >> {}; exit 3", runs.display());
        let project = Project::in_database(&at, &one_job_with(&[&fail], &retry));
        let ended = at.ended(&project.start());
        let app = job(&ended, "build", "app");
        assert_eq!((&app["status"], &app["reason"]), (&json!("failed"), &json!("exit_code")));
        assert_eq!(app["attempt"], attempts, "{on}");
        assert!(text(&app["message"]).contains("exit code 3"), "{app}");
        assert_eq!(std::fs::read_to_string(runs).expect("it ran"), "ran\n".repeat(attempts));
    }
    at.at_rest();
}
