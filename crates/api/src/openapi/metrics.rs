//! Figures: of a range of time, for the dashboard, and for Prometheus.

use serde_json::{Value, json};

use super::figures::{Comparison, DailyMetrics, Dashboard, Insight, Summary};
use super::operation::Operation;
use super::refusals::{ANY_ROLE, NOT_FOUND, QUERY, STORE};
use super::schemas::{Schemas, list_of, text};

const TAG: &str = "metrics";
const CACHED: &[(&str, &str)] = &[("Cache-Control", "CacheControl")];

pub fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    vec![metrics(schemas), dashboard(schemas), scrape()]
}

fn metrics(schemas: &mut Schemas) -> Operation {
    let members = [
        ("metrics", list_of(schemas.answered::<DailyMetrics>())),
        ("trends", list_of(schemas.answered::<Comparison>())),
        ("insights", list_of(schemas.answered::<Insight>())),
        ("summary", schemas.answered::<Summary>()),
    ];
    Operation::new("get", "/api/v1/metrics", "readMetrics", TAG, "Read the figures of a range")
        .about(
            "Days are days of UTC, and a thing counts on the day that it ended. What has no data is null, never 0. \
             Answers are up to one second old.",
        )
        .for_whom(&["token"])
        .query("pipeline_id", json!({ "type": "string", "format": "uuid" }), "Only this pipeline's; left out: all.")
        .query("time_range", time_range("30d"), "The last 24 hours, or today and the days before it.")
        .success(
            200,
            "`metrics` has a row for each day, oldest first; `trends` compares the range with the one before it.",
            members,
        )
        .with_headers(200, CACHED)
        .refuses(&[QUERY, NOT_FOUND, ANY_ROLE, STORE])
}

fn dashboard(schemas: &mut Schemas) -> Operation {
    let path = "/api/v1/analytics/dashboard";
    Operation::new("get", path, "readDashboard", TAG, "Read what the dashboard shows")
        .about("Of all pipelines together. Answers are up to one second old.")
        .for_whom(&["token"])
        .query("time_range", time_range("7d"), "The last 24 hours, or today and the days before it.")
        .success(200, "All of it.", [("dashboard", schemas.answered::<Dashboard>())])
        .with_headers(200, CACHED)
        .refuses(&[QUERY, ANY_ROLE, STORE])
}

fn scrape() -> Operation {
    Operation::new("get", "/metrics", "scrapeMetrics", TAG, "Read counters and gauges for Prometheus")
        .about("Named by the OpenTelemetry conventions for CI/CD. Answers are up to one second old.")
        .for_whom(&["token"])
        .answers(
            200,
            "Prometheus' text format, version 0.0.4.",
            json!({ "text/plain": { "schema": text() } }),
        )
        .with_headers(200, CACHED)
        .refuses(&[ANY_ROLE, STORE])
}

fn time_range(default: &str) -> Value {
    json!({ "type": "string", "enum": ["24h", "7d", "30d", "90d"], "default": default })
}
