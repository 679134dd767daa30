//! Effects on runners: pushing an attempt, ending one. The forge's are done by the forge component, which is woken.

use std::future::Future;

use bytes::Bytes;
use http::StatusCode;
use penstock_api::problem::Problem;
use penstock_api::runner::CancelRequest;
use penstock_api::signature;
use penstock_domain::OutboxId;
use penstock_engine::{Dispatch, EffectKind, Event, LEASE_MS, Unreachable};
use penstock_guest::{
    APPROVALS, Decided, FORGE, Failure, Level, Platform, SendError, commit_event, internal_post, log,
    runner_token,
};
use penstock_store::Cause;

use crate::dispatched::{NotFilled, job_request};
use crate::follow::settle_logged;
use crate::scheduler::Scheduler;
use crate::{deployments, succession};

const PUSH_TIMEOUT_MS: u64 = 10_000;
/// The forge component works off what is due before it answers.
const WAKE_TIMEOUT_MS: u64 = 60_000;
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// When a push of which no answer came is sent again, to the same runner.
const AGAIN_MS: i64 = 2_000;
/// When a full runner is asked again.
const FULL_MS: i64 = 1_000;
/// A cancel is told so often; after that the runner learns it from its next call.
const MAX_CANCELS: u32 = 3;
/// Of what a runner says.
const MAX_DETAIL_CHARS: usize = 500;

/// Sends one effect that this process has decided, or claimed.
pub fn send_in_background<P: Platform>(
    platform: &P,
    id: OutboxId,
    effect: EffectKind,
    tries: u32,
) -> impl Future<Output = ()> + use<P> {
    let platform = platform.clone();
    async move {
        if let Err(failure) = send(&platform, id, &effect, tries).await {
            failure.log(platform.request_id(), "an effect is left to the clock");
        }
    }
}

/// Should this fail, the effect is tried again when its claim ends.
async fn send<P: Platform>(
    platform: &P,
    id: OutboxId,
    effect: &EffectKind,
    tries: u32,
) -> Result<(), Failure> {
    let scheduler = Scheduler::open(platform).await?;
    match effect {
        EffectKind::Dispatch(dispatch) => push(&scheduler, id, *dispatch, tries).await,
        EffectKind::Cancel(dispatch) => cancel(&scheduler, id, *dispatch, tries).await,
        EffectKind::Rollback(due) => deployments::bring_back(&scheduler, id, due).await,
        EffectKind::Supersede(due) => succession::supersede(&scheduler, id, due).await,
        EffectKind::StartPipeline(due) => succession::start_successor(&scheduler, id, due, tries).await,
        EffectKind::ForgeStatus(_) | EffectKind::HealthCheck(_) => Ok(()),
    }
}

/// Asks the forge component to tell what is due; the clock asks again.
pub async fn wake_forge(platform: &impl Platform) {
    wake(platform, &format!("{FORGE}/internal/statuses")).await;
}

/// Asks for the health checks that are due; the clock asks again.
pub async fn wake_checks(platform: &impl Platform) {
    wake(platform, &format!("{APPROVALS}/internal/health-checks")).await;
}

async fn wake(platform: &impl Platform, url: &str) {
    let Ok(request) = internal_post(platform, url, Bytes::from_static(b"{}")) else { return };
    if let Err(error) = platform.send(request, WAKE_TIMEOUT_MS, MAX_ANSWER_BYTES).await {
        log(Level::Warn, platform.request_id(), &format!("another component did not answer: {error}"));
    }
}

/// What the runner's answer to a push means.
enum Pushed {
    Taken,
    Refused(Unreachable),
    /// This runner takes no such job, and neither would another.
    Rejected(String),
    Unknown(String),
}

/// Only a first push that comes to nothing is certainly nowhere: of a later one, an earlier may have been taken,
/// and the lease decides.
async fn push<P: Platform>(
    scheduler: &Scheduler<P>,
    id: OutboxId,
    dispatch: Dispatch,
    tries: u32,
) -> Result<(), Failure> {
    let Dispatch { job_id, attempt, runner_id } = dispatch;
    let now = scheduler.platform.now();
    let store = &scheduler.store;
    let job = store.dispatch_job(job_id, attempt, runner_id).await?;
    let Some(job) = job.filter(|j| j.status == penstock_domain::WorkStatus::Running) else {
        return Ok(store.finish_effect(id, "obsolete", now).await?);
    };
    let Some(url) = job.runner_url.clone() else {
        return Ok(store.finish_effect(id, "claimed", now).await?);
    };
    let secret_key = scheduler.secret_key().await?;
    let public_url = public_url(&scheduler.platform).await;
    let asked = match job_request(&job, &secret_key, &public_url, now) {
        Ok(asked) => asked,
        Err(NotFilled(why)) => return undispatchable(scheduler, id, dispatch, why).await,
    };
    let body = serde_json::to_vec(&asked).map_err(|e| Failure::Internal(Box::new(e)))?;
    let token = runner_token(&secret_key, runner_id);
    match post_signed(&scheduler.platform, &format!("{url}/v1/jobs"), &token, &id.to_string(), body).await {
        Pushed::Taken => {
            if tries > 1 {
                // It took its time, and the runner counts its lease from now.
                store.prolong_lease(job_id, attempt, scheduler.platform.now().plus_ms(LEASE_MS)).await?;
            }
            store.finish_effect(id, "taken", now).await?;
            Ok(store.note_runner_alive(runner_id, now).await?)
        }
        Pushed::Rejected(why) => undispatchable(scheduler, id, dispatch, why).await,
        Pushed::Refused(Unreachable::Refused) if tries > 1 => {
            let error = "the runner can't be reached now, and may have taken an earlier push";
            Ok(store.postpone_effect(id, now.plus_ms(AGAIN_MS), error).await?)
        }
        Pushed::Refused(why) => not_taken(scheduler, id, dispatch, why).await,
        Pushed::Unknown(error) => {
            // Whoever takes connections and answers nothing would get every job, for it always has room.
            store.note_runner_unreachable(runner_id, scheduler.platform.now()).await?;
            Ok(store.postpone_effect(id, now.plus_ms(AGAIN_MS), &error).await?)
        }
    }
}

/// The attempt can't be given to anybody.
pub async fn undispatchable<P: Platform>(
    scheduler: &Scheduler<P>,
    id: OutboxId,
    dispatch: Dispatch,
    why: String,
) -> Result<(), Failure> {
    let Dispatch { job_id: job, attempt, .. } = dispatch;
    let event = Event::Undispatchable { job, attempt, why, effect: id };
    let by = Cause::new("scheduler", "undispatchable");
    match commit_event(&scheduler.platform, &scheduler.store, None, Some(job), &event, &by).await? {
        Decided::Committed(changes) => scheduler.follow(&changes),
        Decided::Nothing | Decided::Refused(_) | Decided::Unknown => {
            scheduler.store.finish_effect(id, "obsolete", scheduler.platform.now()).await?;
        }
    }
    Ok(())
}

/// The attempt goes back to those that wait, and the runner is left alone for a while.
async fn not_taken<P: Platform>(
    scheduler: &Scheduler<P>,
    id: OutboxId,
    dispatch: Dispatch,
    why: Unreachable,
) -> Result<(), Failure> {
    let now = scheduler.platform.now();
    let store = &scheduler.store;
    let retry_after_ms = match why {
        Unreachable::Full => {
            store.pause_runner(dispatch.runner_id, now.plus_ms(FULL_MS)).await?;
            0
        }
        Unreachable::Refused => {
            store.note_runner_unreachable(dispatch.runner_id, now).await?;
            0
        }
    };
    let Dispatch { job_id: job, attempt, runner_id: runner } = dispatch;
    let event = Event::Refused { job, attempt, runner, why, retry_after_ms, effect: id };
    let by = Cause::new(format!("runner:{runner}"), "refused");
    match commit_event(&scheduler.platform, store, None, Some(job), &event, &by).await? {
        Decided::Committed(changes) => {
            settle_logged(scheduler.platform.clone(), crate::follow::Occasion::of(&changes)).await;
            Ok(())
        }
        // It no longer matters who has it.
        Decided::Nothing | Decided::Refused(_) | Decided::Unknown => {
            Ok(store.finish_effect(id, "obsolete", now).await?)
        }
    }
}

async fn cancel<P: Platform>(
    scheduler: &Scheduler<P>,
    id: OutboxId,
    dispatch: Dispatch,
    tries: u32,
) -> Result<(), Failure> {
    let Dispatch { job_id, attempt, runner_id } = dispatch;
    let now = scheduler.platform.now();
    let url = scheduler.store.runner_url(runner_id).await?;
    let Some(url) = url else {
        return Ok(scheduler.store.finish_effect(id, "told by heartbeat", now).await?);
    };
    let secret_key = scheduler.secret_key().await?;
    let body =
        serde_json::to_vec(&CancelRequest { job_id, attempt }).map_err(|e| Failure::Internal(Box::new(e)))?;
    let token = runner_token(&secret_key, runner_id);
    match post_signed(&scheduler.platform, &format!("{url}/v1/cancel"), &token, &id.to_string(), body).await {
        // Not known there, perhaps, because the push itself is still under way.
        Pushed::Unknown(_) | Pushed::Refused(_) | Pushed::Rejected(_) if tries < MAX_CANCELS => {
            let error = "the runner did not take the cancel";
            Ok(scheduler.store.postpone_effect(id, now.plus_ms(AGAIN_MS), error).await?)
        }
        Pushed::Taken => Ok(scheduler.store.finish_effect(id, "told", now).await?),
        _ => Ok(scheduler.store.finish_effect(id, "not reached", now).await?),
    }
}

/// Posts a body signed as Standard Webhooks.
async fn post_signed(platform: &impl Platform, url: &str, token: &str, id: &str, body: Vec<u8>) -> Pushed {
    let now = platform.now();
    let request = http::Request::post(url)
        .header(http::header::CONTENT_TYPE, "application/json")
        .header(signature::ID, id)
        .header(signature::TIMESTAMP, signature::seconds(now).to_string())
        .header(signature::SIGNATURE, signature::sign(token.as_bytes(), id, now, &body))
        .body(Bytes::from(body));
    let Ok(request) = request else { return Pushed::Refused(Unreachable::Refused) };
    match platform.send(request, PUSH_TIMEOUT_MS, MAX_ANSWER_BYTES).await {
        Ok(answer) => match answer.status() {
            status if status.is_success() => Pushed::Taken,
            // This attempt is there already: an earlier push came through.
            StatusCode::CONFLICT => Pushed::Taken,
            StatusCode::TOO_MANY_REQUESTS => Pushed::Refused(Unreachable::Full),
            _ if penstock_domain::bugs::is_on("errors_are_refusals") => Pushed::Refused(Unreachable::Refused),
            StatusCode::SERVICE_UNAVAILABLE => Pushed::Refused(Unreachable::Refused),
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                Pushed::Rejected(format!("the runner does not take the job: {}", detail_of(&answer)))
            }
            status if status.is_client_error() => Pushed::Refused(Unreachable::Refused),
            status => Pushed::Unknown(format!("the runner answered {status}")),
        },
        Err(SendError::Unreachable(..)) => Pushed::Refused(Unreachable::Refused),
        Err(error @ (SendError::NoAnswer(..) | SendError::TooLarge(..))) => {
            Pushed::Unknown(error.to_string())
        }
    }
}

/// What a refusal says of itself, where it is a problem; else its status.
fn detail_of(answer: &http::Response<Bytes>) -> String {
    let problem: Option<Problem> = serde_json::from_slice(answer.body()).ok();
    let detail = problem.map_or_else(|| answer.status().to_string(), |problem| problem.detail);
    detail.chars().filter(|c| !c.is_control()).take(MAX_DETAIL_CHARS).collect()
}

pub async fn public_url(platform: &impl Platform) -> String {
    let url = platform.variable("public_url").await.unwrap_or_else(|| "http://127.0.0.1:3000".to_owned());
    url.trim_end_matches('/').to_owned()
}
