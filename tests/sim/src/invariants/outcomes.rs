//! What a job comes to is what its steps came to, and what a stage and an execution come to follows from that.

use penstock_domain::{Reason, WorkStatus};

use super::{Change, JobChange};
use crate::scenario::{JobSpec, StageSpec};
use crate::view::{Job, Stage};

pub fn check(change: &Change<'_>) -> Result<(), String> {
    for job in change.jobs() {
        if job.was() == "running" && job.after.status != "running" {
            ended(change, &job)?;
        }
    }
    for (before, stage, spec) in change.stages() {
        let has_ended = stage.is_final() && before.is_none_or(|b| !b.is_final());
        if let Some(spec) = spec.filter(|_| has_ended && stage.started_at.is_some()) {
            stage_ended(change, stage, spec)?;
        }
    }
    if change.after.is_final() && change.before.is_none_or(|b| !b.is_final()) {
        execution_ended(change)?;
    }
    Ok(())
}

/// Whether the script succeeds in this attempt; None where its time is too short for it, or nearly.
fn script(spec: &JobSpec, attempt: i64) -> Option<bool> {
    let attempt = u32::try_from(attempt).unwrap_or(0);
    let mut ms = 0;
    for step in spec.steps.iter().filter(|s| !s.is_skipped) {
        ms += step.work_ms;
        if ms + 5_000 > spec.timeout_seconds * 1000 {
            return None;
        }
        if step.fails_in(attempt) && !step.continue_on_error {
            return Some(false);
        }
    }
    Some(true)
}

fn hands_on(change: &Change<'_>, job: &str) -> bool {
    let rows = change.world.database.look("SELECT outputs IS NOT NULL FROM jobs WHERE id = ?1", [job]);
    rows.first().and_then(|row| row.integer(0).ok()) == Some(1)
}

fn ended(change: &Change<'_>, job: &JobChange<'_>) -> Result<(), String> {
    let (Some(spec), Some(before)) = (job.spec, job.before) else { return Ok(()) };
    let name = job.name();
    if job.after.status != "succeeded" && hands_on(change, &job.after.id) {
        return Err(format!("{name} is {}, and hands on outputs", job.after.status));
    }
    if job.after.status == "succeeded" {
        for (index, step) in job.after.steps.iter().enumerate() {
            let may_fail = spec.steps.get(index).is_some_and(|s| s.continue_on_error);
            let is_fine = matches!(step.status.as_str(), "succeeded" | "skipped")
                || (step.status == "failed" && may_fail);
            if !is_fine {
                return Err(format!("{name} succeeded, and its step {index} is {}", step.status));
            }
        }
    }
    if change.entry.cause != "report" || job.after.reason.as_deref() == Some("fail_fast") {
        return Ok(());
    }
    let attempt = u32::try_from(before.attempt).unwrap_or(0);
    let facts = change.world.facts.borrow();
    let id = job.after.id.parse().ok();
    let Some(known) = id.and_then(|id| facts.attempts.get(&(id, attempt))) else {
        return Err(format!("{name}: attempt {attempt} has ended, and no runner had it"));
    };
    let Some((said, why)) = known.said.filter(|_| known.is_honest) else { return Ok(()) };
    let timed_out = why == Some(Reason::TimedOut);
    // Where call backs took long, the time may have been too short for the script.
    if let Some(succeeds) = script(spec, before.attempt).filter(|_| !timed_out)
        && succeeds != (said == WorkStatus::Succeeded)
    {
        return Err(format!(
            "{name}: the script of attempt {attempt} succeeds: {succeeds}, and its runner says {said}"
        ));
    }
    let fits = match (said, job.after.status.as_str()) {
        (WorkStatus::Succeeded, "succeeded") | (WorkStatus::Failed, "pending") => true,
        (WorkStatus::Failed, "failed") => job.after.reason.as_deref() == why.map(Reason::as_str),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let is = (&job.after.status, &job.after.reason);
    Err(format!("{name}: the runner says that attempt {attempt} {said} ({why:?}), and the job is {is:?}"))
}

fn stage_ended(change: &Change<'_>, stage: &Stage, spec: &StageSpec) -> Result<(), String> {
    let name = &stage.name;
    let cause = change.entry.cause.as_str();
    if let Some(open) = stage.jobs.iter().find(|j| !j.is_final()) {
        return Err(format!("stage {name} is {}, and job {} is {}", stage.status, open.name, open.status));
    }
    // Ended from above, but for what cleans up.
    let is_cut_off = matches!(cause, "cancel" | "supersede" | "execution_deadline");
    if is_cut_off && (stage.status == "cancelled" || !spec.cleans_up) {
        let fits = stage.status == "cancelled";
        return if fits { Ok(()) } else { Err(format!("stage {name} is {} after a cancel", stage.status)) };
    }
    if cause == "stage_deadline" && stage.reason.as_deref() == Some("timed_out") {
        return if stage.status == "failed" {
            Ok(())
        } else {
            Err(format!("stage {name} timed out as {}", stage.status))
        };
    }
    let counts = |job: &Job| {
        let written = spec.job(&job.name);
        job.status == "failed" && !written.is_some_and(|j| j.continue_on_error)
    };
    let jobs_failed = stage.jobs.iter().any(counts);
    let gate_failed = stage.gates.iter().any(|g| g.is_blocker && g.status == "failed");
    let deployment = change.after.deployments.iter().find(|d| d.stage_id == stage.id);
    let is_unhealthy = deployment.is_some_and(|d| d.health_check_passed == Some(0));
    let fails = jobs_failed || gate_failed || is_unhealthy;
    let fits = stage.status == if fails { "failed" } else { "succeeded" };
    if !fits {
        return Err(format!(
            "stage {name} is {}, though jobs failed: {jobs_failed}, a gate: {gate_failed}, its health: {is_unhealthy}",
            stage.status
        ));
    }
    if jobs_failed {
        let reasons: Vec<_> = stage.jobs.iter().filter(|j| counts(j)).map(|j| &j.reason).collect();
        if !reasons.contains(&&stage.reason) {
            return Err(format!("stage {name} failed for {:?}, and its jobs for {reasons:?}", stage.reason));
        }
    }
    gates(change, stage, spec)
}

/// Gates are decided with their stage, on what the reports that were handed in say.
fn gates(change: &Change<'_>, stage: &Stage, spec: &StageSpec) -> Result<(), String> {
    let tests = reported(change);
    for gate in &stage.gates {
        let Some(written) = spec.gates.iter().find(|g| g.name == gate.name) else {
            return Err(format!("nobody wrote the gate {}", gate.name));
        };
        if gate.status == "pending" {
            return Err(format!("stage {} has ended, and its gate {} is open", stage.name, gate.name));
        }
        // Without a report nothing is known of it, and a retry of an overridden one counts as that.
        let Some(failed) = tests.filter(|_| gate.status != "overridden") else { continue };
        let passes = failed <= u64::from(written.most_failed);
        if (gate.status == "passed") != passes {
            return Err(format!("gate {} is {} with {failed} failed tests", gate.name, gate.status));
        }
    }
    Ok(())
}

/// Failed tests of all last attempts, where each of those that ran has certainly handed in its report, or none.
fn reported(change: &Change<'_>) -> Option<u64> {
    let facts = change.world.facts.borrow();
    let mut failed = None;
    for job in change.jobs() {
        let Some((_, of_job)) = job.spec.and_then(|s| s.report) else { continue };
        if job.after.is_carried {
            return None;
        }
        let key = (job.after.id.parse().ok()?, u32::try_from(job.after.attempt).ok()?);
        let Some(attempt) = facts.attempts.get(&key) else { continue };
        if !attempt.reports_handed_in {
            return None;
        }
        failed = Some(failed.unwrap_or(0) + u64::from(of_job));
    }
    failed
}

fn execution_ended(change: &Change<'_>) -> Result<(), String> {
    let after = change.after;
    let is_allowed = |name: &str| change.spec.stages.iter().any(|s| s.name == name && s.continue_on_error);
    let counts = |s: &&Stage| s.status == "failed" && !is_allowed(&s.name);
    let first = after.stages.iter().filter(counts).map(|s| s.completed_at).min();
    let failed = after.stages.iter().filter(counts).filter(|s| Some(s.completed_at) == first);
    let reasons: Vec<_> = failed.map(|s| &s.reason).collect();
    let fits = match (after.status.as_str(), change.ending()) {
        (status, Some(ending)) => (status, after.reason.as_deref()) == (ending.0, Some(ending.1)),
        ("succeeded", None) => reasons.is_empty(),
        ("failed", None) if after.stages.is_empty() => {
            after.reason.as_deref() == Some("config_error") && change.spec.is_broken
        }
        // The first failure is the one that is told.
        ("failed", None) => reasons.contains(&&after.reason),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let details = change
        .world
        .database
        .look("SELECT error_details FROM pipeline_executions WHERE id = ?1", [&after.id]);
    let stages: Vec<_> =
        after.stages.iter().map(|s| format!("{} {} {:?}", s.name, s.status, s.reason)).collect();
    Err(format!("the execution is {} ({:?}) with {stages:?}, {details:?}", after.status, after.reason))
}
