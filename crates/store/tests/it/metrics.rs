//! Days of figures: exact, also after everything that changes them later, and no dearer with a long history.

use std::cell::RefCell;
use std::collections::BTreeSet;

use penstock_domain::{Timestamp, WorkStatus};
use penstock_metrics::{ActivityType, Dashboard, Date, DayRow, TimeRange};
use penstock_store::{MIGRATIONS, Store, Value, migrate, statements};
use penstock_testkit::database::{Database, now_or_never};
use rusqlite::types::Value as Sql;

use crate::history::{DAY_MS, History};
use crate::plans::Recorder;
use crate::world::{SMALL, World};

fn noon() -> Timestamp {
    "2024-07-20T12:00:00.000Z".parse().unwrap()
}

fn figures(database: &Database) -> Vec<String> {
    let sql = "SELECT id || metric_date || figures || created_at || COALESCE(success_rate, 'none')
      FROM pipeline_metrics ORDER BY id";
    let mut statement = database.raw().prepare(sql).unwrap();
    statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Thirty days in the order of time, with now and then a look at the figures in between, results that come late, and
/// deployments that turn out to be bad long after they ended.
fn thirty_days<'a>(database: &'a Database, seed: u64) -> History<'a> {
    let mut history = History::new(database, seed);
    let from = noon().plus_ms(-30 * DAY_MS);
    let mut at = from;
    while at < noon() {
        let step = history.any.below(4 * 3_600_000) as i64;
        at = at.plus_ms(step);
        // Every fifth day nothing happens, and some things happen at midnight.
        if Date::of(at).start().as_millis() / DAY_MS % 5 == 2 {
            continue;
        }
        let moment = if history.any.one_in(10) { Date::of(at).start() } else { at };
        let execution = history.execute(moment);
        if history.any.one_in(2) {
            let which = if history.any.one_in(3) { execution / 2 } else { execution };
            history.report(which);
        }
        if history.any.one_in(2) {
            let deployment = history.deploy(execution, moment.plus_ms(1));
            if history.any.one_in(4) {
                history.withdraw(deployment / 2);
            }
        }
        if history.any.one_in(20) {
            now_or_never(history.store.refresh_metrics(at, 50)).unwrap();
        }
    }
    history
}

#[test]
fn every_day_is_as_if_it_were_computed_from_everything_there_is() {
    for seed in [3, 20_240_720, 99] {
        let database = Database::in_memory();
        let history = thirty_days(&database, seed);
        for pipeline in [None, Some(0), Some(1), Some(2)] {
            let id = pipeline.map(|p| history.pipelines[p]);
            let now = noon();
            let period = now_or_never(history.store.metrics_period(TimeRange::Days30, id, now)).unwrap();
            let mut seen = 0;
            for slice in period.window.slices().into_iter().filter(|slice| slice.is_whole()) {
                let expected = history.expected(slice.date, pipeline);
                let found = period.days.iter().find(|day| day.date == slice.date).cloned();
                seen += usize::from(found.is_some());
                assert_eq!(found.unwrap_or_else(|| DayRow::empty(slice.date, id)), expected);
            }
            assert!(seen > 20, "there was something to compare");
            assert!(Dashboard::of(&period, vec![]).dora.mean_time_to_recovery.is_some());
        }
    }
}

#[test]
fn a_day_that_is_computed_again_is_the_same_row() {
    let database = Database::in_memory();
    let history = thirty_days(&database, 5);
    let refresh = |limit| now_or_never(history.store.refresh_metrics(noon().plus_ms(DAY_MS), limit)).unwrap();
    while refresh(7) > 0 {}
    let before = figures(&database);
    assert!(before.len() > 60);
    database
        .raw()
        .execute(
            "INSERT INTO metrics_dirty SELECT COALESCE(pipeline_id, ''), metric_date, 1
      FROM pipeline_metrics",
            [],
        )
        .unwrap();
    assert_eq!(refresh(1_000), before.len());
    assert_eq!(figures(&database), before);
}

#[test]
fn a_row_that_was_overtaken_is_not_kept() {
    let database = Database::in_memory();
    let mut history = History::new(&database, 1);
    history.execute(noon());
    let date = Date::of(noon());
    let now = noon().plus_ms(DAY_MS);
    let store = history.store.clone();
    let seen = now_or_never(store.dirty_days(date, date, None)).unwrap().remove(0);
    let old = history.expected(date, None);
    history.execute(noon());
    assert!(!now_or_never(store.keep_day(&old, &seen, now)).unwrap(), "it changed after it was read");
    let newer = now_or_never(store.dirty_days(date, date, None)).unwrap().remove(0);
    let new = history.expected(date, None);
    assert!(now_or_never(store.keep_day(&new, &newer, now)).unwrap());
    assert!(!now_or_never(store.keep_day(&old, &seen, now)).unwrap(), "nothing is marked any more");
    history.execute(noon());
    assert!(!now_or_never(store.keep_day(&new, &newer, now)).unwrap(), "a new mark is another one");
    let pipelines: BTreeSet<_> = history.executions.iter().map(|e| e.pipeline).collect();
    assert_eq!(
        now_or_never(store.refresh_metrics(now, 10)).unwrap(),
        pipelines.len() + 1,
        "one for each pipeline, one for all"
    );
}

#[test]
fn what_is_production_is_asked_again_when_an_environment_becomes_it() {
    let database = Database::in_memory();
    let history = thirty_days(&database, 8);
    let changes = || {
        let period = now_or_never(history.store.metrics_period(TimeRange::Days30, None, noon())).unwrap();
        period.current().dora.changes
    };
    let before = changes();
    let sql =
        "UPDATE deployment_environments SET environment_type = 'production' WHERE environment_name = 'e1'";
    database.raw().execute(sql, []).unwrap();
    assert!(changes() > before);
}

#[test]
fn an_execution_counts_as_it_ends_and_once() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let runs = || now_or_never(world.store.pipeline_runs(10)).unwrap().remove(0);
    world.start(SMALL);
    assert_eq!((runs().queued, runs().running, runs().totals.len()), (0, 1, 0));
    assert_eq!(world.count("SELECT count(*) FROM metrics_dirty"), 0, "what runs marks nothing");
    let job = world.assign_all()[0];
    world.pass(42_000);
    world.finish(job, 1, WorkStatus::Failed).unwrap();
    let ended = runs();
    assert_eq!((ended.queued, ended.running), (0, 0));
    let [total] = ended.totals.as_slice() else { panic!("{ended:?}") };
    assert_eq!((total.runs, total.duration_ms, total.up_to_seconds), (1, 42_000, 60));
    assert_eq!(total.reason.map(|r| r.as_str()), Some("exit_code"));
    assert_eq!(world.count("SELECT count(*) FROM metrics_dirty"), 2, "of the pipeline, and of all");
    world.start(SMALL);
    world.run_to_the_end();
    let runs = runs();
    assert_eq!(runs.totals.iter().map(|t| t.runs).sum::<u64>(), 2);
    let period = now_or_never(world.store.metrics_period(TimeRange::Hours24, None, world.now().plus_ms(1)));
    assert_eq!(period.unwrap().current().success_rate, Some(50.0));
}

#[test]
fn what_ended_before_this_version_is_counted() {
    let database = Database::in_memory();
    let sql = "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL);
      INSERT INTO schema_migrations VALUES (1, 'initial', '');";
    database.raw().execute_batch(sql).unwrap();
    for statement in statements(MIGRATIONS[0].sql) {
        database.raw().execute_batch(&statement).unwrap();
    }
    let id = penstock_domain::PipelineId(penstock_domain::id::uuid_v7(noon(), [1; 10])).to_string();
    let sql = format!(
        "INSERT INTO pipeline_configurations (id, pipeline_name, pipeline_type, repository_url, repository_key,
           created_by, created_at, updated_at) VALUES ('{id}', 'old', 'build', '', '', 'ada', '', '');
         INSERT INTO pipeline_executions (id, pipeline_id, execution_number, branch_name, trigger_event, context,
           timeout_ms, status, started_at, completed_at, duration_seconds, created_at)
         SELECT 'x' || value, '{id}', value, 'main', 'push', '{{}}', 1, 'succeeded', '2024-07-19T10:00:00.000Z',
           '2024-07-19T10:00:0' || value || '.000Z', value, '2024-07-19T10:00:00.000Z'
         FROM json_each('[1, 2, 3, 7]');"
    );
    database.raw().execute_batch(&sql).unwrap();
    now_or_never(migrate(&&database)).unwrap();
    let store = Store::new(&database);
    let runs = now_or_never(store.pipeline_runs(10)).unwrap().remove(0);
    let totals: Vec<_> = runs.totals.iter().map(|t| (t.up_to_seconds, t.runs, t.duration_ms)).collect();
    assert_eq!(totals, [(1, 1, 1_000), (5, 2, 5_000), (10, 1, 7_000)]);
    let period = now_or_never(store.metrics_period(TimeRange::Days7, None, noon())).unwrap();
    let now = period.current();
    assert_eq!((now.total_executions, now.average_duration_seconds), (4, Some(3.25)));
    assert_eq!(now.median_duration_seconds, Some(2.5), "the middle of 1, 2, 3 and 7");
}

#[test]
fn recent_activity_is_what_began_last() {
    let database = Database::in_memory();
    let mut history = thirty_days(&database, 12);
    let last = history.execute(noon().plus_ms(DAY_MS));
    history.deploy(last, noon().plus_ms(DAY_MS + 5));
    let recent = now_or_never(history.store.recent_activity(20)).unwrap();
    assert_eq!(recent.len(), 20);
    assert!(recent.is_sorted_by(|a, b| a.timestamp >= b.timestamp));
    assert_eq!(recent[0].type_, ActivityType::Deployment);
    assert!(recent.iter().any(|a| a.type_ == ActivityType::Execution && a.title.ends_with(" on main")));
    let everything = now_or_never(history.store.recent_activity(10_000)).unwrap();
    assert_eq!(everything.len(), history.executions.len() + history.deployments.len());
    assert_eq!(everything[..20], recent);
}

/// Steps of SQLite's own machine for the figures of 90 days, once the days are computed.
fn steps_of_a_dashboard(days: i64) -> i64 {
    let database = Database::in_memory();
    let mut history = History::new(&database, 4);
    database.raw().execute_batch("BEGIN").unwrap();
    for day in 0..days {
        for n in 0..10 {
            let at = noon().plus_ms(-day * DAY_MS - n * 3_600_000);
            let execution = history.execute(at);
            if n == 0 {
                history.deploy(execution, at);
            }
        }
    }
    database.raw().execute_batch("COMMIT").unwrap();
    while now_or_never(history.store.refresh_metrics(noon(), 1_000)).unwrap() > 0 {}
    let recorder = Recorder { database: &database, asked: RefCell::default() };
    let store = Store::new(&recorder);
    let period = now_or_never(store.metrics_period(TimeRange::Days90, None, noon())).unwrap();
    assert!(period.current().total_executions >= 890);
    now_or_never(store.recent_activity(20)).unwrap();
    recorder.asked.borrow().iter().map(|(sql, parameters)| steps(&database, sql, parameters)).sum()
}

fn steps(database: &Database, sql: &str, parameters: &[Value]) -> i64 {
    let mut statement = database.raw().prepare(sql).unwrap();
    let parameters = parameters.iter().map(|value| match value {
        Value::Null => Sql::Null,
        Value::Integer(n) => Sql::Integer(*n),
        Value::Real(r) => Sql::Real(*r),
        Value::Text(t) => Sql::Text(t.clone()),
        Value::Blob(b) => Sql::Blob(b.clone()),
    });
    let mut rows = statement.query(rusqlite::params_from_iter(parameters)).unwrap();
    while rows.next().unwrap().is_some() {}
    drop(rows);
    statement.get_status(rusqlite::StatementStatus::VmStep).into()
}

#[test]
fn ten_times_the_history_before_the_range_costs_nothing() {
    let (short, long) = (steps_of_a_dashboard(180), steps_of_a_dashboard(1_800));
    assert!(short > 1_000, "the steps were counted: {short}");
    assert_eq!(short, long, "steps after 180 days, and after 1,800");
}

#[test]
fn what_does_not_end_pays_nothing_for_the_figures() {
    let steps_of_a_start = |with_triggers: bool| {
        let database = Database::in_memory();
        let world = World::new(&database);
        let id = world.start(SMALL);
        if !with_triggers {
            database
                .raw()
                .execute_batch("DROP TRIGGER execution_ended; DROP TRIGGER execution_ended_at_once")
                .unwrap();
        }
        let sql = "UPDATE pipeline_executions SET status = ?2, completed_at = ?3, stages_completed = 1 WHERE id = ?1";
        steps(&database, sql, &[id.to_string().into(), "running".into(), Value::Null])
    };
    let (with, without) = (steps_of_a_start(true), steps_of_a_start(false));
    assert!(with - without <= 60, "{without} steps without the triggers, {with} with them");
}
