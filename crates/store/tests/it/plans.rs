//! How SQLite goes about it: no hot statement may look at rows that it does not want.

use std::cell::RefCell;

use penstock_domain::WorkStatus;
use penstock_engine::Event;
use penstock_store::{Connection, DbError, Row, Value};
use penstock_testkit::database::{Database, now_or_never};

use crate::world::{SMALL, World};

/// A connection that remembers what was asked.
struct Recorder<'a> {
    database: &'a Database,
    asked: RefCell<Vec<(String, Vec<Value>)>>,
}

impl Connection for &Recorder<'_> {
    async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, DbError> {
        self.asked.borrow_mut().push((sql.to_owned(), parameters.clone()));
        (&self.database).query(sql, parameters).await
    }
}

/// Tables that grow with the installation; the others hold a handful of rows, or are JSON and subqueries.
const LARGE: [&str; 11] = [
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
        let queue = ["executions_queued", "jobs_ready", "jobs_on_runner", "deliveries_due"]
            .iter()
            .any(|q| step.contains(q));
        name.is_some_and(|name| is_large(sql, name)) && !queue
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
    now_or_never(async {
        store.snapshot(Some(id), None, true).await.unwrap();
        store.snapshot(None, Some(job), false).await.unwrap();
        store.pipeline_state(world.pipeline).await.unwrap();
        store.holder(job).await.unwrap();
        store.dispatch_job(job, 1, world.runner).await.unwrap();
        store.claim_effects(&["dispatch", "cancel"], now, now, 10).await.unwrap();
        store.claim_deliveries(now, now, 10).await.unwrap();
        store.due(now).await.unwrap();
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
