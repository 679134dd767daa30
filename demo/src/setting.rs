//! What is there before the first push: a pipeline, an environment, and people.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::api::Api;
use crate::print::text;
use crate::world::{FULL_NAME, World};

pub struct Setting {
    /// The administrator's.
    pub api: Api,
    /// Who wrote the commits.
    pub ada: Api,
    pub grace: Api,
    pub pipeline: String,
    pub environment: String,
}

/// # Errors
/// Where the server refuses one of them.
pub fn make(api: &Api, world: &World) -> Result<Setting> {
    let pipeline = create_pipeline(api, world)?;
    let environment = create_environment(api, world)?;
    let (ada, grace) = (create_token(api, "ada")?, create_token(api, "grace")?);
    println!("Made tokens for ada, who wrote the program, and for grace: both may approve.");
    let (ada, grace) = (api.by(&ada), api.by(&grace));
    Ok(Setting { api: api.clone(), ada, grace, pipeline, environment })
}

fn create_pipeline(api: &Api, world: &World) -> Result<String> {
    let answer = api.post(
        "/api/v1/pipelines",
        &json!({
            "pipeline_name": "greeter",
            "repository_url": world.clone_url(),
            "definition_path": ".penstock.yml",
            "public_status": true,
        }),
    )?;
    println!("Made the pipeline `greeter` for {FULL_NAME}, a git repository at {}.", world.clone_url());
    id(&answer["pipeline"])
}

fn create_environment(api: &Api, world: &World) -> Result<String> {
    let service = world.service.url();
    let answer = api.post(
        "/api/v1/environments",
        &json!({
            "environment_name": "production",
            "environment_type": "production",
            "deployment_url": service,
            "environment_variables": { "SERVICE_FOLDER": world.service.folder() },
            "approval_required": true,
            "approval": { "required_approvals": 1 },
            "health_check": {
                "url": format!("{service}/healthz"),
                "interval_seconds": 0.2,
                "attempts": 10,
                "successes": 2,
            },
        }),
    )?;
    println!("Made the environment `production`, a service at {service}: one person has to approve, and");
    println!("  its /healthz has to answer 200 twice in a row, within ten tries.");
    id(&answer["environment"])
}

fn create_token(api: &Api, name: &str) -> Result<String> {
    let wanted = json!({ "token_name": name, "role": "approver", "forge_login": name });
    let answer = api.post("/api/v1/tokens", &wanted)?;
    Ok(text(&answer, "secret").to_owned())
}

fn id(made: &Value) -> Result<String> {
    made["id"].as_str().map(str::to_owned).context("what was made has no id")
}
