//! Webhooks: verified, stored durably, answered; by 16 clients at once. Once for a repository that no pipeline is
//! of, as most of an organisation's webhooks are, and once where each starts an execution.

use std::time::{Duration, Instant};

use anyhow::Result;
use penstock_testkit::{HostedRepository, PushedCommit, github_headers, github_push_payload};
use serde_json::json;

use crate::installation::{Installation, SECRET};
use crate::limits::Limits;
use crate::memory::{ratio, resident_mib};
use crate::report::{Report, percentile};

const CLIENTS: usize = 16;
const RUN: Duration = Duration::from_secs(10);

const IDLE: &str = "bench/idle";
const BUSY: &str = "bench/busy";

pub async fn measure(server: &Installation, limits: &Limits, report: &mut Report) -> Result<()> {
    let Load { mut samples, rate, peak_mib } = load(server, IDLE).await?;
    let (p50, p99) = (percentile(&mut samples, 0.5), percentile(&mut samples, 0.99));
    let insert = limits.insert_p50_ms;
    report.row(
        "webhook accepted, p50 at 16 clients",
        format!("{p50:.2} ms"),
        format!("bare insert {insert:.3} ms, by 16 in a row {:.2} ms", insert * 16.0),
        ratio(p50, insert * 16.0),
    );
    report.row(
        "webhook accepted, p99 at 16 clients",
        format!("{p99:.2} ms"),
        "20 ms".into(),
        ratio(p99, 20.0),
    );
    report.row(
        "webhooks per second, durable",
        format!("{rate:.0}/s"),
        format!("bare inserts {:.0}/s", limits.inserts_per_second),
        ratio(rate, limits.inserts_per_second),
    );
    report.row("16 clients, resident", format!("{peak_mib:.1} MiB"), "80 MiB".into(), ratio(peak_mib, 80.0));
    one_client(server, limits, report).await?;
    busy(server, limits, report).await
}

/// Every webhook is worked off into an execution meanwhile, on the same cores.
async fn busy(server: &Installation, limits: &Limits, report: &mut Report) -> Result<()> {
    let definition = "{name: busy, on: push, stages: [{name: all, jobs: [{name: one, steps: [\":\"]}]}]}";
    let body = json!({
        "pipeline_name": "busy", "repository_url": format!("https://github.com/{BUSY}.git"), "definition": definition,
    });
    server.client.api(&server.admin_token, "POST", "/api/v1/pipelines", body).await?;
    // Statuses of a repository that the forge does not show would be kept for a better token.
    server.forge.add_repository(BUSY);
    let Load { mut samples, rate, peak_mib } = load(server, BUSY).await?;
    let p99 = percentile(&mut samples, 0.99);
    report.row(
        "the same, each starting an execution: p99",
        format!("{p99:.2} ms"),
        "20 ms".into(),
        ratio(p99, 20.0),
    );
    report.row(
        "the same: per second",
        format!("{rate:.0}/s"),
        format!("bare inserts {:.0}/s", limits.inserts_per_second),
        ratio(rate, limits.inserts_per_second),
    );
    report.row("the same: resident", format!("{peak_mib:.1} MiB"), "80 MiB".into(), ratio(peak_mib, 80.0));
    Ok(())
}

struct Load {
    /// Milliseconds of each.
    samples: Vec<f64>,
    rate: f64,
    peak_mib: f64,
}

/// 16 clients, each sending the next webhook when the last is answered.
async fn load(server: &Installation, repository: &str) -> Result<Load> {
    let started = Instant::now();
    let clients = (0..CLIENTS).map(|client| push_until(server, repository, client, started + RUN)).collect();
    let watch = async {
        let mut peak: f64 = 0.0;
        while started.elapsed() < RUN {
            tokio::time::sleep(Duration::from_millis(200)).await;
            peak = peak.max(resident_mib(server.pid).unwrap_or(0.0));
        }
        peak
    };
    let (samples, peak_mib) = tokio::join!(join_all(clients), watch);
    let samples: Vec<f64> = samples?.into_iter().flatten().collect();
    #[allow(clippy::cast_precision_loss)]
    let rate = samples.len() as f64 / started.elapsed().as_secs_f64();
    Ok(Load { samples, rate, peak_mib })
}

/// Alone, a webhook's time can be held against a bare insert's.
async fn one_client(server: &Installation, limits: &Limits, report: &mut Report) -> Result<()> {
    let mut samples = push_until(server, IDLE, CLIENTS, Instant::now() + Duration::from_secs(3)).await?;
    let p50 = percentile(&mut samples, 0.5);
    let insert = limits.insert_p50_ms;
    report.row(
        "webhook accepted, p50 of one client",
        format!("{p50:.2} ms"),
        format!("bare insert {insert:.3} ms"),
        ratio(p50, insert),
    );
    Ok(())
}

async fn join_all<T>(futures: Vec<impl Future<Output = Result<T>>>) -> Result<Vec<T>> {
    let mut pending: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done = vec![];
    std::future::poll_fn(move |cx| {
        let mut index = 0;
        while index < pending.len() {
            match pending[index].as_mut().poll(cx) {
                std::task::Poll::Ready(result) => {
                    drop(pending.swap_remove(index));
                    match result {
                        Ok(value) => done.push(value),
                        Err(error) => return std::task::Poll::Ready(Err(error)),
                    }
                }
                std::task::Poll::Pending => index += 1,
            }
        }
        if pending.is_empty() {
            std::task::Poll::Ready(Ok(std::mem::take(&mut done)))
        } else {
            std::task::Poll::Pending
        }
    })
    .await
}

/// Milliseconds of each; every payload is another push.
async fn push_until(
    server: &Installation,
    repository: &str,
    client: usize,
    end: Instant,
) -> Result<Vec<f64>> {
    let hosted = HostedRepository::new(repository);
    let mut samples = vec![];
    let mut n = 0_u64;
    while Instant::now() < end {
        n += 1;
        let commit = PushedCommit {
            sha: format!("{client:08x}{n:032x}"),
            tree: "1".repeat(40),
            message: "a push".to_owned(),
            timestamp: "2026-01-01T00:00:00Z".to_owned(),
            author_name: "Ada".to_owned(),
            author_email: "ada@example.org".to_owned(),
            author_login: "ada".to_owned(),
            added: vec![],
            modified: vec!["src/main.rs".to_owned()],
            removed: vec![],
        };
        let body = github_push_payload(&hosted, "main", None, &[commit]);
        let headers =
            owned(github_headers("push", &format!("{repository}-{client}-{n}"), SECRET.as_bytes(), &body));
        let started = Instant::now();
        let (status, answer) = server.client.send("POST", "/hooks/github", &headers, body).await?;
        anyhow::ensure!(
            status == 202,
            "a webhook was answered {status}: {}",
            String::from_utf8_lossy(&answer)
        );
        samples.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(samples)
}

pub fn owned<N: Into<String>, V: Into<String>>(
    headers: impl IntoIterator<Item = (N, V)>,
) -> Vec<(String, String)> {
    headers.into_iter().map(|(n, v)| (n.into(), v.into())).collect()
}
