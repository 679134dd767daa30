//! The wish to stop: SIGTERM, SIGINT from a terminal, or the end of whoever started this.

use std::future::pending;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, getppid};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How soon an orphan notices that it is one.
const LOOK_FOR_PARENT_EVERY: Duration = Duration::from_millis(250);

/// Catches the signals from the moment that it is made.
pub struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
    /// The process whose end is a signal too.
    parent: Option<Pid>,
}

impl StopSignal {
    /// # Errors
    /// Where the system refuses to have the signals caught.
    pub fn catch(when_orphaned: bool) -> Result<Self> {
        let catch = |kind| signal(kind).context("can't catch the signals that stop this program");
        let parent = if when_orphaned { getppid() } else { None };
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            parent,
        })
    }

    /// Returns at the next signal.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = orphaned(&mut self.parent) => {}
        }
    }
}

/// Returns once the parent has ended, and never again.
async fn orphaned(parent: &mut Option<Pid>) {
    while parent.is_some() {
        if getppid() != *parent {
            *parent = None;
            return;
        }
        tokio::time::sleep(LOOK_FOR_PARENT_EVERY).await;
    }
    pending().await
}
