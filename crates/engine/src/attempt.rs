//! One attempt of a job: given to a runner, reported on, lost, ended, tried again.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use penstock_domain::{ExecutionStatus, JobId, Reason, RetryCause, RunnerId, Timestamp, WorkStatus};

use crate::change::TimerKind;
use crate::decide::Refusal;
use crate::draft::Draft;
use crate::event::{RunnerReport, Unreachable};
use crate::matching::{self, Assignment, ReadyJob, RunnerSlots};
use crate::model::{Job, JobReport};
use crate::{DEADLINE_GRACE_MS, LEASE_MS, MAX_OUTPUT_BYTES, MAX_REFUSALS, cascade};

pub(crate) fn assign(draft: &mut Draft, job: JobId, runner: RunnerId) -> Result<(), Refusal> {
    let index = draft.job_index(job)?;
    let now = draft.now;
    let waiting = draft.job(index);
    let is_ready = waiting.status == WorkStatus::Pending && waiting.ready_at.is_some_and(|at| at <= now);
    if draft.state.execution.status != ExecutionStatus::Running || !is_ready {
        return Err(Refusal::NotNow("the job no longer waits for a runner"));
    }
    let job = draft.touch_job(index);
    job.status = job.status.become_(WorkStatus::Running)?;
    (job.reason, job.ready_at) = (None, None);
    (job.runner_id, job.assigned_at) = (Some(runner), Some(now));
    let (id, attempt, timeout_ms) = (job.id, job.attempt, job.spec.timeout_ms);
    if !penstock_domain::bugs::is_on("lease_timer_lost") {
        draft.start_timer(TimerKind::Lease, None, Some((id, attempt)), LEASE_MS);
    }
    draft.start_timer(
        TimerKind::JobDeadline,
        None,
        Some((id, attempt)),
        timeout_ms.saturating_add(DEADLINE_GRACE_MS),
    );
    draft.dispatch(id, attempt, runner);
    draft.changes.slots.push(runner);
    Ok(())
}

/// Gives the jobs that are ready at once to these runners, as far as they go.
pub(crate) fn give_away(draft: &mut Draft, runners: &[RunnerSlots]) -> Result<(), Refusal> {
    if runners.is_empty() || draft.state.execution.status != ExecutionStatus::Running {
        return Ok(());
    }
    let (now, execution_id) = (draft.now, draft.state.execution.id);
    let is_ready = |j: &&Job| j.status == WorkStatus::Pending && j.ready_at.is_some_and(|at| at <= now);
    let mut ready: Vec<_> = draft.state.jobs.iter().filter(is_ready).collect();
    ready.sort_by_key(|job| Reverse(job.spec.priority));
    let ready: Vec<_> = ready
        .iter()
        .map(|job| ReadyJob { id: job.id, execution_id, runs_on: job.spec.runs_on.clone() })
        .collect();
    for Assignment { job, runner, .. } in matching::assign(&ready, runners) {
        assign(draft, job, runner)?;
    }
    Ok(())
}

/// The runner certainly does not have the attempt: it waits again, or fails when nobody has taken it often enough.
pub(crate) fn refused(
    draft: &mut Draft,
    job: JobId,
    attempt: u32,
    runner: RunnerId,
    why: Unreachable,
    retry_after_ms: i64,
) -> Result<(), Refusal> {
    let index = holder(draft, job, attempt, Some(runner))?;
    if draft.job(index).started_at.is_some() {
        return Err(Refusal::NotNow("the runner has begun this attempt"));
    }
    give_back(draft, index, why, retry_after_ms)
}

fn give_back(draft: &mut Draft, index: usize, why: Unreachable, retry_after_ms: i64) -> Result<(), Refusal> {
    let now = draft.now;
    let id = draft.job(index).id;
    draft.end_timers_of_job(id);
    let job = draft.touch_job(index);
    if why == Unreachable::Refused {
        job.refusals += 1;
    }
    if job.refusals >= MAX_REFUSALS {
        let message =
            format!("no runner took the job in {MAX_REFUSALS} tries; are the runners reachable from here?");
        return fail(draft, index, Reason::DispatchFailed, Some(message));
    }
    job.status = job.status.become_(WorkStatus::Pending)?;
    job.reason = Some(Reason::RunnerFull);
    (job.runner_id, job.assigned_at) = (None, None);
    job.ready_at = Some(now.plus_ms(retry_after_ms));
    Ok(())
}

pub(crate) fn report(draft: &mut Draft, report: &RunnerReport) -> Result<(), Refusal> {
    let index = draft.job_index(report.job)?;
    let job = draft.job(index);
    let is_fenced = !penstock_domain::bugs::is_on("lease_not_fenced");
    let is_its_own = job.attempt == report.attempt && job.runner_id == Some(report.runner) || !is_fenced;
    let was_reported = match job.status {
        WorkStatus::Succeeded => true,
        // These two are our own words as well: whoever was cut off learns that it was.
        WorkStatus::Failed => !matches!(job.reason, Some(Reason::RunnerLost | Reason::TimedOut)),
        _ => false,
    };
    if is_its_own && was_reported {
        return Ok(()); // Told again, because our answer was lost.
    }
    if !is_its_own || job.status != WorkStatus::Running {
        return Err(Refusal::LeaseExpired);
    }
    for one in &report.reports {
        apply(draft, index, one)?;
        if draft.job(index).status != WorkStatus::Running {
            break; // What a runner says after the end says nothing.
        }
    }
    Ok(())
}

fn apply(draft: &mut Draft, index: usize, report: &JobReport) -> Result<(), Refusal> {
    match report {
        JobReport::StepStarted { step, at } => {
            let at = step_started(draft, index, *step, *at)?;
            if draft.job(index).started_at.is_none() {
                draft.touch_job(index).started_at = Some(at);
            }
            Ok(())
        }
        JobReport::StepFinished { step, at, status, exit_code, reason } => {
            step_finished(draft, *step, *at, *status, *exit_code, *reason)
        }
        JobReport::JobFinished { status, reason, message, outputs, .. } => {
            if *status == WorkStatus::Succeeded {
                keep_outputs(draft, index, outputs)?;
            }
            job_finished(draft, index, *status, *reason, message.clone())
        }
    }
}

/// A runner's clock may be wrong: its times are kept between the assignment and now.
fn plausible(draft: &Draft, index: usize, at: Timestamp) -> Timestamp {
    let earliest = draft.job(index).assigned_at.unwrap_or(draft.now);
    at.clamp(earliest.min(draft.now), draft.now)
}

fn step_index(draft: &Draft, order: u32) -> Result<usize, Refusal> {
    let known = draft.state.steps.len();
    let is_known = (order as usize) < known && draft.state.steps[order as usize].order == order;
    if is_known {
        Ok(order as usize)
    } else {
        Err(Refusal::BadReport(format!("step {order} is not one of the job's {known}")))
    }
}

fn step_started(draft: &mut Draft, job: usize, order: u32, at: Timestamp) -> Result<Timestamp, Refusal> {
    let at = plausible(draft, job, at);
    let index = step_index(draft, order)?;
    if draft.state.steps[index].status == WorkStatus::Pending {
        let step = draft.touch_step(index);
        step.status = step.status.become_(WorkStatus::Running)?;
        step.started_at = Some(at);
    }
    Ok(at)
}

fn step_finished(
    draft: &mut Draft,
    order: u32,
    at: Timestamp,
    status: WorkStatus,
    exit_code: Option<i32>,
    reason: Option<Reason>,
) -> Result<(), Refusal> {
    if !status.is_final() {
        return Err(Refusal::BadReport(format!("a step can't finish as {status}")));
    }
    let now = draft.now;
    let index = step_index(draft, order)?;
    if draft.state.steps[index].status.is_final() {
        return Ok(());
    }
    let step = draft.touch_step(index);
    if step.status == WorkStatus::Pending && matches!(status, WorkStatus::Succeeded) {
        step.status = step.status.become_(WorkStatus::Running)?;
    }
    if step.status == WorkStatus::Running && status == WorkStatus::Skipped {
        return Err(Refusal::BadReport(format!("step {order} has begun and can't be skipped")));
    }
    step.status = step.status.become_(status)?;
    (step.exit_code, step.reason) = (exit_code, reason);
    step.completed_at = Some(at.min(now).max(step.started_at.unwrap_or(now.min(at))));
    Ok(())
}

/// What the job hands on: of what it says, what its file declares.
fn keep_outputs(draft: &mut Draft, index: usize, told: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let declared = &draft.job(index).spec.outputs;
    if let Some(name) = told.keys().find(|name| !declared.contains(name)) {
        return Err(Refusal::BadReport(format!("the job declares no output `{name}`")));
    }
    let bytes = told.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    if bytes > MAX_OUTPUT_BYTES {
        return Err(Refusal::BadReport(format!("a job's outputs have at most {MAX_OUTPUT_BYTES} bytes")));
    }
    if !told.is_empty() && !penstock_domain::bugs::is_on("outputs_forgotten") {
        draft.touch_job(index).outputs = Some(told.clone());
    }
    Ok(())
}

fn job_finished(
    draft: &mut Draft,
    index: usize,
    status: WorkStatus,
    reason: Option<Reason>,
    message: Option<String>,
) -> Result<(), Refusal> {
    match status {
        WorkStatus::Succeeded => match unearned_success(draft, index) {
            None => succeed(draft, index),
            Some(why) => {
                if !penstock_domain::bugs::is_on("outputs_of_failures_count") {
                    draft.touch_job(index).outputs = None;
                }
                fail(draft, index, Reason::RunnerError, Some(why))
            }
        },
        WorkStatus::Failed => fail(draft, index, reported(reason), message),
        // The runner gave it up by itself, e.g. because it is being stopped: the fault is not the command's.
        WorkStatus::Cancelled => fail(draft, index, Reason::RunnerLost, message),
        other => Err(Refusal::BadReport(format!("a job can't finish as {other}"))),
    }
}

/// Why an attempt failed, as far as a runner can know it: what gates, checks and people say is not its to tell.
fn reported(reason: Option<Reason>) -> Reason {
    match reason {
        Some(
            known @ (Reason::ExitCode
            | Reason::TimedOut
            | Reason::MemoryLimit
            | Reason::CheckoutFailed
            | Reason::ConfigError
            | Reason::RunnerError
            | Reason::RunnerLost),
        ) => known,
        _ => Reason::RunnerError,
    }
}

/// What contradicts a reported success.
fn unearned_success(draft: &Draft, index: usize) -> Option<String> {
    if penstock_domain::bugs::is_on("success_believed") {
        return None;
    }
    let planned = &draft.job(index).spec.steps;
    draft.state.steps.iter().find_map(|step| {
        let may_fail = planned.get(step.order as usize).is_some_and(|p| p.continue_on_error);
        match step.status {
            WorkStatus::Succeeded | WorkStatus::Skipped => None,
            WorkStatus::Failed if may_fail => None,
            other => Some(format!("the runner reported success, but step `{}` is {other}", step.name)),
        }
    })
}

pub(crate) fn lease_expired(
    draft: &mut Draft,
    job: JobId,
    attempt: u32,
    unheard_claim: bool,
) -> Result<(), Refusal> {
    let index = holder(draft, job, attempt, None)?;
    if unheard_claim && draft.job(index).started_at.is_none() {
        // Who claims begins only when its first heartbeat is answered: the answer to the claim went nowhere.
        return give_back(draft, index, Unreachable::Refused, 0);
    }
    if !penstock_domain::bugs::is_on("lost_runner_not_told") {
        draft.cancel_on_runner(index);
    }
    let message = format!("its runner was not heard of for {} s", LEASE_MS / 1000);
    fail(draft, index, Reason::RunnerLost, Some(message))
}

/// Its variables can't be filled in: another attempt would come to the same.
pub(crate) fn undispatchable(draft: &mut Draft, job: JobId, attempt: u32, why: &str) -> Result<(), Refusal> {
    let index = holder(draft, job, attempt, None)?;
    fail(draft, index, Reason::ConfigError, Some(why.to_owned()))
}

pub(crate) fn deadline(draft: &mut Draft, job: JobId, attempt: u32) -> Result<(), Refusal> {
    let index = holder(draft, job, attempt, None)?;
    draft.cancel_on_runner(index);
    let seconds = draft.job(index).spec.timeout_ms / 1000;
    fail(draft, index, Reason::TimedOut, Some(format!("the job took longer than its timeout of {seconds} s")))
}

/// The job, where this very attempt runs (on that runner).
pub(crate) fn holder(
    draft: &Draft,
    job: JobId,
    attempt: u32,
    runner: Option<RunnerId>,
) -> Result<usize, Refusal> {
    let index = draft.job_index(job)?;
    let job = draft.job(index);
    let fits = job.status == WorkStatus::Running && job.attempt == attempt;
    if fits && runner.is_none_or(|r| job.runner_id == Some(r)) {
        Ok(index)
    } else {
        Err(Refusal::NotNow("the attempt no longer runs"))
    }
}

fn succeed(draft: &mut Draft, index: usize) -> Result<(), Refusal> {
    let now = draft.now;
    let job = draft.touch_job(index);
    job.status = job.status.become_(WorkStatus::Succeeded)?;
    (job.reason, job.completed_at) = (None, Some(now));
    let id = job.id;
    draft.end_timers_of_job(id);
    cascade::job_ended(draft, index)
}

/// The attempt failed: another one, if the policy has one left for this cause, else the job has.
pub(crate) fn fail(
    draft: &mut Draft,
    index: usize,
    reason: Reason,
    message: Option<String>,
) -> Result<(), Refusal> {
    let now = draft.now;
    let (id, attempt) = (draft.job(index).id, draft.job(index).attempt);
    draft.end_timers_of_job(id);
    if let Some(delay_ms) = retry_delay(draft, index, reason) {
        draft.set_steps_of(id, WorkStatus::Pending, None);
        let job = draft.touch_job(index);
        job.status = job.status.become_(WorkStatus::Pending)?;
        (job.reason, job.message) = (Some(Reason::RetryBackoff), message);
        (job.attempt, job.refusals) = (attempt + 1, 0);
        (job.runner_id, job.assigned_at, job.started_at) = (None, None, None);
        job.ready_at = Some(now.plus_ms(delay_ms));
        return Ok(());
    }
    draft.set_steps_of(id, WorkStatus::Skipped, Some(reason));
    let job = draft.touch_job(index);
    job.status = job.status.become_(WorkStatus::Failed)?;
    (job.reason, job.message, job.completed_at) = (Some(reason), message, Some(now));
    cascade::job_ended(draft, index)
}

fn retry_delay(draft: &Draft, index: usize, reason: Reason) -> Option<i64> {
    let job = draft.job(index);
    let cause = match reason {
        Reason::ExitCode | Reason::MemoryLimit => RetryCause::ExitCode,
        Reason::RunnerLost | Reason::RunnerError | Reason::CheckoutFailed => RetryCause::RunnerLost,
        Reason::TimedOut => RetryCause::TimedOut,
        Reason::DispatchFailed => RetryCause::DispatchFailed,
        _ => return None,
    };
    let policy = &job.spec.retry;
    let tried = job.attempt - u32::from(penstock_domain::bugs::is_on("retry_off_by_one"));
    let next = if penstock_domain::bugs::is_on("backoff_lost") { 2 } else { job.attempt + 1 };
    policy.allows(cause, tried).then(|| policy.delay_before(next))
}
