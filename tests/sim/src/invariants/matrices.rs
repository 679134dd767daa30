//! Of the jobs of a limited matrix only so many are under way, as long as there are any; and one that fails fast ends the
//! others with it.

use super::Change;
use crate::scenario::{JobSpec, written_name};
use crate::view::Stage;

pub fn check(change: &Change<'_>) -> Result<(), String> {
    for (_, stage, spec) in change.stages() {
        for job in spec.into_iter().flat_map(|s| &s.jobs) {
            one(stage, job)?;
        }
    }
    Ok(())
}

fn one(stage: &Stage, written: &JobSpec) -> Result<(), String> {
    let Some(matrix) = written.matrix else { return Ok(()) };
    let jobs: Vec<_> = stage.jobs.iter().filter(|j| written_name(&j.name) == written.name).collect();
    let name = format!("{}/{}", stage.name, written.name);
    if jobs.len() != matrix.count as usize {
        return Err(format!("{name} has {} jobs, and its matrix {} values", jobs.len(), matrix.count));
    }
    let has_failed = jobs.iter().any(|j| j.status == "failed" && j.reason.as_deref() != Some("timed_out"));
    if matrix.fail_fast && has_failed && !written.continue_on_error && jobs.iter().any(|j| !j.is_final()) {
        return Err(format!("{name} has failed, and others of its matrix go on"));
    }
    let (Some(most), "running") = (matrix.max_parallel, stage.status.as_str()) else { return Ok(()) };
    let under_way = jobs.iter().filter(|j| j.status == "running" || j.ready_at.is_some()).count();
    let held = jobs.iter().filter(|j| j.status == "pending" && j.ready_at.is_none()).count();
    let most = most as usize;
    if under_way > most || (under_way < most && held > 0) {
        return Err(format!(
            "{name}: {under_way} of its matrix are under way, {held} wait, and {most} may be at once"
        ));
    }
    Ok(())
}
