//! What is more urgent goes first where both wait for the same runner.
//!
//! Judged in fair weather alone: where something goes wrong, whoever is less urgent may be lucky.

use penstock_domain::Timestamp;

use super::{Change, JobChange};

/// Which of them is taken was decided a moment before it is written.
const MOMENT_MS: i64 = 2_000;

pub fn check(change: &Change<'_>) -> Result<(), String> {
    if !change.world.taken().is_empty() {
        return Ok(());
    }
    for job in change.jobs().filter(|job| job.after.status == "running" && job.was() != "running") {
        one(change, &job)?;
    }
    Ok(())
}

fn one(change: &Change<'_>, job: &JobChange<'_>) -> Result<(), String> {
    let since = Timestamp::from_millis(change.entry.at_ms - MOMENT_MS).to_string();
    let rows = change.world.database.look(
        "SELECT o.job_name, o.priority, j.priority FROM jobs AS j, jobs AS o, runners AS r
         WHERE j.id = ?1 AND r.id = j.runner_id AND o.status = 'pending' AND o.ready_at < ?2 AND o.priority > j.priority
           AND NOT EXISTS (SELECT 1 FROM json_each(o.runs_on) AS l
             WHERE NOT EXISTS (SELECT 1 FROM json_each(r.labels) AS has WHERE has.value = l.value))
         LIMIT 1",
        [&job.after.id, &since],
    );
    let Some(row) = rows.first() else { return Ok(()) };
    let (name, priority, own) = (row.text(0).unwrap_or_default(), row.integer(1), row.integer(2));
    Err(format!("{} of priority {own:?} is taken, and {name} of priority {priority:?} waits", job.name()))
}
