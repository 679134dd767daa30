//! Executions: start, list, read, cancel, retry, let go.

use http::StatusCode;
use penstock_api::internal::{Actor, CancelExecution, RetryExecution, StartExecution};
use penstock_api::problem::Problem;
use penstock_api::request::{Execute, Retry, RetryScope};
use penstock_api::view;
use penstock_domain::{ExecutionId, ExecutionStatus, PipelineId, Reason, Timestamp, WorkStatus};
use penstock_engine::{
    ExecutionWait, GroupWait, Holder, JobWait, RunnerView, StageWait, Wait, why_execution, why_job, why_stage,
};
use penstock_guest::{Answer, Failure, Platform, Query, Request, answer_once, more, success};
use penstock_store::{ExecutionDetail, ExecutionFilter};
use serde_json::json;

use crate::scheduler;

/// Runners looked at to say why a job waits.
const MAX_RUNNERS: u32 = 1_000;

pub async fn execute(
    platform: &impl Platform,
    request: Request,
    pipeline_id: PipelineId,
    actor: &str,
) -> Answer {
    answer_once(platform, request, |request: Execute, once| async move {
        let asked =
            StartExecution { pipeline_id, request, actor: actor.to_owned(), once: once.map(|once| once.key) };
        let id = scheduler::ask(platform, "/internal/executions", &asked).await?;
        show(platform, id, StatusCode::CREATED).await
    })
    .await
}

pub async fn cancel(
    platform: &impl Platform,
    request: &Request,
    execution: ExecutionId,
    actor: &str,
) -> Answer {
    let force = Query::of(request.uri())?.parse::<bool>("force")?.unwrap_or(false);
    let path = format!("/internal/executions/{execution}/cancel");
    let id = scheduler::ask(platform, &path, &CancelExecution { actor: actor.to_owned(), force }).await?;
    show(platform, id, StatusCode::OK).await
}

pub async fn approve(platform: &impl Platform, execution: ExecutionId, actor: &str) -> Answer {
    let path = format!("/internal/executions/{execution}/release");
    let id = scheduler::ask(platform, &path, &Actor { actor: actor.to_owned() }).await?;
    show(platform, id, StatusCode::OK).await
}

pub async fn retry(
    platform: &impl Platform,
    request: Request,
    execution: ExecutionId,
    actor: &str,
) -> Answer {
    answer_once(platform, request, |Retry { only, from_stage }, once| async move {
        let only_failed = only == RetryScope::Failed;
        let asked = RetryExecution {
            actor: actor.to_owned(),
            only_failed,
            from_stage,
            once: once.map(|once| once.key),
        };
        let id = scheduler::ask(platform, &format!("/internal/executions/{execution}/retry"), &asked).await?;
        show(platform, id, StatusCode::CREATED).await
    })
    .await
}

async fn show(platform: &impl Platform, id: ExecutionId, status: StatusCode) -> Answer {
    let detail = stages_of(platform, id).await?;
    Ok(success(status, [("execution", json!(detail.execution))]))
}

async fn stages_of(platform: &impl Platform, id: ExecutionId) -> Result<ExecutionDetail, Failure> {
    let store = platform.store().await?;
    Ok(store.execution_stages(id).await?.ok_or_else(|| Problem::not_found("execution"))?)
}

pub async fn list(platform: &impl Platform, request: &Request, pipeline: Option<PipelineId>) -> Answer {
    let query = Query::of(request.uri())?;
    let limit = query.limit()?;
    let store = platform.store().await?;
    if let Some(id) = pipeline {
        store.pipeline(id).await?.ok_or_else(|| Problem::not_found("pipeline"))?;
    }
    let filter = ExecutionFilter {
        status: query.parse("status")?,
        branch: query.get("branch").map(str::to_owned),
        pipeline_id: pipeline.map_or_else(|| query.parse("pipeline_id"), |id| Ok(Some(id)))?,
        commit_sha: query.get("commit_sha").map(str::to_ascii_lowercase),
    };
    let mut found = store.executions(&filter, query.parse("after")?, limit + 1).await?;
    let next = more(&mut found, limit).map(|e| e.id);
    Ok(success(StatusCode::OK, [("executions", json!(found)), ("next", json!(next))]))
}

pub async fn read(platform: &impl Platform, id: ExecutionId) -> Answer {
    let store = platform.store().await?;
    let mut detail = store.execution_detail(id).await?.ok_or_else(|| Problem::not_found("execution"))?;
    let waits =
        detail.stages.iter().flat_map(|s| s.jobs.iter().flatten()).any(|j| j.status == WorkStatus::Pending);
    let runners = if waits { store.runners(None, MAX_RUNNERS).await? } else { vec![] };
    explain(&mut detail, &runners, platform.now());
    let why_waiting = waiting(&detail);
    let ExecutionDetail { execution, stages, .. } = detail;
    Ok(success(
        StatusCode::OK,
        [("execution", json!(execution)), ("stages", json!(stages)), ("why_waiting", json!(why_waiting))],
    ))
}

pub async fn status(platform: &impl Platform, id: ExecutionId) -> Answer {
    let mut detail = stages_of(platform, id).await?;
    explain(&mut detail, &[], platform.now());
    let current = detail.stages.iter().find(|s| s.status == WorkStatus::Running);
    let current_stage = current.map(|s| s.stage_name.clone());
    let progress = progress(&detail.stages);
    let why_waiting = waiting(&detail);
    Ok(success(
        StatusCode::OK,
        [
            ("execution", json!(detail.execution)),
            ("stages", json!(detail.stages)),
            ("current_stage", json!(current_stage)),
            ("progress", json!(progress)),
            ("why_waiting", json!(why_waiting)),
        ],
    ))
}

fn progress(stages: &[view::Stage]) -> view::Progress {
    let sum = |of: fn(&view::Stage) -> u32| stages.iter().map(of).sum::<u32>();
    let (total, finished) = (sum(|s| s.jobs_total), sum(|s| s.jobs_finished));
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let percent = u64::from(finished) * 100 / u64::from(total.max(1));
    view::Progress {
        percent: u32::try_from(percent).unwrap_or(100),
        jobs_total: total,
        jobs_finished: finished,
        stages_total: count(stages.len()),
        stages_completed: count(stages.iter().filter(|s| s.status.is_final()).count()),
    }
}

/// Why the execution as a whole has not begun, or why the first waiting job of a running one has not.
fn waiting(detail: &ExecutionDetail) -> Option<view::Wait> {
    let is_told = |w: &view::Wait| w.reason != Reason::DependencyPending;
    let held = || detail.stages.iter().find_map(|s| s.why_waiting.clone().filter(is_told));
    why_queued(detail).or_else(held).or_else(|| {
        let jobs = detail.stages.iter().flat_map(|s| s.jobs.iter().flatten());
        let mut waits = jobs.filter_map(|j| j.why_waiting.clone());
        waits.find(is_told)
    })
}

/// Why the execution has not begun, or goes on though it was ended.
fn why_queued(detail: &ExecutionDetail) -> Option<view::Wait> {
    let e = &detail.execution;
    let group = detail.group.as_ref().map(|g| GroupWait {
        name: &g.name,
        limit: g.limit,
        running: g.running.clone(),
        ahead: g.ahead,
    });
    let wait = ExecutionWait { limit: detail.limit, running: detail.running.clone(), group };
    why_execution(e.status, e.reason, wait).map(to_view)
}

/// Says of each stage and each job why it waits. What is of a queued execution waits for what that waits for.
fn explain(detail: &mut ExecutionDetail, runners: &[RunnerView], now: Timestamp) {
    let queued = why_queued(detail).filter(|_| detail.execution.status == ExecutionStatus::Queued);
    let ended: Vec<(String, bool)> =
        detail.stages.iter().map(|s| (s.stage_name.clone(), s.status.is_final())).collect();
    let is_running = !detail.execution.status.is_final();
    for stage in &mut detail.stages {
        let is_open = |name: &&String| ended.iter().any(|(n, is_final)| n == *name && !is_final);
        let unfinished: Vec<String> = stage.depends_on.iter().filter(is_open).cloned().collect();
        let queued =
            || queued.clone().filter(|_| stage.status == WorkStatus::Pending && unfinished.is_empty());
        let own = |stage: &view::Stage| {
            why_held(stage).or_else(queued).or_else(|| why_not_begun(stage, &unfinished))
        };
        stage.why_waiting = own(stage).filter(|_| is_running);
        let held = stage.why_waiting.clone().filter(|_| stage.status == WorkStatus::Pending);
        for job in stage.jobs.iter_mut().flatten().filter(|_| is_running) {
            let wait = JobWait {
                status: job.status,
                reason: job.reason,
                ready_at: job.ready_at,
                runs_on: &job.runs_on,
                unfinished: unfinished.clone(),
            };
            let own = || why_job(&wait, runners, now).map(to_view);
            let why = if job.status == WorkStatus::Pending { held.clone().or_else(own) } else { own() };
            job.reason = job.reason.or(why.as_ref().map(|w| w.reason));
            job.why_waiting = why;
        }
    }
}

/// The stages that one waits for which nothing else holds.
fn why_not_begun(stage: &view::Stage, unfinished: &[String]) -> Option<view::Wait> {
    if stage.status != WorkStatus::Pending || unfinished.is_empty() {
        return None;
    }
    Some(view::Wait {
        reason: Reason::DependencyPending,
        message: format!("waits for {}", unfinished.join(", ")),
        waits_for: unfinished.to_vec(),
        held_by: vec![],
        until: None,
    })
}

/// What a stage that deploys waits for.
fn why_held(stage: &view::Stage) -> Option<view::Wait> {
    let deployment = stage.deployment.as_ref().filter(|_| !stage.status.is_final())?;
    let wait = StageWait {
        reason: stage.reason,
        environment: &deployment.environment_name,
        version: &deployment.version,
        given: deployment.approvals_given,
        required: deployment.approvals_required,
        approvers: &deployment.approvers,
        expires_at: deployment.approval_expires_at,
        holder: deployment.held_by,
        quarantine: deployment.quarantine.as_deref(),
    };
    why_stage(&wait).map(to_view)
}

fn to_view(wait: Wait) -> view::Wait {
    let name = |holder: Holder| match holder {
        Holder::Execution { number, .. } | Holder::Deployment { number } => format!("#{number}"),
        Holder::Runner { name, .. } => name,
    };
    view::Wait {
        reason: wait.reason,
        message: wait.message,
        waits_for: wait.waits_for,
        held_by: wait.held_by.into_iter().map(name).collect(),
        until: wait.until,
    }
}
