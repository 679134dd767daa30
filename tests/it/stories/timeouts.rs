//! What takes longer than it may is ended.

use serde_json::{Value, json};

use crate::harness::processes::marked;
use crate::harness::{Installation, Project, SOON, job, stage, wait_for};

/// A step that never ends by itself, and bears a mark that its processes are found by.
fn endless(mark: &str) -> String {
    format!(": {mark}; echo begun; while true; do sleep 1; done")
}

fn run(at: &Installation, definition: &Value) -> Value {
    let project = Project::in_database(at, &definition.to_string());
    at.ended(&project.start())
}

#[test]
fn a_step_and_a_job_that_take_too_long_fail_as_timed_out_and_their_processes_end() {
    let at = Installation::start();
    let mark = at.note("endless").display().to_string();
    let ended = run(
        &at,
        &json!({ "stages": [{ "name": "build", "jobs": [
            { "name": "step", "steps": [{ "run": endless(&mark), "timeout": "1s" }, "echo never"] },
            { "name": "job", "timeout": "1s", "steps": [endless(&mark), "echo never"] },
        ]}]}),
    );
    assert_eq!(
        (&ended["execution"]["status"], &ended["execution"]["reason"]),
        (&json!("failed"), &json!("timed_out"))
    );
    for name in ["step", "job"] {
        let job = job(&ended, "build", name);
        assert_eq!((&job["status"], &job["reason"]), (&json!("failed"), &json!("timed_out")), "{name}");
        let steps = [&job["steps"][0], &job["steps"][1]].map(|step| step["status"].clone());
        assert_eq!(steps, [json!("failed"), json!("skipped")], "{name}");
    }
    assert_eq!(marked(&mark), [] as [i32; 0]);
    at.at_rest();
}

#[test]
fn a_stage_that_takes_too_long_fails_and_an_execution_that_does_is_a_timeout() {
    let at = Installation::start();
    let mark = at.note("endless").display().to_string();
    let ended = run(
        &at,
        &json!({ "stages": [
            { "name": "slow", "timeout": "1s", "jobs": [{ "name": "it", "steps": [endless(&mark)] }] },
            { "name": "later", "depends_on": ["slow"], "jobs": [{ "name": "never", "steps": ["true"] }] },
        ]}),
    );
    assert_eq!(
        (&ended["execution"]["status"], &ended["execution"]["reason"]),
        (&json!("failed"), &json!("timed_out"))
    );
    assert_eq!(
        (&stage(&ended, "slow")["status"], &stage(&ended, "slow")["reason"]),
        (&json!("failed"), &json!("timed_out"))
    );
    assert_eq!(stage(&ended, "later")["reason"], "dependency_failed");

    let ended = run(
        &at,
        &json!({ "timeout": "1s", "stages": [{ "name": "slow", "jobs": [{ "name": "it", "steps": [endless(&mark)] }] }] }),
    );
    assert_eq!(
        (&ended["execution"]["status"], &ended["execution"]["reason"]),
        (&json!("timeout"), &json!("timed_out"))
    );
    assert_eq!(job(&ended, "slow", "it")["reason"], "timed_out");
    wait_for("the end of both jobs' processes", SOON, || marked(&mark).is_empty().then_some(()));
    at.at_rest();
}
