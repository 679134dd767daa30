//! A running job adds jobs to its stage: what was found out while it ran becomes work of its own.
//!
//! What comes after the stage waits for the added jobs as well, for the stage has ended when all of its jobs have. An
//! attempt that is made again may add the same jobs again: those that are there, from the same job, are left out.

use std::collections::BTreeSet;

use penstock_domain::{IdSource as _, JobId, Reason, RunnerId, WorkStatus};
use penstock_pipeline::PlannedJob;
use penstock_pipeline::limits::MAX_JOBS;

use crate::decide::Refusal;
use crate::draft::Draft;
use crate::event::Present;
use crate::{cascade, rows, siblings};

/// Who adds.
pub(crate) struct From {
    pub job: JobId,
    pub attempt: u32,
    pub runner: RunnerId,
}

pub(crate) fn add_jobs(
    draft: &mut Draft,
    from: &From,
    planned: &[PlannedJob],
    present: &[Present],
) -> Result<(), Refusal> {
    let held = draft.job_index(from.job).map(|index| draft.job(index));
    let holds = held.is_ok_and(|j| {
        (j.status, j.attempt, j.runner_id) == (WorkStatus::Running, from.attempt, Some(from.runner))
    });
    if !holds {
        return Err(Refusal::LeaseExpired);
    }
    draft.require_whole()?;
    let new = new_ones(from.job, planned, present)?;
    let total = draft.state.stages.iter().map(|s| s.jobs_total as usize).sum::<usize>() + new.len();
    if total > MAX_JOBS {
        let message = format!("with these the execution would have {total} jobs, and it can have {MAX_JOBS}");
        return Err(Refusal::BadReport(message));
    }
    add(draft, from.job, new, present.len())
}

fn new_ones<'p>(
    by: JobId,
    planned: &'p [PlannedJob],
    present: &[Present],
) -> Result<Vec<&'p PlannedJob>, Refusal> {
    let mut new = vec![];
    let mut names = BTreeSet::new();
    for job in planned {
        let twice = || Refusal::BadReport(format!("the stage has a job `{}` already", job.name));
        if !names.insert(job.name.as_str()) {
            return Err(twice());
        }
        match present.iter().find(|p| p.name == job.name) {
            None => new.push(job),
            Some(known) if known.added_by == Some(by) => {}
            Some(_) => return Err(twice()),
        }
    }
    Ok(new)
}

fn add(draft: &mut Draft, by: JobId, new: Vec<&PlannedJob>, present: usize) -> Result<(), Refusal> {
    if new.is_empty() {
        return Ok(());
    }
    let stage_id = draft.job(draft.job_index(by)?).stage_id;
    let stage = draft.stage_index(stage_id)?;
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (execution, first) = (draft.state.execution.id, draft.state.jobs.len());
    draft.touch_stage(stage).jobs_total += count(new.len());
    for (at, planned) in new.into_iter().enumerate() {
        let mut planned = planned.clone();
        if let Some(siblings) = &mut planned.siblings {
            // Another job of the stage may have a matrix of that name.
            siblings.group = format!("{by}/{}", siblings.group);
        }
        let id = JobId(draft.ids().uuid());
        let order = count(present + at);
        let steps = rows::steps(draft.ids(), id, &planned, WorkStatus::Pending);
        draft.changes.created.steps.extend(steps);
        draft.state.jobs.push(rows::waiting_job(id, stage_id, order, &planned));
        let mut row = rows::job(id, execution, stage_id, order, planned);
        row.added_by = Some(by);
        draft.changes.created.jobs.push(row);
    }
    begin(draft, stage, first)
}

/// What was added is ready, unless its condition or its matrix says otherwise.
fn begin(draft: &mut Draft, stage: usize, first: usize) -> Result<(), Refusal> {
    let now = draft.now;
    let failed = cascade::is_let_down(draft, stage);
    let mut limited = false;
    for index in first..draft.state.jobs.len() {
        let may_start = cascade::may_job_start(draft, index, failed)
            .map_err(|why| Refusal::BadReport(format!("{}: {why}", draft.job(index).name)))?;
        let is_limited = siblings::is_limited(&draft.job(index).spec);
        if !may_start {
            cascade::leave_out(draft, stage, index)?;
        } else if is_limited {
            limited = true;
            draft.touch_job(index).reason = Some(Reason::ParallelLimit);
        } else {
            draft.touch_job(index).ready_at = Some(now);
        }
    }
    if limited {
        siblings::begin_added(draft, first);
    }
    Ok(())
}
