//! What follows when a job or a stage ends: which stages may start, which never will, and when all is done.

use std::collections::BTreeMap;

use penstock_domain::{ExecutionStatus, Reason, StageId, WorkStatus};
use penstock_pipeline::{Facts, evaluate};

use crate::change::TimerKind;
use crate::decide::Refusal;
use crate::draft::Draft;
use crate::model::Stage;
use crate::{deploy, forge_status, gates};

/// A job has ended; its stage may have, too.
pub(crate) fn job_ended(draft: &mut Draft, job: usize) -> Result<(), Refusal> {
    let ended = draft.job(job);
    let has_failed = ended.status == WorkStatus::Failed;
    let index = draft.stage_index(ended.stage_id)?;
    draft.touch_stage(index).jobs_finished += 1;
    if has_failed {
        note_failure(draft, index, job);
    }
    let stage = draft.stage(index);
    if stage.jobs_finished < stage.jobs_total {
        return Ok(());
    }
    draft.require_whole()?;
    jobs_ended(draft, index)?;
    go_on(draft)
}

/// The first failure is the one that the stage and the execution tell.
fn note_failure(draft: &mut Draft, stage: usize, job: usize) {
    let failed = draft.job(job);
    let (name, reason) = (failed.name.clone(), failed.reason.unwrap_or(Reason::RunnerError));
    let message = failed.message.as_ref().map(|m| format!(": {m}")).unwrap_or_default();
    let stage = draft.touch_stage(stage);
    stage.jobs_failed += 1;
    stage.reason.get_or_insert(reason);
    let text = format!("{} / {name}: {reason}{message}", stage.name);
    if draft.state.execution.error_details.is_none() {
        draft.touch_execution().error_details = Some(text);
    }
}

/// All jobs of the stage have ended. What they deployed may have to be looked at before the stage has.
fn jobs_ended(draft: &mut Draft, index: usize) -> Result<(), Refusal> {
    if draft.stage(index).jobs_failed == 0 && deploy::begin_check(draft, index)? {
        return Ok(());
    }
    end_stage(draft, index, None)
}

/// The stage ends by itself: its jobs, its gates and what was found `wrong` otherwise say how.
pub(crate) fn end_stage(draft: &mut Draft, index: usize, wrong: Option<String>) -> Result<(), Refusal> {
    let now = draft.now;
    let id = draft.stage(index).id;
    let in_the_way = gates::judge(draft, id)?;
    let is_by_gate = in_the_way.is_some();
    let stage = draft.touch_stage(index);
    let failed = stage.jobs_failed > 0 || wrong.is_some() || is_by_gate;
    stage.status = stage.status.become_(if failed { WorkStatus::Failed } else { WorkStatus::Succeeded })?;
    stage.completed_at = Some(now);
    if is_by_gate {
        stage.reason.get_or_insert(Reason::GateFailed);
    }
    let name = stage.name.clone();
    let reason = stage.reason;
    if let Some(why) = wrong.or(in_the_way) {
        let reason = reason.map(|r| format!("{r}: ")).unwrap_or_default();
        draft.touch_execution().error_details.get_or_insert(format!("{name}: {reason}{why}"));
    }
    draft.end_timers_of_stage(id);
    deploy::left(draft, index)
}

/// Starts or skips every stage whose dependencies have ended, until nothing moves; then ends the execution if all
/// of its stages have.
pub(crate) fn go_on(draft: &mut Draft) -> Result<(), Refusal> {
    draft.require_whole()?;
    while let Some(index) = next_to_decide(draft) {
        match verdict(draft, index) {
            Verdict::Start => match draft.stage(index).deploy.clone() {
                Some(planned) => deploy::arrive(draft, index, &planned)?,
                None => start_stage(draft, index)?,
            },
            Verdict::Skip(reason) => end_unstarted(draft, index, WorkStatus::Skipped, reason)?,
            Verdict::Broken(why) => misconfigured(draft, index, &why)?,
        }
    }
    count_stages(draft);
    end_execution_if_done(draft)
}

/// What is held has been decided on already, and waits for something else than its dependencies.
fn next_to_decide(draft: &Draft) -> Option<usize> {
    let ended = |name: &String| draft.state.stages.iter().any(|s| s.name == *name && s.status.is_final());
    draft.state.stages.iter().position(|s| {
        let is_next = match penstock_domain::bugs::is_on("one_dependency_is_enough") {
            true => s.depends_on.is_empty() || s.depends_on.iter().any(ended),
            false => s.depends_on.iter().all(ended),
        };
        s.status == WorkStatus::Pending && !deploy::is_held(s.reason) && is_next
    })
}

/// What the file says does not hold here: the stage fails without having begun.
pub(crate) fn misconfigured(draft: &mut Draft, index: usize, why: &str) -> Result<(), Refusal> {
    let name = draft.stage(index).name.clone();
    let execution = draft.touch_execution();
    execution.error_details.get_or_insert(format!("{name}: {}: {why}", Reason::ConfigError));
    end_unstarted(draft, index, WorkStatus::Failed, Reason::ConfigError)
}

enum Verdict {
    Start,
    Skip(Reason),
    Broken(String),
}

fn verdict(draft: &Draft, index: usize) -> Verdict {
    let stage = draft.stage(index);
    let failed =
        stage.depends_on.iter().any(|name| draft.state.stages.iter().any(|s| s.name == *name && let_down(s)));
    let otherwise = if failed { Reason::DependencyFailed } else { Reason::ConditionFalse };
    match &stage.condition {
        None if failed => Verdict::Skip(Reason::DependencyFailed),
        None => Verdict::Start,
        Some(condition) => match ask(draft, condition, failed, &stage.variables) {
            Ok(true) => Verdict::Start,
            Ok(false) => Verdict::Skip(otherwise),
            Err(why) => Verdict::Broken(why),
        },
    }
}

/// Whether what depends on the stage is let down by it: it failed, or was itself let down.
fn let_down(stage: &Stage) -> bool {
    match stage.status {
        WorkStatus::Failed | WorkStatus::Cancelled => true,
        WorkStatus::Skipped => {
            stage.reason == Some(Reason::DependencyFailed) && !penstock_domain::bugs::is_on("skip_not_handed_on")
        }
        _ => false,
    }
}

fn ask(
    draft: &Draft,
    condition: &str,
    failed: bool,
    variables: &BTreeMap<String, String>,
) -> Result<bool, String> {
    let stages = draft.stage_statuses();
    let context = &draft.state.execution.context;
    let mut all = context.variables.clone();
    all.extend(variables.clone());
    let facts = Facts {
        success: !failed,
        failure: failed,
        cancelled: false,
        stages: &stages,
        run: &context.run,
        variables: &all,
    };
    evaluate(condition, &facts).map_err(|e| e.to_string())
}

/// The stage runs: its jobs are ready, but for those whose condition is false.
pub(crate) fn start_stage(draft: &mut Draft, index: usize) -> Result<(), Refusal> {
    let now = draft.now;
    let stage = draft.touch_stage(index);
    stage.status = stage.status.become_(WorkStatus::Running)?;
    stage.started_at = Some(now);
    let (id, timeout_ms) = (stage.id, stage.timeout_ms);
    draft.set_waiting(id, WorkStatus::Pending, None);
    if let Some(ms) = timeout_ms {
        draft.start_timer(TimerKind::StageDeadline, Some(id), None, ms);
    }
    decide_conditional_jobs(draft, id, index)?;
    let stage = draft.stage(index);
    if stage.jobs_finished >= stage.jobs_total { jobs_ended(draft, index) } else { Ok(()) }
}

fn decide_conditional_jobs(draft: &mut Draft, stage: StageId, stage_index: usize) -> Result<(), Refusal> {
    let now = draft.now;
    for index in 0..draft.state.jobs.len() {
        let job = draft.job(index);
        let Some(condition) = job.spec.condition.clone() else { continue };
        if job.stage_id != stage || job.status != WorkStatus::Pending {
            continue;
        }
        let failed = draft
            .state
            .stages
            .iter()
            .any(|s| draft.stage(stage_index).depends_on.contains(&s.name) && let_down(s));
        let (status, reason, message) = match ask(draft, &condition, failed, &draft.job(index).spec.variables)
        {
            Ok(true) => continue,
            Ok(false) => (WorkStatus::Skipped, Reason::ConditionFalse, None),
            Err(why) => (WorkStatus::Failed, Reason::ConfigError, Some(why)),
        };
        let job = draft.touch_job(index);
        job.status = job.status.become_(status)?;
        (job.reason, job.message, job.ready_at, job.completed_at) = (Some(reason), message, None, Some(now));
        let id = job.id;
        draft.set_steps_of(id, WorkStatus::Skipped, Some(reason));
        if !penstock_domain::bugs::is_on("left_out_job_not_counted") {
            draft.touch_stage(stage_index).jobs_finished += 1;
        }
        if status == WorkStatus::Failed {
            note_failure(draft, stage_index, index);
        }
    }
    Ok(())
}

/// The stage ends without having begun, and its jobs with it.
pub(crate) fn end_unstarted(
    draft: &mut Draft,
    index: usize,
    status: WorkStatus,
    reason: Reason,
) -> Result<(), Refusal> {
    let now = draft.now;
    let stage = draft.touch_stage(index);
    stage.status = stage.status.become_(status)?;
    (stage.reason, stage.completed_at) = (Some(reason), Some(now));
    stage.jobs_finished = stage.jobs_total;
    let id = stage.id;
    draft.set_waiting(id, WorkStatus::Skipped, Some(reason));
    deploy::left(draft, index)
}

pub(crate) fn count_stages(draft: &mut Draft) {
    let ended = |s: &&Stage| s.status.is_final();
    let completed = draft.state.stages.iter().filter(ended).count();
    let failed = draft.state.stages.iter().filter(|s| s.status == WorkStatus::Failed).count();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let execution = draft.touch_execution();
    (execution.stages_completed, execution.stages_failed) = (count(completed), count(failed));
}

fn end_execution_if_done(draft: &mut Draft) -> Result<(), Refusal> {
    if draft.state.stages.iter().any(|s| !s.status.is_final()) {
        return Ok(());
    }
    let now = draft.now;
    let failed = draft.state.stages.iter().find(|s| s.status == WorkStatus::Failed);
    let reason = failed.map(|s| s.reason.unwrap_or(Reason::DependencyFailed));
    let status = if failed.is_some() { ExecutionStatus::Failed } else { ExecutionStatus::Succeeded };
    let execution = draft.touch_execution();
    execution.status = execution.status.become_(status)?;
    (execution.reason, execution.completed_at) = (reason, Some(now));
    draft.end_all_timers();
    if !penstock_domain::bugs::is_on("end_not_told") {
        forge_status::tell(draft);
    }
    Ok(())
}
