//! From the last report of a job to the verdict of the gates behind it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use crate::installation::Installation;
use crate::memory::ratio;
use crate::report::{Report, percentile};

const RUNS: usize = 20;
const WITHIN: Duration = Duration::from_secs(30);
const LIMIT_MS: f64 = 100.0;

pub async fn measure(server: &Installation, report: &mut Report) -> Result<()> {
    let definition = "{name: gated, on: manual, stages: [\
        {name: test, jobs: [{name: one, checkout: false, reports: {junit: report.xml}, steps: [\
          \"echo '<testsuite name=\\\"s\\\"><testcase name=\\\"a\\\"/></testsuite>' > report.xml\"]}]}, \
        {name: quality, depends_on: [test], gates: {tests: {type: code_quality}}}]}";
    let body =
        json!({ "pipeline_name": "gated", "repository_url": "file:///none.git", "definition": definition });
    let (client, token) = (&server.client, &server.admin_token);
    let created = client.api(token, "POST", "/api/v1/pipelines", body).await?;
    let path =
        format!("/api/v1/pipelines/{}/execute", created["pipeline"]["id"].as_str().unwrap_or_default());
    let mut samples = vec![];
    for _ in 0..RUNS {
        let execution = client.api(token, "POST", &path, json!({})).await?;
        samples.push(taken(server, execution["execution"]["id"].as_str().unwrap_or_default()).await?);
    }
    let p50 = percentile(&mut samples, 0.5);
    let worst = percentile(&mut samples, 1.0);
    report.row(
        "from the last report to the gates' verdict, p50",
        format!("{p50:.1} ms (at most {worst:.1} ms)"),
        format!("{LIMIT_MS} ms"),
        ratio(p50, LIMIT_MS),
    );
    Ok(())
}

/// Milliseconds, by what the server wrote down.
async fn taken(server: &Installation, execution: &str) -> Result<f64> {
    let started = Instant::now();
    let read = async |what: &str| {
        let path = format!("/api/v1/executions/{execution}/{what}");
        server.client.api(&server.admin_token, "GET", &path, json!({})).await
    };
    loop {
        let gates = read("quality-gates").await?;
        if let Some(verdict) = gates["evaluations"][0]["evaluated_at"].as_str() {
            let results = read("test-results").await?;
            let reported = results["test_results"][0]["created_at"].as_str().context("no result")?;
            return Ok(ms(verdict)? - ms(reported)?);
        }
        anyhow::ensure!(started.elapsed() < WITHIN, "no verdict within {WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn ms(at: &str) -> Result<f64> {
    let at: penstock_domain::Timestamp = at.parse().map_err(|_| anyhow::anyhow!("{at} is no time"))?;
    #[allow(clippy::cast_precision_loss)]
    Ok(at.as_millis() as f64)
}
