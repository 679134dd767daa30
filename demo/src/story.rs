//! What happens, in order: a pipeline, a push, an execution, a status.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use penstock_testkit::StoredStatus;
use serde_json::{Value, json};

use crate::api::Api;
use crate::follow;
use crate::world::{FULL_NAME, World};

/// For what happens after an answer: matching, planning, reporting.
const SOON: Duration = Duration::from_secs(15);
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// How it ended, and where to look.
pub struct Ending {
    pub succeeded: bool,
    url: String,
    secrets: String,
    execution: String,
    /// From the webhook to the last status.
    took: Duration,
}

/// # Errors
/// Where something does not happen that should.
pub fn tell(api: &Api, world: &World, penstock: &Path) -> Result<Ending> {
    let pipeline = create_pipeline(api, world)?;
    let sent = Instant::now();
    deliver_push(api, world)?;
    let execution = find_execution(api, &pipeline, &world.head)?;
    println!("Execution {execution} started {} ms after the push was sent.\n", sent.elapsed().as_millis());

    let ended = follow::execution(api, penstock, &execution, sent)?;
    let status = ended["status"].as_str().unwrap_or("unknown").to_owned();
    println!("\nThe execution {status} after {:.1} s.", sent.elapsed().as_secs_f64());
    if let Some(details) = ended["error_details"].as_str() {
        println!("  {details}");
    }
    let received = statuses(world)?;
    let took = sent.elapsed();
    print_statuses(&received);
    let green = received.last().is_some_and(|status| status.state == "success");
    Ok(Ending {
        succeeded: status == "succeeded" && green,
        url: api.url.clone(),
        secrets: api.secrets.display().to_string(),
        execution,
        took,
    })
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
    let id = answer["pipeline"]["id"].as_str().context("the new pipeline has no id")?.to_owned();
    println!("Made the pipeline `greeter` for {FULL_NAME}, a git repository at {}.", world.clone_url());
    Ok(id)
}

fn deliver_push(api: &Api, world: &World) -> Result<()> {
    println!(
        "Pushing {:.8} to main: GitHub (a fake one, on this machine) sends a signed webhook.",
        world.head
    );
    let answer = api.deliver(&world.push()?)?;
    let status = answer["status"].as_str().unwrap_or_default();
    ensure!(!matches!(status, "ignored" | "rejected"), "the webhook was not used: {answer}");
    Ok(())
}

fn find_execution(api: &Api, pipeline: &str, commit: &str) -> Result<String> {
    let path = format!("/api/v1/executions?pipeline_id={pipeline}&commit_sha={commit}");
    let asked = Instant::now();
    loop {
        let answer = api.get(&path)?;
        if let Some(id) = answer["executions"][0]["id"].as_str() {
            return Ok(id.to_owned());
        }
        ensure!(asked.elapsed() < SOON, "no execution began within {} s of the push", SOON.as_secs());
        std::thread::sleep(ASK_AGAIN);
    }
}

/// The commit's statuses, once the last of them is a final one.
fn statuses(world: &World) -> Result<Vec<StoredStatus>> {
    let is_final =
        |statuses: &[StoredStatus]| statuses.last().is_some_and(|status| status.state != "pending");
    let received = world.forge.wait_for_statuses(FULL_NAME, &world.head, SOON, is_final);
    received.with_context(|| format!("the forge received no final status within {} s", SOON.as_secs()))
}

fn print_statuses(received: &[StoredStatus]) {
    println!("\nThe forge received for this commit:");
    for status in received {
        let description = status.description.as_deref().unwrap_or_default();
        println!("  {:<8} {:<20} {description}", status.state, status.context);
        if let Some(url) = &status.target_url {
            println!("  {:<29} {url}", "");
        }
    }
}

impl Ending {
    pub fn print_times(&self, elapsed: Duration) {
        let (took, elapsed) = (self.took.as_secs_f64(), elapsed.as_secs_f64());
        println!(
            "\nFrom the push to the last status: {took:.1} s; with the start of everything: {elapsed:.1} s."
        );
    }

    /// Where to look for as long as it serves.
    pub fn print_places(&self, penstock: &Path) {
        let Self { url, secrets, execution, .. } = self;
        println!("\n  page     {url}/executions/{execution}");
        println!("  status   {url}/status/{FULL_NAME}");
        println!("  badge    {url}/badge/{FULL_NAME}.svg");
        println!("  API      {url}/api/v1/executions/{execution}");
        println!("  token    in {secrets}");
        let penstock = penstock.display();
        println!("\n  {penstock} status {execution} --server {url} --token-file {secrets}");
    }
}

/// A member's text, or nothing.
pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}
