//! Gates, approvals and deployments: decided by the engine, kept by the store, read again.

use penstock_domain::{ApprovalId, DeploymentId, ExecutionId, GateId, JobId, StageId, WorkStatus};
use penstock_engine::{Event, Refusal, Snapshot, Voter, bring_back, rerun, roll_back};
use penstock_testkit::database::{Database, now_or_never};

use crate::world::{CANCEL, World, cause};

const GATED: &str = "
name: gated
on: push
stages:
  - name: test
    jobs: [{ name: unit, runs_on: linux, steps: [{ run: make test }] }]
  - name: quality
    depends_on: [test]
    gates:
      coverage: { type: test_coverage, threshold: 80 }
      tests: { type: custom, metric: failed_tests, blocker: false }
  - name: after
    depends_on: [quality]
    jobs: [{ name: one, runs_on: linux, steps: [x] }]
";

const DEPLOYS: &str = "
name: deploys
on: push
stages:
  - name: live
    deploy: { environment: production, version: VERSION, health_check: { url: 'http://127.0.0.1:1/healthz' } }
    jobs: [{ name: ship, runs_on: linux, steps: [./deploy.sh] }]
";

const CHECKED_BY_NOBODY: &str = "
name: deploys
on: push
stages:
  - name: live
    deploy: { environment: production, version: VERSION }
    jobs: [{ name: ship, runs_on: linux, steps: [./deploy.sh] }]
";

fn deploys(version: &str) -> String {
    DEPLOYS.replace("VERSION", version)
}

fn whole(world: &World<'_>, id: ExecutionId) -> Snapshot {
    now_or_never(world.store.snapshot(Some(id), None, true)).unwrap().unwrap()
}

fn text(world: &World<'_>, sql: &str) -> String {
    world.database.raw().query_row(sql, [], |r| r.get(0)).unwrap()
}

fn voter(name: &str) -> Voter {
    Voter { name: name.into(), forge_login: Some(name.into()) }
}

/// Rows as the uploads of a job make them.
fn reports(world: &World<'_>, job: JobId, attempt: u32, failed: u32, lines: (u32, u32)) {
    let of = now_or_never(world.store.holder(job)).unwrap().unwrap();
    let row = |format: &str, total: u32, failed: u32, details: &str| {
        let n = world.count("SELECT count(*) FROM test_results");
        format!(
            "INSERT INTO test_results (id, execution_id, stage_id, job_id, attempt, format, report_path, suite_order,
               test_suite, test_type, total_tests, passed_tests, failed_tests, coverage_details, created_at)
             VALUES ('t{n}', '{}', '{}', '{job}', {attempt}, '{format}', 'p', 0, 's', 'unit', {total}, {}, {failed},
               {details}, 'now')",
            of.execution_id,
            of.stage_id,
            total - failed
        )
    };
    let (covered, total) = lines;
    let details = format!(
        "'{{\"lines\":{{\"covered\":{covered},\"total\":{total}}},\"branches\":null,\"functions\":null}}'"
    );
    let raw = world.database.raw();
    raw.execute(&row("junit", 10, failed, "NULL"), []).unwrap();
    raw.execute(&row("lcov", 0, 0, &details), []).unwrap();
}

/// Runs the first job with these reports.
fn test_with(world: &World<'_>, failed: u32, lines: (u32, u32)) {
    let job = world.assign_all()[0];
    reports(world, job, 1, failed, lines);
    world.finish(job, 1, WorkStatus::Succeeded).unwrap();
}

#[test]
fn a_gate_lets_pass_what_the_reports_show_to_be_good() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(GATED);
    test_with(&world, 1, (80, 100));
    world.run_to_the_end();
    let picture = world.picture(id);
    assert!(picture.contains("#1 succeeded"), "{picture}");
    let gates = "SELECT group_concat(gate_name || ' ' || status || ' ' || actual_value, '; ')
      FROM (SELECT * FROM quality_gate_evaluations ORDER BY gate_name)";
    assert_eq!(
        text(&world, gates),
        "coverage passed 80.0; tests failed 1.0",
        "only blockers stand in the way"
    );
}

#[test]
fn a_blocker_ends_its_stage_with_the_reason_and_what_follows_does_not_begin() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(GATED);
    test_with(&world, 0, (79, 100));
    let picture = world.picture(id);
    assert!(picture.contains("#1 failed (gate_failed) 3/3 stages, 1 failed"), "{picture}");
    assert!(picture.contains("! quality: gate_failed: gate coverage: line coverage is 79.00 %"), "{picture}");
    assert!(picture.contains("after skipped (dependency_failed)"), "{picture}");
}

#[test]
fn without_any_report_a_gate_fails_and_says_what_is_missing() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(GATED);
    world.run_to_the_end();
    assert!(world.picture(id).contains("gate coverage: "), "{}", world.picture(id));
    assert!(text(&world, "SELECT evaluation_details FROM quality_gate_evaluations").contains("lcov"));
}

#[test]
fn reports_of_an_earlier_attempt_say_nothing() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let with_retry = GATED.replace("steps: [{ run: make test }]", "retry: 1, steps: [{ run: make test }]");
    let id = world.start(&with_retry);
    let job = world.assign_all()[0];
    reports(&world, job, 1, 10, (1, 100));
    world.finish(job, 1, WorkStatus::Failed).unwrap();
    world.pass(60_000);
    assert_eq!(world.assign_all(), [job]);
    reports(&world, job, 2, 0, (90, 100));
    world.finish(job, 2, WorkStatus::Succeeded).unwrap();
    world.run_to_the_end();
    assert!(world.picture(id).contains("#1 succeeded"), "{}", world.picture(id));
}

#[test]
fn an_override_is_kept_with_who_and_why_and_the_retry_goes_on_behind_it() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(GATED);
    test_with(&world, 0, (10, 100));
    let gate: GateId =
        text(&world, "SELECT id FROM quality_gate_evaluations WHERE gate_name = 'coverage'").parse().unwrap();
    let event = Event::OverrideGate { gate, by: "grace".into(), reason: "a hot fix".into() };
    world.tell(Some(id), None, &event).unwrap();
    assert_eq!(world.tell(Some(id), None, &event), Err(Refusal::AlreadyEnded("overridden")));
    assert!(world.picture(id).contains("#1 failed"), "what has ended stays ended");
    let past = now_or_never(world.store.planned_work(id)).unwrap().unwrap();
    let work = rerun(past.stages, past.timeout_ms, &penstock_engine::Scope::Failed).unwrap();
    let carried: Vec<_> =
        work.stages.iter().flat_map(|s| s.jobs.iter().filter_map(|j| j.carried_from)).collect();
    let facts = now_or_never(world.store.facts_of(&carried)).unwrap();
    assert_eq!(facts.tests.map(|t| t.total), Some(10), "what was reported counts in the retry");
    let work = penstock_engine::Work::Rerun(work);
    let context = whole(&world, id).execution.context;
    let origin = penstock_engine::Origin::default();
    let again =
        world.launch(penstock_engine::NewExecution { origin, context, work, admission: Default::default() });
    world.run_to_the_end();
    let picture = world.picture(again);
    assert!(picture.contains("#2 succeeded"), "{picture}");
    assert_eq!(world.count("SELECT count(*) FROM jobs WHERE carried_from IS NOT NULL"), 1);
    let sql = "SELECT gate_name || ' ' || status || ' ' || overridden_by || ' ' || override_reason
      FROM quality_gate_evaluations WHERE execution_id = (SELECT max(id) FROM pipeline_executions)
      AND gate_name = 'coverage'";
    assert_eq!(text(&world, sql), "coverage overridden grace a hot fix");
}

#[test]
fn an_environment_that_is_not_there_is_an_error_that_says_so() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(&deploys("1"));
    assert!(
        world.picture(id).contains("! live: config_error: there is no environment `production`; create it"),
        "{}",
        world.picture(id)
    );
}

fn approval(world: &World<'_>) -> ApprovalId {
    text(world, "SELECT id FROM pipeline_approvals ORDER BY id DESC LIMIT 1").parse().unwrap()
}

fn deployment(world: &World<'_>) -> DeploymentId {
    text(world, "SELECT id FROM deployments ORDER BY id DESC LIMIT 1").parse().unwrap()
}

fn state(world: &World<'_>) -> String {
    text(
        world,
        "SELECT group_concat(version || ' ' || status, '; ') FROM (SELECT * FROM deployments ORDER BY id)",
    )
}

#[test]
fn a_deployment_waits_for_as_many_others_as_its_environment_asks_and_never_for_its_author() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let rules = ", '1', '{\"required_approvals\": 2}'";
    world.environment("production", ", approval_required, approval_config", rules);
    let id = world.start(&CHECKED_BY_NOBODY.replace("VERSION", "1"));
    assert!(world.picture(id).contains("live pending (approval_pending)"), "{}", world.picture(id));
    assert_eq!(world.assign_all(), []);
    let approval = approval(&world);
    let yes = |name: &str| {
        let event = Event::Approve { approval, voter: voter(name), notes: None };
        world.tell(Some(id), None, &event).map(|changes| changes.approvals.len())
    };
    assert!(matches!(yes("ada"), Err(Refusal::Forbidden(_))), "it is her own change");
    assert_eq!(yes("grace"), Ok(1));
    assert_eq!(yes("grace"), Ok(0), "told twice");
    assert_eq!(world.assign_all(), []);
    assert_eq!(yes("linus"), Ok(1));
    assert_eq!(yes("linus"), Ok(0), "and told twice when it was enough");
    assert_eq!(yes("bob"), Err(Refusal::AlreadyEnded("approved")));
    assert_eq!(world.count("SELECT count(*) FROM timers WHERE kind = 'approval_expiry'"), 0);
    world.run_to_the_end();
    assert!(world.picture(id).contains("#1 succeeded"), "{}", world.picture(id));
    assert_eq!(state(&world), "1 deployed");
    let by = "SELECT approved_by FROM deployments";
    assert_eq!(text(&world, by), "grace, linus");
}

#[test]
fn a_no_ends_it_and_so_does_silence_and_so_does_a_cancel() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.environment("production", ", approval_required", ", '1'");
    let id = world.start(&deploys("1"));
    let reject = Event::Reject { approval: approval(&world), voter: voter("ada"), reason: "not yet".into() };
    world.tell(Some(id), None, &reject).unwrap();
    let picture = world.picture(id);
    assert!(picture.contains("! live: approval_rejected: rejected by ada: not yet"), "{picture}");
    assert_eq!(world.tell(Some(id), None, &reject), Err(Refusal::AlreadyEnded("rejected")));

    world.pass(1000);
    let id = world.start(&deploys("2"));
    let stage: StageId = whole(&world, id).stages[0].id;
    assert_eq!(world.count("SELECT count(*) FROM timers WHERE kind = 'approval_expiry'"), 1);
    world.tell(Some(id), None, &Event::ApprovalExpired { stage }).unwrap();
    assert!(world.picture(id).contains("live failed (approval_expired)"), "{}", world.picture(id));

    world.pass(1000);
    let id = world.start(&deploys("3"));
    world.tell(Some(id), None, &CANCEL).unwrap();
    let late = Event::Approve { approval: approval(&world), voter: voter("grace"), notes: None };
    assert_eq!(world.tell(Some(id), None, &late), Err(Refusal::AlreadyEnded("expired")));
    assert_eq!(state(&world), "1 failed; 2 failed; 3 failed");
    assert_eq!(world.count("SELECT count(*) FROM timers"), 0);
}

#[test]
fn an_approval_gives_itself_where_every_gate_passed_and_else_waits_for_people() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let rules = ", '1', '{\"approval_type\": \"conditional\"}'";
    world.environment("production", ", approval_required, approval_config", rules);
    let file = GATED.replace(
        "    jobs: [{ name: one, runs_on: linux, steps: [x] }]",
        "    deploy: { environment: production }\n    jobs: [{ name: one, runs_on: linux, steps: [x] }]",
    );
    let id = world.start(&file);
    test_with(&world, 0, (90, 100));
    assert_eq!(
        text(&world, "SELECT status || ': ' || approval_notes FROM pipeline_approvals"),
        "auto_approved: every gate passed (2 of 2)"
    );
    world.run_to_the_end();
    assert!(world.picture(id).contains("#1 succeeded"), "{}", world.picture(id));
    let id = world.start(&file);
    test_with(&world, 3, (90, 100));
    assert!(world.picture(id).contains("after pending (approval_pending)"), "{}", world.picture(id));
}

#[test]
fn an_environment_takes_over_what_is_live_in_the_one_before_it() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.environment("staging", "", "");
    let rules = ", '1', '[\"staging\"]'";
    world.environment("production", ", approval_required, auto_promote_from", rules);
    let to = |environment: &str, version: &str| {
        world.pass(1000);
        let file = CHECKED_BY_NOBODY.replace("VERSION", version).replace("production", environment);
        let id = world.start(&file);
        world.run_to_the_end();
        world.picture(id)
    };
    assert!(to("production", "1").contains("live pending (approval_pending)"));
    assert!(to("staging", "2").contains("#2 succeeded"));
    assert!(to("production", "2").contains("#3 succeeded"));
    let notes = "SELECT approval_notes FROM pipeline_approvals ORDER BY id DESC LIMIT 1";
    assert!(text(&world, notes).starts_with("the same version is deployed in staging"));
}

#[test]
fn what_waits_for_an_approval_goes_in_when_none_is_asked_for_any_more() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.environment("production", ", approval_required", ", '1'");
    let id = world.start(&CHECKED_BY_NOBODY.replace("VERSION", "1"));
    assert!(!now_or_never(world.store.due(world.now())).unwrap().held);
    assert_eq!(go_in(&world), 0);
    database.raw().execute("UPDATE deployment_environments SET approval_required = 0", []).unwrap();
    assert!(now_or_never(world.store.due(world.now())).unwrap().held);
    assert_eq!(go_in(&world), 1);
    world.run_to_the_end();
    assert!(world.picture(id).contains("#1 succeeded"), "{}", world.picture(id));
    assert_eq!(text(&world, "SELECT status FROM pipeline_approvals"), "auto_approved");
}

fn go_in(world: &World<'_>) -> usize {
    let found = now_or_never(world.store.enterable(10)).unwrap();
    for stage in &found {
        world.tell(Some(stage.execution_id), None, &Event::GoIn { stage: stage.stage_id }).unwrap();
    }
    found.len()
}

#[test]
fn one_deployment_at_a_time_has_the_environment_across_executions() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.environment("production", "", "");
    let file = |version| CHECKED_BY_NOBODY.replace("VERSION", version);
    let first = world.start(&file("1"));
    let second = world.start(&file("2"));
    assert!(world.picture(second).contains("live pending (environment_busy)"), "{}", world.picture(second));
    assert_eq!(go_in(&world), 0);
    let jobs = world.assign_all();
    assert_eq!(jobs.len(), 1);
    let changes = world.finish(jobs[0], 1, WorkStatus::Succeeded).unwrap();
    assert_eq!(changes.environments_freed.len(), 1);
    assert!(now_or_never(world.store.due(world.now())).unwrap().held);
    assert_eq!(go_in(&world), 1);
    world.run_to_the_end();
    assert_eq!((world.status(first).as_str(), world.status(second).as_str()), ("succeeded", "succeeded"));
    assert_eq!(
        world.count("SELECT count(*) FROM deployment_environments WHERE holder_deployment_id IS NULL"),
        1
    );
    assert_eq!(text(&world, "SELECT previous_version FROM deployments ORDER BY id DESC LIMIT 1"), "1");
}

#[test]
fn two_that_were_decided_on_a_free_environment_do_not_both_get_it() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.environment("production", "", "");
    let blocker = world.start(&CHECKED_BY_NOBODY.replace("VERSION", "0"));
    let one = world.start(&CHECKED_BY_NOBODY.replace("VERSION", "1"));
    world
        .database
        .raw()
        .execute("UPDATE pipeline_configurations SET max_concurrent_executions = 9", [])
        .unwrap();
    let two = world.start(&CHECKED_BY_NOBODY.replace("VERSION", "2"));
    world.tell(Some(blocker), None, &CANCEL).unwrap();
    let decisions = [one, two].map(|id| {
        let snapshot = whole(&world, id);
        let stage = snapshot.stages[0].id;
        (id, penstock_engine::decide(snapshot, &Event::GoIn { stage }, &world.moment()).unwrap())
    });
    let outcomes = decisions.map(|(id, decision)| world.commit(id, &decision).is_ok());
    assert_eq!(outcomes, [true, false]);
}

/// Brings a deployment to its health check, and tells how that ended.
fn ship(world: &World<'_>, version: &str, is_healthy: bool) -> ExecutionId {
    let id = world.start(&deploys(version));
    world.pass(1000);
    world.run_to_the_end();
    assert!(world.picture(id).contains("live running (health_check_pending)"), "{}", world.picture(id));
    assert_eq!(world.count("SELECT count(*) FROM outbox WHERE kind = 'health_check' AND done_at IS NULL"), 1);
    world
        .database
        .raw()
        .execute("UPDATE outbox SET done_at = 'now' WHERE kind = 'health_check'", [])
        .unwrap();
    let detail = "GET / answered 503".to_owned();
    let event = Event::HealthChecked { deployment: deployment(world), is_healthy, detail };
    world.tell(Some(id), None, &event).unwrap();
    assert_eq!(
        world.tell(Some(id), None, &event).unwrap(),
        penstock_engine::Changes::default(),
        "told twice"
    );
    id
}

#[test]
fn what_does_not_become_healthy_is_taken_back_and_held() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.environment("production", "", "");
    ship(&world, "1", true);
    let bad = ship(&world, "2", false);
    let picture = world.picture(bad);
    assert!(picture.contains("! live: health_check_failed: GET / answered 503"), "{picture}");
    assert_eq!(state(&world), "1 deployed; 2 health_check_failed");
    let rollback = "SELECT count(*) FROM outbox WHERE kind = 'rollback' AND done_at IS NULL";
    assert_eq!(world.count(rollback), 1);
    assert_eq!(
        text(&world, "SELECT version || ' for ' || pinned_version FROM quarantined_versions"),
        "2 for 1"
    );
    // The environment is kept for the version before.
    assert_eq!(
        world.count("SELECT count(*) FROM deployment_environments WHERE holder_deployment_id IS NULL"),
        0
    );
    let again = world.start(&deploys("2"));
    assert!(world.picture(again).contains("live pending (version_quarantined)"), "{}", world.picture(again));
    let other = world.start(&deploys("3"));
    assert!(world.picture(other).contains("live pending (environment_busy)"), "{}", world.picture(other));
}

#[test]
fn an_environment_that_was_switched_off_meanwhile_is_not_kept_for_a_rollback() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.environment("production", "", "");
    ship(&world, "1", true);
    let bad = ship(&world, "2", false);
    let taken_back = deployment(&world);
    database.raw().execute("UPDATE deployment_environments SET is_active = 0", []).unwrap();
    let past = now_or_never(world.store.planned_work(bad)).unwrap().unwrap();
    let stage = past.stages.into_iter().next().unwrap();
    let back = penstock_engine::TakesBack { deployment_id: taken_back, version: "1".into() };
    let id = world.launch(penstock_engine::NewExecution {
        origin: penstock_engine::Origin::default(),
        context: penstock_engine::ExecutionContext {
            takes_back: Some(back),
            ..whole(&world, bad).execution.context
        },
        work: penstock_engine::Work::Rerun(penstock_engine::bring_back(stage, past.timeout_ms)),
        admission: Default::default(),
    });
    assert!(world.picture(id).contains("is not active"), "{}", world.picture(id));
    assert_eq!(
        world.count("SELECT count(*) FROM deployment_environments WHERE holder_deployment_id IS NULL"),
        1
    );
}

#[test]
fn the_first_version_has_nothing_to_be_taken_back_to() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.environment("production", "", "");
    ship(&world, "1", false);
    assert_eq!(state(&world), "1 health_check_failed");
    assert_eq!(world.count("SELECT count(*) FROM outbox WHERE kind = 'rollback'"), 0);
    assert_eq!(
        world.count("SELECT count(*) FROM deployment_environments WHERE holder_deployment_id IS NULL"),
        1
    );
}

#[test]
fn what_is_live_can_be_rolled_back_by_hand_once_and_only_to_something() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.environment("production", "", "");
    ship(&world, "1", true);
    let read = || {
        let row = now_or_never(world.store.deployment_state(deployment(&world))).unwrap().unwrap();
        let environment = now_or_never(world.store.environment_of(world.pipeline, row.environment_id));
        (row, environment.unwrap().unwrap())
    };
    let (row, environment) = read();
    assert!(matches!(roll_back(&row, &environment, "why", &world.moment()), Err(Refusal::NotNow(_))));
    ship(&world, "2", true);
    let (row, environment) = read();
    let changes = roll_back(&row, &environment, "why", &world.moment()).unwrap();
    let commit =
        || now_or_never(world.store.commit_on_environment(&environment, &changes, &cause(), world.now()));
    commit().unwrap();
    assert!(commit().is_err(), "decided on an older state");
    let (row, environment) = read();
    assert_eq!(environment.live, ["1"]);
    assert_eq!(
        roll_back(&row, &environment, "why", &world.moment()),
        Err(Refusal::AlreadyEnded("rolled back"))
    );
}

const NOTHING_TO_DO: &str = "
stages:
  - name: ship
    deploy: { environment: production }
    jobs: [{ name: ship, if: branch == 'elsewhere', steps: [ship] }]
  - name: after
    depends_on: [ship]
    jobs: [{ name: after, steps: [after] }]
";

#[test]
fn where_no_job_would_run_nothing_is_deployed_and_nobody_is_waited_for() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.environment("production", "", "");
    world.start(&NOTHING_TO_DO.replace("if: branch == 'elsewhere', ", ""));
    let id = world.start(NOTHING_TO_DO);
    assert_eq!(world.count("SELECT count(*) FROM deployments"), 1, "that of the first");
    world.run_to_the_end();
    let picture = world.picture(id);
    assert!(picture.starts_with("#2 succeeded"), "{picture}");
    assert!(picture.contains("ship skipped (condition_false)"), "{picture}");
    assert_eq!(world.count("SELECT count(*) FROM deployments WHERE status = 'deployed'"), 1);
}

#[test]
fn what_is_brought_back_runs_the_jobs_that_ran_whatever_their_conditions_say_now() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.environment("production", "", "");
    let text = "
stages:
  - name: build
    jobs: [{ name: build, steps: [build] }]
  - name: ship
    depends_on: [build]
    deploy: { environment: production }
    jobs:
      - { name: ship, if: stages.build.status == 'succeeded', steps: [ship] }
      - { name: never, if: branch == 'elsewhere', steps: [never] }
";
    let id = world.start(text);
    world.run_to_the_end();
    let past = now_or_never(world.store.planned_work(id)).unwrap().unwrap();
    let stage = past.stages.into_iter().find(|s| s.planned.name == "ship").unwrap();
    let back = bring_back(stage, past.timeout_ms);
    let jobs: Vec<_> =
        back.stages[0].jobs.iter().map(|j| (j.planned.name.as_str(), &j.planned.condition)).collect();
    assert_eq!(jobs, [("ship", &None)]);
}

#[test]
fn to_wait_for_an_approval_is_not_to_take_long() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.environment("production", ", approval_required", ", 1");
    let text = "
timeout: 2h
stages: [{ name: ship, deploy: { environment: production }, jobs: [{ name: ship, steps: [ship] }] }]
";
    let id = world.start(text);
    let due = "SELECT CAST((julianday(due_at) - julianday(?1)) * 24 AS INTEGER) FROM timers WHERE kind = 'execution_deadline'";
    let hours = || -> i64 { database.raw().query_row(due, [world.now().to_string()], |r| r.get(0)).unwrap() };
    assert!(hours() >= 7 * 24, "{} h are left, {}", hours(), world.picture(id));
}
