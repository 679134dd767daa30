//! Stages that clean up run whatever became of the others.

use expect_test::expect;
use penstock_domain::{Reason, WorkStatus};
use penstock_engine::{CLEAN_UP_MS, Event, Refusal};
use penstock_testkit::database::Database;

use crate::world::{CANCEL, World};

const CLEANING: &str = "
name: cleaning
stages:
  - name: build
    jobs: [{ name: app, steps: [make] }]
  - name: ship
    depends_on: [build]
    jobs: [{ name: ship, steps: [ship] }]
  - name: sweep
    type: cleanup
    jobs: [{ name: sweep, steps: [sweep] }]
";

#[test]
fn a_cancelled_execution_is_cleaned_up_after_before_it_has_ended() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(CLEANING);
    world.assign_all();
    world.tell(Some(id), None, &CANCEL).unwrap();
    expect![[r#"
        #1 running (cleaning_up) 2/3 stages, 0 failed
        build cancelled (cancelled_by_user) 1/1
          app cancelled (cancelled_by_user) attempt 1
            make cancelled (cancelled_by_user)
        ship cancelled (cancelled_by_user) 1/1
          ship cancelled (cancelled_by_user) attempt 1
            ship cancelled
        sweep running 0/1
          sweep pending attempt 1
            sweep pending
    "#]]
    .assert_eq(&world.picture(id));
    let again = world.tell(Some(id), None, &CANCEL).unwrap();
    assert_eq!(again, penstock_engine::Changes::default(), "to cancel twice is to cancel once");
    world.run_to_the_end();
    assert!(world.picture(id).starts_with("#1 cancelled (cancelled_by_user) 3/3"), "{}", world.picture(id));
    assert_eq!(world.count("SELECT count(*) FROM timers"), 0);
    assert_eq!(world.tell(Some(id), None, &CANCEL), Err(Refusal::AlreadyEnded("cancelled")));
}

#[test]
fn what_cleans_up_can_be_ended_by_force_and_has_only_so_long() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(CLEANING);
    world.assign_all();
    world.tell(Some(id), None, &CANCEL).unwrap();
    let force = Event::Cancel { reason: Reason::CancelledByUser, force: true };
    world.tell(Some(id), None, &force).unwrap();
    assert!(world.picture(id).starts_with("#1 cancelled (cancelled_by_user) 3/3"), "{}", world.picture(id));

    let id = world.start(CLEANING);
    world.tell(Some(id), None, &Event::ExecutionDeadline).unwrap();
    assert!(world.picture(id).starts_with("#2 running (cleaning_up)"), "{}", world.picture(id));
    let deadline = "SELECT count(*) FROM timers WHERE kind = 'execution_deadline' AND due_at = ?1";
    let due = world.now().plus_ms(CLEAN_UP_MS).to_string();
    let timers: i64 = database.raw().query_row(deadline, [due], |r| r.get(0)).unwrap();
    assert_eq!(timers, 1, "one, for the cleaning up, in the place of the execution's own");
    world.tell(Some(id), None, &Event::ExecutionDeadline).unwrap();
    assert!(world.picture(id).starts_with("#2 timeout (timed_out) 3/3"), "{}", world.picture(id));
}

#[test]
fn it_runs_after_a_failure_and_fails_the_execution_only_by_itself() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(CLEANING);
    for job in world.assign_all() {
        world.finish(job, 1, WorkStatus::Failed).unwrap();
    }
    world.run_to_the_end();
    expect![[r#"
        #1 failed (exit_code) 3/3 stages, 1 failed
        ! build / app: exit_code
        build failed (exit_code) 1/1
          app failed (exit_code) attempt 1
            make failed (exit_code)
        ship skipped (dependency_failed) 1/1
          ship skipped (dependency_failed) attempt 1
            ship skipped
        sweep succeeded 1/1
          sweep succeeded attempt 1
            sweep succeeded
    "#]]
    .assert_eq(&world.picture(id));
}

#[test]
fn failures_that_are_allowed_stop_nobody() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(
        "
stages:
  - name: lint
    jobs: [{ name: lint, continue_on_error: true, steps: [lint] }]
  - name: flaky
    continue_on_error: true
    jobs: [{ name: flaky, steps: [flaky] }]
  - name: ship
    depends_on: [lint, flaky]
    jobs: [{ name: ship, steps: [ship] }]
",
    );
    for job in world.assign_all() {
        world.finish(job, 1, WorkStatus::Failed).unwrap();
    }
    world.run_to_the_end();
    expect![[r#"
        #1 succeeded 3/3 stages, 1 failed
        lint succeeded 1/1
          lint failed (exit_code) attempt 1
            lint failed (exit_code)
        flaky failed (exit_code) 1/1
          flaky failed (exit_code) attempt 1
            flaky failed (exit_code)
        ship succeeded 1/1
          ship succeeded attempt 1
            ship succeeded
    "#]]
    .assert_eq(&world.picture(id));
}
