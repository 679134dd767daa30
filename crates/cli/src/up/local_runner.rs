//! The runner beside the server: a process of its own, started again when it dies.
//!
//! It is a process and not a thread so that what jobs do to it can't hurt the server, and so that it holds none of
//! the server's secrets. Should the server die, the runner sees that it is an orphan and ends by itself.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{GRACE, variables::PREFIX};
use crate::runner::TOKEN_VARIABLE;

const BACKOFF_FIRST: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// A runner that lived this long was well: what ended it is a new fault.
const WELL_AFTER: Duration = Duration::from_secs(60);
/// Beyond the grace that the runner gives its jobs: for its last words to the server.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Keeps one runner process alive, until it is told to stop.
pub struct LocalRunner {
    keeper: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl LocalRunner {
    /// No slots, no runner.
    ///
    /// # Errors
    /// Where this program can't find itself.
    pub fn start(server: &str, slots: u32, token: String, work_dir: &Path) -> Result<Self> {
        if slots == 0 {
            return Ok(Self { keeper: None });
        }
        let program = std::env::current_exe().context("can't find this program to start its runner")?;
        let start =
            Start { program, server: server.to_owned(), slots, token, work_dir: work_dir.to_path_buf() };
        let (stop, stopped) = oneshot::channel();
        Ok(Self { keeper: Some((stop, tokio::spawn(keep(start, stopped)))) })
    }

    /// Tells the runner to finish, and ends it where it does not within the grace.
    pub async fn stop(&mut self) {
        if let Some((stop, keeper)) = self.keeper.take() {
            // Where the keeper is gone already, so is the runner.
            let _ = stop.send(());
            let _ = keeper.await;
        }
    }
}

/// How the runner is started.
struct Start {
    program: PathBuf,
    server: String,
    slots: u32,
    token: String,
    work_dir: PathBuf,
}

impl Start {
    fn spawn(&self) -> std::io::Result<Child> {
        let mut command = Command::new(&self.program);
        command
            .args(["runner", "--name", "local", "--listen", "127.0.0.1:0", "--stop-when-orphaned"])
            .args(["--server", &self.server, "--slots", &self.slots.to_string()])
            .args(["--grace-seconds", &GRACE.as_secs().to_string()])
            .arg("--work-dir")
            .arg(&self.work_dir)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with(PREFIX)) {
                command.env_remove(name);
            }
        }
        command.env(TOKEN_VARIABLE, &self.token).spawn()
    }
}

async fn keep(start: Start, mut stopped: oneshot::Receiver<()>) {
    let mut backoff = BACKOFF_FIRST;
    loop {
        let born = Instant::now();
        let ended = match start.spawn() {
            Err(error) => format!("can't be started: {error}"),
            Ok(mut child) => tokio::select! {
                status = child.wait() => said(status),
                _ = &mut stopped => return end(child).await,
            },
        };
        if born.elapsed() >= WELL_AFTER {
            backoff = BACKOFF_FIRST;
        }
        tracing::warn!("the local runner {ended}; it starts again in {} ms", backoff.as_millis());
        tokio::select! {
            () = tokio::time::sleep(backoff) => {}
            _ = &mut stopped => return,
        }
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
}

fn said(status: std::io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| format!("was lost: {error}"), |status| format!("ended ({status})"))
}

async fn end(mut child: Child) {
    // The process can't be another one: as long as it has not been waited for, its number is not given away.
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(id) = id {
        let _ = kill_process(id, Signal::TERM);
    }
    if tokio::time::timeout(GRACE + LAST_WORDS, child.wait()).await.is_err() {
        tracing::warn!("the local runner did not end by itself, and was killed");
        let _ = child.kill().await;
    }
}
