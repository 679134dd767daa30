//! Commit statuses that are due are told, in order for each commit and context.

use http::StatusCode;
use penstock_engine::{EffectKind, ForgeStatus};
use penstock_forge::github::status_request;
use penstock_forge::{CommitState, CommitStatus, Outcome};
use penstock_guest::{Answer, Failure, Level, Platform, json, log};
use penstock_store::{Claimed, Connection, Store};

use crate::github::{self, TO_TELL};

/// Taken at once: what is claimed must be told within the claim.
const BATCH: u32 = 1;
/// Told before the answer: whoever woke us waits for it.
const MAX_ROUNDS: u32 = 1_000;
/// No further one is begun after this.
const WORK_MS: i64 = 15_000;
/// A refused token may be replaced meanwhile, or be given the right.
const REFUSED_MS: i64 = 300_000;
/// How long a claimed status is this request's own.
/// Longer than a request and the one redirect that it may follow.
const CLAIM_MS: i64 = 25_000;
/// A status that could not be told for so long is wanted by nobody.
const GIVE_UP_MS: i64 = 24 * 3_600_000;

/// `POST /internal/statuses`
pub async fn send_due(platform: &impl Platform) -> Answer {
    let store = platform.store().await?;
    let started = platform.now();
    let mut sent = 0_usize;
    for _ in 0..MAX_ROUNDS {
        let now = platform.now();
        if now.since_ms(started) > WORK_MS {
            break;
        }
        let due = store.claim_effects(&["forge_status"], now, now.plus_ms(CLAIM_MS), BATCH).await?;
        let Some(claimed) = due.first() else { break };
        let outcome = send(platform, &store, claimed).await?;
        sent += 1;
        if outcome.limited_seconds().is_some() {
            break;
        }
    }
    Ok(json(StatusCode::OK, &serde_json::json!({ "success": true, "sent": sent })))
}

async fn send<C: Connection>(
    platform: &impl Platform,
    store: &Store<C>,
    claimed: &Claimed,
) -> Result<Outcome, Failure> {
    let EffectKind::ForgeStatus(status) = &claimed.effect else { return Ok(Outcome::Done) };
    let outcome = tell(platform, status, claimed.attempts).await;
    let now = platform.now();
    let is_wanted = now.since_ms(claimed.created_at) < GIVE_UP_MS;
    let why = github::why(&outcome);
    let of = format!("the status of {}@{}", status.repository, status.commit_sha);
    match &outcome {
        Outcome::Done => store.finish_effect(claimed.id, "told", now).await?,
        Outcome::RetryAfter { seconds, .. } if is_wanted => {
            let due_at = now.plus_ms(i64::from(*seconds) * 1000);
            match outcome.limited_seconds() {
                // The others would be refused as well, and GitHub counts that.
                Some(_) => store.postpone_statuses(&status.forge, claimed.id, due_at, &why).await?,
                None => store.postpone_effect(claimed.id, due_at, &why).await?,
            }
        }
        // GitHub also answers 404 where the token may not write.
        Outcome::Unauthorized { .. } | Outcome::Forbidden { .. } | Outcome::NotFound if is_wanted => {
            let why = format!("{why}; {TO_TELL}");
            log(Level::Warn, platform.request_id(), &format!("{of} has to wait: {why}"));
            store.postpone_effect(claimed.id, now.plus_ms(REFUSED_MS), &why).await?;
        }
        _ => {
            log(Level::Warn, platform.request_id(), &format!("{of} was not told: {why}"));
            store.finish_effect(claimed.id, &format!("failed: {why}"), now).await?;
        }
    }
    Ok(outcome)
}

async fn tell(platform: &impl Platform, status: &ForgeStatus, attempt: u32) -> Outcome {
    if status.forge != "github" {
        return Outcome::Permanent { why: format!("{} is not supported yet", status.forge) };
    }
    let state = match status.state.as_str() {
        "success" => CommitState::Success,
        "failure" => CommitState::Failure,
        "error" => CommitState::Error,
        _ => CommitState::Pending,
    };
    let public_url = platform.variable("public_url").await.unwrap_or_default();
    let public_url = public_url.trim_end_matches('/');
    let target = match status.execution_id {
        Some(execution_id) => format!("{public_url}/executions/{execution_id}"),
        None => public_url.to_owned(),
    };
    let told = CommitStatus::new(state, &status.context, &status.description, Some(&target));
    let api_url = github::api_url(platform).await;
    match status_request(&api_url, &status.repository, &status.commit_sha, &told) {
        Ok(request) => github::send(platform, &request, attempt).await.outcome,
        Err(error) => Outcome::Permanent { why: error.to_string() },
    }
}
