//! Approvals: who is waited for, and their yes or no, which the scheduler weighs.

use http::StatusCode;
use penstock_api::internal::DecideApproval;
use penstock_api::problem::Problem;
use penstock_api::release::request::{Approve, WithReason};
use penstock_domain::ApprovalId;
use penstock_guest::{
    Actor, Answer, MAX_BODY_BYTES, Platform, Query, Request, ask_scheduler, more, read_json, success,
};
use penstock_store::ApprovalFilter;
use serde_json::json;

use crate::reason::{notes, reason};

pub async fn list(platform: &impl Platform, request: &Request) -> Answer {
    let query = Query::of(request.uri())?;
    let limit = query.limit()?;
    let filter =
        ApprovalFilter { status: query.parse("status")?, execution_id: query.parse("execution_id")? };
    let store = platform.store().await?;
    let mut found = store.approvals(&filter, query.parse("after")?, limit + 1).await?;
    let next = more(&mut found, limit).map(|a| a.id);
    Ok(success(StatusCode::OK, [("approvals", json!(found)), ("next", json!(next))]))
}

pub async fn approve(
    platform: &impl Platform,
    request: Request,
    approval: ApprovalId,
    actor: &Actor,
) -> Answer {
    let asked: Approve = read_json(request, MAX_BODY_BYTES).await?;
    decide(platform, approval, actor, true, notes(asked.notes.as_deref())?).await
}

pub async fn reject(
    platform: &impl Platform,
    request: Request,
    approval: ApprovalId,
    actor: &Actor,
) -> Answer {
    let asked: WithReason = read_json(request, MAX_BODY_BYTES).await?;
    decide(platform, approval, actor, false, Some(reason(&asked.reason)?)).await
}

async fn decide(
    platform: &impl Platform,
    approval: ApprovalId,
    actor: &Actor,
    approve: bool,
    text: Option<String>,
) -> Answer {
    let decided =
        DecideApproval { actor: actor.name.clone(), forge_login: actor.forge_login.clone(), approve, text };
    ask_scheduler(platform, &format!("/internal/approvals/{approval}"), &decided).await?;
    let store = platform.store().await?;
    let now = store.approval(approval).await?.ok_or_else(|| Problem::not_found("approval"))?;
    Ok(success(StatusCode::OK, [("approval", json!(now))]))
}
