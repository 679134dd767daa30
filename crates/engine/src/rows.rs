//! A planned job as the rows that it becomes.

use penstock_domain::{ExecutionId, IdSource as _, JobId, StageId, StepId, WorkStatus};
use penstock_pipeline::PlannedJob;

use crate::change::{JobRow, StepRow};
use crate::model::Job;
use crate::moment::Ids;

/// Pending, and not ready.
pub(crate) fn job(
    id: JobId,
    execution_id: ExecutionId,
    stage_id: StageId,
    order: u32,
    planned: PlannedJob,
) -> JobRow {
    let mut runs_on = planned.runs_on.clone();
    runs_on.sort();
    runs_on.dedup();
    JobRow {
        id,
        execution_id,
        stage_id,
        name: planned.name.clone(),
        order,
        condition: planned.condition.clone(),
        runs_on,
        priority: planned.priority,
        parallel_group: planned.siblings.as_ref().map(|s| s.group.clone()),
        parallel_max: planned.siblings.as_ref().and_then(|s| s.max_parallel),
        spec: planned,
        status: WorkStatus::Pending,
        reason: None,
        message: None,
        attempt: 1,
        ready_at: None,
        started_at: None,
        completed_at: None,
        carried_from: None,
        outputs: None,
        added_by: None,
    }
}

pub(crate) fn steps(ids: &mut Ids, job_id: JobId, planned: &PlannedJob, status: WorkStatus) -> Vec<StepRow> {
    let step = |(order, step): (usize, &penstock_pipeline::PlannedStep)| StepRow {
        id: StepId(ids.uuid()),
        job_id,
        name: step.name.clone(),
        order: u32::try_from(order).unwrap_or(u32::MAX),
        status,
        reason: None,
        exit_code: None,
        started_at: None,
        completed_at: None,
    };
    planned.steps.iter().enumerate().map(step).collect()
}

/// The same job as decisions see it.
pub(crate) fn waiting_job(id: JobId, stage_id: StageId, order: u32, planned: &PlannedJob) -> Job {
    Job {
        id,
        stage_id,
        name: planned.name.clone(),
        order,
        status: WorkStatus::Pending,
        reason: None,
        message: None,
        attempt: 1,
        refusals: 0,
        ready_at: None,
        runner_id: None,
        assigned_at: None,
        started_at: None,
        completed_at: None,
        outputs: None,
        spec: planned.clone(),
    }
}
