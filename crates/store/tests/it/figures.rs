//! What the figures make of deployments as the journal tells of them, and of reports as runners hand them in.

use penstock_domain::{Timestamp, WorkStatus};
use penstock_metrics::{Figures, TimeRange};
use penstock_testkit::database::{Database, now_or_never};
use serde_json::{Value, json};

use crate::history::History;
use crate::world::World;

/// `clock` is a time of 2024-07-20, spelled `HH:MM`.
fn at(clock: &str) -> String {
    format!("2024-07-20T{clock}:00.000Z")
}

/// The figures of the last days, as they are asked for on the next one.
fn figures(history: &History<'_>) -> Figures {
    let now: Timestamp = "2024-07-21T09:00:00.000Z".parse().unwrap();
    now_or_never(history.store.metrics_period(TimeRange::Days7, None, now)).unwrap().current()
}

/// Deployments to production, each by a stage of its own.
struct Production<'a> {
    history: History<'a>,
    stages: Vec<String>,
}

impl<'a> Production<'a> {
    fn new(database: &'a Database) -> Self {
        let mut history = History::new(database, 1);
        let execution = history.execute("2024-07-20T08:00:00.000Z".parse().unwrap());
        let id = history.executions[execution].id.clone();
        let stages = (1..9).map(|order| history.insert_stage(&id, order)).collect();
        Self { history, stages }
    }

    /// Tells the journal how the deployment stands now, `members` beside what never changes.
    fn tell(&self, n: usize, members: Value) {
        let execution = &self.history.executions[0];
        let mut deployment = json!({
            "id": format!("d{n}"), "execution_id": execution.id, "stage_id": self.stages[n],
            "pipeline_id": self.history.pipelines[execution.pipeline].to_string(), "environment_id": "0",
            "strategy": "rolling", "version": n.to_string(), "initiated_at": at("09:00"), "rollback_triggered": 0,
            "commit_at": at("08:30"),
        });
        deployment.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let sql = "INSERT INTO journal (subject, expect, at, actor, cause, change)
          SELECT 'deployment:' || ?1, COALESCE(max(version), 0), ?2, 'ada', 'test', ?3
          FROM subjects WHERE subject = 'deployment:' || ?1";
        let change = json!({ "deployments": [deployment] }).to_string();
        self.history.database.raw().execute(sql, (n as i64, at("09:00"), change)).unwrap();
    }

    /// It waits, it runs, and it ends like this.
    fn deploy(&self, n: usize, mut end: Value) {
        let of = end["rollback_of"].take();
        let (of, start) = (of.as_str(), at("09:30"));
        self.tell(n, json!({ "rollback_of": of, "status": "initiated" }));
        self.tell(n, json!({ "rollback_of": of, "status": "deploying", "started_at": start }));
        (end["rollback_of"], end["started_at"]) = (json!(of), json!(start));
        self.tell(n, end);
    }

    fn status(&self, n: usize) -> String {
        let sql = "SELECT status FROM deployments WHERE id = ?1";
        self.history.database.raw().query_row(sql, [format!("d{n}")], |r| r.get(0)).unwrap()
    }

    /// Changes, the rate of those that failed, minutes to recovery, failures without one, and rollbacks.
    fn figures(&self) -> (u64, Option<f64>, Option<f64>, u64, u64) {
        let found = figures(&self.history);
        let dora = &found.dora;
        let recovery = dora.mean_time_to_recovery_minutes;
        (dora.changes, dora.change_failure_rate, recovery, dora.unrecovered_failures, found.rollbacks)
    }
}

#[test]
fn a_deployment_that_is_unhealthy_is_recovered_by_its_rollback() {
    let database = Database::in_memory();
    let production = Production::new(&database);
    production.deploy(1, json!({ "status": "deployed", "completed_at": at("10:00") }));
    assert_eq!(production.figures(), (1, Some(0.0), None, 0, 0));
    let unhealthy =
        json!({ "status": "health_check_failed", "completed_at": at("11:00"), "rollback_triggered": 1 });
    production.deploy(2, unhealthy);
    assert_eq!(production.figures(), (2, Some(50.0), None, 1, 0));
    production.deploy(3, json!({ "status": "deployed", "completed_at": at("11:06"), "rollback_of": "d2" }));
    assert_eq!(production.figures(), (2, Some(50.0), Some(6.0), 0, 1));
    assert_eq!(production.status(2), "health_check_failed", "it stays what it was");
    assert_eq!(figures(&production.history).dora.lead_time_for_changes_minutes, Some(90.0));
}

#[test]
fn a_deployment_has_failed_from_the_moment_that_its_rollback_is_asked_for() {
    let database = Database::in_memory();
    let production = Production::new(&database);
    let deployed = |triggered: i64| json!({ "status": "deployed", "completed_at": at("10:00"), "started_at": at("09:30"), "rollback_triggered": triggered });
    production.deploy(1, deployed(0));
    assert_eq!(production.figures(), (1, Some(0.0), None, 0, 0));
    production.tell(1, deployed(1));
    assert_eq!(production.figures(), (1, Some(100.0), None, 1, 0));
    production.deploy(2, json!({ "status": "deployed", "completed_at": at("12:10"), "rollback_of": "d1" }));
    assert_eq!(production.status(1), "rolled_back");
    assert_eq!(production.figures(), (1, Some(100.0), Some(130.0), 0, 1));
}

#[test]
fn what_was_refused_before_it_began_is_no_deployment() {
    let database = Database::in_memory();
    let production = Production::new(&database);
    for (n, reason) in ["approval_rejected", "approval_expired", "cancelled_by_user"].iter().enumerate() {
        production.tell(n, json!({ "status": "initiated" }));
        production.tell(n, json!({ "status": "failed", "reason": reason, "completed_at": at("10:00") }));
    }
    assert_eq!(production.figures(), (0, None, None, 0, 0));
    assert_eq!(figures(&production.history).total_deployments, 0);
    let cancelled = json!({ "status": "failed", "reason": "cancelled_by_user", "completed_at": at("11:00") });
    production.deploy(3, cancelled);
    assert_eq!(production.figures(), (1, Some(100.0), None, 1, 0), "half of it may be there");
    production.tell(4, json!({ "status": "failed", "completed_at": at("11:30"), "rollback_of": "d3" }));
    assert_eq!(production.figures(), (1, Some(100.0), None, 1, 0), "neither is a rollback that was refused");
    let recent = now_or_never(production.history.store.recent_activity(20)).unwrap();
    assert_eq!(recent.len(), 1 + 5, "it still is seen that they were asked for");
}

/// Hands in a report of the job's attempt, as its runner would: `counts` are passed, failed and skipped tests.
fn report(world: &World<'_>, attempt: u32, format: &str, counts: [i64; 3], coverage: Option<f64>) {
    let sql = "INSERT INTO test_results (id, execution_id, stage_id, job_id, attempt, format, report_path, suite_order,
        test_suite, test_type, total_tests, passed_tests, failed_tests, skipped_tests, coverage_percentage, created_at)
      SELECT hex(randomblob(8)), execution_id, stage_id, id, ?1, ?2, 'r', (SELECT count(*) FROM test_results), 's',
        'unit', ?3 + ?4 + ?5, ?3, ?4, ?5, ?6, ''
      FROM jobs ORDER BY id DESC LIMIT 1";
    let [passed, failed, skipped] = counts;
    world.database.raw().execute(sql, (attempt, format, passed, failed, skipped, coverage)).unwrap();
}

/// Executions with tests in percent, tests that passed in percent, and coverage.
fn quality(world: &World<'_>) -> (Option<f64>, Option<f64>, Option<f64>) {
    let tomorrow = world.now().plus_ms(86_400_000);
    let period = now_or_never(world.store.metrics_period(TimeRange::Days7, None, tomorrow)).unwrap();
    let found = period.current();
    (found.test_automation_rate, found.code_quality_score, found.average_coverage)
}

const RETRIED: &str =
    "{name: r, on: push, stages: [{name: s, jobs: [{name: j, retry: {max: 1, delay: 1m}, steps: [x]}]}]}";

#[test]
fn only_what_a_job_s_last_attempt_reports_counts() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.start(RETRIED);
    let job = world.assign_all()[0];
    report(&world, 1, "junit", [1, 9, 0], None);
    report(&world, 1, "lcov", [0, 0, 0], Some(10.0));
    world.finish(job, 1, WorkStatus::Failed).unwrap();
    world.pass(60_000);
    assert_eq!(world.assign_all(), [job]);
    report(&world, 2, "junit", [7, 1, 2], None);
    report(&world, 2, "junit", [2, 0, 0], None);
    report(&world, 2, "lcov", [0, 0, 0], Some(80.0));
    world.finish(job, 2, WorkStatus::Succeeded).unwrap();
    assert_eq!(quality(&world), (Some(100.0), Some(90.0), Some(80.0)));
    report(&world, 1, "junit", [0, 50, 0], None);
    assert_eq!(quality(&world), (Some(100.0), Some(90.0), Some(80.0)), "nor when it comes late");
    report(&world, 2, "lcov", [0, 0, 0], Some(90.0));
    assert_eq!(quality(&world), (Some(100.0), Some(90.0), Some(85.0)));
}

#[test]
fn a_report_of_coverage_is_no_test_and_one_of_tests_is_no_coverage() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.start(RETRIED);
    report(&world, 1, "lcov", [0, 0, 0], Some(64.25));
    world.run_to_the_end();
    assert_eq!(quality(&world), (Some(0.0), None, Some(64.25)));
    world.start(RETRIED);
    report(&world, 1, "junit", [3, 1, 0], None);
    world.run_to_the_end();
    assert_eq!(quality(&world), (Some(50.0), Some(75.0), Some(64.25)));
    world.start(RETRIED);
    report(&world, 1, "junit", [0, 0, 4], None);
    world.run_to_the_end();
    assert_eq!(quality(&world), (Some(33.33), Some(75.0), Some(64.25)), "skipped tests have tested nothing");
}
