//! Measures the figures of `docs/PERFORMANCE.md`: each beside its physical limit, as a ratio from one run.
//!
//! It starts the real server with the real components and a real runner, and is its only load. Nothing is asserted:
//! machines differ, and a figure is read beside its limit.

mod client;
mod engine;
mod figures;
mod installation;
mod jobs;
mod latency;
mod limits;
mod memory;
mod report;
mod verdict;
mod webhooks;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use installation::Installation;
use report::Report;

/// `penstock-bench --penstock PATH --manifest PATH [--only PART]`
fn main() -> Result<()> {
    let (mut penstock, mut manifest, mut only) = (None, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--penstock" => penstock = Some(PathBuf::from(value)),
            "--manifest" => manifest = Some(PathBuf::from(value)),
            "--only" => only = Some(value),
            other => anyhow::bail!("there is no option {other}"),
        }
    }
    let penstock = penstock.context("--penstock PATH is missing; run it by `cargo xtask bench`")?;
    let manifest = manifest.context("--manifest PATH is missing; run it by `cargo xtask bench`")?;
    let wanted = Wanted(only);
    wanted.check()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(&penstock, &manifest, &wanted))
}

/// The parts, in their order.
const PARTS: [&str; 7] = ["engine", "memory", "webhooks", "latency", "jobs", "gates", "dashboard"];

/// Everything, or the one part that was asked for.
struct Wanted(Option<String>);

impl Wanted {
    fn check(&self) -> Result<()> {
        let known = PARTS.iter().any(|part| self.has(part));
        anyhow::ensure!(known, "--only takes one of {}", PARTS.join(", "));
        Ok(())
    }

    fn has(&self, part: &str) -> bool {
        self.0.as_deref().is_none_or(|only| only == part)
    }
}

async fn measure(penstock: &Path, manifest: &Path, wanted: &Wanted) -> Result<()> {
    let mut report = Report::default();
    eprintln!("limits of this machine …");
    let limits = limits::measure()?;
    if wanted.has("engine") {
        eprintln!("decisions …");
        engine::measure(&mut report)?;
    }
    if wanted.has("memory") || wanted.has("webhooks") {
        let server = Installation::start(penstock, manifest, 0).await?;
        if wanted.has("memory") {
            eprintln!("memory, cold start …");
            memory::idle(&server, &mut report).await?;
            memory::cold_start(&server, &mut report).await?;
        }
        if wanted.has("webhooks") {
            eprintln!("webhooks …");
            webhooks::measure(&server, &limits, &mut report).await?;
        }
        server.stop().await?;
    }
    if ["latency", "jobs", "gates"].iter().any(|part| wanted.has(part)) {
        let server = Installation::start(penstock, manifest, 2).await?;
        if wanted.has("latency") {
            eprintln!("a webhook to its first command …");
            latency::measure(&server, &limits, &mut report).await?;
        }
        if wanted.has("jobs") {
            eprintln!("jobs …");
            jobs::measure(&server, &limits, &mut report).await?;
        }
        if wanted.has("gates") {
            eprintln!("gates …");
            verdict::measure(&server, &mut report).await?;
        }
        server.stop().await?;
    }
    if wanted.has("dashboard") {
        eprintln!("the dashboard …");
        figures::measure(penstock, manifest, &mut report).await?;
    }
    print!("{}", report.markdown(&limits));
    Ok(())
}
