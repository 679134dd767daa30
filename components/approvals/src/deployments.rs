//! Deployments: what became of them, and asking for one to be taken back, which the scheduler decides on.

use http::StatusCode;
use penstock_api::internal::RollBack;
use penstock_api::problem::Problem;
use penstock_api::release::request::WithReason;
use penstock_api::release::{Deployment, Rollback};
use penstock_domain::DeploymentId;
use penstock_guest::{
    Actor, Answer, Failure, Platform, Query, Request, answer_once, ask_scheduler, more, success,
};
use penstock_store::DeploymentFilter;
use serde_json::json;

use crate::reason::reason;

pub async fn list(platform: &impl Platform, request: &Request) -> Answer {
    let query = Query::of(request.uri())?;
    let limit = query.limit()?;
    let filter = DeploymentFilter {
        environment_id: query.parse("environment_id")?,
        status: query.parse("status")?,
        execution_id: query.parse("execution_id")?,
        pipeline_id: query.parse("pipeline_id")?,
    };
    let store = platform.store().await?;
    let mut found = store.deployments(&filter, query.parse("after")?, limit + 1).await?;
    let next = more(&mut found, limit).map(|d| d.id);
    let summary = store.deployment_summary(&filter).await?;
    Ok(success(
        StatusCode::OK,
        [("deployments", json!(found)), ("summary", json!(summary)), ("next", json!(next))],
    ))
}

pub async fn read(platform: &impl Platform, id: DeploymentId) -> Answer {
    let deployment = one(platform, id).await?;
    Ok(success(StatusCode::OK, [("deployment", json!(deployment))]))
}

async fn one(platform: &impl Platform, id: DeploymentId) -> Result<Deployment, Failure> {
    let store = platform.store().await?;
    Ok(store.deployment(id).await?.ok_or_else(|| Problem::not_found("deployment"))?)
}

/// The version before comes back by a deployment of its own: this answers as soon as that is decided.
pub async fn roll_back(
    platform: &impl Platform,
    request: Request,
    id: DeploymentId,
    actor: &Actor,
) -> Answer {
    answer_once(platform, request, |asked, _| async move { roll_back_now(platform, &asked, id, actor).await })
        .await
}

async fn roll_back_now(
    platform: &impl Platform,
    asked: &WithReason,
    id: DeploymentId,
    actor: &Actor,
) -> Answer {
    let wanted = RollBack { actor: actor.name.clone(), reason: reason(&asked.reason)? };
    ask_scheduler(platform, &format!("/internal/deployments/{id}/rollback"), &wanted).await?;
    let taken_back = one(platform, id).await?;
    let rollback = Rollback {
        deployment_id: taken_back.id,
        version: taken_back.version,
        to_version: taken_back.previous_version,
        status: taken_back.status,
        reason: taken_back.rollback_reason,
    };
    Ok(success(StatusCode::ACCEPTED, [("rollback", json!(rollback))]))
}
