//! A forge that is out of order, or asks for patience, is told everything in the end, and in order.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::harness::{Installation, Project, SOON, one_job, wait_for};

fn states(project: &Project<'_>, sha: &str) -> Vec<String> {
    project.statuses(sha).into_iter().map(|status| status.state).collect()
}

#[track_caller]
fn runs_to_its_last_status(at: &Installation, project: &Project<'_>) {
    let sha = project.commit(&[], "Change it");
    project.push(&sha).expect(202);
    let id = project.execution_of(&sha);
    assert_eq!(at.ended(&id)["execution"]["status"], "succeeded");
    assert_eq!(states(project, &sha), ["pending", "success"]);
    at.at_rest();
}

#[test]
fn a_forge_that_fails_for_a_while_delays_the_run_and_its_statuses_and_loses_none() {
    let at = Installation::start();
    let project = Project::new(&at, &one_job(&["true"]));
    let statuses_only = Project::in_database(&at, &one_job(&["true"]));
    let soon = [("retry-after", "1")];
    for status in [500, 502, 503] {
        let status = status.try_into().expect("a status");
        at.forge.fail_next(2, status, &soon);
        runs_to_its_last_status(&at, &project);
        at.forge.fail_next(3, status, &soon);
        runs_to_its_last_status(&at, &statuses_only);
    }
}

#[test]
fn a_forge_that_asks_for_less_at_once_is_obeyed() {
    let at = Installation::start();
    let project = Project::in_database(&at, &one_job(&["true"]));
    for status in [403, 429] {
        let before = at.forge.requests().len();
        at.forge.fail_next(1, status.try_into().expect("a status"), &[("retry-after", "2")]);
        runs_to_its_last_status(&at, &project);
        assert_eq!(at.forge.requests().len() - before, 3, "one refused, two told");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the forge's reset is a time of the clock on the wall")]
fn a_used_up_budget_is_waited_for() {
    let at = Installation::start();
    let project = Project::in_database(&at, &one_job(&["true"]));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let reset = i64::try_from(now).expect("it fits") + 2;
    at.forge.set_rate_limit(0, reset);
    let sha = project.commit(&[], "Change it");
    project.push(&sha).expect(202);
    assert!(at.forge.wait_for_requests(1, SOON), "the forge is asked once");
    at.forge.set_rate_limit(5_000, reset + 3_600);
    assert_eq!(states(&project, &sha), ["pending", "success"]);
    at.at_rest();
}

#[test]
fn an_answer_that_is_lost_may_be_told_twice_but_never_out_of_order() {
    let at = Installation::start();
    let project = Project::in_database(&at, &one_job(&["true"]));
    at.forge.drop_next(1, penstock_testkit::fake_github::DropAt::AfterWork);
    let sha = project.commit(&[], "Change it");
    project.push(&sha).expect(202);
    let told = states(&project, &sha);
    at.at_rest();
    let mut without_repeats = told.clone();
    without_repeats.dedup();
    assert_eq!(without_repeats, ["pending", "success"], "{told:?}");
}

#[test]
fn a_slow_forge_slows_no_webhook_and_no_step() {
    let at = Installation::start();
    let project = Project::in_database(&at, &one_job(&["true"]));
    at.forge.delay_next(1, Duration::from_secs(8));
    let sha = project.commit(&[], "Change it");
    project.push(&sha).expect(202);
    let id = project.execution_of(&sha);
    at.ended(&id);
    assert_eq!(
        project.told(&sha),
        [],
        "the run has ended while the forge still thinks about its first status"
    );
    assert_eq!(states(&project, &sha), ["pending", "success"]);
    at.at_rest();
}

#[test]
fn a_token_that_the_forge_refuses_stops_no_run_and_its_statuses_wait_for_a_better_one() {
    let at = Installation::start();
    let project = Project::in_database(&at, &one_job(&["true"]));
    at.forge.require_token("another token");
    let sha = project.commit(&[], "Change it");
    project.push(&sha).expect(202);
    let id = project.execution_of(&sha);
    assert_eq!(at.ended(&id)["execution"]["status"], "succeeded");
    assert!(at.forge.wait_for_requests(1, SOON), "the forge is asked");
    assert_eq!(project.told(&sha), []);
    let put_off = wait_for("the first status to be put off", SOON, || {
        at.database().texts("SELECT last_error FROM outbox WHERE last_error IS NOT NULL").pop()
    });
    assert!(put_off.contains("set github_token"), "{put_off}");
    assert_eq!(at.database().count("outbox WHERE kind = 'forge_status' AND done_at IS NULL"), 2);
}
