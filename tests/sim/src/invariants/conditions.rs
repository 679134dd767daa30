//! Whether a stage begins, or is left out and why: judged from what its file says and how those before it ended.

use super::Change;
use crate::scenario::{Condition, PipelineSpec, StageSpec};
use crate::view::{Execution, Stage};

/// What is to become of a stage whose turn has come.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Begins,
    LeftOut(&'static str),
}

pub fn check(change: &Change<'_>) -> Result<(), String> {
    if change.after.takes_back {
        return Ok(());
    }
    for (before, stage, spec) in change.stages() {
        let Some(spec) = spec else { return Err(format!("nobody wrote a stage {}", stage.name)) };
        // What a retry takes over was judged then.
        let is_carried = stage.is_final() && stage.completed_at.is_none();
        if is_carried || before.is_some_and(|b| b.status != "pending") {
            continue;
        }
        let ended = |index: &usize| found(change.after, change.spec, *index).is_some_and(Stage::is_final);
        let has_turn = change.after.status == "running" && change.spec.needs(spec).iter().all(ended);
        if stage.status == "pending" && has_turn && stage.reason.is_none() {
            return Err(format!("stage {} has its turn, and nothing becomes of it", stage.name));
        }
        let has_begun = stage.started_at.is_some();
        // What never began was ended from above, or is no case for conditions.
        let was_left_out = stage.status == "skipped";
        if !has_begun && !was_left_out {
            continue;
        }
        let expected = turn(change, spec);
        if change.ending().is_some() && !spec.cleans_up {
            return Err(format!("stage {} goes on, and the execution is to end", stage.name));
        }
        let is = if has_begun { Turn::Begins } else { Turn::LeftOut(word(stage.reason.as_deref())) };
        if is != expected {
            return Err(format!("stage {} should have {expected:?}, and {is:?}", stage.name));
        }
        if has_begun && before.is_none_or(|b| b.started_at.is_none()) {
            jobs(change, stage, spec)?;
        }
    }
    Ok(())
}

fn word(reason: Option<&str>) -> &'static str {
    match reason {
        Some("dependency_failed") => "dependency_failed",
        Some("condition_false") => "condition_false",
        Some("disabled") => "disabled",
        _ => "another reason",
    }
}

fn found<'a>(execution: &'a Execution, spec: &PipelineSpec, index: usize) -> Option<&'a Stage> {
    execution.stages.iter().find(|s| s.name == spec.stages[index].name)
}

/// It failed, or was left out because of such a one.
fn lets_down(stage: &Stage, spec: &StageSpec) -> bool {
    match stage.status.as_str() {
        "failed" => !spec.continue_on_error,
        "cancelled" => true,
        "skipped" => stage.reason.as_deref() == Some("dependency_failed"),
        _ => false,
    }
}

fn is_let_down(change: &Change<'_>, spec: &StageSpec) -> bool {
    let lets_down = |index: &usize| {
        let stage = found(change.after, change.spec, *index);
        stage.is_some_and(|stage| lets_down(stage, &change.spec.stages[*index]))
    };
    change.spec.needs(spec).iter().any(lets_down)
}

fn turn(change: &Change<'_>, spec: &StageSpec) -> Turn {
    let failed = is_let_down(change, spec);
    let holds = match &spec.condition {
        Some(Condition::Literal(false)) => return Turn::LeftOut("disabled"),
        None => spec.cleans_up || !failed,
        // What cleans up asks for success only where it says so.
        Some(condition) if spec.cleans_up => truth(change, condition, failed),
        Some(condition) => holds(change, condition, failed),
    };
    match (holds, failed && !spec.cleans_up) {
        // Without a job that runs nothing would be deployed.
        (true, _) if spec.deploy.is_some() && has_nothing_to_do(change, spec, failed) => {
            Turn::LeftOut("condition_false")
        }
        (true, _) => Turn::Begins,
        (false, true) => Turn::LeftOut("dependency_failed"),
        (false, false) => Turn::LeftOut("condition_false"),
    }
}

/// It has jobs, and the condition of each is false.
fn has_nothing_to_do(change: &Change<'_>, spec: &StageSpec, failed: bool) -> bool {
    let runs =
        |c: &Condition| if spec.cleans_up { truth(change, c, failed) } else { holds(change, c, failed) };
    !spec.jobs.is_empty() && spec.jobs.iter().all(|job| job.condition.as_ref().is_some_and(|c| !runs(c)))
}

/// Without a function that asks for the status, a condition stands for `success() && (…)`.
fn holds(change: &Change<'_>, condition: &Condition, failed: bool) -> bool {
    if (failed || change.ending().is_some()) && !asks_for_status(condition) {
        return false;
    }
    truth(change, condition, failed)
}

fn asks_for_status(condition: &Condition) -> bool {
    match condition {
        Condition::Always | Condition::Success | Condition::Failure => true,
        Condition::Not(inner) => asks_for_status(inner),
        Condition::And(left, right) | Condition::Or(left, right) => {
            asks_for_status(left) || asks_for_status(right)
        }
        _ => false,
    }
}

fn truth(change: &Change<'_>, condition: &Condition, failed: bool) -> bool {
    let truth = |inner: &Condition| self::truth(change, inner, failed);
    match condition {
        Condition::Literal(truth) => *truth,
        Condition::OnMain => change.after.branch == "main",
        Condition::IsPush => change.after.event == "push",
        Condition::Always => true,
        Condition::Success => !failed && change.ending().is_none(),
        Condition::Failure => failed || change.ending().is_some_and(|(status, _)| status == "timeout"),
        Condition::StageIs(index, status) => {
            found(change.after, change.spec, *index).is_some_and(|s| s.status == *status)
        }
        Condition::Not(inner) => !truth(inner),
        Condition::And(left, right) => truth(left) && truth(right),
        Condition::Or(left, right) => truth(left) || truth(right),
    }
}

/// A stage has just begun: its jobs are ready, but for those whose condition is false.
fn jobs(change: &Change<'_>, stage: &Stage, spec: &StageSpec) -> Result<(), String> {
    let failed = is_let_down(change, spec);
    for job in stage.jobs.iter().filter(|j| !j.is_carried) {
        let Some(written) = spec.job(&job.name) else {
            return Err(format!("nobody wrote a job {}/{}", stage.name, job.name));
        };
        let holds = |c: &Condition| match c {
            c if spec.cleans_up => truth(change, c, failed),
            c => holds(change, c, failed),
        };
        let runs = written.condition.as_ref().is_none_or(holds);
        let why = match written.condition {
            Some(Condition::Literal(false)) => "disabled",
            _ => "condition_false",
        };
        let is_left_out = job.status == "skipped" && job.reason.as_deref() == Some(why);
        let is_limited = written.matrix.is_some_and(|m| m.max_parallel.is_some());
        let waits = is_limited && job.reason.as_deref() == Some("parallel_limit");
        let is_given = job.status == "running" && change.before.is_none() && !waits;
        let is_ready = is_given || job.status == "pending" && (job.ready_at.is_some() != waits);
        // A stage that began and ended in the same moment has nothing that waits.
        if runs == is_left_out || (runs && !is_ready) {
            let is = (&job.status, &job.reason, job.ready_at);
            return Err(format!("job {}/{} should run: {runs}, and is {is:?}", stage.name, job.name));
        }
    }
    Ok(())
}
