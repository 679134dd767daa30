//! `penstock retry`: runs again what failed, what comes from a stage on, or everything.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::status::show;
use super::{Server, path_part};

/// Run an execution's failed jobs again
#[derive(clap::Args)]
pub struct Arguments {
    /// The execution's id
    execution: String,
    /// Also run again what succeeded
    #[arg(long)]
    all: bool,
    /// Run this stage again, and all that depends on it
    #[arg(long, value_name = "STAGE", conflicts_with = "all")]
    from: Option<String>,
    /// Print the server's answer as it is
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let path = format!("/api/v1/executions/{}/retry", path_part(&arguments.execution));
    let asked = match &arguments.from {
        Some(stage) => json!({ "from_stage": stage }),
        None => json!({ "only": if arguments.all { "all" } else { "failed" } }),
    };
    let answer = arguments.server.client()?.post(&path, &asked)?;
    show(answer, arguments.json)
}
