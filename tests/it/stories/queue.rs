//! Executions of one pipeline queue where it allows only so many at once, and say so.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Installation, Project, job, one_job, text};

/// Notes that it has begun, waits for leave to go on, and notes that it ends.
fn taking_turns(turns: &Path, leave: &Path) -> String {
    let (turns, leave) = (turns.display(), leave.display());
    one_job(&[&format!(
        "echo begin >> {turns}; until [ -e {leave}-$PENSTOCK_EXECUTION_NUMBER ]; do sleep 0.05; done; echo end >> {turns}"
    )])
}

fn let_go(leave: &Path, number: u32) {
    std::fs::write(format!("{}-{number}", leave.display()), "").expect("a note can be written");
}

#[track_caller]
fn runs(at: &Installation, id: &str) -> Value {
    at.wait_for_execution(id, "to run", |seen| job(seen, "build", "app")["steps"][0]["status"] == "running")
}

#[track_caller]
fn one_at_a_time(at: &Installation, project: &Project<'_>, turns: &Path, leave: &Path) {
    let ids: Vec<String> = (0..3).map(|_| project.start()).collect();
    runs(at, &ids[0]);
    for id in &ids[1..] {
        let waiting = at.execution(id);
        let execution = &waiting["execution"];
        assert_eq!(
            (&execution["status"], &execution["reason"]),
            (&json!("queued"), &json!("concurrency_limit"))
        );
        let why = &waiting["why_waiting"];
        assert_eq!((&why["reason"], &why["held_by"]), (&json!("concurrency_limit"), &json!(["#1"])), "{why}");
        assert!(text(&why["message"]).contains("1 of at most 1"), "{why}");
    }
    let_go(leave, 1);
    at.ended(&ids[0]);
    runs(at, &ids[1]);
    assert_eq!(at.execution(&ids[2])["why_waiting"]["held_by"], json!(["#2"]));
    let_go(leave, 2);
    at.ended(&ids[1]);
    let_go(leave, 3);
    assert_eq!(at.ended(&ids[2])["execution"]["status"], "succeeded");
    let noted = std::fs::read_to_string(turns).expect("they took turns");
    assert_eq!(noted, "begin\nend\n".repeat(3));
    at.at_rest();
}

#[test]
fn a_limit_of_the_pipeline_lets_in_one_after_the_other_in_their_order() {
    let at = Installation::start();
    let (turns, leave) = (at.note("turns"), at.note("leave"));
    let members = json!({ "definition": taking_turns(&turns, &leave), "max_concurrent_executions": 1 });
    let project = Project::without_definition(&at, &members);
    one_at_a_time(&at, &project, &turns, &leave);
}

#[test]
fn a_limit_of_the_file_holds_as_one_of_the_pipeline_does() {
    let at = Installation::start();
    let (turns, leave) = (at.note("turns"), at.note("leave"));
    let mut definition: Value = serde_json::from_str(&taking_turns(&turns, &leave)).expect("JSON");
    definition["concurrency"] = json!({ "limit": 1 });
    let project = Project::in_database(&at, &definition.to_string());
    one_at_a_time(&at, &project, &turns, &leave);
}

#[test]
fn a_job_that_finds_every_slot_taken_says_who_has_them_and_runs_when_one_is_free() {
    let at = Installation::start();
    let (turns, leave) = (at.note("turns"), at.note("leave"));
    let project = Project::in_database(&at, &taking_turns(&turns, &leave));
    let ids: Vec<String> = (0..3).map(|_| project.start()).collect();
    runs(&at, &ids[0]);
    runs(&at, &ids[1]);
    let waiting = at.wait_for_execution(&ids[2], "to wait for a slot", |seen| {
        job(seen, "build", "app")["why_waiting"]["held_by"] == json!(["local"])
    });
    let app = job(&waiting, "build", "app");
    assert_eq!((&waiting["execution"]["status"], &app["status"]), (&json!("running"), &json!("pending")));
    assert_eq!(
        (&app["reason"], &app["why_waiting"]["reason"]),
        (&json!("runner_full"), &json!("runner_full"))
    );
    assert_eq!(waiting["why_waiting"]["reason"], "runner_full");
    for number in 1..=3 {
        let_go(&leave, number);
    }
    for id in &ids {
        assert_eq!(at.ended(id)["execution"]["status"], "succeeded");
    }
    at.at_rest();
}

#[test]
fn jobs_of_one_stage_run_side_by_side() {
    let at = Installation::start();
    let (left, right) = (at.note("left"), at.note("right"));
    // Each waits for the other.
    let meet = |own: &Path, other: &Path| {
        format!("touch {}; until [ -e {} ]; do sleep 0.05; done", own.display(), other.display())
    };
    let definition = json!({ "stages": [{ "name": "meet", "jobs": [
        { "name": "left", "steps": [meet(&left, &right)] },
        { "name": "right", "steps": [meet(&right, &left)] },
    ]}]});
    let project = Project::in_database(&at, &definition.to_string());
    assert_eq!(at.ended(&project.start())["execution"]["status"], "succeeded");
    at.at_rest();
}
