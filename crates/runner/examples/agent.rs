//! The smallest program around the runner: set up by the environment, stopped by SIGTERM. The tests run it.

use std::time::Duration;

use anyhow::Context as _;
use penstock_runner::{GUARDIAN_ARGUMENT, Options, guardian_main, run};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> anyhow::Result<()> {
    // Before anything else: this process may be the guardian of another.
    if std::env::args().nth(1).is_some_and(|argument| argument == GUARDIAN_ARGUMENT) {
        guardian_main();
    }
    tokio::runtime::Runtime::new()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let stop = async move {
            terminate.recv().await;
        };
        run(options()?, stop).await.context("the runner ended")
    })
}

fn options() -> anyhow::Result<Options> {
    let text = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set"));
    let number = |name: &str, default: u64| text(name).map_or(Ok(default), |text| text.parse());
    let mut options = Options::new(text("AGENT_SERVER")?, text("AGENT_TOKEN")?, text("AGENT_WORK_DIR")?);
    options.name = text("AGENT_NAME").unwrap_or_else(|_| "agent".into());
    options.slots = u32::try_from(number("AGENT_SLOTS", 2)?)?;
    if text("AGENT_CLAIMS").is_ok() {
        options.listen = None;
    }
    options.stop_when_orphaned = text("AGENT_STOP_WHEN_ORPHANED").is_ok();
    options.grace = Duration::from_millis(number("AGENT_GRACE_MS", 30_000)?);
    options.kill_grace = Duration::from_millis(number("AGENT_KILL_GRACE_MS", 10_000)?);
    options.presence_interval = Duration::from_millis(number("AGENT_PRESENCE_MS", 30_000)?);
    Ok(options)
}
