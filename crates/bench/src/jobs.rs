//! One-command jobs finished per second on two slots.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use crate::installation::Installation;
use crate::limits::Limits;
use crate::memory::ratio;
use crate::report::Report;

const JOBS: u32 = 400;
const WITHIN: Duration = Duration::from_secs(300);

pub async fn measure(server: &Installation, limits: &Limits, report: &mut Report) -> Result<()> {
    let jobs: String =
        (0..JOBS).map(|n| format!("{{name: j{n}, checkout: false, steps: [\":\"]}},")).collect();
    let definition = format!("{{name: many, on: manual, stages: [{{name: all, jobs: [{jobs}]}}]}}");
    let body =
        json!({ "pipeline_name": "many", "repository_url": "file:///none.git", "definition": definition });
    let token = &server.admin_token;
    let created = server.client.api(token, "POST", "/api/v1/pipelines", body).await?;
    let id = created["pipeline"]["id"].as_str().unwrap_or_default();
    let started = Instant::now();
    let execution =
        server.client.api(token, "POST", &format!("/api/v1/pipelines/{id}/execute"), json!({})).await?;
    let path =
        format!("/api/v1/executions/{}/status", execution["execution"]["id"].as_str().unwrap_or_default());
    loop {
        let status = server.client.api(token, "GET", &path, json!({})).await?;
        match status["execution"]["status"].as_str() {
            Some("succeeded") => break,
            Some("queued" | "running") => {}
            other => anyhow::bail!("the jobs ended as {other:?}: {status}"),
        }
        anyhow::ensure!(started.elapsed() < WITHIN, "the jobs took longer than {WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let rate = f64::from(JOBS) / started.elapsed().as_secs_f64();
    let shells = 1000.0 / limits.shell_ms;
    report.row(
        "one-command jobs per second, 2 slots",
        format!("{rate:.0}/s"),
        format!("the shell alone {shells:.0}/s"),
        ratio(rate, shells),
    );
    Ok(())
}
