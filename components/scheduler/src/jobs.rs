//! What the holder of an attempt calls back with.

use http::{HeaderMap, StatusCode};
use penstock_api::internal::LeaseHolder;
use penstock_api::problem::Problem;
use penstock_api::runner::{
    Accepted, HeartbeatAnswer, JobEvent, JobEvents, LogLine, MAX_BATCH, MAX_LINE_BYTES,
};
use penstock_domain::{JobId, Reason, WorkStatus};
use penstock_engine::{Event, JobReport, LEASE_MS, RunnerReport};
use penstock_guest::{
    Answer, Decided, Failure, LeaseToken, MAX_BODY_BYTES, Platform, Request, bearer, commit_event, json,
    read_bytes, read_json, read_lease_token,
};
use penstock_store::{Appended, Cause, Holder};

use crate::scheduler::{Scheduler, refused};

/// A batch of the longest lines, in JSON.
const MAX_LOG_BYTES: usize = 4 * 1024 * 1024;

/// How long after a job's end its last lines are taken.
const LAST_LINES_MS: i64 = 60_000;
const NO_LEASE: &str = "the lease of this attempt ran out; its work was taken from this runner";

pub async fn lease<P: Platform>(
    scheduler: &Scheduler<P>,
    headers: &HeaderMap,
    job: JobId,
) -> Result<LeaseToken, Problem> {
    let token = bearer(headers).ok_or_else(|| Problem::unauthorized("send the lease's token as Bearer"))?;
    let secret_key = scheduler.secret_key().await?;
    read_lease_token(&secret_key, job, token)
        .ok_or_else(|| Problem::unauthorized("this is no token of this job"))
}

/// Whether it is this very attempt, at this runner.
fn is_held(holder: &Holder, lease: LeaseToken) -> bool {
    holder.attempt == lease.attempt && holder.runner_id == Some(lease.runner)
}

fn lease_expired() -> Problem {
    Problem::conflict("lease_expired", NO_LEASE)
}

/// `POST /api/v1/jobs/:id/heartbeat`
pub async fn heartbeat<P: Platform>(platform: &P, request: Request, job: JobId) -> Answer {
    let scheduler = Scheduler::open(platform).await?;
    let lease = lease(&scheduler, request.headers(), job).await?;
    let holder = scheduler.store.holder(job).await?.ok_or_else(|| Problem::not_found("job"))?;
    let is_holder = is_held(&holder, lease);
    if is_holder && holder.status == WorkStatus::Cancelled {
        let expires = platform.now();
        return Ok(json(
            StatusCode::OK,
            &HeartbeatAnswer { success: true, cancel: true, lease_expires_at: expires },
        ));
    }
    let lease_expires_at = platform.now().plus_ms(LEASE_MS);
    if !is_holder || !scheduler.store.prolong_lease(job, lease.attempt, lease_expires_at).await? {
        return Err(lease_expired().into());
    }
    Ok(json(StatusCode::OK, &HeartbeatAnswer { success: true, cancel: false, lease_expires_at }))
}

/// `POST /internal/jobs/:id/lease`: which attempt a lease's token is of, for those who can't read it.
pub async fn holder<P: Platform>(platform: &P, request: &Request, job: JobId) -> Answer {
    let scheduler = Scheduler::open(platform).await?;
    let lease = lease(&scheduler, request.headers(), job).await?;
    let holder = scheduler.store.holder(job).await?.ok_or_else(|| Problem::not_found("job"))?;
    if !is_held(&holder, lease) || holder.status != WorkStatus::Running {
        return Err(lease_expired().into());
    }
    let Holder { execution_id, stage_id, attempt, .. } = holder;
    Ok(json(StatusCode::OK, &LeaseHolder { execution_id, stage_id, attempt }))
}

/// `POST /api/v1/jobs/:id/events`
pub async fn events<P: Platform>(platform: &P, request: Request, job: JobId) -> Answer {
    let scheduler = Scheduler::open(platform).await?;
    let lease = lease(&scheduler, request.headers(), job).await?;
    let JobEvents { events } = read_json(request, MAX_BODY_BYTES).await?;
    if events.len() > MAX_BATCH {
        return Err(
            Problem::bad_request("too_many_events", format!("at most {MAX_BATCH} events at once")).into()
        );
    }
    let reports = events.into_iter().map(report).collect();
    let event = Event::Report(RunnerReport { job, attempt: lease.attempt, runner: lease.runner, reports });
    let by = Cause::new(format!("runner:{}", lease.runner), "report");
    match commit_event(platform, &scheduler.store, None, Some(job), &event, &by).await? {
        Decided::Committed(changes) => scheduler.follow(&changes),
        Decided::Nothing => {}
        Decided::Refused(why) => return Err(refused(&why).into()),
        Decided::Unknown => return Err(Problem::not_found("job").into()),
    }
    Ok(json(StatusCode::OK, &Accepted { success: true, cancel: false }))
}

fn report(event: JobEvent) -> JobReport {
    match event {
        JobEvent::StepStarted { step, at } => JobReport::StepStarted { step, at },
        JobEvent::StepFinished { step, at, status, exit_code, reason } => {
            JobReport::StepFinished { step, at, status, exit_code, reason }
        }
        JobEvent::JobFinished { at, status, reason, message, outputs } => {
            let message = message.map(|m| m.chars().take(1_000).collect());
            JobReport::JobFinished { at, status, reason, message, outputs }
        }
    }
}

/// `POST /api/v1/jobs/:id/logs`: NDJSON lines in order.
pub async fn logs<P: Platform>(platform: &P, request: Request, job: JobId) -> Answer {
    let scheduler = Scheduler::open(platform).await?;
    let lease = lease(&scheduler, request.headers(), job).await?;
    let body = read_bytes(request, MAX_LOG_BYTES).await?;
    let lines = read_lines(&body)?;
    let holder = scheduler.store.holder(job).await?.ok_or_else(|| Problem::not_found("job"))?;
    let now = platform.now();
    // Also shortly after its end: the last lines of what was cancelled or failed are the ones that explain it.
    let is_late = holder.completed_at.is_some_and(|end| now.since_ms(end) > LAST_LINES_MS)
        || holder.reason == Some(Reason::RunnerLost);
    if !is_held(&holder, lease) || is_late {
        return Err(lease_expired().into());
    }
    let cancel = holder.status == WorkStatus::Cancelled;
    match scheduler.store.append_log(holder.execution_id, job, lease.attempt, &lines, now).await? {
        Appended::Kept => Ok(json(StatusCode::OK, &Accepted { success: true, cancel })),
        Appended::Gap { next_seq } => {
            let detail = format!("lines are missing: send from seq {next_seq}");
            Err(Failure::Told(Problem::conflict("log_gap", detail)))
        }
    }
}

fn read_lines(body: &[u8]) -> Result<Vec<LogLine>, Problem> {
    let bad = |n: usize, why: String| Problem::bad_request("bad_log_line", format!("line {n}: {why}"));
    let mut lines: Vec<LogLine> = vec![];
    for (n, text) in body.split(|b| *b == b'\n').enumerate().filter(|(_, l)| !l.trim_ascii().is_empty()) {
        let line: LogLine = serde_json::from_slice(text).map_err(|e| bad(n + 1, e.to_string()))?;
        if line.text.len() > MAX_LINE_BYTES {
            return Err(bad(n + 1, format!("a line has at most {MAX_LINE_BYTES} bytes")));
        }
        let expected = lines.last().map_or(line.seq.max(1), |last| last.seq + 1);
        if line.seq != expected {
            return Err(bad(n + 1, format!("seq {} should be {expected}", line.seq)));
        }
        lines.push(line);
        if lines.len() > MAX_BATCH {
            return Err(bad(n + 1, format!("at most {MAX_BATCH} lines at once")));
        }
    }
    Ok(lines)
}

pub async fn not_supported_yet<P: Platform>(platform: &P, request: &Request, job: JobId) -> Answer {
    lease(&Scheduler::open(platform).await?, request.headers(), job).await?;
    let path = request.uri().path();
    let what = path.rsplit('/').next().unwrap_or(path);
    let detail = format!("{what} are not supported yet by this version");
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "not_supported_yet", "Not supported yet", detail).into())
}
