//! Which state may follow which, and what stands beside it.

use super::Change;
use crate::view::is_final;

/// By the documented lists of states; "" is before it was.
fn may_follow(what: &str, from: &str, to: &str) -> bool {
    match (what, from) {
        ("execution", "") => matches!(to, "queued" | "running" | "failed" | "succeeded"),
        ("execution", "queued") => matches!(to, "running" | "failed" | "cancelled" | "succeeded"),
        ("execution", "running") => matches!(to, "succeeded" | "failed" | "cancelled" | "timeout"),
        ("stage", "") => true,
        ("stage", "pending") => to != "pending",
        ("stage", "running") => matches!(to, "succeeded" | "failed" | "cancelled"),
        ("job", "") => matches!(to, "pending" | "running" | "succeeded" | "skipped" | "failed"),
        ("job", "pending") => matches!(to, "running" | "failed" | "cancelled" | "skipped"),
        ("job", "running") => matches!(to, "pending" | "succeeded" | "failed" | "cancelled"),
        _ => false,
    }
}

pub fn check(change: &Change<'_>) -> Result<(), String> {
    let (before, after) = (change.before, change.after);
    let was = before.map_or("", |b| b.status.as_str());
    step("execution", &after.id, was, &after.status)?;
    beside("execution", &after.id, &after.status, after.reason.as_deref(), after.completed_at, false)?;
    if matches!(after.status.as_str(), "running" | "succeeded" | "timeout") && after.started_at.is_none() {
        return Err(format!("execution {} is {} and never began", after.id, after.status));
    }
    for (before, stage, _) in change.stages() {
        step("stage", &stage.name, before.map_or("", |s| s.status.as_str()), &stage.status)?;
        let is_carried = !stage.jobs.is_empty() && stage.jobs.iter().all(|j| j.is_carried)
            || before.is_none_or(|b| b.is_final()) && stage.completed_at.is_none();
        beside("stage", &stage.name, &stage.status, stage.reason.as_deref(), stage.completed_at, is_carried)?;
        let began = stage.started_at.is_some();
        if stage.status == "running" && !began {
            return Err(format!("stage {} runs and never began", stage.name));
        }
        if stage.status == "succeeded" && !began && !is_carried {
            return Err(format!("stage {} succeeded and never began", stage.name));
        }
    }
    for job in change.jobs() {
        let (name, after) = (job.name(), job.after);
        step("job", &name, job.was(), &after.status)?;
        let is_carried = after.is_carried || job.stage.is_final() && job.stage.completed_at.is_none();
        beside("job", &name, &after.status, after.reason.as_deref(), after.completed_at, is_carried)?;
        let is_held = after.runner_id.is_some() && after.assigned_at.is_some() && after.ready_at.is_none();
        if after.status == "running" && !is_held {
            return Err(format!("{name} runs, and nobody has it"));
        }
        if after.status == "pending" && (after.runner_id.is_some() || after.started_at.is_some()) {
            return Err(format!("{name} waits, and somebody has it"));
        }
        steps(&job)?;
    }
    Ok(())
}

fn step(what: &str, name: &str, from: &str, to: &str) -> Result<(), String> {
    if from == to || may_follow(what, from, to) {
        return Ok(());
    }
    let from = if from.is_empty() { "nothing" } else { from };
    Err(format!("{what} {name} went from {from} to {to}"))
}

fn beside(
    what: &str,
    name: &str,
    status: &str,
    reason: Option<&str>,
    completed_at: Option<i64>,
    is_carried: bool,
) -> Result<(), String> {
    if is_final(status) != completed_at.is_some() && !is_carried {
        return Err(format!("{what} {name} is {status}, and its end is {completed_at:?}"));
    }
    let fits = match status {
        "succeeded" => reason.is_none(),
        "failed" | "cancelled" | "skipped" | "timeout" => reason.is_some(),
        _ => true,
    };
    if fits { Ok(()) } else { Err(format!("{what} {name} is {status} with the reason {reason:?}")) }
}

/// Steps end with their job, and begin anew with another attempt.
fn steps(job: &super::JobChange<'_>) -> Result<(), String> {
    let (name, after) = (job.name(), job.after);
    if after.is_carried {
        return Ok(());
    }
    for (index, step) in after.steps.iter().enumerate() {
        if after.is_final() && !is_final(&step.status) {
            return Err(format!("{name} is {}, and its step {index} is {}", after.status, step.status));
        }
        if after.status == "pending" && step.status != "pending" {
            return Err(format!("{name} waits, and its step {index} is {}", step.status));
        }
        if is_final(&step.status)
            && step.status != "skipped"
            && step.status != "cancelled"
            && step.completed_at.is_none()
        {
            return Err(format!("{name}: step {index} is {} without an end", step.status));
        }
    }
    Ok(())
}
