//! `penstock retry`: runs again what failed, or everything.

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
    /// Print the server's answer as it is
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let path = format!("/api/v1/executions/{}/retry", path_part(&arguments.execution));
    let only = if arguments.all { "all" } else { "failed" };
    let answer = arguments.server.client()?.post(&path, &json!({ "only": only }))?;
    show(answer, arguments.json)
}
