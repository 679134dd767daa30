//! Nothing ends before it begins, as far as clocks can be believed.

use super::Change;

pub fn check(change: &Change<'_>) -> Result<(), String> {
    let slack = change.world.unsteady_ms.get();
    let before = |first: Option<i64>, then: Option<i64>| match (first, then) {
        (Some(first), Some(then)) => first <= then + slack,
        _ => true,
    };
    let after = change.after;
    if !before(after.created_at, after.started_at) || !before(after.started_at, after.completed_at) {
        return Err("the execution ended before it began".to_owned());
    }
    for stage in &after.stages {
        if !before(stage.started_at, stage.completed_at) || !before(after.started_at, stage.started_at) {
            return Err(format!("stage {} ended before it began", stage.name));
        }
    }
    for job in change.jobs() {
        let one = job.after;
        let fits = before(one.assigned_at, one.started_at)
            && before(one.started_at, one.completed_at)
            && before(job.stage.started_at, one.assigned_at);
        if !fits {
            return Err(format!("{} has times that can't be", job.name()));
        }
        for step in &one.steps {
            if !before(step.started_at, step.completed_at) {
                return Err(format!("{}: a step ended before it began", job.name()));
            }
        }
    }
    Ok(())
}
