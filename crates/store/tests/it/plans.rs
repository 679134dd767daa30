//! How SQLite goes about it: no hot statement may look at rows that it does not want.

use std::cell::RefCell;

use penstock_domain::WorkStatus;
use penstock_engine::Event;
use penstock_store::{Connection, DbError, Row, Value};
use penstock_testkit::database::{Database, now_or_never};

use crate::world::{SMALL, World};

/// A connection that remembers what was asked.
pub struct Recorder<'a> {
    pub database: &'a Database,
    pub asked: RefCell<Vec<(String, Vec<Value>)>>,
}

impl Connection for &Recorder<'_> {
    async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, DbError> {
        self.asked.borrow_mut().push((sql.to_owned(), parameters.clone()));
        (&self.database).query(sql, parameters).await
    }
}

/// Tables that grow with the installation; the others hold a handful of rows, or are JSON and subqueries.
const LARGE: [&str; 17] = [
    "pipeline_approvals",
    "quarantined_versions",
    "pipeline_executions",
    "pipeline_stages",
    "jobs",
    "steps",
    "journal",
    "outbox",
    "timers",
    "deliveries",
    "log_chunks",
    "subjects",
    "idempotency_keys",
    "test_results",
    "deployments",
    "pipeline_metrics",
    "quality_gate_evaluations",
];

/// The names that a statement gives to its large tables.
fn is_large(sql: &str, name: &str) -> bool {
    LARGE.contains(&name)
        || LARGE.iter().any(|table| {
            sql.contains(&format!("{table} AS {name} ")) || sql.contains(&format!("{table} AS {name}\n"))
        })
}

fn full_scans(database: &Database, sql: &str) -> Vec<String> {
    let mut statement = database.raw().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let count = statement.parameter_count();
    let steps: Vec<String> = statement
        .query_map(rusqlite::params_from_iter(vec!["1"; count]), |r| r.get(3))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let scans = steps.into_iter().filter(|step| {
        let name = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
        // A scan of a partial index is a queue: it holds no more than what waits.
        let queue = ["executions_queued", "jobs_ready", "jobs_on_runner", "deliveries_due", "stages_held"]
            .iter()
            .any(|q| step.contains(q));
        // In an index's order, and no further than the limit.
        let is_top = |name| step.contains(" INDEX ") && sql.contains(&format!("ORDER BY {name}."));
        name.is_some_and(|name| is_large(sql, name) && !(is_top(name) && sql.contains(" DESC LIMIT ")))
            && !queue
    });
    scans.collect()
}

#[test]
fn no_statement_of_a_busy_day_scans_a_large_table() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(SMALL);
    let job = world.assign_all()[0];
    let recorder = Recorder { database: &database, asked: RefCell::default() };
    let store = penstock_store::Store::new(&recorder);
    let now = world.now();
    let environment = penstock_domain::EnvironmentId(id.0);
    let deployment = penstock_domain::DeploymentId(id.0);
    now_or_never(async {
        store.snapshot(Some(id), None, true).await.unwrap();
        store.snapshot(None, Some(job), false).await.unwrap();
        store.pipeline_state(world.pipeline).await.unwrap();
        store.holder(job).await.unwrap();
        store.dispatch_job(job, 1, world.runner).await.unwrap();
        store.claim_effects(&["dispatch", "cancel"], now, now, 10).await.unwrap();
        store.claim_deliveries(now, now, 10).await.unwrap();
        store.due(now).await.unwrap();
        store.enterable(10).await.unwrap();
        store.environments_of(world.pipeline, &["staging"]).await.unwrap();
        store.planned_work(id).await.unwrap();
        store.deliveries(&[]).await.unwrap();
        store.due_timers(now, 10).await.unwrap();
        store.prolong_lease(job, 1, now).await.unwrap();
        store.supply_and_demand(now).await.unwrap();
        store.ready_jobs(&[&vec!["linux".to_owned()]], now, 10).await.unwrap();
        store.admissible(10).await.unwrap();
        store.execution_detail(id).await.unwrap();
        store.execution_status(id).await.unwrap();
        store.journal_of_execution(id, 0, 10).await.unwrap();
        store.log_chunks(id, &Default::default(), 0, 10).await.unwrap();
        store.append_log(id, job, 1, &[], now).await.unwrap();
        store.repository_status("a/b", Some("main")).await.unwrap();
        store.has_due_effects("forge_status", now).await.unwrap();
        store.postpone_statuses("github", penstock_domain::OutboxId(id.0), now, "").await.unwrap();
        let filter = penstock_store::TestResultFilter::default();
        let after = penstock_domain::TestResultId(penstock_domain::id::uuid_v7(now, [0; 10]));
        store.test_results(id, filter, Some(after), 10).await.unwrap();
        store.test_summary(id, None).await.unwrap();
        store.hand_in_report(&crate::quality::report(&world, id, job, 1), 500, now).await.unwrap();
        store.gates_of_execution(id).await.unwrap();
        store.gate(penstock_domain::GateId(after.0)).await.unwrap();
        for filter in deployment_filters(id) {
            store.deployments(&filter, Some(deployment), 10).await.unwrap();
            store.deployment_summary(&filter).await.unwrap();
        }
        let approvals = |status, execution_id| penstock_store::ApprovalFilter { status, execution_id };
        for filter in
            [approvals(Some(penstock_domain::ApprovalStatus::Pending), None), approvals(None, Some(id))]
        {
            store.approvals(&filter, None, 10).await.unwrap();
        }
        store.environment(environment).await.unwrap();
        store.environments(None, 10).await.unwrap();
        store.has_deployments(environment).await.unwrap();
        store.deployment(deployment).await.unwrap();
        for filter in filters(&world) {
            store.executions(&filter, Some(id), 10).await.unwrap();
        }
    });
    let asked = recorder.asked.borrow();
    assert!(asked.len() > 20, "the statements were recorded");
    for (sql, _) in asked.iter() {
        assert_eq!(full_scans(&database, sql), Vec::<String>::new(), "{sql}");
    }
}

#[test]
fn no_statement_of_the_figures_scans_a_large_table() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.start(SMALL);
    world.run_to_the_end();
    let recorder = Recorder { database: &database, asked: RefCell::default() };
    let store = penstock_store::Store::new(&recorder);
    let tomorrow = world.now().plus_ms(86_400_000);
    now_or_never(async {
        for pipeline in [None, Some(world.pipeline)] {
            store.metrics_period(penstock_metrics::TimeRange::Days90, pipeline, tomorrow).await.unwrap();
        }
        store.refresh_metrics(tomorrow, 10).await.unwrap();
        store.recent_activity(20).await.unwrap();
        store.pipeline_runs(10).await.unwrap();
        store.run_buckets().await.unwrap();
    });
    let asked = recorder.asked.borrow();
    assert!(asked.iter().any(|(sql, _)| sql.starts_with("INSERT INTO pipeline_metrics")), "a day was kept");
    for (sql, _) in asked.iter() {
        assert_eq!(full_scans(&database, sql), Vec::<String>::new(), "{sql}");
    }
}

/// That of a pipeline has no index of its own: the newest are walked through, as without any filter.
fn deployment_filters(execution: penstock_domain::ExecutionId) -> Vec<penstock_store::DeploymentFilter> {
    let none = penstock_store::DeploymentFilter::default;
    let environment = penstock_domain::EnvironmentId(execution.0);
    vec![
        penstock_store::DeploymentFilter {
            status: Some(penstock_domain::DeploymentStatus::Failed),
            ..none()
        },
        penstock_store::DeploymentFilter { environment_id: Some(environment), ..none() },
        penstock_store::DeploymentFilter { execution_id: Some(execution), ..none() },
    ]
}

fn filters(world: &World<'_>) -> Vec<penstock_store::ExecutionFilter> {
    let none = penstock_store::ExecutionFilter::default;
    vec![
        penstock_store::ExecutionFilter { status: Some(penstock_domain::ExecutionStatus::Failed), ..none() },
        penstock_store::ExecutionFilter { branch: Some("main".into()), ..none() },
        penstock_store::ExecutionFilter { pipeline_id: Some(world.pipeline), ..none() },
        penstock_store::ExecutionFilter { commit_sha: Some("a".into()), ..none() },
    ]
}

/// Rows that SQLite steps over, counted by its own virtual machine.
fn steps_of_one_change(jobs: usize) -> i32 {
    let database = Database::in_memory();
    let world = World::new(&database);
    let jobs: String = (0..jobs).map(|n| format!("{{name: j{n}, runs_on: linux, steps: [x]}},")).collect();
    let id = world.start(&format!("{{name: n, on: push, stages: [{{name: s, jobs: [{jobs}]}}]}}"));
    let first = world.assign_all()[0];
    let snapshot = now_or_never(world.store.snapshot(Some(id), Some(first), false)).unwrap().unwrap();
    assert_eq!((snapshot.jobs.len(), snapshot.stages.len()), (1, 1), "the others are not read");
    let at = world.now();
    let started = penstock_engine::JobReport::StepStarted { step: 0, at };
    let finished = penstock_engine::JobReport::StepFinished {
        step: 0,
        at,
        status: WorkStatus::Succeeded,
        exit_code: Some(0),
        reason: None,
    };
    let done = penstock_engine::JobReport::JobFinished {
        at,
        status: WorkStatus::Succeeded,
        reason: None,
        message: None,
        outputs: Default::default(),
    };
    let report = penstock_engine::RunnerReport {
        job: first,
        attempt: 1,
        runner: world.runner,
        reports: vec![started, finished, done],
    };
    let decision = penstock_engine::decide(snapshot, &Event::Report(report), &world.moment()).unwrap();
    let change = serde_json::to_string(&decision.changes).unwrap();
    let sql =
        "INSERT INTO journal (subject, expect, at, actor, cause, change) VALUES (?1, ?2, ?3, 'a', 'b', ?4)";
    let mut statement = database.raw().prepare(sql).unwrap();
    statement.execute((format!("execution:{id}"), decision.version, at.to_string(), change)).unwrap();
    statement.get_status(rusqlite::StatementStatus::VmStep)
}

#[test]
fn a_change_of_one_job_costs_the_same_among_ten_and_among_a_thousand() {
    let (few, many) = (steps_of_one_change(10), steps_of_one_change(1000));
    assert!(many * 2 <= few * 3, "{few} steps among 10 jobs, {many} among 1,000");
}
