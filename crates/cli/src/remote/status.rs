//! `penstock status`: how an execution is, or which executions there are.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;

use super::execution::{Execution, ExecutionAnswer};
use super::{Server, path_part, print_json, progress};
use crate::terminal::stdout_takes_colour;

/// Show an execution, or the latest ones
#[derive(clap::Args)]
pub struct Arguments {
    /// The execution's id [default: the latest executions, one line each]
    execution: Option<String>,
    /// How many of the latest
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Show its stages until it ends; the exit code is then 1 unless it succeeds
    #[arg(long, short, requires = "execution", conflicts_with = "json")]
    follow: bool,
    /// Print the server's answer as it is
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let client = arguments.server.client()?;
    match &arguments.execution {
        Some(execution) if arguments.follow => Ok(progress::follow(&client, execution)?.exit_code()),
        Some(execution) => {
            let answer = client.get(&format!("/api/v1/executions/{}", path_part(execution)))?;
            show(answer, arguments.json)
        }
        None => {
            let answer = client.get(&format!("/api/v1/executions?limit={}", arguments.limit))?;
            list(&answer, arguments.json)
        }
    }
}

/// Shows any answer that has an `execution` in it.
pub fn show(answer: Value, json: bool) -> Result<ExitCode> {
    if json {
        print_json(&answer);
    } else {
        let answer: ExecutionAnswer = serde_json::from_value(answer).context(UNREADABLE)?;
        println!("{}", answer.text(stdout_takes_colour()));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(answer: &Value, json: bool) -> Result<ExitCode> {
    if json {
        print_json(answer);
        return Ok(ExitCode::SUCCESS);
    }
    let executions: Vec<Execution> =
        serde_json::from_value(answer.get("executions").cloned().unwrap_or_default()).context(UNREADABLE)?;
    if executions.is_empty() {
        println!("No executions yet. `penstock trigger PIPELINE` starts one.");
    }
    for execution in executions {
        println!("{}", execution.line(stdout_takes_colour()));
    }
    Ok(ExitCode::SUCCESS)
}

pub const UNREADABLE: &str =
    "the server's answer lacks what this program shows; are both of the same version?";
