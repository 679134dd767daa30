//! Resident memory of the server, and what a component's first request costs.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::installation::Installation;
use crate::report::{Report, percentile};

/// An instance that nobody has asked for this long is gone.
const IDLE: Duration = Duration::from_millis(1_600);
/// A server that nobody asks anything for this long rests.
const RESTING: Duration = Duration::from_secs(11);
const COLD_STARTS: usize = 8;

pub fn resident_mib(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

pub async fn idle(server: &Installation, report: &mut Report) -> Result<()> {
    tokio::time::sleep(RESTING).await;
    let mib = resident_mib(server.pid)?;
    report.row("control plane idle, resident", format!("{mib:.1} MiB"), "25 MiB".into(), ratio(mib, 25.0));
    Ok(())
}

/// The difference between a request that needs a new instance and one that finds one.
pub async fn cold_start(server: &Installation, report: &mut Report) -> Result<()> {
    let (mut cold, mut warm) = (vec![], vec![]);
    for _ in 0..COLD_STARTS {
        tokio::time::sleep(IDLE).await;
        cold.push(healthz(server).await?);
        for _ in 0..5 {
            warm.push(healthz(server).await?);
        }
    }
    let (cold, warm) = (percentile(&mut cold, 0.5), percentile(&mut warm, 0.5));
    let ms = (cold - warm).max(0.0);
    let measured = format!("{ms:.2} ms (first {cold:.2} ms, then {warm:.2} ms)");
    report.row("component cold start", measured, "1 ms".into(), ratio(ms, 1.0));
    Ok(())
}

async fn healthz(server: &Installation) -> Result<f64> {
    let started = Instant::now();
    let (status, _) = server.client.send("GET", "/healthz", &[], "").await?;
    anyhow::ensure!(status == 200, "/healthz answered {status}");
    Ok(started.elapsed().as_secs_f64() * 1000.0)
}

pub fn ratio(measured: f64, limit: f64) -> String {
    format!("{:.2}×", measured / limit)
}
