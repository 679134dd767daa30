//! `penstock reject`: refuses a deployment.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::json;

use super::Server;
use super::approvals::{Waiting, find, show};

/// Reject a deployment
#[derive(clap::Args)]
pub struct Arguments {
    /// The approval's id, or that of the execution that waits for it
    #[arg(value_name = "APPROVAL|EXECUTION")]
    waiting: String,
    /// Why; the execution bears it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Print the server's answer as it is
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let client = arguments.server.client()?;
    match find(&client, &arguments.waiting)? {
        Waiting::Approval(id) => {
            let body = json!({ "reason": arguments.reason });
            show(&client.post(&format!("/api/v1/approvals/{id}/reject"), &body)?, arguments.json)
        }
        Waiting::Execution(id) => bail!("this is the change of a fork; `penstock cancel {id}` refuses it"),
    }
}
