//! What follows when a job or a stage ends: which stages may start, which never will, and when all is done.

use std::collections::BTreeMap;

use penstock_domain::{ExecutionStatus, Reason, StageId, WorkStatus};
use penstock_pipeline::OFF;

use crate::change::TimerKind;
use crate::conditions::{Question, ask, let_down};
use crate::decide::Refusal;
use crate::draft::Draft;
use crate::model::{HandedOn, Job, Stage};
use crate::{deploy, forge_status, gates, siblings, successors};

/// A job has ended; its stage may have, too.
pub(crate) fn job_ended(draft: &mut Draft, job: usize) -> Result<(), Refusal> {
    let index = draft.stage_index(draft.job(job).stage_id)?;
    draft.touch_stage(index).jobs_finished += 1;
    note_failure(draft, index, job);
    hand_on(draft, index, job);
    siblings::job_ended(draft, job)?;
    let stage = draft.stage(index);
    if stage.jobs_finished < stage.jobs_total {
        return Ok(());
    }
    draft.require_whole()?;
    jobs_ended(draft, index)?;
    go_on(draft)
}

/// What later stages may ask for, in this very decision too.
fn hand_on(draft: &mut Draft, stage: usize, job: usize) {
    let Job { order, outputs: Some(outputs), .. } = draft.job(job) else { return };
    let handed_on =
        HandedOn { stage: draft.stage(stage).name.clone(), order: *order, outputs: outputs.clone() };
    draft.state.handed_on.push(handed_on);
}

/// The first failure is the one that the stage and the execution tell. One that is allowed is none.
fn note_failure(draft: &mut Draft, index: usize, job: usize) {
    let failed = draft.job(job);
    if failed.status != WorkStatus::Failed || failed.spec.continue_on_error {
        return;
    }
    let (name, reason) = (failed.name.clone(), failed.reason.unwrap_or(Reason::RunnerError));
    let message = failed.message.as_ref().map(|m| format!(": {m}")).unwrap_or_default();
    let stage = draft.touch_stage(index);
    stage.jobs_failed += 1;
    stage.reason.get_or_insert(reason);
    let text = format!("{} / {name}: {reason}{message}", stage.name);
    tell_failure(draft, index, text);
}

/// What the execution tells of its failure is the first thing that went wrong in a stage whose failure counts.
pub(crate) fn tell_failure(draft: &mut Draft, stage: usize, text: String) {
    if !draft.stage(stage).continue_on_error && draft.state.execution.error_details.is_none() {
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
        tell_failure(draft, index, format!("{name}: {reason}{why}"));
    }
    draft.end_timers_of_stage(id);
    deploy::left(draft, index)
}

/// Starts or skips every stage whose dependencies have ended, until nothing moves; then ends the execution if all
/// of its stages have.
pub(crate) fn go_on(draft: &mut Draft) -> Result<(), Refusal> {
    draft.require_whole()?;
    let graph = Graph::of(&draft.state.stages);
    while let Some(index) = next_to_decide(draft, &graph) {
        match verdict(draft, &graph, index) {
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

/// The stage was let go on; where none of its jobs runs it has ended at once, and others may have their turn.
pub(crate) fn go_on_after(draft: &mut Draft, stage: usize) -> Result<(), Refusal> {
    if draft.stage(stage).status.is_final() { go_on(draft) } else { Ok(()) }
}

/// The stages that each stage depends on, by their places.
struct Graph(Vec<Vec<usize>>);

impl Graph {
    fn of(stages: &[Stage]) -> Self {
        let places: BTreeMap<&str, usize> =
            stages.iter().enumerate().map(|(place, s)| (s.name.as_str(), place)).collect();
        let needed =
            |s: &Stage| s.depends_on.iter().filter_map(|n| places.get(n.as_str()).copied()).collect();
        Self(stages.iter().map(needed).collect())
    }
}

/// What is held has been decided on already, and waits for something else than its dependencies.
fn next_to_decide(draft: &Draft, graph: &Graph) -> Option<usize> {
    let stages = &draft.state.stages;
    let ended = |before: &usize| stages[*before].status.is_final();
    stages.iter().zip(&graph.0).position(|(s, needed)| {
        let is_next = match penstock_domain::bugs::is_on("one_dependency_is_enough") {
            true => needed.is_empty() || needed.iter().any(ended),
            false => needed.iter().all(ended),
        };
        s.status == WorkStatus::Pending && !deploy::is_held(s.reason) && is_next
    })
}

/// What the file says does not hold here: the stage fails without having begun.
pub(crate) fn misconfigured(draft: &mut Draft, index: usize, why: &str) -> Result<(), Refusal> {
    let name = draft.stage(index).name.clone();
    tell_failure(draft, index, format!("{name}: {}: {why}", Reason::ConfigError));
    end_unstarted(draft, index, WorkStatus::Failed, Reason::ConfigError)
}

enum Verdict {
    Start,
    Skip(Reason),
    Broken(String),
}

fn verdict(draft: &Draft, graph: &Graph, index: usize) -> Verdict {
    let stage = draft.stage(index);
    let failed = graph.0[index].iter().any(|before| let_down(draft.stage(*before)));
    let Some(condition) = &stage.condition else {
        let goes_on = stage.always || !failed;
        return if goes_on { Verdict::Start } else { Verdict::Skip(Reason::DependencyFailed) };
    };
    if condition == OFF {
        return Verdict::Skip(Reason::Disabled);
    }
    let matrix = BTreeMap::new();
    let (variables, late) = (&stage.variables, &stage.late);
    let question = Question { condition, failed, variables, late, matrix: &matrix };
    match ask(draft, &question) {
        Ok(true) => Verdict::Start,
        Ok(false) if failed && !stage.always => Verdict::Skip(Reason::DependencyFailed),
        Ok(false) => Verdict::Skip(Reason::ConditionFalse),
        Err(why) => Verdict::Broken(why),
    }
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
    siblings::begin(draft, id);
    let stage = draft.stage(index);
    if stage.jobs_finished >= stage.jobs_total { jobs_ended(draft, index) } else { Ok(()) }
}

fn decide_conditional_jobs(draft: &mut Draft, stage: StageId, stage_index: usize) -> Result<(), Refusal> {
    let failed = is_let_down(draft, stage_index);
    for index in 0..draft.state.jobs.len() {
        let job = draft.job(index);
        if job.stage_id != stage || job.status != WorkStatus::Pending || job.spec.condition.is_none() {
            continue;
        }
        match may_job_start(draft, index, failed) {
            Ok(true) => continue,
            Ok(false) => leave_out(draft, stage_index, index)?,
            Err(why) => {
                end_unstarted_job(
                    draft,
                    stage_index,
                    index,
                    WorkStatus::Failed,
                    Reason::ConfigError,
                    Some(why),
                )?;
            }
        }
        note_failure(draft, stage_index, index);
    }
    Ok(())
}

/// Whether the stage has jobs, and the condition of each of them is false.
pub(crate) fn leaves_out_all_jobs(draft: &Draft, stage_index: usize) -> bool {
    let (stage, failed) = (draft.stage(stage_index), is_let_down(draft, stage_index));
    let is_left_out = |(index, job): (usize, &Job)| {
        job.stage_id == stage.id
            && job.status == WorkStatus::Pending
            && job.spec.condition.is_some()
            && may_job_start(draft, index, failed) == Ok(false)
    };
    let left_out = draft.state.jobs.iter().enumerate().filter(|(i, j)| is_left_out((*i, j))).count();
    stage.jobs_total > 0 && left_out == stage.jobs_total as usize
}

/// Something that the stage depends on let it down.
pub(crate) fn is_let_down(draft: &Draft, stage_index: usize) -> bool {
    let before = &draft.stage(stage_index).depends_on;
    draft.state.stages.iter().any(|s| before.contains(&s.name) && let_down(s))
}

/// The job's condition is false.
pub(crate) fn leave_out(draft: &mut Draft, stage_index: usize, index: usize) -> Result<(), Refusal> {
    let is_off = draft.job(index).spec.condition.as_deref() == Some(OFF);
    let reason = if is_off { Reason::Disabled } else { Reason::ConditionFalse };
    end_unstarted_job(draft, stage_index, index, WorkStatus::Skipped, reason, None)
}

fn end_unstarted_job(
    draft: &mut Draft,
    stage_index: usize,
    index: usize,
    status: WorkStatus,
    reason: Reason,
    message: Option<String>,
) -> Result<(), Refusal> {
    let now = draft.now;
    let job = draft.touch_job(index);
    job.status = job.status.become_(status)?;
    (job.reason, job.message, job.ready_at, job.completed_at) = (Some(reason), message, None, Some(now));
    let id = job.id;
    draft.set_steps_of(id, WorkStatus::Skipped, Some(reason));
    if !penstock_domain::bugs::is_on("left_out_job_not_counted") {
        draft.touch_stage(stage_index).jobs_finished += 1;
    }
    Ok(())
}

/// `failed`: something that its stage depends on let it down.
pub(crate) fn may_job_start(draft: &Draft, index: usize, failed: bool) -> Result<bool, String> {
    let spec = &draft.job(index).spec;
    let Some(condition) = &spec.condition else { return Ok(true) };
    let (variables, late, matrix) = (&spec.variables, &spec.late, &spec.matrix);
    ask(draft, &Question { condition, failed, variables, late, matrix })
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
    let counts = |s: &&Stage| s.status == WorkStatus::Failed && !s.continue_on_error;
    // The first that failed is also the one whose failure is told.
    let failed = draft.state.stages.iter().filter(counts).min_by_key(|s| s.completed_at);
    let (status, reason) = match (draft.state.execution.ending, failed) {
        (Some(ending), _) => (ending.status, Some(ending.reason)),
        (None, Some(stage)) => {
            (ExecutionStatus::Failed, Some(stage.reason.unwrap_or(Reason::DependencyFailed)))
        }
        (None, None) => (ExecutionStatus::Succeeded, None),
    };
    let execution = draft.touch_execution();
    execution.status = execution.status.become_(status)?;
    (execution.reason, execution.completed_at, execution.ending) = (reason, Some(now), None);
    draft.end_all_timers();
    if !penstock_domain::bugs::is_on("end_not_told") {
        forge_status::tell(draft);
    }
    successors::start(draft);
    Ok(())
}
