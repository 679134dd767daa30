//! A command in its own process group: started, waited for, ended as a whole.
//!
//! Knows nothing of jobs or logs. Whoever drops a [`Group`] before its end kills it.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout_at};

use crate::cpus::Cpus;
use crate::guardian::Guardian;

/// How often a group that was asked to end is looked at, once its leader is gone.
const POLL: Duration = Duration::from_millis(10);

pub struct Group {
    child: Child,
    id: Pid,
    guardian: Arc<Guardian>,
    ended: bool,
}

impl Group {
    /// Starts the command as the leader of a new process group that ends with the runner.
    ///
    /// # Errors
    /// What the system says to starting it.
    pub fn start(command: &mut Command, cpus: Option<&Cpus>, guardian: &Arc<Guardian>) -> io::Result<Self> {
        command.process_group(0);
        let child = match cpus {
            Some(cpus) => cpus.within(|| command.spawn())?,
            None => command.spawn()?,
        };
        let id = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("the process ended before it had an id"))?;
        guardian.watch(id);
        Ok(Self { child, id, guardian: Arc::clone(guardian), ended: false })
    }

    pub const fn id(&self) -> Pid {
        self.id
    }

    pub const fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The leader's end. Others of the group may live on.
    ///
    /// # Errors
    /// What the system says to waiting.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Whether any process of the group is left.
    pub fn is_alive(&self) -> bool {
        !self.ended && test_kill_process_group(self.id).is_ok()
    }

    /// Asks the whole group to end, and kills what is left of it after the grace.
    pub(crate) async fn end(&mut self, grace: Duration) {
        let deadline = Instant::now() + grace;
        if grace.is_zero() || kill_process_group(self.id, Signal::TERM).is_err() {
            return self.kill().await;
        }
        if timeout_at(deadline, self.child.wait()).await.is_ok() {
            while self.is_alive() && Instant::now() < deadline {
                sleep(POLL).await;
            }
        }
        self.kill().await;
    }

    /// Kills the whole group and takes its leader's exit off the system.
    pub(crate) async fn kill(&mut self) {
        self.kill_now();
        let _ = self.child.wait().await;
    }

    fn kill_now(&mut self) {
        if !self.ended {
            // The error says that no one is left, which is what is wanted.
            let _ = kill_process_group(self.id, Signal::KILL);
            self.settle();
        }
    }

    /// To be called when no process of the group is left: its id may then come to belong to others.
    pub fn settle(&mut self) {
        self.ended = true;
        self.guardian.forget(self.id);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill_now();
    }
}
