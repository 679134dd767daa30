//! A push on its way: its execution, what its gates say, who lets it go on, and what the forge is told.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use penstock_testkit::StoredStatus;
use serde_json::{Value, json};

use crate::follow;
use crate::print::{coloured, list, say, text};
use crate::setting::Setting;
use crate::world::{FULL_NAME, Push, World};

/// For what happens after an answer: matching, planning, reporting.
const SOON: Duration = Duration::from_secs(15);
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// How a push ended.
pub struct Released {
    pub execution: String,
    pub status: String,
    pub reason: String,
    /// Where it came so far.
    pub deployment: Option<String>,
    pub statuses: Vec<StoredStatus>,
}

/// # Errors
/// Where something does not happen that should.
pub fn push(setting: &Setting, world: &World, penstock: &Path, push: &Push) -> Result<Released> {
    let sent = Instant::now();
    deliver(setting, world, push)?;
    let path = format!("/api/v1/executions?pipeline_id={}&commit_sha={}", setting.pipeline, push.commit);
    let found =
        once_there(setting, &path, |answer| answer["executions"][0]["id"].as_str().map(str::to_owned))?;
    let execution = found.context("no execution began after the push")?;
    println!("Execution {execution} started {} ms after the push was sent.\n", sent.elapsed().as_millis());

    let mut steps = Steps { setting, sent, gates_shown: false, has_approved: false, deployment: None };
    let ended =
        follow::execution(&setting.api, penstock, &execution, sent, |answer| steps.look(&execution, answer))?;
    let deployment = steps.deployment;
    print_end(&ended, sent);
    let statuses = statuses(world, &push.commit)?;
    let (status, reason) = (text(&ended, "status").to_owned(), text(&ended, "reason").to_owned());
    Ok(Released { execution, status, reason, deployment, statuses })
}

/// # Errors
/// Where Penstock does not bring back the version before.
pub fn follow_rollback(setting: &Setting, penstock: &Path, bad: &str) -> Result<Value> {
    let sent = Instant::now();
    let path = format!("/api/v1/deployments?pipeline_id={}", setting.pipeline);
    let takes_back = |answer: &Value| {
        let mut all = list(answer, "deployments").iter();
        all.find(|deployment| text(deployment, "rollback_of") == bad).cloned()
    };
    let rollback = once_there(setting, &path, takes_back)?.context("Penstock began no rollback")?;
    let (execution, version) = (text(&rollback, "execution_id"), text(&rollback, "version"));
    println!("Execution {execution} brings back {version}: nobody asked for it.\n");
    let ended = follow::execution(&setting.api, penstock, execution, sent, |_| Ok(()))?;
    print_end(&ended, sent);
    let answer = setting.api.get(&format!("/api/v1/deployments/{}", text(&rollback, "id")))?;
    Ok(answer["deployment"].clone())
}

fn deliver(setting: &Setting, world: &World, push: &Push) -> Result<()> {
    println!(
        "Pushing {:.8} to main, \"{}\": GitHub (a fake one, on this machine) sends a signed webhook.",
        push.commit, push.message
    );
    let answer = setting.api.deliver(&world.deliver(push)?)?;
    let status = text(&answer, "status");
    ensure!(!matches!(status, "ignored" | "rejected"), "the webhook was not used: {answer}");
    Ok(())
}

/// What `find` finds in an answer, as soon as it does; None where it never does.
fn once_there<T>(setting: &Setting, path: &str, find: impl Fn(&Value) -> Option<T>) -> Result<Option<T>> {
    let asked = Instant::now();
    while asked.elapsed() < SOON {
        let found = find(&setting.api.get(path)?);
        if found.is_some() {
            return Ok(found);
        }
        std::thread::sleep(ASK_AGAIN);
    }
    Ok(None)
}

fn print_end(ended: &Value, sent: Instant) {
    let reason = ended["reason"].as_str().map(|reason| format!(" ({reason})")).unwrap_or_default();
    println!(
        "\nThe execution {}{reason} after {:.1} s.",
        text(ended, "status"),
        sent.elapsed().as_secs_f64()
    );
    if let Some(details) = ended["error_details"].as_str() {
        println!("  {details}");
    }
}

/// What the demo does and shows while an execution runs, each once.
struct Steps<'a> {
    setting: &'a Setting,
    sent: Instant,
    gates_shown: bool,
    has_approved: bool,
    deployment: Option<String>,
}

impl Steps<'_> {
    fn look(&mut self, execution: &str, answer: &Value) -> Result<()> {
        for stage in list(answer, "stages") {
            let deployment = &stage["deployment"];
            if let Some(id) = deployment["id"].as_str() {
                self.deployment = Some(id.to_owned());
            }
            let has_ended = !matches!(text(stage, "status"), "pending" | "running");
            if text(stage, "stage_type") == "quality_check" && has_ended && !self.gates_shown {
                self.gates_shown = true;
                self.show_gates(execution)?;
            }
            let waits = text(&stage["why_waiting"], "reason") == "approval_pending";
            if let (true, false, Some(id)) = (waits, self.has_approved, deployment["approval_id"].as_str()) {
                self.has_approved = true;
                self.approve(id)?;
            }
        }
        Ok(())
    }

    fn show_gates(&self, execution: &str) -> Result<()> {
        let answer = self.setting.api.get(&format!("/api/v1/executions/{execution}/quality-gates"))?;
        for gate in list(&answer, "evaluations") {
            let (name, status) = (format!("gate {}", text(gate, "gate_name")), text(gate, "status"));
            let reasons: Vec<_> = list(gate, "reasons").iter().filter_map(Value::as_str).collect();
            say(self.sent, &format!("{name:<18} {} {}", coloured(status, status), reasons.join("; ")));
        }
        Ok(())
    }

    fn approve(&self, approval: &str) -> Result<()> {
        let path = format!("/api/v1/approvals/{approval}/approve");
        let why = self.setting.ada.refusal(&path, &json!({}))?;
        say(self.sent, &format!("{:<18} {} {why}", "ada", coloured("failed", "refused")));
        self.setting.grace.post(&path, &json!({ "notes": "seen by the demo" }))?;
        let told = "The demo approves this as `grace`; the author, ada, could not.";
        say(self.sent, &format!("{:<18} {} {told}", "grace", coloured("passed", "approved")));
        Ok(())
    }
}

/// The commit's statuses, once the last of them is a final one.
fn statuses(world: &World, commit: &str) -> Result<Vec<StoredStatus>> {
    let is_final =
        |statuses: &[StoredStatus]| statuses.last().is_some_and(|status| status.state != "pending");
    let received = world.forge.wait_for_statuses(FULL_NAME, commit, SOON, is_final);
    received.with_context(|| format!("the forge received no final status within {} s", SOON.as_secs()))
}
