//! Runners register, and those that can't be reached claim their work.

use http::StatusCode;
use penstock_api::problem::{FieldError, Problem};
use penstock_api::runner::{RegisterRunner, Registered, RegisteredRunner};
use penstock_domain::{RunnerId, id::uuid_v7};
use penstock_engine::{EffectKind, Event, LEASE_MS, RunnerSlots, assign};
use penstock_guest::{
    Answer, Decided, Failure, MAX_BODY_BYTES, Platform, Query, Request, bearer, commit_event, empty, json,
    read_json, require_bearer, runner_token, same_secret,
};
use penstock_store::{Cause, Runner, StoreError};

use crate::dispatched::{NotFilled, job_request};
use crate::effects::{public_url, undispatchable};
use crate::scheduler::Scheduler;

const MAX_LABELS: usize = 64;
const MAX_TEXT_BYTES: usize = 255;
/// A claim waits so long for work, at the most.
const MAX_WAIT_SECONDS: u64 = 25;
/// How often a waiting claim looks.
const LOOK_EVERY_MS: u64 = 200;

/// `POST /api/v1/runners`, handed on by the API component.
pub async fn register<P: Platform>(platform: &P, request: Request) -> Answer {
    require_bearer(request.headers(), platform.variable("runner_token").await.as_deref(), "runner_token")?;
    let wanted: RegisterRunner = read_json(request, MAX_BODY_BYTES).await?;
    let wanted = check(wanted)?;
    let scheduler = Scheduler::open(platform).await?;
    let secret_key = scheduler.secret_key().await?;
    let id = keep(&scheduler, wanted).await?;
    let lease_seconds = u32::try_from(LEASE_MS / 1000).unwrap_or(30);
    platform.spawn(crate::follow::settle_logged(
        platform.clone(),
        crate::follow::Occasion { jobs: true, ..Default::default() },
    ));
    let answer = Registered {
        success: true,
        runner: RegisteredRunner { id },
        token: runner_token(&secret_key, id),
        heartbeat_seconds: lease_seconds / 3,
        lease_seconds,
    };
    Ok(json(StatusCode::CREATED, &answer))
}

/// A name that is known keeps its id: what it holds stays its own.
async fn keep<P: Platform>(scheduler: &Scheduler<P>, wanted: RegisterRunner) -> Result<RunnerId, Failure> {
    for _ in 0..3 {
        let now = scheduler.platform.now();
        let mut random = [0; 10];
        random.copy_from_slice(&scheduler.platform.random()[..10]);
        let known = scheduler.store.runner_by_name(&wanted.name).await?;
        let id = known.unwrap_or(RunnerId(uuid_v7(now, random)));
        let runner = Runner {
            id,
            name: wanted.name.clone(),
            labels: wanted.labels.clone(),
            capacity: wanted.capacity,
            url: wanted.url.clone(),
        };
        match scheduler.store.register_runner(&runner, now).await {
            Ok(()) => return Ok(id),
            Err(StoreError::Conflict | StoreError::Exists(_)) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

fn check(mut wanted: RegisterRunner) -> Result<RegisterRunner, Problem> {
    let mut errors = vec![];
    let mut wrong = |pointer: &str, message: String| {
        let code = "invalid_value".to_owned();
        errors.push(FieldError { pointer: pointer.to_owned(), line: None, column: None, code, message });
    };
    let is_text =
        |t: &str| !t.trim().is_empty() && t.len() <= MAX_TEXT_BYTES && !t.chars().any(char::is_control);
    if !is_text(&wanted.name) {
        wrong("/name", format!("a name has 1 to {MAX_TEXT_BYTES} bytes"));
    }
    if !(1..=1000).contains(&wanted.capacity) {
        wrong("/capacity", "a capacity is from 1 to 1000".to_owned());
    }
    if wanted.labels.len() > MAX_LABELS || !wanted.labels.iter().all(|l| is_text(l)) {
        wrong("/labels", format!("at most {MAX_LABELS} labels of 1 to {MAX_TEXT_BYTES} bytes"));
    }
    if let Some(url) = &mut wanted.url {
        let is_http = url.starts_with("http://") || url.starts_with("https://");
        if !is_http || url.len() > 2_000 || url.contains(['?', '#', '@', ' ']) {
            wrong("/url", "a URL of http or https, without user, query and fragment".to_owned());
        }
        let trimmed = url.trim_end_matches('/').len();
        url.truncate(trimmed);
    }
    wanted.labels.sort();
    wanted.labels.dedup();
    if errors.is_empty() { Ok(wanted) } else { Err(Problem::invalid(errors)) }
}

/// `POST /api/v1/runners/:id/claim?wait=`: one attempt for a runner that nobody can push to.
pub async fn claim<P: Platform>(platform: &P, request: Request, runner: RunnerId) -> Answer {
    let scheduler = Scheduler::open(platform).await?;
    let secret_key = scheduler.secret_key().await?;
    let token = bearer(request.headers())
        .ok_or_else(|| Problem::unauthorized("send the runner's token as Bearer"))?;
    if !same_secret(token, &runner_token(&secret_key, runner)) {
        return Err(Problem::unauthorized("this is no token of this runner").into());
    }
    let slots = scheduler.store.slots_of(runner).await?;
    slots.ok_or_else(|| Problem::unauthorized("this runner is not registered; register it again"))?;
    let query = Query::of(request.uri())?;
    if let Some(url) = scheduler.store.runner_url(runner).await? {
        if query.get("url").is_some_and(|own| own.trim_end_matches('/') != url) {
            let detail =
                "another runner of this name has registered since, at another address; register it again";
            return Err(Problem::unauthorized(detail).into());
        }
        // It is pushed to, and asks only to learn whether it is known, and to say that it is there.
        scheduler.store.note_runner_alive(runner, platform.now()).await?;
        return Ok(empty(StatusCode::NO_CONTENT));
    }
    let wait = query.parse::<u64>("wait")?.unwrap_or(0).min(MAX_WAIT_SECONDS);
    let looks = wait * 1000 / LOOK_EVERY_MS;
    for look in 0..=looks {
        let slots = scheduler.store.slots_of(runner).await?;
        let slots =
            slots.ok_or_else(|| Problem::unauthorized("this runner is not registered; register it again"))?;
        if let Some(answer) = take_one(&scheduler, slots, &secret_key).await? {
            return Ok(answer);
        }
        if look < looks {
            platform.sleep(LOOK_EVERY_MS).await;
        }
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

async fn take_one<P: Platform>(
    scheduler: &Scheduler<P>,
    slots: RunnerSlots,
    secret_key: &str,
) -> Result<Option<penstock_guest::Response>, Failure> {
    let now = scheduler.platform.now();
    if slots.free == 0 {
        return Ok(None);
    }
    let (_, demands) = scheduler.store.supply_and_demand(now).await?;
    let wanted: Vec<_> = demands.iter().filter(|d| penstock_engine::fits(&slots.labels, d)).collect();
    let ready = scheduler.store.ready_jobs(&wanted, now, 1).await?;
    let Some(given) = assign(&ready, &[slots]).into_iter().next() else { return Ok(None) };
    let event = Event::Assign { job: given.job, runner: given.runner };
    let by = Cause::new(format!("runner:{}", given.runner), "claim");
    let (execution, job) = (Some(given.execution), Some(given.job));
    let decided = commit_event(&scheduler.platform, &scheduler.store, execution, job, &event, &by).await?;
    let Decided::Committed(changes) = decided else { return Ok(None) };
    for effect in &changes.outbox {
        let EffectKind::Dispatch(dispatch) = &effect.kind else { continue };
        // The answer is the push: should it be lost, the lease runs out.
        scheduler.store.finish_effect(effect.id, "claimed", now).await?;
        let job = scheduler.store.dispatch_job(dispatch.job_id, dispatch.attempt, dispatch.runner_id).await?;
        let Some(job) = job else { return Ok(None) };
        let public_url = public_url(&scheduler.platform).await;
        return match job_request(&job, secret_key, &public_url, now) {
            Ok(asked) => Ok(Some(json(StatusCode::OK, &asked))),
            Err(NotFilled(why)) => {
                undispatchable(scheduler, effect.id, *dispatch, why).await?;
                Ok(None)
            }
        };
    }
    Ok(None)
}
