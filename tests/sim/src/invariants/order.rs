//! No job starts before its turn: its stage runs, what that depends on has ended, and its own time has come.

use super::Change;

pub fn check(change: &Change<'_>) -> Result<(), String> {
    for (before, stage, spec) in change.stages() {
        let began = stage.started_at.is_some() && before.is_none_or(|b| b.started_at.is_none());
        // What brings back an earlier version is one stage by itself.
        if !began || change.after.takes_back {
            continue;
        }
        let Some(spec) = spec else { return Err(format!("nobody wrote a stage {}", stage.name)) };
        for dependency in change.spec.needs(spec) {
            let name = &change.spec.stages[dependency].name;
            let found = change.after.stages.iter().find(|s| s.name == *name);
            if found.is_none_or(|s| !s.is_final()) {
                return Err(format!("stage {} began before {name} had ended", stage.name));
            }
        }
    }
    for job in change.jobs() {
        if job.after.status != "running" || job.was() == "running" {
            continue;
        }
        if change.after.status != "running" {
            return Err(format!("{} began while its execution is {}", job.name(), change.after.status));
        }
        if job.stage.status != "running" {
            return Err(format!("{} began while its stage is {}", job.name(), job.stage.status));
        }
        // One that is new was ready with its stage.
        let ready_at = job.before.map_or(Some(change.entry.at_ms), |b| b.ready_at);
        if ready_at.is_none_or(|ready| ready > change.entry.at_ms) {
            return Err(format!(
                "{} began at {} and was ready at {ready_at:?}",
                job.name(),
                change.entry.at_ms
            ));
        }
    }
    Ok(())
}
