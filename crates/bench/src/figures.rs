//! The dashboard over 90 days and 100,000 executions, and again with as many more before the range.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use crate::installation::Installation;
use crate::memory::ratio;
use crate::report::{Report, percentile};

const EXECUTIONS: u32 = 100_000;
const DAYS: u32 = 90;
const CALLS: usize = 12;
/// An answer is kept for a second.
const APART: Duration = Duration::from_millis(1_100);
const PATH: &str = "/api/v1/analytics/dashboard?time_range=90d";
const LIMIT_MS: f64 = 50.0;

pub async fn measure(penstock: &Path, manifest: &Path, report: &mut Report) -> Result<()> {
    let server = Installation::start(penstock, manifest, 0).await?;
    let body = json!({
        "pipeline_name": "many", "repository_url": "https://example.org/a/b.git",
        "definition": "{name: many, on: push, stages: [{name: s, jobs: [{name: j, steps: [\":\"]}]}]}",
    });
    server.client.api(&server.admin_token, "POST", "/api/v1/pipelines", body).await?;
    fill(&server.folder, 0)?;
    let within = ask(&server).await?;
    fill(&server.folder, DAYS)?;
    let with_more_before = ask(&server).await?;
    report.row(
        "the dashboard's data, 90 days and 100,000 executions, p50",
        format!("{within:.2} ms"),
        format!("{LIMIT_MS} ms"),
        ratio(within, LIMIT_MS),
    );
    report.row(
        "the same with 100,000 more before the range",
        format!("{with_more_before:.2} ms"),
        format!("without them {within:.2} ms"),
        ratio(with_more_before, within),
    );
    server.stop().await
}

/// As many executions as a range has, ending `days_before` its end at the latest.
fn fill(folder: &Path, days_before: u32) -> Result<()> {
    let path = folder.join("data/sqlite-default.db");
    let db = rusqlite::Connection::open(&path).with_context(|| format!("can't open {}", path.display()))?;
    db.busy_timeout(Duration::from_secs(60))?;
    let between = f64::from(DAYS) / f64::from(EXECUTIONS);
    let sql = "
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1),
        at (i, started, ended) AS (SELECT i,
          strftime('%Y-%m-%dT%H:%M:%fZ', julianday('now') - ?2 - i * ?3 - (30 + i % 600) / 86400.0),
          strftime('%Y-%m-%dT%H:%M:%fZ', julianday('now') - ?2 - i * ?3) FROM n)
      INSERT INTO pipeline_executions (id, pipeline_id, execution_number, branch_name, trigger_event, context,
          status, started_at, completed_at, duration_seconds, timeout_ms, created_at)
        SELECT printf('018%05x-%04x-7000-8000-%012x', ?4, i & 65535, i),
          (SELECT id FROM pipeline_configurations LIMIT 1), ?4 * 1000000 + i, 'main', 'push', '{}',
          CASE WHEN i % 7 = 0 THEN 'failed' ELSE 'succeeded' END, started, ended, 30 + i % 600, 1000, started
        FROM at";
    db.execute(sql, (EXECUTIONS, days_before, between, days_before + 1))?;
    Ok(())
}

/// The median, once the days are computed.
async fn ask(server: &Installation) -> Result<f64> {
    let mut samples = vec![];
    for call in 0..CALLS + 2 {
        tokio::time::sleep(APART).await;
        let started = Instant::now();
        let answer = server.client.api(&server.admin_token, "GET", PATH, json!({})).await?;
        let taken = started.elapsed().as_secs_f64() * 1000.0;
        let total = answer["dashboard"]["execution_metrics"]["total_executions"].as_u64().unwrap_or(0);
        anyhow::ensure!(total > u64::from(EXECUTIONS) * 9 / 10, "the dashboard knows of {total} executions");
        // The first one computes the days that have changed.
        if call >= 2 {
            samples.push(taken);
        }
    }
    Ok(percentile(&mut samples, 0.5))
}
