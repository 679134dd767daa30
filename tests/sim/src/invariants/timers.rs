//! Whatever may hang has a timer, and what has ended has none.

use super::Change;
use crate::view::Timer;

/// How long a runner keeps a job without a sign of life, and what it gets beyond a job's timeout.
const LEASE_MS: i64 = 30_000;
const MAX_GRACE_MS: i64 = 10 * 60_000;

pub fn check(change: &Change<'_>) -> Result<(), String> {
    let after = change.after;
    let of_job = |id: &str, kind: &str| -> Vec<&Timer> {
        after.timers.iter().filter(|t| t.job_id.as_deref() == Some(id) && t.kind == kind).collect()
    };
    for job in change.jobs() {
        let (id, name) = (&job.after.id, job.name());
        let (leases, deadlines) = (of_job(id, "lease"), of_job(id, "job_deadline"));
        if job.after.status != "running" {
            if !leases.is_empty() || !deadlines.is_empty() {
                return Err(format!("{name} is {}, and has timers", job.after.status));
            }
            continue;
        }
        let ([lease], [deadline]) = (leases.as_slice(), deadlines.as_slice()) else {
            return Err(format!(
                "{name} runs with {} leases and {} deadlines",
                leases.len(),
                deadlines.len()
            ));
        };
        if lease.attempt != Some(job.after.attempt) || deadline.attempt != Some(job.after.attempt) {
            return Err(format!("{name} is at attempt {}, and its timers are of another", job.after.attempt));
        }
        if job.was() == "running" {
            continue;
        }
        let at = change.entry.at_ms;
        if lease.due_at != Some(at + LEASE_MS) {
            return Err(format!("{name}: a new lease ends in {:?} ms", lease.due_at.map(|due| due - at)));
        }
        let timeout_ms = job.spec.map_or(0, |s| i64::try_from(s.timeout_seconds).unwrap_or(0) * 1000);
        let left = deadline.due_at.unwrap_or(0) - at;
        if !(timeout_ms..=timeout_ms + MAX_GRACE_MS).contains(&left) {
            return Err(format!("{name}: its deadline is in {left} ms, and its timeout is {timeout_ms} ms"));
        }
    }
    for (before, stage, spec) in change.stages() {
        let found: Vec<_> = after
            .timers
            .iter()
            .filter(|t| t.stage_id.as_deref() == Some(&stage.id) && t.kind == "stage_deadline")
            .collect();
        let seconds = spec.and_then(|s| s.timeout_seconds).filter(|_| stage.status == "running");
        if found.len() != usize::from(seconds.is_some()) {
            return Err(format!("stage {} is {} with {} deadlines", stage.name, stage.status, found.len()));
        }
        let is_new = before.is_none_or(|b| b.status != "running");
        if let (Some(seconds), Some(timer), true) = (seconds, found.first(), is_new) {
            let due = change.entry.at_ms + i64::try_from(seconds).unwrap_or(0) * 1000;
            if timer.due_at != Some(due) {
                return Err(format!(
                    "stage {} has its deadline at {:?}, not {due}",
                    stage.name, timer.due_at
                ));
            }
        }
        let waits = stage.status == "pending" && stage.reason.as_deref() == Some("approval_pending");
        let expiries = after
            .timers
            .iter()
            .filter(|t| t.stage_id.as_deref() == Some(&stage.id) && t.kind == "approval_expiry");
        let expected = usize::from(waits);
        if expiries.count() != expected {
            return Err(format!(
                "stage {} waits for an approval: {waits}, and its expiry is not that",
                stage.name
            ));
        }
    }
    let deadlines: Vec<_> = after.timers.iter().filter(|t| t.kind == "execution_deadline").collect();
    if deadlines.len() != usize::from(after.status == "running") {
        return Err(format!("the execution is {} with {} deadlines", after.status, deadlines.len()));
    }
    // Cleaning up has a time of its own.
    if let (Some(timer), Some(began), None) = (deadlines.first(), after.started_at, &after.ending) {
        let seconds = change.spec.timeout_seconds.map_or(7_200, |s| i64::try_from(s).unwrap_or(0));
        // To wait for people is not to take long.
        let expiries = after.timers.iter().filter(|t| t.kind == "approval_expiry");
        let waits_until = expiries.filter_map(|t| t.approval_expires_at).max();
        let due = waits_until.unwrap_or(began).max(began) + seconds * 1000;
        let is_new = change.before.is_none_or(|b| b.started_at.is_none());
        // One that rang in vain, because the database was lost, is put off.
        if timer.due_at < Some(due) || (is_new && timer.due_at != Some(due)) {
            return Err(format!("the execution's deadline is not {seconds} s after its beginning"));
        }
    }
    Ok(())
}
