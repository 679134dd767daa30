//! The execution as a whole: it begins, is let go, is cancelled, or runs out of time.

use penstock_domain::{ExecutionStatus, Reason, StageId, WorkStatus};

use crate::change::TimerKind;
use crate::decide::Refusal;
use crate::draft::Draft;
use crate::model::{Ending, Stage};
use crate::{CLEAN_UP_MS, cascade, deploy, forge_status, successors};

/// A queued execution begins. That its pipeline has room is for the caller to know and to guard.
pub(crate) fn admit(draft: &mut Draft) -> Result<(), Refusal> {
    let now = draft.now;
    if draft.state.execution.reason == Some(Reason::ForkApproval) {
        return Err(Refusal::NotNow("it waits until a person lets it run"));
    }
    let execution = draft.touch_execution();
    if execution.status != ExecutionStatus::Queued {
        return Err(Refusal::NotNow("it is no longer queued"));
    }
    execution.status = execution.status.become_(ExecutionStatus::Running)?;
    (execution.reason, execution.started_at) = (None, Some(now));
    let timeout_ms = execution.timeout_ms;
    draft.start_timer(TimerKind::ExecutionDeadline, None, None, timeout_ms);
    forge_status::tell(draft);
    cascade::go_on(draft)
}

/// A held execution joins the queue.
pub(crate) fn release(draft: &mut Draft) -> Result<(), Refusal> {
    let execution = draft.touch_execution();
    if execution.status != ExecutionStatus::Queued || execution.reason != Some(Reason::ForkApproval) {
        return Err(Refusal::NotNow("it does not wait for anybody's leave"));
    }
    execution.reason = Some(Reason::ConcurrencyLimit);
    Ok(())
}

/// What cleans up runs first, unless that is forced. To cancel what is cancelled already changes nothing.
pub(crate) fn cancel(draft: &mut Draft, reason: Reason, force: bool) -> Result<(), Refusal> {
    if draft.state.execution.ending.is_some() && !force {
        return Ok(());
    }
    end_all(draft, Ending { status: ExecutionStatus::Cancelled, reason }, force)
}

pub(crate) fn execution_deadline(draft: &mut Draft) -> Result<(), Refusal> {
    let seconds = draft.state.execution.timeout_ms / 1000;
    let text = format!("the execution took longer than its timeout of {seconds} s");
    draft.touch_execution().error_details.get_or_insert(text);
    // Cleaning up has had its time.
    let is_cleaning_up = draft.state.execution.ending.is_some();
    let ending = Ending { status: ExecutionStatus::Timeout, reason: Reason::TimedOut };
    end_all(draft, ending, is_cleaning_up)
}

/// Ends everything at once, or all but what cleans up, whose turn comes then. How it ends is decided once.
fn end_all(draft: &mut Draft, ending: Ending, force: bool) -> Result<(), Refusal> {
    let current = draft.state.execution.status;
    if current.is_final() {
        return Err(Refusal::AlreadyEnded(current.as_str()));
    }
    draft.require_whole()?;
    let ending = draft.state.execution.ending.unwrap_or(ending);
    let has_begun = current == ExecutionStatus::Running;
    let spares = !force || penstock_domain::bugs::is_on("force_forgotten");
    let cleans_up =
        |s: &Stage| s.always && has_begun && spares && !penstock_domain::bugs::is_on("cleaning_up_left_out");
    for index in 0..draft.state.stages.len() {
        let stage = draft.stage(index);
        if !stage.status.is_final() && !cleans_up(stage) {
            end_stage(draft, index, WorkStatus::Cancelled, ending.reason)?;
        }
    }
    if draft.state.stages.iter().any(|s| !s.status.is_final()) {
        return clean_up(draft, ending);
    }
    finish(draft, ending)
}

/// The execution goes on with what cleans up, for a time of its own.
fn clean_up(draft: &mut Draft, ending: Ending) -> Result<(), Refusal> {
    let execution = draft.touch_execution();
    (execution.ending, execution.reason) = (Some(ending), Some(Reason::CleaningUp));
    draft.end_timers_of_kind(TimerKind::ExecutionDeadline);
    draft.start_timer(TimerKind::ExecutionDeadline, None, None, CLEAN_UP_MS);
    cascade::go_on(draft)?;
    if !draft.state.execution.status.is_final() {
        forge_status::tell(draft);
    }
    Ok(())
}

fn finish(draft: &mut Draft, ending: Ending) -> Result<(), Refusal> {
    let now = draft.now;
    cascade::count_stages(draft);
    let execution = draft.touch_execution();
    execution.status = execution.status.become_(ending.status)?;
    (execution.reason, execution.completed_at, execution.ending) = (Some(ending.reason), Some(now), None);
    draft.end_all_timers();
    forge_status::tell(draft);
    successors::start(draft);
    Ok(())
}

/// The stage took too long: what runs is ended, what waits never starts, and the stage has failed.
pub(crate) fn stage_deadline(draft: &mut Draft, stage: StageId) -> Result<(), Refusal> {
    draft.require_whole()?;
    let index = draft.stage_index(stage)?;
    if draft.stage(index).status != WorkStatus::Running {
        return Err(Refusal::NotNow("the stage no longer runs"));
    }
    let seconds = draft.stage(index).timeout_ms.unwrap_or_default() / 1000;
    let text = format!("{}: the stage took longer than its timeout of {seconds} s", draft.stage(index).name);
    draft.touch_execution().error_details.get_or_insert(text);
    end_stage(draft, index, WorkStatus::Failed, Reason::TimedOut)?;
    cascade::go_on(draft)
}

/// Ends a stage with all that waits and runs in it; `status` is the stage's own.
fn end_stage(draft: &mut Draft, index: usize, status: WorkStatus, reason: Reason) -> Result<(), Refusal> {
    let now = draft.now;
    let stage = draft.touch_stage(index);
    stage.status = stage.status.become_(status)?;
    (stage.reason, stage.completed_at) = (Some(reason), Some(now));
    stage.jobs_finished = stage.jobs_total;
    let id = stage.id;
    draft.end_timers_of_stage(id);
    draft.set_waiting(id, WorkStatus::Cancelled, Some(reason));
    let jobs = 0..draft.state.jobs.len();
    for job in jobs.filter(|j| draft.state.jobs[*j].stage_id == id).collect::<Vec<_>>() {
        if draft.job(job).status == WorkStatus::Running
            && !penstock_domain::bugs::is_on("cancel_leaves_running_jobs")
        {
            end_running_job(draft, job, reason)?;
        }
    }
    deploy::left(draft, index)
}

fn end_running_job(draft: &mut Draft, index: usize, reason: Reason) -> Result<(), Refusal> {
    let now = draft.now;
    draft.cancel_on_runner(index);
    let job = draft.touch_job(index);
    let ended = if reason == Reason::TimedOut { WorkStatus::Failed } else { WorkStatus::Cancelled };
    job.status = job.status.become_(ended)?;
    (job.reason, job.completed_at) = (Some(reason), Some(now));
    let (id, stage_id) = (job.id, job.stage_id);
    // One that is allowed to fail counts for nothing.
    if ended == WorkStatus::Failed && !job.spec.continue_on_error {
        let stage = draft.stage_index(stage_id)?;
        draft.touch_stage(stage).jobs_failed += 1;
    }
    draft.end_timers_of_job(id);
    draft.set_steps_of(id, WorkStatus::Cancelled, Some(reason));
    Ok(())
}
