//! `GET /api/v1/metrics`: the days of a range, what changed, and what stands out.

use penstock_api::problem::Problem;
use penstock_domain::PipelineId;
use penstock_guest::{Answer, Failure, Platform, Query, Request};
use penstock_metrics::{Report, TimeRange};
use penstock_store::{Connection, Store};
use serde::Serialize;

use crate::answers::{keep, recall, respond};

const DEFAULT: TimeRange = TimeRange::Days30;

#[derive(Serialize)]
struct Shown {
    success: bool,
    #[serde(flatten)]
    report: Report,
}

pub async fn show<C: Connection>(platform: &impl Platform, store: &Store<C>, request: &Request) -> Answer {
    let query = Query::of(request.uri())?;
    let range = query.parse("time_range")?.unwrap_or(DEFAULT);
    let pipeline = match query.get("pipeline_id") {
        None => None,
        // What is no id is the id of nothing.
        Some(id) => Some(id.parse::<PipelineId>().map_err(|_| Problem::not_found("pipeline"))?),
    };
    let now = platform.now();
    let whose = pipeline.map(|id| id.to_string()).unwrap_or_default();
    let key = format!("metrics:{range}:{whose}");
    if let Some(body) = recall(platform, &key, now).await {
        return Ok(respond("application/json", body));
    }
    if let Some(pipeline) = pipeline {
        store.pipeline(pipeline).await?.ok_or_else(|| Problem::not_found("pipeline"))?;
    }
    let period = store.metrics_period(range, pipeline, now).await?;
    let shown = Shown { success: true, report: Report::of(&period, pipeline) };
    let body = serde_json::to_string(&shown).map_err(|e| Failure::Internal(Box::new(e)))?;
    keep(platform, &key, now, &body).await;
    Ok(respond("application/json", body))
}
