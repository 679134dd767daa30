//! `penstock trigger`: starts a pipeline, and follows it where asked to.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::client::Client;
use super::execution::ExecutionAnswer;
use super::logs;
use super::status::{UNREADABLE, show};
use super::{Server, find_listed, is_id, path_part, progress};

/// Start a pipeline
#[derive(clap::Args)]
pub struct Arguments {
    /// The pipeline's id or name
    pipeline: String,
    /// The branch [default: main]
    #[arg(long)]
    branch: Option<String>,
    /// The commit, in full; without one the branch's newest, and none where the definition is not in the repository
    #[arg(long, value_name = "SHA")]
    commit: Option<String>,
    /// A parameter of the run; may be given again
    #[arg(long = "parameter", short, value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// Follow its logs; the exit code is then 1 unless it succeeds
    #[arg(long, short, conflicts_with = "json")]
    follow: bool,
    /// Show its stages until it ends; the exit code is then 1 unless it succeeds
    #[arg(long, short, conflicts_with_all = ["follow", "json"])]
    wait: bool,
    /// Print the server's answer as it is
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let client = arguments.server.client()?;
    let id = pipeline_id(&client, &arguments.pipeline)?;
    let path = format!("/api/v1/pipelines/{}/execute", path_part(&id));
    let answer = client.post(&path, &body(arguments))?;
    if !arguments.follow && !arguments.wait {
        return show(answer, arguments.json);
    }
    let started: ExecutionAnswer = serde_json::from_value(answer).context(UNREADABLE)?;
    if arguments.wait {
        return Ok(progress::follow(&client, &started.execution.id)?.exit_code());
    }
    eprintln!("{}", started.execution.line(crate::terminal::stderr_takes_colour()));
    let ended = logs::follow(&client, &started.execution.id, &logs::Selection::default())?;
    eprintln!("{}", ended.text(crate::terminal::stderr_takes_colour()));
    Ok(ended.execution.exit_code())
}

/// Only what was said: what was not is the server's to decide.
fn body(arguments: &Arguments) -> Value {
    let mut body = Map::from_iter([("trigger_event".to_owned(), json!("manual"))]);
    for (member, value) in [("branch", &arguments.branch), ("commit_sha", &arguments.commit)] {
        body.extend(value.as_ref().map(|value| (member.to_owned(), json!(value))));
    }
    let parameters = arguments.parameters.iter().map(|(name, value)| (name.clone(), json!(value)));
    body.insert("parameters".to_owned(), Value::Object(parameters.collect()));
    Value::Object(body)
}

fn pipeline_id(client: &Client, named: &str) -> Result<String> {
    if is_id(named) {
        return Ok(named.to_owned());
    }
    let found = find_listed(client, "/api/v1/pipelines", "pipelines", |one| one["pipeline_name"] == named)?;
    let found = found.with_context(|| {
        format!("the server knows no pipeline named `{named}`, or this token may not see it")
    })?;
    Ok(found["id"].as_str().context(UNREADABLE)?.to_owned())
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
