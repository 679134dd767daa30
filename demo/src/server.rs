//! `penstock up`, as a process of its own in a new folder.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::api::Api;
use crate::world::{FORGE_TOKEN, WEBHOOK_SECRET, World};

/// The first start of all compiles the components once more, to machine code.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// A little more than the server gives what runs.
const ENDS_WITHIN: Duration = Duration::from_secs(30);
const ASK_AGAIN: Duration = Duration::from_millis(20);

pub struct Server {
    child: Child,
    url: String,
    data: TempDir,
}

impl Server {
    /// # Errors
    /// Where the program can't be started.
    pub fn start(penstock: &Path, manifest: &Path, listen: SocketAddr, world: &World) -> Result<Self> {
        let data =
            tempfile::Builder::new().prefix("penstock-demo-").tempdir().context("can't make a folder")?;
        println!("Starting the server on http://{listen}, with its data in {}.", data.path().display());
        let child = Command::new(penstock)
            .args(["up", "--stop-when-orphaned", "--listen", &listen.to_string()])
            .arg("--data")
            .arg(data.path())
            .arg("--manifest")
            .arg(manifest)
            .env("SPIN_VARIABLE_GITHUB_WEBHOOK_SECRET", WEBHOOK_SECRET)
            .env("SPIN_VARIABLE_GITHUB_API_URL", world.forge.url())
            .env("SPIN_VARIABLE_GITHUB_TOKEN", FORGE_TOKEN)
            // The demo's data folder has its own.
            .env_remove("SPIN_VARIABLE_ADMIN_TOKEN")
            .env_remove("SPIN_VARIABLE_PUBLIC_URL")
            .stdin(Stdio::null())
            // It would tell what to do next, which the demo does.
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| {
                format!("can't start {}; build it by `cargo xtask build`", penstock.display())
            })?;
        Ok(Self { child, url: format!("http://{listen}"), data })
    }

    /// # Errors
    /// Where the server ends, or isn't ready in time.
    pub async fn ready(&mut self) -> Result<()> {
        let api = Api::new(&self.url, None);
        let started = Instant::now();
        while started.elapsed() < READY_WITHIN {
            if let Some(status) = self.child.try_wait().context("can't wait for the server")? {
                bail!("the server could not start ({status}); what it said stands above");
            }
            if api.is_ready() {
                return Ok(());
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
        bail!("the server is not ready after {} s", READY_WITHIN.as_secs())
    }

    /// The API, with the token that the server made at its start.
    pub fn access(&self) -> Result<Api> {
        let secrets = self.data.path().join("secrets.env");
        let text = std::fs::read_to_string(&secrets).context("the server made no secrets")?;
        let token = text.lines().find_map(|line| line.strip_prefix("SPIN_VARIABLE_ADMIN_TOKEN="));
        Ok(Api::new(&self.url, Some(token.context("the server made no token")?)).with_secrets(&secrets))
    }

    /// Returns once the server has ended, which it should not.
    pub async fn ended(&mut self) -> ExitStatus {
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status;
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    pub async fn stop(mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let (Ok(None), Some(id)) = (self.child.try_wait(), id) {
            let _ = kill_process(id, Signal::TERM);
        }
        let _ = tokio::time::timeout(ENDS_WITHIN, self.ended()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Where it has ended already, nothing happens.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
