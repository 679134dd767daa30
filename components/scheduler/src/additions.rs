//! Jobs that a running step adds to its stage.

use std::collections::BTreeMap;

use http::StatusCode;
use penstock_api::problem::{FieldError, Problem};
use penstock_api::runner::{JobsAdded, MAX_ADDED_JOBS_BYTES};
use penstock_domain::{JobId, WorkStatus};
use penstock_engine::{Decision, Event, Refusal, decide};
use penstock_guest::{Answer, Failure, LeaseToken, Platform, Request, json, moment, read_bytes};
use penstock_pipeline::{Diagnostic, PlannedJob, Severity, parse_jobs, plan_jobs};
use penstock_store::{Cause, Entry, StoreError};

use crate::jobs::lease;
use crate::scheduler::{Scheduler, refused};

/// How often a decision is made anew because somebody else was quicker.
const MAX_TRIES: u32 = 50;

/// `POST /api/v1/jobs/:id/jobs`
pub async fn add<P: Platform>(platform: &P, request: Request, job: JobId) -> Answer {
    let scheduler = Scheduler::open(platform).await?;
    let lease = lease(&scheduler, request.headers(), job).await?;
    let body = read_bytes(request, MAX_ADDED_JOBS_BYTES).await?;
    let text = std::str::from_utf8(&body)
        .map_err(|_| Problem::bad_request("bad_encoding", "the jobs have to be UTF-8 text"))?;
    let planned = planned(&scheduler, job, lease, text).await?;
    // Those that an earlier upload of the same has brought count as well: its answer may have got lost.
    let added = u32::try_from(planned.len()).unwrap_or(u32::MAX);
    commit(&scheduler, job, lease, planned).await?;
    Ok(json(StatusCode::OK, &JobsAdded { success: true, added }))
}

async fn planned<P: Platform>(
    scheduler: &Scheduler<P>,
    job: JobId,
    lease: LeaseToken,
    text: &str,
) -> Result<Vec<PlannedJob>, Failure> {
    let held = scheduler.store.dispatch_job(job, lease.attempt, lease.runner).await?;
    let Some(held) = held.filter(|h| h.status == WorkStatus::Running) else {
        return Err(refused(&Refusal::LeaseExpired).into());
    };
    // What the job has from the levels around it, the added ones have as well.
    let mut variables: BTreeMap<String, String> = held.context.variables.clone();
    variables.extend(held.stage_variables);
    let late = [held.context.late, held.stage_late].concat();
    let parsed = parse_jobs(text, &held.context.run, &variables, &late);
    let Some(jobs) = parsed.jobs else { return Err(wrong(&parsed.diagnostics).into()) };
    let planned = plan_jobs(&jobs, &held.context.run, &variables, &late, held.spec.priority);
    Ok(planned.map_err(|found| wrong(&found))?)
}

fn wrong(found: &[Diagnostic]) -> Problem {
    let errors = found.iter().filter(|d| d.severity == Severity::Error).map(|d| FieldError {
        pointer: d.pointer.clone(),
        line: (d.line > 0).then_some(d.line),
        column: (d.line > 0).then_some(d.column),
        code: d.code.to_owned(),
        message: match &d.hint {
            Some(hint) => format!("{} ({hint})", d.message),
            None => d.message.clone(),
        },
    });
    let problem = Problem::invalid(errors.collect());
    Problem { status: StatusCode::UNPROCESSABLE_ENTITY.as_u16(), ..problem }
}

/// The stage's jobs are read after the snapshot: whoever adds others in between is noticed by its version.
async fn commit<P: Platform>(
    scheduler: &Scheduler<P>,
    job: JobId,
    lease: LeaseToken,
    jobs: Vec<PlannedJob>,
) -> Result<(), Failure> {
    let store = &scheduler.store;
    let execution = store.holder(job).await?.ok_or_else(|| Problem::not_found("job"))?.execution_id;
    let by = Cause::new(format!("runner:{}", lease.runner), "add_jobs");
    for _ in 0..MAX_TRIES {
        let snapshot = store.snapshot(Some(execution), Some(job), true).await?;
        let snapshot = snapshot.ok_or_else(|| Problem::not_found("job"))?;
        let present = store.jobs_beside(job).await?;
        let (attempt, runner, jobs) = (lease.attempt, lease.runner, jobs.clone());
        let event = Event::AddJobs { job, attempt, runner, jobs, present };
        let at = moment(&scheduler.platform);
        let decision: Decision = decide(snapshot, &event, &at).map_err(|why| refused(&why))?;
        if decision.is_empty() {
            return Ok(());
        }
        match store.commit(&Entry::of_execution(execution, &decision), &by, at.now).await {
            Ok(_) => {
                scheduler.follow(&decision.changes);
                return Ok(());
            }
            Err(StoreError::Conflict) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Err(StoreError::Conflict.into())
}
