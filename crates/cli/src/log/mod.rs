//! The log of the long-running subcommands: warnings and errors on stderr, more where asked for.

mod repeats;

use std::sync::Arc;

use anyhow::{Context, Result};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::prelude::*;

use repeats::Repeats;

/// `info`, or `penstock_host=debug,warn`. Who sets it is given every line, however often it repeats.
const VARIABLE: &str = "PENSTOCK_LOG";

/// # Errors
/// Where the variable holds neither a level nor targets with levels.
pub fn start() -> Result<()> {
    let (filter, writer) = match std::env::var(VARIABLE) {
        Ok(text) if !text.trim().is_empty() => {
            let filter = text.parse::<Targets>().with_context(|| {
                format!(
                    "{VARIABLE} is not a filter; write a level (`info`) or targets \
                     (`penstock_host=debug,warn`)"
                )
            })?;
            (filter, BoxMakeWriter::new(std::io::stderr))
        }
        _ => {
            let lines = Arc::new(Repeats::new(std::io::stderr()));
            let filter = Targets::new().with_default(LevelFilter::WARN);
            (filter, BoxMakeWriter::new(lines))
        }
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(crate::terminal::stderr_takes_colour());
    // A second subscriber can only come from a second call, and then the first is as good.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
    Ok(())
}
