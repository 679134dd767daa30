//! Measures the figures of `docs/PERFORMANCE.md`: each beside its physical limit, as a ratio from one run.
//!
//! It starts the real server with the real components and a real runner, and is its only load. Nothing is asserted:
//! machines differ, and a figure is read beside its limit.

mod client;
mod figures;
mod installation;
mod jobs;
mod latency;
mod limits;
mod memory;
mod report;
mod verdict;
mod webhooks;

use std::path::PathBuf;

use anyhow::{Context, Result};

use installation::Installation;
use report::Report;

/// `penstock-bench --penstock PATH --manifest PATH`
fn main() -> Result<()> {
    let (mut penstock, mut manifest) = (None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--penstock" => penstock = Some(PathBuf::from(value)),
            "--manifest" => manifest = Some(PathBuf::from(value)),
            other => anyhow::bail!("there is no option {other}"),
        }
    }
    let penstock = penstock.context("--penstock PATH is missing; run it by `cargo xtask bench`")?;
    let manifest = manifest.context("--manifest PATH is missing; run it by `cargo xtask bench`")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(&penstock, &manifest))
}

async fn measure(penstock: &std::path::Path, manifest: &std::path::Path) -> Result<()> {
    let mut report = Report::default();
    eprintln!("limits of this machine …");
    let limits = limits::measure()?;
    {
        eprintln!("memory, cold start …");
        let server = Installation::start(penstock, manifest, 0).await?;
        memory::idle(&server, &mut report).await?;
        memory::cold_start(&server, &mut report).await?;
        eprintln!("webhooks …");
        webhooks::measure(&server, &limits, &mut report).await?;
        server.stop().await?;
    }
    {
        eprintln!("a webhook to its first command …");
        let server = Installation::start(penstock, manifest, 2).await?;
        latency::measure(&server, &limits, &mut report).await?;
        eprintln!("jobs …");
        jobs::measure(&server, &limits, &mut report).await?;
        eprintln!("gates …");
        verdict::measure(&server, &mut report).await?;
        server.stop().await?;
    }
    eprintln!("the dashboard …");
    figures::measure(penstock, manifest, &mut report).await?;
    print!("{}", report.markdown(&limits));
    Ok(())
}
