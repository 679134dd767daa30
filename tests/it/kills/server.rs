//! SIGKILL for the server, at each moment of a run's life.

use std::time::Duration;

use serde_json::json;

use super::story::Story;
use crate::harness::processes::{is_alive, kill9};
use crate::harness::{AFTER_A_LEASE, Installation, Project, SOON, job, one_job, wait_for};

/// Pushes, kills the server at the moment that `until` waits for, starts it again, and holds that all ends well.
fn killed_once(until: impl FnOnce(&Story<'_>)) {
    let at = Installation::start();
    at.wait_for_runner("local");
    let story = Story::new(&at);
    let sha = story.project.head();
    assert_eq!(story.project.push(&sha).expect(202)["status"], "received");
    until(&story);
    at.kill9();
    at.restart();
    story.ends_well(&sha);

    // It is as good as before: another run needs no lease to run out.
    let next = story.project.commit(&[], "Once more");
    story.project.push(&next).expect(202);
    assert_eq!(at.ended(&story.project.execution_of(&next))["execution"]["status"], "succeeded");
}

#[test]
fn killed_right_after_its_202_it_still_runs_what_was_pushed() {
    killed_once(|_| {});
}

#[test]
fn killed_once_the_execution_is_made_it_goes_on_with_it() {
    killed_once(|story| story.wait_for_rows("pipeline_executions"));
}

#[test]
fn killed_once_the_job_is_given_away_it_gives_it_to_nobody_else() {
    killed_once(|story| story.wait_for_rows("jobs WHERE status = 'running'"));
}

#[test]
fn killed_while_a_step_runs_it_hears_how_the_step_ended() {
    killed_once(|story| story.wait_until_begun(1));
}

#[test]
fn killed_once_the_job_has_ended_it_tells_the_forge() {
    killed_once(|story| {
        story.let_go();
        story.wait_for_rows("jobs WHERE status = 'succeeded'");
    });
}

#[test]
fn a_reader_of_a_log_goes_on_where_it_was_when_the_server_comes_back() {
    let at = Installation::start();
    let story = Story::new(&at);
    let sha = story.project.head();
    let id = story.project.run();
    let path = format!("/api/v1/executions/{id}/logs?follow=true");
    let (_, mut live) = at.events(&path, None);
    let before = live.find(|event| event.data["text"] == "before").expect("the step says something");
    at.kill9();
    drop(live);
    at.restart();
    story.let_go();
    let rest = at.events(&path, before.id.as_deref()).1.until_the_end();
    let said: Vec<_> = rest.iter().filter(|event| event.data["stream"] == "stdout").collect();
    assert_eq!(said.iter().map(|event| &event.data["text"]).collect::<Vec<_>>(), [&json!("after")]);
    story.ends_well(&sha);
}

#[test]
fn statuses_that_a_failing_forge_has_not_taken_are_told_by_the_next_server_in_their_order() {
    let at = Installation::start();
    let project = Project::in_database(&at, &one_job(&["true"]));
    at.forge.fail_next(3, 503.try_into().expect("a status"), &[("retry-after", "3")]);
    let sha = project.head();
    at.ended(&project.run());
    // Put off for a moment, as the forge has asked; and in nobody's hands meanwhile.
    let put_off =
        "outbox WHERE last_error IS NOT NULL AND due_at BETWEEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        AND strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+5 seconds')";
    let database = at.database();
    wait_for("the first status to be put off", SOON, || (database.count(put_off) > 0).then_some(()));
    at.kill9();
    assert_eq!(project.told(&sha), []);
    at.restart();
    let states: Vec<_> = project.statuses(&sha).into_iter().map(|status| status.state).collect();
    assert_eq!(states, ["pending", "success"]);
    at.at_rest();
}

#[test]
fn killed_while_it_tells_the_forge_it_tells_it_again() {
    let at = Installation::start();
    let project = Project::in_database(&at, &one_job(&["true"]));
    let sha = project.head();
    at.forge.delay_next(1, Duration::from_secs(5));
    project.push(&sha).expect(202);
    assert!(at.forge.wait_for_requests(1, SOON), "the forge is told of the beginning");
    at.kill9();
    at.restart();
    let id = project.execution_of(&sha);
    at.ended(&id);
    let told = at.forge.wait_for_statuses(&project.full_name, &sha, AFTER_A_LEASE, |told| {
        told.last().is_some_and(|last| last.state == "success")
    });
    // The first may have been heard, though nobody was there to be answered.
    let mut states: Vec<_> = told.expect("all is told").into_iter().map(|status| status.state).collect();
    states.dedup();
    assert_eq!(states, ["pending", "success"]);
    at.at_rest();
}

#[test]
fn a_server_and_its_runner_that_die_together_lose_the_attempt_and_not_the_job() {
    let at = Installation::start();
    let story = Story::new(&at);
    let sha = story.project.head();
    let id = story.project.run();
    story.wait_until_begun(1);
    let runner = at.runner();
    at.kill9();
    kill9(runner);
    at.restart();
    story.wait_until_begun(2);
    let ended = story.ends_well(&sha);
    assert_eq!(job(&ended, "build", "app")["attempt"], 2);
    assert_eq!(story.begun().len(), 2);
    assert!(!is_alive(runner));
    assert_eq!(at.execution(&id)["execution"]["status"], "succeeded");
}

#[test]
fn killed_again_and_again_while_pushes_come_in_it_loses_none_and_runs_none_twice() {
    const PUSHES: usize = 8;
    const KILLS: usize = 4;
    let at = Installation::start();
    let story = Story::new(&at);
    story.let_go();
    let shas: Vec<String> =
        (0..PUSHES).map(|n| story.project.commit(&[("n", &n.to_string())], "Change n")).collect();
    for (n, sha) in shas.iter().enumerate() {
        assert_eq!(story.project.push(sha).expect(202)["status"], "received");
        if n % (PUSHES / KILLS) == 1 {
            // Somewhere in the middle of all that the pushes before have begun.
            let database = at.database();
            wait_for("some of it to be under way", SOON, || {
                (database.count("pipeline_executions") as usize >= n / 2).then_some(())
            });
            at.kill9();
            at.restart();
        }
    }
    for sha in &shas {
        story.ends_well(sha);
    }
    assert_eq!(story.project.executions().len(), PUSHES);
}
