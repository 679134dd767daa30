//! An execution's stages as they go: a line for what has come about, and on a terminal one that moves.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, Result};

use super::client::{Client, Refused};
use super::execution::{Execution, ExecutionAnswer, state};
use super::logs::{TRIES_MAX, backoff};
use super::path_part;
use super::status::UNREADABLE;
use crate::terminal::{stdout_takes_colour, tame};

const LOOK_EVERY: Duration = Duration::from_millis(500);
const BAR_WIDTH: usize = 20;
/// A line that is longer than the terminal is wide could not be drawn over.
const MOVING_LINE_MAX: usize = 78;

/// Shows an execution until it has ended, over lost connections too; gives it as it ended.
///
/// # Errors
/// Where the server refuses, or is gone for long.
pub fn follow(client: &Client, execution: &str) -> Result<Execution> {
    let path = format!("/api/v1/executions/{}/status", path_part(execution));
    let mut shown = Shown { moves: std::io::stdout().is_terminal(), ..Shown::default() };
    let mut tries = 0;
    loop {
        match client.get(&path) {
            Ok(answer) => {
                tries = 0;
                let answer: ExecutionAnswer = serde_json::from_value(answer).context(UNREADABLE)?;
                shown.show(&answer)?;
                if answer.execution.has_ended() {
                    return Ok(answer.execution);
                }
                std::thread::sleep(LOOK_EVERY);
            }
            Err(error) if tries >= TRIES_MAX || error.is::<Refused>() => return Err(error),
            Err(_) => {
                tries += 1;
                std::thread::sleep(backoff(tries));
            }
        }
    }
}

/// What has been shown so far.
#[derive(Default)]
struct Shown {
    /// Whether the last line is drawn over; else every change is a line of its own.
    moves: bool,
    execution: String,
    stages: BTreeMap<String, String>,
    wait: String,
}

impl Shown {
    fn show(&mut self, answer: &ExecutionAnswer) -> Result<()> {
        let mut text = String::new();
        if self.moves {
            text.push_str("\r\u{1b}[K");
        }
        for line in self.news(answer, stdout_takes_colour()) {
            text.push_str(&line);
            text.push('\n');
        }
        if self.moves && !answer.execution.has_ended() {
            text.push_str(&moving_line(answer));
        }
        let mut stdout = std::io::stdout().lock();
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        written.context("can't write to the standard output")
    }

    /// The lines that stay, of what was not told before.
    fn news(&mut self, answer: &ExecutionAnswer, colour: bool) -> Vec<String> {
        let mut news = vec![];
        for stage in &answer.stages {
            let is_passing = stage.status == "pending" || (self.moves && stage.status == "running");
            let now = state(&stage.status, stage.reason.as_deref(), colour);
            if !is_passing && self.stages.get(&stage.stage_name) != Some(&now) {
                news.push(format!("  {:<24} {now}", tame(&stage.stage_name)));
                self.stages.insert(stage.stage_name.clone(), now);
            }
        }
        let wait = answer.why_waiting.as_ref().map(|wait| wait.message.clone()).unwrap_or_default();
        if !self.moves && !wait.is_empty() && self.wait != wait {
            news.push(format!("  waits: {}", tame(&wait)));
        }
        self.wait = wait;
        let status = &answer.execution.status;
        // At its begin before all stages, at its end behind them.
        if self.execution.is_empty() {
            news.insert(0, answer.execution.line(colour));
        } else if answer.execution.has_ended() {
            news.push(answer.execution.line(colour));
        }
        self.execution.clone_from(status);
        news
    }
}

/// How far it is and what it is at, or what it waits for.
fn moving_line(answer: &ExecutionAnswer) -> String {
    let (percent, finished, total) = match &answer.progress {
        Some(p) => (p.percent.min(100), p.jobs_finished, p.jobs_total),
        None => (0, 0, 0),
    };
    let done = usize::try_from(percent).unwrap_or(0) * BAR_WIDTH / 100;
    let bar = format!("{}{}", "#".repeat(done), "-".repeat(BAR_WIDTH - done));
    let running: Vec<_> =
        answer.stages.iter().filter(|s| s.status == "running").map(|s| tame(&s.stage_name)).collect();
    let about = match &answer.why_waiting {
        Some(wait) if running.is_empty() => format!("waits: {}", tame(&wait.message)),
        _ => running.join(", "),
    };
    let line = format!("[{bar}] {percent:>3} %  {finished} of {total} jobs  {about}");
    // Without colours, which a cut could leave switched on.
    line.chars().filter(|c| !c.is_control()).take(MOVING_LINE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::{Value, json};

    fn answer(status: &str, stages: &[(&str, &str)], wait: Option<&str>, percent: u32) -> ExecutionAnswer {
        let stages: Vec<Value> = stages
            .iter()
            .map(|(name, status)| json!({ "stage_name": name, "status": status, "reason": null }))
            .collect();
        serde_json::from_value(json!({
            "execution": { "id": "0190", "execution_number": 7, "status": status, "reason": null,
                "branch_name": "main", "commit_sha": null, "trigger_event": "push" },
            "stages": stages,
            "why_waiting": wait.map(|message| json!({ "message": message })),
            "progress": { "percent": percent, "jobs_total": 4, "jobs_finished": percent / 25 },
        }))
        .unwrap()
    }

    fn story() -> [ExecutionAnswer; 5] {
        [
            answer("queued", &[("build", "pending"), ("test", "pending")], Some("#6 is before it"), 0),
            answer("running", &[("build", "running"), ("test", "pending")], None, 25),
            answer("running", &[("build", "running"), ("test", "pending")], None, 25),
            answer("running", &[("build", "succeeded"), ("test", "running")], None, 50),
            answer("failed", &[("build", "succeeded"), ("test", "failed")], None, 100),
        ]
    }

    fn told(moves: bool) -> String {
        let mut shown = Shown { moves, ..Shown::default() };
        story().iter().flat_map(|answer| shown.news(answer, false)).map(|line| line + "\n").collect()
    }

    #[test]
    fn without_a_terminal_every_change_is_a_line() {
        expect![[r#"
            #7     queued  main  push  0190
              waits: #6 is before it
              build                    running
              build                    succeeded
              test                     running
              test                     failed
            #7     failed  main  push  0190
        "#]]
        .assert_eq(&told(false));
    }

    #[test]
    fn on_a_terminal_only_what_has_ended_stays() {
        expect![[r#"
            #7     queued  main  push  0190
              build                    succeeded
              test                     failed
            #7     failed  main  push  0190
        "#]]
        .assert_eq(&told(true));
    }

    #[test]
    fn the_line_that_moves_says_how_far_it_is_and_fits() {
        let lines: Vec<_> = story()[..4].iter().map(moving_line).collect();
        expect![[r#"
            [--------------------]   0 %  0 of 4 jobs  waits: #6 is before it
            [#####---------------]  25 %  1 of 4 jobs  build
            [#####---------------]  25 %  1 of 4 jobs  build
            [##########----------]  50 %  2 of 4 jobs  test"#]]
        .assert_eq(&lines.join("\n"));
        let long = answer("running", &[(&"x".repeat(200), "running")], None, 100);
        assert_eq!(moving_line(&long).chars().count(), MOVING_LINE_MAX);
        let wild = answer("running", &[("a\u{1b}[31mb\r\n", "running")], None, 0);
        assert!(!moving_line(&wild).contains(char::is_control));
    }
}
