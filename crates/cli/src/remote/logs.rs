//! `penstock logs`: what an execution's jobs print, so far or as it comes.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::client::{Client, LOG_MAX_BYTES, Refused};
use super::execution::ExecutionAnswer;
use super::sse::{Event, Events};
use super::status::UNREADABLE;
use super::{Server, path_part};
use crate::terminal::tame;

const BACKOFF_FIRST: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// With the backoff, about a minute without a server.
pub const TRIES_MAX: u32 = 10;

/// How long to wait after so many tries that came to nothing.
pub fn backoff(tries: u32) -> Duration {
    (BACKOFF_FIRST * 2_u32.saturating_pow(tries)).min(BACKOFF_MAX)
}

/// Print an execution's logs
#[derive(clap::Args)]
pub struct Arguments {
    /// The execution's id
    execution: String,
    /// Go on until the execution ends
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    server: Server,
}

/// Which of the logs; all where nothing is said.
#[derive(clap::Args, Default)]
pub struct Selection {
    /// Only this stage's
    #[arg(long)]
    stage: Option<String>,
    /// Only this job's
    #[arg(long)]
    job: Option<String>,
}

impl Selection {
    fn query(&self) -> String {
        let mut query = String::new();
        for (name, value) in [("stage", &self.stage), ("job", &self.job)] {
            if let Some(value) = value {
                query.push_str(&format!("&{name}={}", path_part(value)));
            }
        }
        query
    }
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let client = arguments.server.client()?;
    if arguments.follow {
        follow(&client, &arguments.execution, &arguments.selection)?;
    } else {
        print_all(&client, &arguments.execution, &arguments.selection)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_all(client: &Client, execution: &str, selection: &Selection) -> Result<()> {
    let path = format!("/api/v1/executions/{}/logs?{}", path_part(execution), selection.query());
    let body = client.stream(&path, "text/plain", None)?.into_with_config().limit(LOG_MAX_BYTES).reader();
    for line in BufReader::new(body).split(b'\n') {
        print_line(&String::from_utf8_lossy(&line.context("the log broke off; ask again")?))?;
    }
    Ok(())
}

/// Prints what comes until the execution has ended, over lost connections too; gives how it ended.
///
/// # Errors
/// Where the server refuses, or is gone for long.
pub fn follow(client: &Client, execution: &str, selection: &Selection) -> Result<ExecutionAnswer> {
    let mut followed = Followed { last_id: None, lines: 0, has_ended: false };
    let mut tries = 0;
    while !followed.has_ended {
        let lines_before = followed.lines;
        match followed.go_on(client, execution, selection) {
            Err(error) if tries >= TRIES_MAX || error.is::<Refused>() => return Err(error),
            Ok(()) if followed.has_ended => break,
            _ if followed.lines > lines_before => tries = 0,
            _ => tries += 1,
        }
        std::thread::sleep(backoff(tries));
    }
    let answer = client.get(&format!("/api/v1/executions/{}", path_part(execution)))?;
    serde_json::from_value(answer).context(UNREADABLE)
}

/// How far the log has been printed.
struct Followed {
    last_id: Option<String>,
    lines: u64,
    /// The server said that there is no more to come.
    has_ended: bool,
}

impl Followed {
    /// Prints the events of one connection, which may break off at any point.
    fn go_on(&mut self, client: &Client, execution: &str, selection: &Selection) -> Result<()> {
        let path =
            format!("/api/v1/executions/{}/logs?follow=true{}", path_part(execution), selection.query());
        let body = client.stream(&path, "text/event-stream", self.last_id.as_deref())?;
        for event in Events::new(BufReader::new(body.into_with_config().limit(LOG_MAX_BYTES).reader())) {
            // What broke off is asked for again, after the last that came.
            let Ok(event) = event else { return Ok(()) };
            if event.kind == "end" {
                self.has_ended = true;
                return Ok(());
            }
            print_event(&event, selection)?;
            self.lines += 1;
            if event.id.is_some() {
                self.last_id = event.id;
            }
        }
        Ok(())
    }
}

/// Of a line that was printed, what is shown.
#[derive(Deserialize)]
struct Line {
    stage: String,
    job: String,
    text: String,
}

/// As the whole log has it: of several jobs, each line with the name of its own.
fn print_event(event: &Event, selection: &Selection) -> Result<()> {
    let line: Line = serde_json::from_str(&event.data).context(UNREADABLE)?;
    match selection.job {
        Some(_) => print_line(&line.text),
        None => print_line(&format!("{} / {} | {}", line.stage, line.job, line.text)),
    }
}

fn print_line(line: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let line = if stdout.is_terminal() { tame(line) } else { Cow::Borrowed(line) };
    writeln!(stdout, "{line}").context("can't write to the standard output")
}
