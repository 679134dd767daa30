//! Jobs that one matrix was written out to: how many of them run at once, and what becomes of them when one fails.
//!
//! Those that have to wait are pending without a time at which they are ready, with the reason `parallel_limit`; each
//! that ends lets the next one in. What waits for another attempt keeps its place.

use std::collections::BTreeMap;

use penstock_domain::{Reason, StageId, WorkStatus};
use penstock_pipeline::PlannedJob;

use crate::decide::Refusal;
use crate::draft::Draft;
use crate::model::Job;

/// Whether only so many jobs of its matrix run at once.
pub(crate) fn is_limited(job: &PlannedJob) -> bool {
    job.siblings.as_ref().is_some_and(|s| s.max_parallel.is_some())
}

/// The stage has begun: the first jobs of each limited matrix are ready.
pub(crate) fn begin(draft: &mut Draft, stage: StageId) {
    let of_stage = draft.state.jobs.iter().filter(|j| j.stage_id == stage);
    let limits = limits(of_stage);
    release_first(draft, limits);
}

/// Jobs were added, from the snapshot's `first` on: the same for theirs, beside those of their matrix that were there.
pub(crate) fn begin_added(draft: &mut Draft, first: usize) {
    let limits = limits(draft.state.jobs[first..].iter());
    release_first(draft, limits);
}

/// Of each limited matrix: its stage, its name, and how many of it run at once.
type Limits = BTreeMap<(StageId, String), u32>;

fn limits<'j>(jobs: impl Iterator<Item = &'j Job>) -> Limits {
    let limit = |job: &Job| {
        let siblings = job.spec.siblings.as_ref()?;
        Some(((job.stage_id, siblings.group.clone()), siblings.max_parallel?))
    };
    jobs.filter_map(limit).collect()
}

fn release_first(draft: &mut Draft, limits: Limits) {
    for ((stage, group), max) in limits {
        let max = max + u32::from(penstock_domain::bugs::is_on("one_too_many_of_a_matrix"));
        for _ in under_way(draft, stage, &group)..max {
            release_next(draft, stage, &group);
        }
    }
}

/// Jobs of the matrix that run, or wait for a runner or for another attempt.
fn under_way(draft: &Draft, stage: StageId, group: &str) -> u32 {
    let is_under_way = |j: &&Job| {
        is_of(j, stage, group)
            && (j.status == WorkStatus::Running || (j.status == WorkStatus::Pending && j.ready_at.is_some()))
    };
    u32::try_from(draft.state.jobs.iter().filter(is_under_way).count()).unwrap_or(u32::MAX)
}

fn is_of(job: &Job, stage: StageId, group: &str) -> bool {
    job.stage_id == stage && job.spec.siblings.as_ref().is_some_and(|s| s.group == group)
}

/// A job has ended for good: the next of its matrix may begin, or none of them is wanted any more.
pub(crate) fn job_ended(draft: &mut Draft, index: usize) -> Result<(), Refusal> {
    let job = draft.job(index);
    let (stage, status) = (job.stage_id, job.status);
    let Some(siblings) = job.spec.siblings.clone() else { return Ok(()) };
    let counts = status == WorkStatus::Failed && !job.spec.continue_on_error;
    if counts && siblings.fail_fast {
        draft.require_whole()?;
        return end_others(draft, stage, &siblings.group);
    }
    if siblings.max_parallel.is_some() {
        release_next(draft, stage, &siblings.group);
    }
    Ok(())
}

fn release_next(draft: &mut Draft, stage: StageId, group: &str) {
    let now = draft.now;
    let held =
        draft.state.jobs.iter().enumerate().filter(|(_, j)| {
            is_of(j, stage, group) && j.status == WorkStatus::Pending && j.ready_at.is_none()
        });
    if let Some(next) = held.min_by_key(|(_, j)| j.order).map(|(index, _)| index) {
        let job = draft.touch_job(next);
        (job.ready_at, job.reason) = (Some(now), None);
    }
}

fn end_others(draft: &mut Draft, stage: StageId, group: &str) -> Result<(), Refusal> {
    let stage_index = draft.stage_index(stage)?;
    for index in 0..draft.state.jobs.len() {
        let job = draft.job(index);
        if !is_of(job, stage, group) || job.status.is_final() {
            continue;
        }
        if job.status == WorkStatus::Running {
            draft.cancel_on_runner(index);
        }
        let now = draft.now;
        let job = draft.touch_job(index);
        job.status = job.status.become_(WorkStatus::Cancelled)?;
        (job.reason, job.ready_at, job.completed_at) = (Some(Reason::FailFast), None, Some(now));
        let id = job.id;
        draft.end_timers_of_job(id);
        draft.set_steps_of(id, WorkStatus::Cancelled, Some(Reason::FailFast));
        draft.touch_stage(stage_index).jobs_finished += 1;
    }
    Ok(())
}
