//! The clock starts a pipeline at its times, once at each, and what was missed is made up for once.

use penstock_domain::Timestamp;

use crate::scenario::Triggers;
use crate::world::{BEGINNING_MS, World};

/// What is later is not made up for.
const LATE_MS: i64 = 3_600_000;
/// The hour, in which everything begins at 13:20, has begun so long before.
const INTO_HOUR_MS: i64 = (13 * 60 + 20) * 1000;

/// Started by the clock: for which time, and when.
struct Run {
    due_ms: i64,
    created_ms: i64,
}

pub fn check(world: &World) -> Result<(), String> {
    for spec in &world.scenario.pipelines {
        let runs = runs(world, &spec.name)?;
        let Triggers::Scheduled(minutes) = &spec.on else {
            if runs.is_empty() {
                continue;
            }
            return Err(format!("the clock started {}, which has no schedule", spec.name));
        };
        let due = |minute: &u32| BEGINNING_MS - INTO_HOUR_MS + i64::from(*minute) * 60_000;
        let slack_ms = world.unsteady_ms.get();
        for run in &runs {
            if !minutes.iter().any(|minute| due(minute) == run.due_ms) {
                return Err(format!(
                    "the clock started {} for {}, which is no time of it",
                    spec.name, run.due_ms
                ));
            }
            if run.created_ms + slack_ms < run.due_ms {
                return Err(format!(
                    "the clock started {} {} ms early",
                    spec.name,
                    run.due_ms - run.created_ms
                ));
            }
        }
        for (earlier, later) in runs.iter().zip(runs.iter().skip(1)) {
            if later.due_ms == earlier.due_ms || later.due_ms + slack_ms < earlier.created_ms {
                return Err(format!(
                    "{} was started for {}, and for {}, which the run before had made up for",
                    spec.name, earlier.due_ms, later.due_ms
                ));
            }
        }
        // A file with errors has no times.
        let last = minutes.iter().map(due).max().filter(|_| !spec.is_broken);
        let is_past = last.is_some_and(|last| world.common_now().as_millis() > last + LATE_MS / 2);
        let is_done =
            runs.last().is_some_and(|run| last.is_some_and(|last| run.created_ms + slack_ms >= last));
        if is_past && !is_done && world.leapt_ms.get() < LATE_MS / 2 {
            return Err(format!("the last time of {} has come, and the clock did not start it", spec.name));
        }
    }
    Ok(())
}

/// In the order of their times.
fn runs(world: &World, pipeline: &str) -> Result<Vec<Run>, String> {
    let rows = world.database.look(
        "SELECT e.event_key, e.created_at FROM pipeline_executions AS e JOIN pipeline_configurations AS p ON p.id = e.pipeline_id
         WHERE p.pipeline_name = ?1 AND e.event_key LIKE 'schedule:%' ORDER BY substr(e.event_key, -24)",
        [pipeline],
    );
    let run = |r: &penstock_store::Row| {
        let key = r.text(0).unwrap_or_default();
        let due: Option<Timestamp> = key.splitn(3, ':').nth(2).and_then(|at| at.parse().ok());
        let created: Option<Timestamp> = r.parse(1).ok();
        let (Some(due), Some(created)) = (due, created) else { return Err(format!("{key} is for no time")) };
        Ok(Run { due_ms: due.as_millis(), created_ms: created.as_millis() })
    };
    rows.iter().map(run).collect()
}
