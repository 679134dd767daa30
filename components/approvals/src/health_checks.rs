//! Health checks that are due: each is run in the background, and what it comes to is told to the scheduler.
//!
//! Should this process die, the claim ends, and whoever takes the effect up next begins anew.

use bytes::Bytes;
use http::StatusCode;
use penstock_api::internal::HealthChecked;
use penstock_domain::{DeploymentId, Timestamp};
use penstock_engine::EffectKind;
use penstock_guest::{Answer, Failure, Platform, SendError, ask_scheduler, json};
use penstock_pipeline::HealthCheck;
use penstock_store::Claimed;

use crate::watch::{Outcome, Verdict, Watch};

const KIND: &str = "health_check";
/// Begun at once; the clock brings the others.
const BATCH: u32 = 32;
/// How long a check is this process's own beyond the try that it is at.
const CLAIM_MS: i64 = 30_000;
/// Of an answer's body nothing is wanted.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Work after an answer may not go on for ever; what takes longer would begin anew again and again.
const MAX_CHECK_MS: i64 = 50 * 60_000;
/// How often the scheduler is told, before that is left to the next claim.
const MAX_TELLS: u32 = 5;
/// Longer than the scheduler is waited for, and the wait after that.
const TELL_CLAIM_MS: i64 = 60_000;
/// Before it is told again; doubled each time.
const TELL_AGAIN_MS: u64 = 500;
/// When a check whose verdict could not be told is begun anew.
const ANEW_MS: i64 = 10_000;

/// `POST /internal/health-checks`
pub async fn begin<P: Platform>(platform: &P) -> Answer {
    let store = platform.store().await?;
    let now = platform.now();
    let due = store.claim_effects(&[KIND], now, now.plus_ms(CLAIM_MS), BATCH).await?;
    let begun = due.len();
    for claimed in due {
        let platform = platform.clone();
        platform.clone().spawn(async move {
            if let Err(failure) = run(&platform, &claimed, now.plus_ms(CLAIM_MS)).await {
                failure.log(platform.request_id(), "a health check is left to the clock");
            }
        });
    }
    Ok(json(StatusCode::OK, &serde_json::json!({ "success": true, "begun": begun })))
}

async fn run(platform: &impl Platform, claimed: &Claimed, until: Timestamp) -> Result<(), Failure> {
    let EffectKind::HealthCheck(due) = &claimed.effect else { return Ok(()) };
    match judge(platform, claimed, &due.check, until).await? {
        Some(verdict) => tell(platform, claimed, due.deployment_id, verdict).await,
        // Somebody else has it, or nobody wants to know any more.
        None => Ok(()),
    }
}

/// Asks until there is a verdict; None where the claim was lost.
///
/// No connection to the database is kept meanwhile: there are few of them, and this may take long.
async fn judge(
    platform: &impl Platform,
    claimed: &Claimed,
    check: &HealthCheck,
    mut until: Timestamp,
) -> Result<Option<Verdict>, Failure> {
    let began = platform.now();
    let one_try_ms = check.timeout_ms.max(0).saturating_add(check.interval_ms.max(0));
    let mut watch = Watch::new(check);
    loop {
        let now = platform.now();
        if until.since_ms(now) < one_try_ms.saturating_add(CLAIM_MS / 2) {
            until = now.plus_ms(one_try_ms.saturating_add(CLAIM_MS));
            if !platform.store().await?.prolong_effect(claimed, until).await? {
                return Ok(None);
            }
        }
        let outcome = ask(platform, check).await;
        if let Some(verdict) = watch.take(&outcome) {
            return Ok(Some(verdict));
        }
        if platform.now().since_ms(began) > MAX_CHECK_MS {
            return Ok(Some(watch.give_up(&outcome)));
        }
        platform.sleep(u64::try_from(check.interval_ms).unwrap_or(0)).await;
    }
}

async fn ask(platform: &impl Platform, check: &HealthCheck) -> Outcome {
    let request = http::Request::get(check.url.as_str())
        .header(http::header::USER_AGENT, "penstock-health-check")
        .body(Bytes::new());
    let Ok(request) = request else { return Outcome::Unreachable("the URL can't be read".to_owned()) };
    if is_inside(request.uri()) {
        return Outcome::Unreachable("addresses within the application are not asked".to_owned());
    }
    let timeout_ms = u64::try_from(check.timeout_ms).unwrap_or(0);
    match platform.status_of(request, timeout_ms, MAX_BODY_BYTES).await {
        Ok(status) => Outcome::Answered(status.as_u16()),
        Err(SendError::NoAnswer(_, why)) => Outcome::NoAnswer(why),
        Err(SendError::Unreachable(_, why)) => Outcome::Unreachable(why),
        Err(error @ SendError::TooLarge(..)) => Outcome::NoAnswer(error.to_string()),
    }
}

/// The scheduler is among the hosts that this component may call: its routes are not for whoever writes a URL.
fn is_inside(uri: &http::Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    host == "spin.internal" || host.ends_with(".spin.internal")
}

/// Tells the scheduler, which takes the same verdict twice; the effect ends only after that.
async fn tell(
    platform: &impl Platform,
    claimed: &Claimed,
    deployment: DeploymentId,
    verdict: Verdict,
) -> Result<(), Failure> {
    let path = format!("/internal/deployments/{deployment}/health");
    let outcome = if verdict.is_healthy { "healthy" } else { "unhealthy" };
    let told = HealthChecked { is_healthy: verdict.is_healthy, detail: verdict.detail };
    let mut wait_ms = TELL_AGAIN_MS;
    for _ in 0..MAX_TELLS {
        if !platform.store().await?.prolong_effect(claimed, platform.now().plus_ms(TELL_CLAIM_MS)).await? {
            return Ok(());
        }
        let ended = match ask_scheduler(platform, &path, &told).await {
            Ok(_) => Some(outcome),
            Err(failure) if is_obsolete(&failure) => Some("obsolete"),
            Err(failure) => {
                failure.log(platform.request_id(), "what a health check came to was not told");
                None
            }
        };
        if let Some(ended) = ended {
            let store = platform.store().await?;
            return Ok(store.finish_effect(claimed.id, ended, platform.now()).await?);
        }
        platform.sleep(wait_ms).await;
        wait_ms *= 2;
    }
    let store = platform.store().await?;
    let why = "the scheduler did not take what it came to";
    Ok(store.postpone_effect(claimed.id, platform.now().plus_ms(ANEW_MS), why).await?)
}

/// The deployment is gone, or has ended otherwise. A lost race is none of that.
fn is_obsolete(failure: &Failure) -> bool {
    matches!(failure, Failure::Told(problem)
        if problem.status == 404 || (problem.status == 409 && problem.code != "conflict"))
}
