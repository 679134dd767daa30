//! What happens, in order: a good version, a bad one, the way back, and what was measured of it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use penstock_testkit::StoredStatus;

use crate::api::Api;
use crate::figures;
use crate::print::{coloured, heading, list, text};
use crate::release::{self, Released};
use crate::setting::{self, Setting};
use crate::world::{FULL_NAME, World};

/// How it ended, and where to look.
pub struct Ending {
    /// What did not go as it should; empty where all of it did.
    pub wrong: Vec<String>,
    url: String,
    secrets: String,
    service: String,
    execution: String,
    /// From the first webhook to the figures.
    took: Duration,
}

/// # Errors
/// Where something does not happen that should.
pub fn tell(api: &Api, world: &World, penstock: &Path) -> Result<Ending> {
    let setting = setting::make(api, world)?;
    let mut wrong = vec![];
    let began = Instant::now();

    heading("A good version");
    let commit = world.commit_good()?;
    let good = release::push(&setting, world, penstock, &commit)?;
    expect(&mut wrong, "the first execution", (&good.status, &good.reason), ("succeeded", ""));
    let first = answers(api, world, &mut wrong, "greeter 1")?;
    println!("The service says: {first}");

    heading("A bad version");
    let second = world.commit_bad(&commit)?;
    let bad = release::push(&setting, world, penstock, &second)?;
    expect(&mut wrong, "the second execution", (&bad.status, &bad.reason), ("failed", "health_check_failed"));

    heading("The way back");
    take_back(&setting, world, penstock, &bad, &mut wrong)?;

    heading("What the forge received");
    print_statuses(&commit.commit, &good.statuses);
    print_statuses(&second.commit, &bad.statuses);
    expect(&mut wrong, "the first commit", (last(&good), ""), ("success", ""));
    expect(&mut wrong, "the second commit", (last(&bad), ""), ("failure", ""));

    heading("What was measured (the last 24 hours)");
    wrong.extend(figures::show(api)?);
    Ok(Ending {
        wrong,
        url: api.url.clone(),
        secrets: api.secrets.display().to_string(),
        service: world.service.url(),
        execution: bad.execution,
        took: began.elapsed(),
    })
}

/// The rollback that Penstock begins by itself, and what is there afterwards.
fn take_back(
    setting: &Setting,
    world: &World,
    penstock: &Path,
    bad: &Released,
    wrong: &mut Vec<String>,
) -> Result<()> {
    let deployment = bad.deployment.as_deref().context("the second push was never deployed")?;
    let rollback = release::follow_rollback(setting, penstock, deployment)?;
    expect(wrong, "the rollback", (text(&rollback, "status"), ""), ("deployed", ""));
    let now = answers(&setting.api, world, wrong, "greeter 1")?;
    println!("The service says again: {now}");
    let answer = setting.api.get(&format!("/api/v1/environments/{}", setting.environment))?;
    let quarantined = list(&answer["environment"], "quarantined");
    if !quarantined.iter().any(|held| text(held, "version") == "2") {
        wrong.push("the bad version is not quarantined".to_owned());
    }
    for held in quarantined {
        println!(
            "Version {} is quarantined in production, until somebody lifts that.",
            text(held, "version")
        );
    }
    Ok(())
}

/// What the service answers, which has to be `expected`.
fn answers(api: &Api, world: &World, wrong: &mut Vec<String>, expected: &str) -> Result<String> {
    let said = api.read(&world.service.url())?;
    expect(wrong, "the service", (&said, ""), (expected, ""));
    Ok(said)
}

/// A state and its reason have to be these.
fn expect(wrong: &mut Vec<String>, what: &str, is: (&str, &str), expected: (&str, &str)) {
    if is != expected {
        let words = |(state, reason): (&str, &str)| format!("{state} {reason}").trim_end().to_owned();
        wrong.push(format!("{what} should be `{}` and is `{}`", words(expected), words(is)));
    }
}

fn last(released: &Released) -> &str {
    released.statuses.last().map(|status| status.state.as_str()).unwrap_or_default()
}

fn print_statuses(commit: &str, received: &[StoredStatus]) {
    for status in received {
        let description = status.description.as_deref().unwrap_or_default();
        let state = coloured(&status.state, &format!("{:<8}", status.state));
        println!("  {commit:.8}  {state} {:<18} {description}", status.context);
    }
}

impl Ending {
    pub fn print_times(&self, elapsed: Duration) {
        let (took, elapsed) = (self.took.as_secs_f64(), elapsed.as_secs_f64());
        println!(
            "\nFrom the first push to the last figure: {took:.1} s; with the start of everything: {elapsed:.1} s."
        );
        for wrong in &self.wrong {
            println!("  wrong: {wrong}");
        }
    }

    /// Where to look for as long as it serves.
    pub fn print_places(&self, penstock: &Path) {
        let Self { url, secrets, service, execution, .. } = self;
        println!("\n  page     {url}/executions/{execution}");
        println!("  status   {url}/status/{FULL_NAME}");
        println!("  badge    {url}/badge/{FULL_NAME}.svg");
        println!("  API      {url}/api/v1/executions/{execution}");
        println!("  figures  {url}/api/v1/analytics/dashboard?time_range=24h");
        println!("  service  {service}");
        println!("  token    in {secrets}");
        let penstock = penstock.display();
        println!("\n  {penstock} status {execution} --server {url} --token-file {secrets}");
    }
}
