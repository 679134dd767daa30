//! `GET /api/v1/analytics/dashboard`: everything that the first page shows, in one answer.

use penstock_guest::{Answer, Failure, Platform, Query, Request};
use penstock_metrics::{Dashboard, TimeRange};
use penstock_store::{Connection, Store};
use serde::Serialize;

use crate::answers::{keep, recall, respond};

const DEFAULT: TimeRange = TimeRange::Days7;
const ACTIVITIES: u32 = 20;

#[derive(Serialize)]
struct Shown {
    success: bool,
    dashboard: Dashboard,
}

pub async fn show<C: Connection>(platform: &impl Platform, store: &Store<C>, request: &Request) -> Answer {
    let range = Query::of(request.uri())?.parse("time_range")?.unwrap_or(DEFAULT);
    let now = platform.now();
    let key = format!("dashboard:{range}");
    if let Some(body) = recall(platform, &key, now).await {
        return Ok(respond("application/json", body));
    }
    let period = store.metrics_period(range, None, now).await?;
    let recent = store.recent_activity(ACTIVITIES).await?;
    let shown = Shown { success: true, dashboard: Dashboard::of(&period, recent) };
    let body = serde_json::to_string(&shown).map_err(|e| Failure::Internal(Box::new(e)))?;
    keep(platform, &key, now, &body).await;
    Ok(respond("application/json", body))
}
