//! Effects on runners: pushing an attempt, ending one. The forge's are done by the forge component, which is woken.

use std::collections::BTreeMap;
use std::future::Future;

use bytes::Bytes;
use http::StatusCode;
use penstock_api::runner::{
    CancelRequest, ExecutionInfo, JobAttempt, JobEnvironment, JobRequest, Lease, ReportRequest, StepRequest,
};
use penstock_api::signature;
use penstock_domain::OutboxId;
use penstock_engine::{Dispatch, EffectKind, Event, LEASE_MS, Unreachable};
use penstock_guest::{
    APPROVALS, Decided, FORGE, Failure, LeaseToken, Level, Platform, SendError, commit_event, lease_token,
    log, runner_token,
};
use penstock_store::{Cause, DispatchJob};

use crate::deployments;
use crate::follow::settle_logged;
use crate::scheduler::Scheduler;

const PUSH_TIMEOUT_MS: u64 = 10_000;
/// The forge component works off what is due before it answers.
const WAKE_TIMEOUT_MS: u64 = 60_000;
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// When a push of which no answer came is sent again, to the same runner.
const AGAIN_MS: i64 = 2_000;
/// When a full runner is asked again, unless a slot is freed before.
const FULL_MS: i64 = 1_000;
/// A cancel is told so often; after that the runner learns it from its next call.
const MAX_CANCELS: u32 = 3;

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
            log(Level::Warn, "-", &format!("an effect is left to the clock: {failure:?}"));
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
    let Ok(request) = http::Request::post(url).body(Bytes::new()) else { return };
    if let Err(error) = platform.send(request, WAKE_TIMEOUT_MS, MAX_ANSWER_BYTES).await {
        log(Level::Warn, "-", &format!("another component did not answer: {error}"));
    }
}

/// What the runner's answer to a push means.
enum Pushed {
    Taken,
    Refused(Unreachable),
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
    let body = serde_json::to_vec(&job_request(&job, &secret_key, &public_url, now))
        .map_err(|e| Failure::Internal(Box::new(e)))?;
    let token = runner_token(&secret_key, runner_id);
    match post_signed(&scheduler.platform, &format!("{url}/v1/jobs"), &token, &id.to_string(), body).await {
        Pushed::Taken => {
            store.finish_effect(id, "taken", now).await?;
            Ok(store.note_runner_alive(runner_id, now).await?)
        }
        Pushed::Refused(Unreachable::Refused) if tries > 1 && !penstock_domain::bugs::is_on("late_refusal_believed") => {
            let error = "the runner can't be reached now, and may have taken an earlier push";
            Ok(store.postpone_effect(id, now.plus_ms(AGAIN_MS), error).await?)
        }
        Pushed::Refused(why) => not_taken(scheduler, id, dispatch, why).await,
        Pushed::Unknown(error) => Ok(store.postpone_effect(id, now.plus_ms(AGAIN_MS), &error).await?),
    }
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
        Pushed::Unknown(_) | Pushed::Refused(_) if tries < MAX_CANCELS => {
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
            status if status.is_client_error() => Pushed::Refused(Unreachable::Refused),
            status => Pushed::Unknown(format!("the runner answered {status}")),
        },
        Err(SendError::Unreachable(..)) => Pushed::Refused(Unreachable::Refused),
        Err(error @ SendError::NoAnswer(..)) => Pushed::Unknown(error.to_string()),
    }
}

pub async fn public_url(platform: &impl Platform) -> String {
    let url = platform.variable("public_url").await.unwrap_or_else(|| "http://127.0.0.1:3000".to_owned());
    url.trim_end_matches('/').to_owned()
}

/// The attempt as the runner is told of it.
pub fn job_request(
    job: &DispatchJob,
    secret_key: &str,
    public_url: &str,
    now: penstock_domain::Timestamp,
) -> JobRequest {
    let run = &job.context.run;
    let lease = LeaseToken { attempt: job.attempt, runner: job.runner_id };
    JobRequest {
        job: JobAttempt {
            id: job.job_id,
            name: job.job_name.clone(),
            attempt: job.attempt,
            lease: Lease {
                token: lease_token(secret_key, job.job_id, lease),
                expires_at: now.plus_ms(LEASE_MS),
            },
        },
        execution: ExecutionInfo {
            id: job.execution_id,
            number: job.number,
            pipeline_id: job.pipeline_id,
            pipeline_name: job.pipeline_name.clone(),
            stage: job.stage_name.clone(),
            event: run.event,
            repository_url: job.repository_url.clone(),
            commit_sha: run.commit_sha.clone(),
            branch: run.branch.clone(),
        },
        environment: JobEnvironment {
            variables: variables(job),
            checkout: job.spec.checkout && run.commit_sha.is_some(),
        },
        steps: steps(job),
        secrets: BTreeMap::new(),
        reports: reports(job),
        timeout_seconds: seconds(job.spec.timeout_ms),
        callback_url: public_url.to_owned(),
    }
}

fn reports(job: &DispatchJob) -> Vec<ReportRequest> {
    let wanted = job.spec.reports.iter();
    wanted
        .map(|report| ReportRequest {
            format: report.format.clone(),
            path: report.path.clone(),
            test_type: report.test_type.clone(),
        })
        .collect()
}

/// An environment's own variables stand over what the file says for every environment.
fn variables(job: &DispatchJob) -> BTreeMap<String, String> {
    let mut variables = job.spec.variables.clone();
    let Some(deployed) = &job.deployment else { return variables };
    variables.extend(deployed.variables.clone());
    let told = [
        ("PENSTOCK_ENVIRONMENT", Some(deployed.environment.clone())),
        ("PENSTOCK_ENVIRONMENT_TYPE", Some(deployed.environment_type.clone())),
        ("PENSTOCK_ENVIRONMENT_URL", deployed.url.clone()),
        ("PENSTOCK_VERSION", Some(deployed.version.clone())),
        ("PENSTOCK_PREVIOUS_VERSION", deployed.previous_version.clone()),
        ("PENSTOCK_ROLLBACK", deployed.is_rollback.then(|| "true".to_owned())),
    ];
    variables.extend(told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    variables
}

fn steps(job: &DispatchJob) -> Vec<StepRequest> {
    let pairs = job.spec.steps.iter().zip(&job.steps);
    pairs
        .map(|(step, id)| StepRequest {
            id: *id,
            name: step.name.clone(),
            run: step.run.clone(),
            variables: step.variables.clone(),
            working_directory: step.working_directory.clone(),
            timeout_seconds: step.timeout_ms.map(seconds),
            continue_on_error: step.continue_on_error,
            skipped: step.skipped,
        })
        .collect()
}

fn seconds(ms: i64) -> u64 {
    u64::try_from(ms.max(0)).unwrap_or(0).div_ceil(1000)
}
