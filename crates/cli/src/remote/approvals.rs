//! `penstock approvals`: what waits for people's leave.

use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::client::Client;
use super::execution::ExecutionAnswer;
use super::status::UNREADABLE;
use super::{Server, is_id, path_part, print_json};
use crate::terminal::{self, stdout_takes_colour, tame};

const PENDING: &str = "/api/v1/approvals?status=pending&limit=200";

/// List what waits for an approval
#[derive(clap::Args)]
pub struct Arguments {
    /// Only what this execution waits for
    #[arg(long, value_name = "ID")]
    execution: Option<String>,
    /// Print the server's answer as it is
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Of the server's answer, what is shown.
#[derive(Debug, Deserialize)]
pub struct Approval {
    pub id: String,
    pub status: String,
    pub pipeline_name: String,
    pub execution_number: u64,
    pub environment_name: String,
    pub version: Option<String>,
    #[serde(default)]
    pub required_approvals: u32,
    #[serde(default)]
    pub votes: Vec<Vote>,
    pub expires_at: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Vote {
    pub by: String,
}

/// What an id that somebody gives leave to stands for.
#[derive(Debug, PartialEq, Eq)]
pub enum Waiting {
    Approval(String),
    /// A fork's change, which waits as a whole.
    Execution(String),
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let client = arguments.server.client()?;
    let of = arguments.execution.as_ref().map(|id| format!("&execution_id={}", path_part(id)));
    let answer = client.get(&format!("{PENDING}{}", of.unwrap_or_default()))?;
    if arguments.json {
        print_json(&answer);
        return Ok(ExitCode::SUCCESS);
    }
    let approvals = read(answer)?;
    if approvals.is_empty() {
        println!("Nothing waits for an approval.");
    }
    for approval in &approvals {
        println!("{}", approval.line(stdout_takes_colour()));
    }
    Ok(ExitCode::SUCCESS)
}

fn read(mut answer: Value) -> Result<Vec<Approval>> {
    let approvals = answer.get_mut("approvals").map(Value::take).unwrap_or_default();
    serde_json::from_value(approvals).context(UNREADABLE)
}

/// What is meant by the id of an approval, or of an execution that waits for one.
///
/// # Errors
/// Where it is the id of an execution that waits for none, or for several.
pub fn find(client: &Client, named: &str) -> Result<Waiting> {
    ensure!(
        is_id(named),
        "`{named}` is no id; give that of an approval or of an execution: `penstock approvals` lists them"
    );
    let pending = client.find(&format!("{PENDING}&execution_id={named}"))?;
    let mut pending = pending.map_or(Ok(vec![]), read)?;
    if pending.len() > 1 {
        let lines: Vec<_> = pending.iter().map(|one| format!("\n  {}", one.line(false))).collect();
        bail!("this execution waits for several approvals; give the id of one:{}", lines.concat());
    }
    if let Some(approval) = pending.pop() {
        return Ok(Waiting::Approval(approval.id));
    }
    let Some(answer) = client.find(&format!("/api/v1/executions/{named}"))? else {
        return Ok(Waiting::Approval(named.to_owned()));
    };
    let answer: ExecutionAnswer = serde_json::from_value(answer).context(UNREADABLE)?;
    match answer.execution.reason.as_deref() {
        Some("fork_approval") => Ok(Waiting::Execution(answer.execution.id)),
        _ => bail!("this execution waits for no approval; `penstock status {named}` says how it stands"),
    }
}

/// Shows the approval of an answer, as it is now.
pub fn show(answer: &Value, json: bool) -> Result<ExitCode> {
    if json {
        print_json(answer);
    } else {
        let approval: Approval = Deserialize::deserialize(&answer["approval"]).context(UNREADABLE)?;
        println!("{}", approval.line(stdout_takes_colour()));
    }
    Ok(ExitCode::SUCCESS)
}

impl Approval {
    pub fn line(&self, colour: bool) -> String {
        let version = self.version.as_deref().unwrap_or("the commit");
        let mut line = format!(
            "{}  {} #{}  {} to {}  {}",
            tame(&self.id),
            tame(&self.pipeline_name),
            self.execution_number,
            tame(version),
            tame(&self.environment_name),
            terminal::status(&tame(&self.status), colour)
        );
        if self.required_approvals > 0 {
            line.push_str(&format!("  {} of {}", self.votes.len(), self.required_approvals));
        }
        if !self.votes.is_empty() {
            let names: Vec<_> = self.votes.iter().map(|vote| tame(&vote.by)).collect();
            line.push_str(&format!(" ({})", names.join(", ")));
        }
        if let Some(until) = self.expires_at.as_deref().filter(|_| self.status == "pending") {
            line.push_str(&format!("  until {}", tame(until)));
        }
        line
    }
}
