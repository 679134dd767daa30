//! `penstock cancel`: stops an execution, also what runs of it on runners.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::status::show;
use super::{Server, path_part};

/// Stop an execution
#[derive(clap::Args)]
pub struct Arguments {
    /// The execution's id
    execution: String,
    /// Also stop the stages that clean up
    #[arg(long)]
    force: bool,
    /// Print the server's answer as it is
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let force = if arguments.force { "?force=true" } else { "" };
    let path = format!("/api/v1/executions/{}/cancel{force}", path_part(&arguments.execution));
    let answer = arguments.server.client()?.post(&path, &json!({}))?;
    show(answer, arguments.json)
}
