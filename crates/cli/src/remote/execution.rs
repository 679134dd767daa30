//! An execution as a person reads it: its head, its stages with their jobs, and what it waits for.

use std::fmt::Write;
use std::process::ExitCode;

use serde::Deserialize;

use crate::terminal::{self, tame};

/// Of the server's answer, what is shown. What it says beyond that may change without harm.
#[derive(Debug, Deserialize)]
pub struct ExecutionAnswer {
    pub execution: Execution,
    #[serde(default)]
    pub stages: Vec<Stage>,
    pub why_waiting: Option<Wait>,
    /// Where only its state was asked for.
    pub progress: Option<Progress>,
}

#[derive(Debug, Deserialize)]
pub struct Progress {
    pub percent: u32,
    pub jobs_total: u32,
    pub jobs_finished: u32,
}

#[derive(Debug, Deserialize)]
pub struct Wait {
    pub message: String,
}

#[derive(Debug, Deserialize)]
pub struct Execution {
    pub id: String,
    pub execution_number: u64,
    pub status: String,
    pub reason: Option<String>,
    pub branch_name: Option<String>,
    pub commit_sha: Option<String>,
    pub trigger_event: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Stage {
    pub stage_name: String,
    pub status: String,
    pub reason: Option<String>,
    #[serde(default)]
    pub jobs: Vec<Job>,
}

#[derive(Debug, Deserialize)]
pub struct Job {
    pub name: String,
    pub status: String,
    pub reason: Option<String>,
    #[serde(default)]
    pub attempt: u32,
}

impl Execution {
    pub fn has_ended(&self) -> bool {
        !matches!(self.status.as_str(), "queued" | "running")
    }

    /// For scripts that wait for it.
    pub fn exit_code(&self) -> ExitCode {
        if self.status == "succeeded" { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    pub fn line(&self, colour: bool) -> String {
        let mut line =
            format!("#{:<5} {}", self.execution_number, state(&self.status, self.reason.as_deref(), colour));
        let commit = self.commit_sha.as_deref().map(|sha| sha.get(..8).unwrap_or(sha));
        for part in [self.branch_name.as_deref(), commit, self.trigger_event.as_deref()].into_iter().flatten()
        {
            line.push_str("  ");
            line.push_str(&tame(part));
        }
        line.push_str("  ");
        line.push_str(&tame(&self.id));
        line
    }
}

impl ExecutionAnswer {
    pub fn text(&self, colour: bool) -> String {
        let mut text = self.execution.line(colour);
        for stage in &self.stages {
            let state = state(&stage.status, stage.reason.as_deref(), colour);
            let _ = write!(text, "\n  {:<24} {state}", tame(&stage.stage_name));
            for job in &stage.jobs {
                let state = self::state(&job.status, job.reason.as_deref(), colour);
                let _ = write!(text, "\n    {:<22} {state}", tame(&job.name));
                if job.attempt > 1 {
                    let _ = write!(text, ", attempt {}", job.attempt);
                }
            }
        }
        if let Some(wait) = &self.why_waiting {
            let _ = write!(text, "\nwaits: {}", tame(&wait.message));
        }
        text
    }
}

/// A state and its reason, in the colour of the state.
pub fn state(status: &str, reason: Option<&str>, colour: bool) -> String {
    let status = terminal::status(&tame(status), colour);
    match reason {
        Some(reason) => format!("{status} ({})", tame(reason)),
        None => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn an_execution_is_shown_with_its_jobs_and_what_it_waits_for() {
        let answer: ExecutionAnswer = serde_json::from_value(json!({
            "success": true,
            "execution": {"id": "0190", "execution_number": 12, "status": "running", "reason": null,
                "branch_name": "main", "commit_sha": "0123456789abcdef", "trigger_event": "push", "new": 1},
            "stages": [
                {"stage_name": "build", "status": "succeeded", "reason": null, "jobs": [
                    {"name": "app", "status": "succeeded", "attempt": 2, "reason": null}]},
                {"stage_name": "test", "status": "pending", "reason": "dependency_pending", "jobs": []}],
            "why_waiting": {"reason": "runner_full", "message": "all 2 slots are busy", "held_by": ["local"]},
        }))
        .unwrap();
        expect![[r#"
            #12    running  main  01234567  push  0190
              build                    succeeded
                app                    succeeded, attempt 2
              test                     pending (dependency_pending)
            waits: all 2 slots are busy"#]]
        .assert_eq(&answer.text(false));
    }
}
