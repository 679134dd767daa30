//! A failed attempt is tried again as often, and after as long, as its policy says, for the causes that it names.

use super::{Change, JobChange};
use crate::scenario::RetrySpec;

/// No wait is longer.
const MAX_DELAY_MS: u64 = 3_600_000;

pub fn check(change: &Change<'_>) -> Result<(), String> {
    for job in change.jobs() {
        let Some(before) = job.before.filter(|b| b.status == "running") else { continue };
        if job.after.attempt == before.attempt + 1 {
            tried_again(change, &job)?;
        } else if job.after.status == "failed" {
            given_up(change, &job)?;
        }
    }
    Ok(())
}

fn policy<'a>(job: &JobChange<'a>) -> Option<&'a RetrySpec> {
    job.spec.and_then(|spec| spec.retry.as_ref())
}

fn allows(policy: &RetrySpec, cause: &str, failed_attempt: i64) -> bool {
    failed_attempt <= i64::from(policy.max) && (policy.on.is_empty() || policy.on.contains(&cause))
}

fn delay_ms(policy: &RetrySpec, retry: i64) -> i64 {
    let factor = u64::from(policy.backoff).saturating_pow(u32::try_from(retry - 1).unwrap_or(0));
    let ms = (policy.delay_seconds * 1000).saturating_mul(factor).min(MAX_DELAY_MS);
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// The cause that the clock rang for; what runners say is judged elsewhere.
fn cause_of(change: &Change<'_>) -> Option<&'static str> {
    match change.entry.cause.as_str() {
        "lease_expired" => Some("runner_lost"),
        "job_deadline" => Some("timed_out"),
        "refused" => Some("dispatch_failed"),
        _ => None,
    }
}

fn tried_again(change: &Change<'_>, job: &JobChange<'_>) -> Result<(), String> {
    let name = job.name();
    let failed_attempt = job.after.attempt - 1;
    let Some(policy) = policy(job) else {
        return Err(format!("{name} is tried again, and nobody asked for that"));
    };
    if failed_attempt > i64::from(policy.max) {
        return Err(format!(
            "{name} gets attempt {}, and {} retries are allowed",
            job.after.attempt, policy.max
        ));
    }
    if let Some(cause) = cause_of(change).filter(|cause| !allows(policy, cause, failed_attempt)) {
        return Err(format!("{name} is tried again for {cause}, and its policy is for {:?}", policy.on));
    }
    let expected = change.entry.at_ms + delay_ms(policy, failed_attempt);
    if job.after.ready_at != Some(expected) {
        let is = job.after.ready_at.map(|at| at - change.entry.at_ms);
        return Err(format!("{name} waits {is:?} ms, and should wait {} ms", expected - change.entry.at_ms));
    }
    if job.after.reason.as_deref() != Some("retry_backoff") {
        return Err(format!("{name} waits for its next attempt as {:?}", job.after.reason));
    }
    Ok(())
}

fn given_up(change: &Change<'_>, job: &JobChange<'_>) -> Result<(), String> {
    // A stage or an execution that ends takes its jobs with it, whatever their policies.
    if matches!(change.entry.cause.as_str(), "stage_deadline" | "execution_deadline" | "cancel" | "supersede")
    {
        return Ok(());
    }
    let cause = match job.after.reason.as_deref() {
        Some("exit_code") => "exit_code",
        Some("runner_lost" | "runner_error" | "checkout_failed") => "runner_lost",
        Some("timed_out") => "timed_out",
        Some("dispatch_failed") => "dispatch_failed",
        _ => return Ok(()),
    };
    match policy(job).filter(|policy| allows(policy, cause, job.after.attempt)) {
        Some(policy) => {
            let (name, attempt, max) = (job.name(), job.after.attempt, policy.max);
            Err(format!(
                "{name} failed for {cause} in attempt {attempt}, and {max} retries are allowed for that"
            ))
        }
        None => Ok(()),
    }
}
