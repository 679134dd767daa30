//! Asks the control plane for jobs: all the time for a runner that can't be reached, now and then for one that is
//! pushed to, to find out whether it is still known.

use std::sync::Arc;
use std::time::Duration;

use penstock_api::runner::{HeartbeatAnswer, JobRequest};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::control::{CALL_TIMEOUT, CallError, Control, JSON};
use crate::courier::heartbeat_url;
use crate::intake::Intake;
use crate::registration::Registrar;

/// How long the control plane may hold a claim open.
const WAIT_SECONDS: u64 = 25;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Claims a job whenever a slot is free and the disk would take it: what was claimed can't be given back. Never ends by
/// itself.
pub(crate) async fn keep_claiming(control: &Control, registrar: &Registrar, intake: &Arc<Intake>) {
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    while let Some(slot) = intake.free_slot().await {
        if let Err(error) = intake.probe() {
            tracing::error!(%error, "no job is claimed: the work folder can't be written to");
            drop(slot);
            tokio::time::sleep(backoff.next()).await;
            continue;
        }
        match claim(control, registrar, WAIT_SECONDS).await {
            Ok(Some(job)) => {
                if begin(control, registrar, intake, job, slot).await {
                    backoff.reset();
                } else {
                    tokio::time::sleep(backoff.next()).await;
                }
            }
            Ok(None) => backoff.reset(),
            Err(error) => {
                tracing::debug!(%error, "no claim");
                drop(slot);
                tokio::time::sleep(backoff.next()).await;
            }
        }
    }
}

/// Asks at every interval, and when there is doubt, whether the control plane still knows the runner. Never ends
/// by itself. The question is a claim that does not wait, so it is put only when a job could be taken.
pub(crate) async fn keep_known(
    control: &Control,
    registrar: &Registrar,
    intake: &Arc<Intake>,
    interval: Duration,
) {
    /// Doubts may come with every wrong signature that anyone sends.
    const LEAST_PAUSE: Duration = Duration::from_secs(1);
    loop {
        let _ = tokio::time::timeout(interval, registrar.doubted()).await;
        if !intake.has_free_slot() || intake.probe().is_err() {
            tokio::time::sleep(LEAST_PAUSE).await;
            continue;
        }
        if let Ok(Some(job)) = claim(control, registrar, 0).await {
            match intake.try_slot() {
                Some(slot) => {
                    begin(control, registrar, intake, job, slot).await;
                }
                None => {
                    tracing::warn!(job = %job.job.id, "a claimed job is not taken: a pushed one came first")
                }
            }
        }
        tokio::time::sleep(LEAST_PAUSE.min(interval)).await;
    }
}

/// Begins a claimed job, once the control plane knows that it came here. Gives whether it began.
async fn begin(
    control: &Control,
    registrar: &Registrar,
    intake: &Arc<Intake>,
    job: JobRequest,
    slot: OwnedSemaphorePermit,
) -> bool {
    let Some(held_at) = acknowledge(control, registrar, &job).await else { return false };
    let accepted = intake.accept_into(job, slot, held_at);
    accepted.inspect_err(|refusal| tracing::warn!(%refusal, "a claimed job is not taken")).is_ok()
}

/// Tells that the job came here, by its first heartbeat, and gives when it was certainly held. None where it is not
/// this runner's any more: a claim of which nothing is heard for the length of a lease goes to another.
async fn acknowledge(control: &Control, registrar: &Registrar, job: &JobRequest) -> Option<Instant> {
    let url = heartbeat_url(job);
    let given_up_at = Instant::now() + registrar.lease().length;
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    loop {
        let asked_at = Instant::now();
        let answer =
            control.post::<HeartbeatAnswer>(&url, &job.job.lease.token, JSON, "{}", CALL_TIMEOUT).await;
        let error = match answer {
            // An answer of another make is one, too.
            Ok(_) | Err(CallError::Refused { status: 200..=299, .. }) => return Some(asked_at),
            Err(error @ CallError::Refused { .. }) => {
                tracing::warn!(job = %job.job.id, %error, "a claimed job is not this runner's any more");
                return None;
            }
            Err(error) => error,
        };
        if Instant::now() >= given_up_at {
            tracing::warn!(job = %job.job.id, %error, "a claimed job is given up");
            return None;
        }
        tokio::time::sleep(backoff.next().max(error.retry_after().min(LONGEST_WAIT))).await;
    }
}

/// One claim; registers anew where the control plane does not know the runner.
async fn claim(control: &Control, registrar: &Registrar, wait: u64) -> Result<Option<JobRequest>, CallError> {
    let Some(known) = registrar.current().await else { return Ok(None) };
    let url = registrar.claim_url(known.id, wait);
    let patience = CALL_TIMEOUT + Duration::from_secs(wait);
    let answer = control.post(&url, &known.token, JSON, "{}", patience).await;
    if matches!(answer, Err(CallError::Refused { status: 401 | 404, .. })) {
        registrar.register_again().await;
    }
    answer
}
