//! Follows an execution: its stages and jobs as they change, its logs as they come.
//!
//! The logs are those of `penstock logs -f`, which is what a person would run.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::api::Api;
use crate::print::{coloured, list, say, text};

/// The longest takes about four seconds, most of them for its health check.
const ENDS_WITHIN: Duration = Duration::from_secs(120);
/// From the execution's end to the last line of its logs.
const LOGS_END_WITHIN: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// Shows the execution until it has ended, and gives how it stands then. `seen` gets each look at it.
pub fn execution(
    api: &Api,
    penstock: &Path,
    id: &str,
    sent: Instant,
    mut seen: impl FnMut(&Value) -> Result<()>,
) -> Result<Value> {
    let logs = Logs::follow(api, penstock, id, sent)?;
    let mut shown = Shown { sent, states: BTreeMap::new() };
    let ended = loop {
        let answer = api.get(&format!("/api/v1/executions/{id}"))?;
        shown.look(&answer);
        seen(&answer)?;
        if !matches!(text(&answer["execution"], "status"), "queued" | "running") {
            break answer["execution"].clone();
        }
        ensure!(
            sent.elapsed() < ENDS_WITHIN,
            "the execution has not ended after {} s",
            ENDS_WITHIN.as_secs()
        );
        std::thread::sleep(LOOK_AGAIN);
    };
    logs.end();
    Ok(ended)
}

/// What has been shown, so that only changes are.
struct Shown {
    sent: Instant,
    states: BTreeMap<String, String>,
}

impl Shown {
    fn look(&mut self, answer: &Value) {
        let stages = list(answer, "stages");
        let jobs = || stages.iter().flat_map(|stage| list(stage, "jobs"));
        let ended = jobs().filter(|job| !matches!(text(job, "status"), "pending" | "running")).count();
        let progress = format!("{ended} of {} jobs", jobs().count());
        for stage in stages {
            let name = text(stage, "stage_name");
            // A stage begins before its jobs, and ends after them.
            let begins = text(stage, "status") == "running";
            self.wait(name, stage);
            if begins {
                self.change(name, stage, &progress);
            }
            for job in list(stage, "jobs") {
                self.change(&format!("{name} / {}", text(job, "name")), job, &progress);
            }
            if !begins {
                self.change(name, stage, &progress);
            }
        }
    }

    /// What the stage waits for, beside other stages: those are seen.
    fn wait(&mut self, name: &str, stage: &Value) {
        let why = &stage["why_waiting"];
        let reason = text(why, "reason");
        if matches!(reason, "" | "dependency_pending") || !self.is_new(&format!("{name} waits"), reason) {
            return;
        }
        say(self.sent, &format!("{name:<18} {} {}", coloured("waiting", "waiting"), text(why, "message")));
    }

    fn is_new(&mut self, name: &str, state: &str) -> bool {
        self.states.insert(name.to_owned(), state.to_owned()).is_none_or(|shown| shown != state)
    }

    fn change(&mut self, name: &str, of: &Value, progress: &str) {
        let status = text(of, "status");
        if status == "pending" || !self.is_new(name, status) {
            return;
        }
        let reason = of["reason"].as_str().map(|reason| format!(" ({reason})")).unwrap_or_default();
        say(self.sent, &format!("{name:<18} {} {progress}", coloured(status, &format!("{status}{reason}"))));
    }
}

/// `penstock logs -f`, its lines among the others.
struct Logs {
    child: Child,
    reader: Option<JoinHandle<()>>,
}

impl Logs {
    fn follow(api: &Api, penstock: &Path, id: &str, sent: Instant) -> Result<Self> {
        let mut child = Command::new(penstock)
            .args(["logs", "--follow", id])
            .env("PENSTOCK_URL", &api.url)
            .env("PENSTOCK_TOKEN", &api.token)
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("can't start `penstock logs`")?;
        let stdout = child.stdout.take().context("`penstock logs` has no output")?;
        let reader = std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).for_each(|line| say(sent, &line));
        });
        Ok(Self { child, reader: Some(reader) })
    }

    fn end(mut self) {
        let asked = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if asked.elapsed() > LOGS_END_WITHIN {
                println!("          (the logs do not end; they are left)");
                let _ = self.child.kill();
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        let _ = self.reader.take().map(JoinHandle::join);
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        // Where they have ended, as they should have, nothing happens.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
