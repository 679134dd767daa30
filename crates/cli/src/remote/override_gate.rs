//! `penstock override`: lets a quality gate pass that has failed.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Client;
use super::status::UNREADABLE;
use super::{Server, path_part, print_json};
use crate::terminal::{self, stdout_takes_colour, tame};

/// Let a failed quality gate pass
#[derive(clap::Args)]
pub struct Arguments {
    /// The gate's id, or that of its execution
    #[arg(value_name = "GATE|EXECUTION")]
    gate: String,
    /// Which gate of the execution [default: the one that has failed]
    #[arg(long = "gate", value_name = "NAME")]
    name: Option<String>,
    /// Why; it is kept for good
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Print the server's answer as it is
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Of the server's answer, what is shown.
#[derive(Debug, Deserialize)]
struct Gate {
    id: String,
    gate_name: String,
    stage_name: Option<String>,
    status: String,
    actual_value: Option<f64>,
    threshold_value: f64,
    comparison_operator: String,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let client = arguments.server.client()?;
    let id = find(&client, &arguments.gate, arguments.name.as_deref())?;
    let path = format!("/api/v1/quality-gates/{}/override", path_part(&id));
    let answer = client.post(&path, &json!({ "reason": arguments.reason }))?;
    if arguments.json {
        print_json(&answer);
        return Ok(ExitCode::SUCCESS);
    }
    let gate: Gate = Deserialize::deserialize(&answer["evaluation"]).context(UNREADABLE)?;
    println!("{}", gate.line(stdout_takes_colour()));
    if let Some(execution) = answer["continued_in"].as_str() {
        println!("goes on in {}", tame(execution));
    }
    Ok(ExitCode::SUCCESS)
}

/// The gate's id: the one that was given, unless that is an execution's.
fn find(client: &Client, given: &str, name: Option<&str>) -> Result<String> {
    let path = format!("/api/v1/executions/{}/quality-gates", path_part(given));
    let mut gates: Vec<Gate> = match (client.find(&path)?, name) {
        (Some(mut answer), _) => {
            let evaluations = answer.get_mut("evaluations").map(Value::take).unwrap_or_default();
            serde_json::from_value(evaluations).context(UNREADABLE)?
        }
        (None, None) => return Ok(given.to_owned()),
        (None, Some(_)) => bail!("the server knows no execution {given}; --gate names a gate of one"),
    };
    gates.retain(|gate| gate.status == "failed" && name.is_none_or(|name| gate.gate_name == name));
    match gates.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => {
            bail!("no such gate of this execution has failed; `penstock status {given}` says how it stands")
        }
        many => {
            let lines: Vec<_> = many.iter().map(|one| format!("\n  {}", one.line(false))).collect();
            bail!("several gates have failed; give the id of one:{}", lines.concat())
        }
    }
}

impl Gate {
    fn line(&self, colour: bool) -> String {
        let stage = self.stage_name.as_deref().map(|stage| format!("{} / ", tame(stage))).unwrap_or_default();
        let actual = self.actual_value.map_or_else(|| "unknown".to_owned(), |value| value.to_string());
        format!(
            "{}  {stage}{}  {}  {actual} {} {}",
            tame(&self.id),
            tame(&self.gate_name),
            terminal::status(&tame(&self.status), colour),
            tame(&self.comparison_operator),
            self.threshold_value
        )
    }
}
