//! The journal again, into a fresh database: what it drives has to come out the same, byte by byte.
//!
//! What stands outside the journal is given to the copy as it is: inputs that are only ever added, and the book-keeping
//! of when to try again. Left out is what is random by design (marks for figures).

use penstock_store::Value;

use crate::database::Database;
use crate::world::World;

/// Tables that the journal drives, with the columns that it decides alone.
const DRIVEN: &[(&str, &[&str])] = &[
    ("subjects", &[]),
    ("journal", &[]),
    ("pipeline_configurations", &[]),
    ("pipeline_executions", &[]),
    ("pipeline_stages", &[]),
    ("jobs", &[]),
    ("steps", &[]),
    ("deployment_environments", &[]),
    ("deployments", &[]),
    ("pipeline_approvals", &[]),
    ("quality_gate_evaluations", &[]),
    ("quarantined_versions", &[]),
    ("tokens", &[]),
    ("run_totals", &[]),
    // Heartbeats and postponements change when they are due, and a timer that decided nothing is taken away.
    ("timers", &["id", "kind", "execution_id", "stage_id", "job_id", "attempt"]),
    // Book-keeping of tries.
    ("outbox", &["id", "kind", "topic", "execution_id", "payload", "created_at"]),
    // Who looks at which of them now.
    ("schedules", &["id", "pipeline_id", "cron", "branch", "parameters", "next_at", "last_at", "created_at"]),
    // Signs of life.
    ("runners", &["id", "runner_name", "labels", "capacity", "url"]),
    ("deliveries", &["id", "status", "outcome", "completed_at"]),
];

pub fn check(world: &World) -> Result<(), String> {
    let mut copy = Database::unguarded();
    copy.with_triggers_of(&world.database);
    // Nobody else looks: one transaction copies a page once, however often it is written.
    copy.run("BEGIN", vec![]).map_err(|e| e.to_string())?;
    give(world, &copy, "deliveries")?;
    // As they came in: the journal says what became of them.
    let sql = "UPDATE deliveries SET status = 'received', reason = NULL, outcome = NULL, completed_at = NULL
      WHERE status IN ('processed', 'failed') OR outcome IS NOT NULL";
    copy.run(sql, vec![]).map_err(|e| e.to_string())?;
    // No guard: a decision on a timer holds where that is still due, and when it was is not in the journal.
    for row in world.database.look("SELECT * FROM journal ORDER BY seq", []) {
        let sql = "INSERT INTO journal (seq, subject, expect, at, actor, cause, change) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let seq = row.integer(0).unwrap_or(0);
        copy.run(sql, row.0).map_err(|e| format!("entry {seq} can't be applied again: {e}"))?;
    }
    for (table, columns) in DRIVEN {
        same(world, &copy, table, columns)?;
    }
    copy.run("ROLLBACK", vec![]).map(drop).map_err(|e| e.to_string())
}

fn give(world: &World, copy: &Database, table: &str) -> Result<(), String> {
    for row in world.database.look(&format!("SELECT * FROM {table}"), []) {
        let places = (1..=row.0.len()).map(|n| format!("?{n}")).collect::<Vec<_>>().join(", ");
        copy.run(&format!("INSERT INTO {table} VALUES ({places})"), row.0).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn same(world: &World, copy: &Database, table: &str, columns: &[&str]) -> Result<(), String> {
    let what = if columns.is_empty() { "*".to_owned() } else { columns.join(", ") };
    let sql = format!("SELECT {what} FROM {table} ORDER BY 1, 2");
    let (mut is, mut again) = (world.database.look(&sql, []), copy.look(&sql, []));
    if is == again {
        return Ok(());
    }
    let spelled = |row: &penstock_store::Row| row.0.iter().map(spell).collect::<Vec<_>>();
    is.sort_by_key(spelled);
    again.sort_by_key(spelled);
    if is.len() != again.len() {
        return Err(format!("{table} has {} rows, and replayed {}", is.len(), again.len()));
    }
    match is.iter().zip(&again).find(|(is, again)| spelled(is) != spelled(again)) {
        Some((is, again)) => Err(format!("{table} has {:?}, and replayed {:?}", is.0, again.0)),
        None => Ok(()),
    }
}

fn spell(value: &Value) -> String {
    format!("{value:?}")
}
