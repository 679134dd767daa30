//! What has ended stays as it is: nothing begins after a cancel, and nothing is told anew.

use super::Change;

pub fn check(change: &Change<'_>) -> Result<(), String> {
    if change.after.is_final() {
        all_ended(change)?;
    }
    let Some(before) = change.before else { return Ok(()) };
    if before.is_final() {
        let same = before.status == change.after.status
            && before.reason == change.after.reason
            && before.completed_at == change.after.completed_at
            && before.started_at == change.after.started_at;
        if !same {
            return Err(format!("execution {} has ended, and was changed", before.id));
        }
    }
    for (was, stage, _) in change.stages() {
        if let Some(was) = was.filter(|s| s.is_final())
            && (was.status != stage.status
                || was.reason != stage.reason
                || was.completed_at != stage.completed_at)
        {
            return Err(format!("stage {} has ended, and was changed", stage.name));
        }
    }
    for job in change.jobs() {
        if let Some(was) = job.before.filter(|j| j.is_final())
            && was != job.after
        {
            return Err(format!("{} has ended, and was changed", job.name()));
        }
    }
    Ok(())
}

fn all_ended(change: &Change<'_>) -> Result<(), String> {
    for stage in &change.after.stages {
        if !stage.is_final() {
            return Err(format!(
                "the execution is {}, and stage {} is {}",
                change.after.status, stage.name, stage.status
            ));
        }
    }
    for job in change.jobs() {
        if !job.after.is_final() {
            return Err(format!(
                "the execution is {}, and {} is {}",
                change.after.status,
                job.name(),
                job.after.status
            ));
        }
    }
    if let Some(timer) = change.after.timers.first() {
        return Err(format!("the execution is {}, and a timer is left: {timer:?}", change.after.status));
    }
    Ok(())
}
