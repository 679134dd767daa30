//! A server of its own on a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use penstock_testkit::FakeGitHub;

use crate::client::Client;

pub const SECRET: &str = "the benchmark's secret";
const READY_WITHIN: Duration = Duration::from_secs(120);

pub struct Installation {
    pub client: Client,
    pub admin_token: String,
    pub forge: FakeGitHub,
    pub pid: u32,
    pub folder: PathBuf,
    child: tokio::process::Child,
}

impl Installation {
    pub async fn start(penstock: &Path, manifest: &Path, slots: u32) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("penstock-bench-{}-{slots}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let forge = FakeGitHub::start("127.0.0.1:0")?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let base = format!("http://127.0.0.1:{port}");
        let child = tokio::process::Command::new(penstock)
            .args(["up", "--listen", &format!("127.0.0.1:{port}"), "--runner-slots", &slots.to_string()])
            .arg("--data")
            .arg(folder.join("data"))
            .arg("--manifest")
            .arg(manifest)
            .env("SPIN_VARIABLE_GITHUB_WEBHOOK_SECRET", SECRET)
            .env("SPIN_VARIABLE_GITHUB_API_URL", forge.url())
            .env("SPIN_VARIABLE_GITHUB_TOKEN", "token")
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("can't start {}", penstock.display()))?;
        let client = Client::new(&base);
        wait_until_ready(&client).await?;
        let admin_token = admin_token(&folder.join("data/secrets.env"))?;
        let pid = child.id().context("the server has ended")?;
        Ok(Self { client, admin_token, forge, pid, folder, child })
    }

    pub async fn stop(mut self) -> Result<()> {
        std::process::Command::new("kill").arg(self.pid.to_string()).status()?;
        tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await??;
        std::fs::remove_dir_all(&self.folder)?;
        Ok(())
    }
}

async fn wait_until_ready(client: &Client) -> Result<()> {
    let started = Instant::now();
    loop {
        if let Ok((200, _)) = client.send("GET", "/readyz", &[], "").await {
            return Ok(());
        }
        anyhow::ensure!(started.elapsed() < READY_WITHIN, "the server was not ready in {READY_WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn admin_token(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path)?;
    let line = text.lines().find_map(|l| l.strip_prefix("SPIN_VARIABLE_ADMIN_TOKEN="));
    Ok(line.context("secrets.env has no admin token")?.trim().to_owned())
}
