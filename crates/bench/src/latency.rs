//! From a webhook to the first command of its job, one at a time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use penstock_testkit::{GitRepository, HostedRepository, github_headers, github_push_payload};
use serde_json::json;

use crate::installation::{Installation, SECRET};
use crate::limits::Limits;
use crate::memory::ratio;
use crate::report::{Report, percentile};
use crate::webhooks::owned;

const RUNS: u32 = 40;
const WITHIN: Duration = Duration::from_secs(30);

pub async fn measure(server: &Installation, limits: &Limits, report: &mut Report) -> Result<()> {
    let plain = runs(server, "plain", false).await?;
    let checked_out = runs(server, "checkout", true).await?;
    let shell = limits.shell_ms;
    let limit = format!("fork and exec {shell:.2} ms");
    for (what, mut samples) in [("without a checkout", plain), ("with a warm checkout", checked_out)] {
        let p50 = percentile(&mut samples, 0.5);
        let what = format!("webhook to first command, {what}, p50");
        report.row(&what, format!("{p50:.2} ms"), limit.clone(), ratio(p50, shell));
    }
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "held against what `date` says on the same machine")]
async fn runs(server: &Installation, name: &str, checkout: bool) -> Result<Vec<f64>> {
    let git = GitRepository::new()?;
    let sha = git.commit(&[("README", "a file\n")], "first")?;
    let commit = git.pushed_commit(&sha)?;
    server.forge.import(&format!("bench/{name}"), &git)?;
    let told = server.folder.join(format!("{name}.told"));
    let definition = format!(
        "{{name: {name}, on: push, stages: [{{name: build, jobs: [{{name: one, checkout: {checkout}, \
         steps: [\"date +%s%N > {0}.new && mv {0}.new {0}\"]}}]}}]}}",
        told.display()
    );
    let body = json!({ "pipeline_name": name, "repository_url": git.url(), "definition": definition });
    server.client.api(&server.admin_token, "POST", "/api/v1/pipelines", body).await?;
    let hosted = HostedRepository::new(&format!("bench/{name}")).cloned_from(&git.url());
    let mut samples = vec![];
    // The first ones fill the caches.
    for n in 0..RUNS + 3 {
        let _ = std::fs::remove_file(&told);
        let before = format!("{n:040x}");
        let payload = github_push_payload(&hosted, "main", Some(&before), std::slice::from_ref(&commit));
        let headers = owned(github_headers("push", &format!("{name}-{n}"), SECRET.as_bytes(), &payload));
        let sent = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let (status, _) = server.client.send("POST", "/hooks/github", &headers, payload).await?;
        anyhow::ensure!(status == 202, "a webhook was answered {status}");
        let started = wait_for(&told).await?;
        if n >= 3 {
            #[allow(clippy::cast_precision_loss)]
            samples.push((started.saturating_sub(sent)) as f64 / 1e6);
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    Ok(samples)
}

async fn wait_for(told: &std::path::Path) -> Result<u128> {
    let since = Instant::now();
    loop {
        if let Ok(text) = std::fs::read_to_string(told) {
            return text.trim().parse().context("the command told no time");
        }
        anyhow::ensure!(since.elapsed() < WITHIN, "the command did not start within {WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
