//! `penstock rollback`: takes a deployment back to the version before it.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::json;

use super::client::Client;
use super::status::UNREADABLE;
use super::{Server, all_listed, find_listed, path_part, print_json};
use crate::terminal::{self, stdout_takes_colour, tame};

/// Take a deployment back to the version before it
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["deployment", "environment"])))]
pub struct Arguments {
    /// The deployment's id
    deployment: Option<String>,
    /// Instead of an id: what is live in this environment
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Why; the deployment bears it
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
struct Deployment {
    id: String,
    pipeline_id: String,
    pipeline_name: Option<String>,
    version: String,
}

#[derive(Debug, Deserialize)]
struct Rollback {
    version: Option<String>,
    to_version: Option<String>,
    status: Option<String>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let client = arguments.server.client()?;
    let id = match (&arguments.deployment, &arguments.environment) {
        (Some(id), _) => id.clone(),
        (None, environment) => live_in(&client, environment.as_deref().unwrap_or_default())?,
    };
    let path = format!("/api/v1/deployments/{}/rollback", path_part(&id));
    let answer = client.post(&path, &json!({ "reason": arguments.reason }))?;
    if arguments.json {
        print_json(&answer);
    } else {
        let rollback: Rollback = Deserialize::deserialize(&answer["rollback"]).context(UNREADABLE)?;
        println!("{}", rollback.line(stdout_takes_colour()));
    }
    Ok(ExitCode::SUCCESS)
}

/// The newest deployment that stayed, where all that is live there is of one pipeline.
fn live_in(client: &Client, environment: &str) -> Result<String> {
    let is_meant = |one: &serde_json::Value| one["environment_name"] == environment;
    let found = find_listed(client, "/api/v1/environments", "environments", is_meant)?;
    let found = found.with_context(|| format!("the server knows no environment named `{environment}`"))?;
    let id = path_part(found["id"].as_str().context(UNREADABLE)?).to_string();
    let path = format!("/api/v1/deployments?environment_id={id}&status=deployed");
    let mut live: Vec<Deployment> = all_listed(client, &path, "deployments")?;
    let mut pipelines = BTreeSet::new();
    // The newest come first: what follows of the same pipeline was live before.
    live.retain(|one| pipelines.insert(one.pipeline_id.clone()));
    match live.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => bail!("nothing is deployed in `{environment}`"),
        many => {
            let lines: Vec<_> = many.iter().map(|one| format!("\n  {}", one.line())).collect();
            bail!("several pipelines deploy to `{environment}`; give the id of one:{}", lines.concat())
        }
    }
}

impl Deployment {
    fn line(&self) -> String {
        let pipeline = self.pipeline_name.as_deref().unwrap_or(&self.pipeline_id);
        format!("{}  {}  {}", tame(&self.id), tame(pipeline), tame(&self.version))
    }
}

impl Rollback {
    fn line(&self, colour: bool) -> String {
        let named =
            |version: &Option<String>, else_: &str| tame(version.as_deref().unwrap_or(else_)).into_owned();
        let (from, to) = (named(&self.version, "the version"), named(&self.to_version, "the one before"));
        let state = self.status.as_deref().map(|word| terminal::status(&tame(word), colour));
        format!("{from} goes back to {to}  {}", state.unwrap_or_default()).trim_end().to_owned()
    }
}
