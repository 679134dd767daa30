//! The log of the long-running subcommands: warnings and errors on stderr, more where asked for.

use anyhow::{Context, Result};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// `info`, or `penstock_host=debug,warn`.
const VARIABLE: &str = "PENSTOCK_LOG";

/// # Errors
/// Where the variable holds neither a level nor targets with levels.
pub fn start() -> Result<()> {
    let filter = match std::env::var(VARIABLE) {
        Ok(text) if !text.trim().is_empty() => text.parse::<Targets>().with_context(|| {
            format!(
                "{VARIABLE} is not a filter; write a level (`info`) or targets (`penstock_host=debug,warn`)"
            )
        })?,
        _ => Targets::new().with_default(LevelFilter::WARN),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(crate::terminal::stderr_takes_colour());
    // A second subscriber can only come from a second call, and then the first is as good.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
    Ok(())
}
