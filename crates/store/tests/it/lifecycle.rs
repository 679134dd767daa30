//! Executions from their first row to their last.

use expect_test::{Expect, expect};
use penstock_domain::{ExecutionStatus, Reason, Timestamp, WorkStatus};
use penstock_engine::{Event, LEASE_MS, Refusal, Unreachable};
use penstock_testkit::database::{Database, now_or_never};

use crate::world::{CANCEL, SMALL, World};

const DIAMOND: &str = "
name: diamond
on: push
stages:
  - name: build
    jobs: [{ name: app, runs_on: linux, steps: [make] }]
  - name: unit
    depends_on: build
    jobs: [{ name: a, steps: [test, report] }, { name: b, steps: [test] }]
  - name: lint
    depends_on: build
    jobs: [{ name: lint, steps: [lint] }]
  - name: ship
    depends_on: [unit, lint]
    jobs: [{ name: ship, steps: [ship] }]
  - name: notify
    depends_on: [ship]
    if: always()
    jobs: [{ name: tell, steps: [tell] }, { name: alarm, if: failure(), steps: [ring] }]
";

fn lease_of(world: &World<'_>) -> penstock_domain::TimerId {
    let sql = "SELECT id FROM timers WHERE kind = 'lease'";
    world.database.raw().query_row(sql, [], |r| r.get::<_, String>(0)).unwrap().parse().unwrap()
}

fn dispatch_of(world: &World<'_>) -> penstock_domain::OutboxId {
    let sql = "SELECT id FROM outbox WHERE kind = 'dispatch' AND done_at IS NULL";
    world.database.raw().query_row(sql, [], |r| r.get::<_, String>(0)).unwrap().parse().unwrap()
}

fn check(actual: &str, expected: &Expect) {
    expected.assert_eq(actual);
}

#[test]
fn a_diamond_runs_to_its_end() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(DIAMOND);
    world.run_to_the_end();
    check(
        &world.picture(id),
        &expect![[r#"
        #1 succeeded 5/5 stages, 0 failed
        build succeeded 1/1
          app succeeded attempt 1
            make succeeded
        unit succeeded 2/2
          a succeeded attempt 1
            test succeeded
            report succeeded
          b succeeded attempt 1
            test succeeded
        lint succeeded 1/1
          lint succeeded attempt 1
            lint succeeded
        ship succeeded 1/1
          ship succeeded attempt 1
            ship succeeded
        notify succeeded 2/2
          tell succeeded attempt 1
            tell succeeded
          alarm skipped (condition_false) attempt 1
            ring skipped (condition_false)
    "#]],
    );
    assert_eq!(world.count("SELECT count(*) FROM timers"), 0, "what has ended needs no timer");
}

#[test]
fn a_failure_leaves_out_what_depends_on_it_and_nothing_else() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(DIAMOND);
    let build = world.assign_all();
    world.finish(build[0], 1, WorkStatus::Succeeded).unwrap();
    let middle = world.assign_all();
    assert_eq!(middle.len(), 3);
    world.finish(middle[0], 1, WorkStatus::Failed).unwrap();
    for job in &middle[1..] {
        world.finish(*job, 1, WorkStatus::Succeeded).unwrap();
    }
    world.run_to_the_end();
    check(
        &world.picture(id),
        &expect![[r#"
        #1 failed (exit_code) 5/5 stages, 1 failed
        ! unit / a: exit_code
        build succeeded 1/1
          app succeeded attempt 1
            make succeeded
        unit failed (exit_code) 2/2
          a failed (exit_code) attempt 1
            test succeeded
            report failed (exit_code)
          b succeeded attempt 1
            test succeeded
        lint succeeded 1/1
          lint succeeded attempt 1
            lint succeeded
        ship skipped (dependency_failed) 1/1
          ship skipped (dependency_failed) attempt 1
            ship skipped
        notify succeeded 2/2
          tell succeeded attempt 1
            tell succeeded
          alarm succeeded attempt 1
            ring succeeded
    "#]],
    );
}

#[test]
fn a_failed_attempt_is_tried_again_after_its_delay() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(
        "{name: r, on: push, stages: [{name: s, jobs: [{name: j, retry: {max: 1, delay: 1m}, steps: [x, y]}]}]}",
    );
    let job = world.assign_all()[0];
    world.finish(job, 1, WorkStatus::Failed).unwrap();
    assert!(world.assign_all().is_empty(), "it waits");
    check(
        &world.picture(id),
        &expect![[r#"
        #1 running 0/1 stages, 0 failed
        s running 0/1
          j pending (retry_backoff) attempt 2
            x pending
            y pending
    "#]],
    );
    world.pass(60_000);
    assert_eq!(world.assign_all(), [job]);
    assert_eq!(
        world.finish(job, 1, WorkStatus::Succeeded),
        Err(Refusal::LeaseExpired),
        "the first attempt is fenced"
    );
    world.finish(job, 2, WorkStatus::Failed).unwrap();
    assert_eq!(world.status(id), ExecutionStatus::Failed);
}

#[test]
fn a_lost_runner_leaves_no_job_stuck_and_can_say_no_more() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(SMALL);
    let job = world.assign_all()[0];
    world.pass(29_000);
    let lease = penstock_testkit::database::now_or_never(world.store.prolong_lease(
        job,
        1,
        world.now().plus_ms(30_000),
    ));
    assert!(lease.unwrap(), "a heartbeat prolongs it");
    world.pass(2_000);
    let due = penstock_testkit::database::now_or_never(world.store.due_timers(world.now(), 10)).unwrap();
    assert!(due.is_empty(), "the heartbeat has put it off");
    world.pass(30_000);
    world
        .tell(
            Some(id),
            Some(job),
            &Event::LeaseExpired { job, attempt: 1, timer: lease_of(&world), unheard_claim: false },
        )
        .unwrap();
    assert_eq!(world.status(id), ExecutionStatus::Failed);
    check(
        &world.picture(id),
        &expect![[r#"
        #1 failed (runner_lost) 1/1 stages, 1 failed
        ! build / app: runner_lost: its runner was not heard of for 30 s
        build failed (runner_lost) 1/1
          app failed (runner_lost) attempt 1
            make skipped (runner_lost)
    "#]],
    );
}

#[test]
fn a_report_told_twice_changes_nothing_the_second_time() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.start(SMALL);
    let job = world.assign_all()[0];
    world.finish(job, 1, WorkStatus::Succeeded).unwrap();
    let before = world.count("SELECT max(seq) FROM journal");
    assert_eq!(world.finish(job, 1, WorkStatus::Succeeded), Ok(penstock_engine::Changes::default()));
    assert_eq!(world.count("SELECT max(seq) FROM journal"), before);
}

#[test]
fn a_success_that_the_steps_do_not_bear_out_is_none() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(SMALL);
    let job = world.assign_all()[0];
    let (at, status) = (world.now(), WorkStatus::Succeeded);
    let lie = penstock_engine::JobReport::JobFinished {
        at,
        status,
        reason: None,
        message: None,
        outputs: Default::default(),
    };
    world.report(job, 1, vec![lie]).unwrap();
    assert_eq!(world.status(id), ExecutionStatus::Failed);
}

#[test]
fn a_cancel_ends_what_runs_and_what_waits() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(DIAMOND);
    let build = world.assign_all()[0];
    let changes = world.tell(Some(id), None, &CANCEL).unwrap();
    assert_eq!(changes.outbox.len(), 1, "the runner is told");
    assert_eq!(world.finish(build, 1, WorkStatus::Succeeded), Err(Refusal::LeaseExpired));
    assert_eq!(world.tell(Some(id), None, &CANCEL), Err(Refusal::AlreadyEnded("cancelled")));
    assert_eq!(world.count("SELECT count(*) FROM jobs WHERE status <> 'cancelled'"), 0);
    assert_eq!(world.count("SELECT count(*) FROM steps WHERE status <> 'cancelled'"), 0);
    assert_eq!(world.count("SELECT count(*) FROM timers"), 0);
}

#[test]
fn a_refused_job_goes_back_to_the_queue_and_fails_in_the_end() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(SMALL);
    for round in 1..=penstock_engine::MAX_REFUSALS {
        let job = world.assign_all()[0];
        let (attempt, runner, why) = (1, world.runner, Unreachable::Refused);
        world
            .tell(
                Some(id),
                Some(job),
                &Event::Refused { job, attempt, runner, why, retry_after_ms: 0, effect: dispatch_of(&world) },
            )
            .unwrap();
        let expected = if round == penstock_engine::MAX_REFUSALS { "failed" } else { "running" };
        assert_eq!(world.status(id).as_str(), expected, "round {round}");
    }
    assert!(world.picture(id).contains("dispatch_failed"));
}

#[test]
fn a_claim_that_nobody_is_heard_of_after_goes_back_and_costs_no_attempt() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(SMALL);
    let job = world.assign_all()[0];
    // Nothing is pushed to it any more.
    let is_pushed_to =
        |url: Option<&str>| database.raw().execute("UPDATE runners SET url = ?1", [url]).unwrap();
    is_pushed_to(None);
    world.pass(40_000);
    let due = || now_or_never(world.store.due_timers(world.now(), 10)).unwrap();
    assert!(due()[0].unheard_claim);
    let expired =
        |unheard_claim| Event::LeaseExpired { job, attempt: 1, timer: lease_of(&world), unheard_claim };
    world.tell(Some(id), Some(job), &expired(true)).unwrap();
    assert!(world.picture(id).contains("pending (runner_full) attempt 1"), "{}", world.picture(id));
    is_pushed_to(Some("http://runner"));
    let job = world.assign_all()[0];
    is_pushed_to(None);
    assert!(now_or_never(world.store.prolong_lease(job, 1, world.now())).unwrap());
    assert!(!due()[0].unheard_claim, "a heartbeat says that it is there");
    world.tell(Some(id), Some(job), &expired(false)).unwrap();
    assert!(world.picture(id).contains("runner_lost"), "{}", world.picture(id));
}

#[test]
fn more_executions_than_the_limit_queue_and_are_let_in_by_age() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let first = world.start(SMALL);
    let second = world.start(SMALL);
    let third = world.start(SMALL);
    assert_eq!(world.status(third), ExecutionStatus::Queued);
    world.tell(Some(first), None, &CANCEL).unwrap();
    let admissible = penstock_testkit::database::now_or_never(world.store.admissible(10)).unwrap();
    assert_eq!(admissible.iter().map(|a| a.execution).collect::<Vec<_>>(), [third]);
    world.tell(Some(third), None, &Event::Admit).unwrap();
    assert_eq!(
        (world.status(second), world.status(third)),
        (ExecutionStatus::Running, ExecutionStatus::Running)
    );
}

#[test]
fn a_stage_that_takes_too_long_fails_with_its_jobs() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(
        "{name: t, on: push, stages: [{name: s, timeout: 1m, jobs: [{name: a, steps: [x]}, {name: b, steps: [x]}]}]}",
    );
    let jobs = world.assign_all();
    world.pass(61_000);
    let due = penstock_testkit::database::now_or_never(world.store.due_timers(world.now(), 10)).unwrap();
    let stage = due.iter().find_map(|t| t.stage_id).unwrap();
    let changes = world.tell(Some(id), None, &Event::StageDeadline { stage }).unwrap();
    assert_eq!(changes.outbox.len(), jobs.len(), "each runner is told");
    assert_eq!(world.status(id), ExecutionStatus::Failed);
    assert!(world.picture(id).contains("#1 failed (timed_out)"));
    let reason = Some(Reason::TimedOut);
    let detail = penstock_testkit::database::now_or_never(world.store.execution_detail(id)).unwrap().unwrap();
    assert_eq!(detail.stages[0].reason, reason);
}

#[test]
fn after_a_silence_of_the_clock_every_lease_has_its_length_again_once_and_so_have_deadlines_that_passed() {
    const SILENCE_MS: i64 = 10_000;
    let database = Database::in_memory();
    let world = World::new(&database);
    world.start(SMALL);
    let job = world.assign_all()[0];
    let due = |kind: &str| {
        let sql = "SELECT due_at FROM timers WHERE kind = ?1";
        let due: String = world.database.raw().query_row(sql, [kind], |r| r.get(0)).unwrap();
        due.parse::<Timestamp>().unwrap()
    };
    let begun = due("lease").plus_ms(-LEASE_MS);
    let due_after_ms = |kind: &str| due(kind).since_ms(begun);
    let tick = |after_ms| {
        let now = begun.plus_ms(after_ms);
        now_or_never(world.store.spare_leases(now, SILENCE_MS, LEASE_MS)).unwrap();
    };
    database.raw().execute_batch(&format!("INSERT INTO clock VALUES (1, '{begun}')")).unwrap();
    tick(SILENCE_MS);
    assert_eq!(due_after_ms("lease"), LEASE_MS, "no silence yet");
    let deadline = due_after_ms("job_deadline");

    tick(2 * SILENCE_MS + 1);
    let spared = 2 * SILENCE_MS + 1 + LEASE_MS;
    assert_eq!((due_after_ms("lease"), due_after_ms("job_deadline")), (spared, deadline));
    tick(4 * SILENCE_MS);
    assert_eq!(due_after_ms("lease"), spared, "once");
    let heard_at = begun.plus_ms(4 * SILENCE_MS);
    assert!(now_or_never(world.store.prolong_lease(job, 1, heard_at.plus_ms(LEASE_MS))).unwrap());
    tick(deadline + SILENCE_MS);
    let put_off = deadline + SILENCE_MS + LEASE_MS;
    assert_eq!((due_after_ms("lease"), due_after_ms("job_deadline")), (put_off, put_off));
}

#[test]
fn what_an_execution_begins_with_is_given_away_with_it_as_far_as_there_is_room() {
    const WIDE: &str = "
name: wide
on: push
stages:
  - name: build
    jobs:
      - { name: gpu, runs_on: gpu, steps: [make] }
      - { name: later, runs_on: linux, steps: [make] }
      - { name: first, runs_on: linux, priority: 10, steps: [make] }
  - name: test
    depends_on: [build]
    jobs: [{ name: unit, runs_on: linux, steps: [test] }]
";
    let database = Database::in_memory();
    let world = World::new(&database);
    world.register(1);
    world.gives_at_once.set(true);
    let id = world.start(WIDE);
    assert_eq!(
        world.count("SELECT count(*) FROM journal WHERE subject LIKE 'execution:%'"),
        1,
        "in one change"
    );
    let running = "SELECT group_concat(job_name) FROM jobs WHERE status = 'running'";
    let running: String = database.raw().query_row(running, [], |r| r.get(0)).unwrap();
    assert_eq!(running, "first");
    let dispatched = "SELECT count(*) FROM outbox AS o JOIN jobs AS j ON j.id = o.payload ->> '$.job_id'
      JOIN timers AS t ON t.job_id = j.id AND t.kind = 'lease' WHERE o.kind = 'dispatch' AND j.job_name = 'first'";
    assert_eq!(world.count(dispatched), 1);
    world.register(10);
    world.finish(world.running("first"), 1, WorkStatus::Succeeded).unwrap();
    world.assign_all();
    world.finish(world.running("later"), 1, WorkStatus::Succeeded).unwrap();
    assert_eq!(world.status(id), ExecutionStatus::Running, "it waits for the gpu");
}
