//! What is counted is what there is.

use std::collections::BTreeSet;

use super::Change;

pub fn check(change: &Change<'_>) -> Result<(), String> {
    let after = change.after;
    let count = |n: usize| i64::try_from(n).unwrap_or(-1);
    for (_, stage, spec) in change.stages() {
        let finished = count(stage.jobs.iter().filter(|j| j.is_final()).count());
        // A failure that is allowed is none.
        let allowed = |name: &str| spec.and_then(|s| s.job(name)).is_some_and(|j| j.continue_on_error);
        let failed = count(stage.jobs.iter().filter(|j| j.status == "failed" && !allowed(&j.name)).count());
        let names: BTreeSet<_> = stage.jobs.iter().map(|j| &j.name).collect();
        if names.len() != stage.jobs.len() {
            return Err(format!("stage {} has a job twice: {names:?}", stage.name));
        }
        let counted = (stage.jobs_total, stage.jobs_finished, stage.jobs_failed);
        if counted != (count(stage.jobs.len()), finished, failed) {
            let is = (stage.jobs.len(), finished, failed);
            return Err(format!(
                "stage {} counts {counted:?} jobs (all, finished, failed), and has {is:?}",
                stage.name
            ));
        }
    }
    let ended = count(after.stages.iter().filter(|s| s.is_final()).count());
    let failed = count(after.stages.iter().filter(|s| s.status == "failed").count());
    let counted = (after.stages_total, after.stages_completed, after.stages_failed);
    // Carried stages are counted as soon as something is decided.
    let is = (
        count(after.stages.len()),
        if after.status == "queued" { after.stages_completed } else { ended },
        failed,
    );
    if counted == is {
        Ok(())
    } else {
        Err(format!("the execution counts {counted:?} stages, and has {is:?}"))
    }
}
