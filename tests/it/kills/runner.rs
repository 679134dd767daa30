//! SIGKILL for the runner.

use serde_json::json;

use super::story::Story;
use crate::harness::processes::{kill9, marked};
use crate::harness::{AFTER_A_LEASE, Installation, Project, SOON, Settings, has_ended, job, text, wait_for};

#[test]
fn the_steps_of_a_killed_runner_die_with_it_and_its_jobs_are_lost_or_tried_again() {
    let at = Installation::start();
    let (runs, leave) = (at.note("runs"), at.note("leave"));
    // With a child in the background, and one that has left the process group.
    let step = format!(
        "echo $PENSTOCK_JOB.$PENSTOCK_ATTEMPT >> {0}; (: {0}; while true; do sleep 1; done) & \
         setsid sh -c ': {0}; while true; do sleep 1; done' & until [ -e {1} ]; do sleep 0.05; done; kill %1 || true",
        runs.display(),
        leave.display()
    );
    let retry = json!({ "max": 1, "delay": "0s", "on": ["runner_lost"] });
    let definition = json!({ "stages": [{ "name": "build", "jobs": [
        { "name": "once", "steps": [step] },
        { "name": "again", "steps": [step], "retry": retry },
    ]}]});
    let project = Project::new(&at, &definition.to_string());
    let id = project.run();
    let begun = || {
        let text = std::fs::read_to_string(&runs).unwrap_or_default();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    wait_for("both steps to begin", SOON, || (begun().len() == 2).then_some(()));
    at.kill_runner9();
    let mark = runs.display().to_string();
    wait_for("the end of every process of both steps", SOON, || {
        // Before a second attempt can begin, whose processes bear the mark as well.
        (marked(&mark).is_empty() || begun().len() > 2).then_some(())
    });
    assert_eq!(begun(), ["again.1", "once.1"], "they ended before the lease did");

    std::fs::write(leave, "").expect("a note can be written");
    let ended = at.wait_long_for_execution(&id, "to end", AFTER_A_LEASE, has_ended);
    let (once, again) = (job(&ended, "build", "once"), job(&ended, "build", "again"));
    assert_eq!((&once["status"], &once["reason"]), (&json!("failed"), &json!("runner_lost")));
    assert_eq!((&again["status"], &again["attempt"]), (&json!("succeeded"), &json!(2)));
    assert_eq!(begun(), ["again.1", "again.2", "once.1"]);
    let execution = &ended["execution"];
    assert_eq!((&execution["status"], &execution["reason"]), (&json!("failed"), &json!("runner_lost")));
    assert!(text(&execution["error_details"]).starts_with("build / once: runner_lost"), "{execution}");
    let told = project.statuses(&project.head());
    // It was not the commit's fault.
    assert_eq!(told.iter().map(|one| one.state.as_str()).collect::<Vec<_>>(), ["pending", "error"]);
    at.at_rest();
}

#[test]
fn a_killed_runner_is_started_again_and_takes_new_jobs_at_once() {
    let at = Installation::start();
    at.wait_for_runner("local");
    let before = at.runner();
    at.kill_runner9();
    let after = wait_for("another runner", SOON, || Some(at.runner()).filter(|id| *id != before));
    assert_ne!(before, after);
    let story = Story::new(&at);
    story.let_go();
    let sha = story.project.head();
    story.project.push(&sha).expect(202);
    let ended = story.ends_well(&sha);
    assert_eq!(job(&ended, "build", "app")["attempt"], 1, "the push to the dead one was no attempt");
}

#[test]
fn what_a_claiming_runner_had_when_it_was_killed_goes_to_another() {
    let at = Installation::with(Settings { runner_slots: 0, ..Settings::default() });
    let story = Story::new(&at);
    let lost = at.start_runner("lost", "any");
    let sha = story.project.head();
    story.project.push(&sha).expect(202);
    story.wait_until_begun(1);
    kill9(lost.id());
    let _heir = at.start_runner("heir", "any");
    story.wait_until_begun(2);
    let ended = story.ends_well(&sha);
    let app = job(&ended, "build", "app");
    assert_eq!((&app["runner"], &app["attempt"]), (&json!("heir"), &json!(2)));
}
