//! `penstock approve`: gives leave to a deployment, or to the change of a fork.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::Server;
use super::approvals::{Waiting, find, show};
use super::status;

/// Approve a deployment, or let a fork's change run
#[derive(clap::Args)]
pub struct Arguments {
    /// The approval's id, or that of the execution that waits for it
    #[arg(value_name = "APPROVAL|EXECUTION")]
    waiting: String,
    /// What others should know of it
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,
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
            let body = arguments.notes.as_ref().map_or_else(|| json!({}), |notes| json!({ "notes": notes }));
            show(&client.post(&format!("/api/v1/approvals/{id}/approve"), &body)?, arguments.json)
        }
        Waiting::Execution(id) => {
            let answer = client.post(&format!("/api/v1/executions/{id}/approve"), &json!({}))?;
            status::show(answer, arguments.json)
        }
    }
}
