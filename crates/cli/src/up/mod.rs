//! `penstock up`: the whole control plane in one process, and a runner of its own beside it.
//!
//! It makes the data folder and its secrets, starts the host, starts the runner, waits until the server says that
//! it is ready, and tells the person what to do next. It decides nothing about pipelines.

mod data_folder;
mod local_runner;
mod readiness;
pub mod variables;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use penstock_host::{Limits, Running, Tick};

use crate::stop::StopSignal;
use crate::{address, log, runner, token};
use data_folder::DataFolder;
use local_runner::LocalRunner;
use variables::Variables;

/// What is running may finish within this, when told to stop.
const GRACE: Duration = Duration::from_secs(10);
/// Timers and effects left over are looked at this often.
const TICK_EVERY: Duration = Duration::from_secs(1);

/// Serve everything on this machine, with a runner of its own
#[derive(clap::Args)]
pub struct Arguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3000", value_parser = address::parse)]
    listen: SocketAddr,
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = ".penstock")]
    data: PathBuf,
    /// Jobs that the local runner runs at once; 0 for no local runner [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=i64::from(runner::SLOTS_MAX)))]
    runner_slots: Option<u32>,
    /// The application
    #[arg(long, value_name = "FILE", default_value = "spin.toml")]
    manifest: PathBuf,
    /// How forges and people reach this server [default: http:// and the address]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// End once the process that started this one has ended
    #[arg(long)]
    stop_when_orphaned: bool,
}

pub fn run(arguments: Arguments) -> Result<ExitCode> {
    log::start()?;
    token::keep_process_private();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("can't start the threads of the server")?.block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> Result<ExitCode> {
    let mut stop = StopSignal::catch(arguments.stop_when_orphaned)?;
    let folder = DataFolder::open(&arguments.data)?;
    let mut variables = Variables::open(&folder.path, variables::given())?;
    let listen = address::reserve(arguments.listen)?;
    set_public_url(&mut variables, arguments.public_url.as_deref(), listen)?;
    let slots = arguments.runner_slots.unwrap_or_else(runner::cores);

    let announced = Announced::of(&variables, &folder, slots);
    let runner_token = variables.get("runner_token").unwrap_or_default().to_owned();
    let host = start_host(arguments.manifest, &folder, listen, variables).await?;
    let server = address::reachable(host.addr());
    let mut runner = LocalRunner::start(&server, slots, runner_token, &folder.path.join("runner"))?;

    let ready = tokio::select! {
        ready = readiness::wait(&server) => Some(ready),
        () = stop.wait() => None,
    };
    let outcome = match ready {
        None => Ok(()),
        Some(Err(error)) => Err(error),
        Some(Ok(())) => {
            announced.print(&server);
            stop.wait().await;
            Ok(())
        }
    };
    tokio::select! {
        () = stop_all(host, &mut runner) => {}
        // Asked twice: whoever stops it wants it gone. The runner notices that it is an orphan, and ends.
        () = stop.wait() => {}
    }
    outcome.map(|()| ExitCode::SUCCESS)
}

/// The runner first: what it still has to say needs a server that listens.
async fn stop_all(host: Running, runner: &mut LocalRunner) {
    runner.stop().await;
    host.stop(GRACE).await;
}

async fn start_host(
    manifest: PathBuf,
    folder: &DataFolder,
    listen: SocketAddr,
    variables: Variables,
) -> Result<Running> {
    let tick = Tick {
        component: "scheduler".to_owned(),
        path: "/internal/tick".to_owned(),
        token: variables.get("internal_token").unwrap_or_default().to_owned(),
        every: TICK_EVERY,
    };
    let options = penstock_host::Options {
        manifest,
        data_dir: folder.path.clone(),
        // Compiling takes seconds: installations that come and go, as in tests, share what it makes.
        compiled_dir: std::env::var_os("PENSTOCK_COMPILED_DIR").map(PathBuf::from),
        listen,
        variables: variables.into_kept(),
        tick: Some(tick),
        limits: Limits::default(),
    };
    Ok(penstock_host::start(options).await?)
}

/// Links and call backs begin with it, so it has to be known before the first request.
fn set_public_url(variables: &mut Variables, asked: Option<&str>, listen: SocketAddr) -> Result<()> {
    match asked {
        Some(url) => {
            ensure!(
                url.starts_with("http://") || url.starts_with("https://"),
                "--public-url must begin with http:// or https://"
            );
            ensure!(
                !variables.is_given("public_url") || variables.get("public_url") == Some(url),
                "--public-url and {}PUBLIC_URL say different things; give one of them",
                variables::PREFIX
            );
            variables.set("public_url", url.trim_end_matches('/').to_owned());
        }
        None if variables.get("public_url").is_none() => {
            variables.set("public_url", address::reachable(listen));
        }
        None => {}
    }
    Ok(())
}

/// What is told once the server is ready. No secret is in it.
struct Announced {
    data: PathBuf,
    secrets: PathBuf,
    slots: u32,
    takes_webhooks: bool,
}

impl Announced {
    fn of(variables: &Variables, folder: &DataFolder, slots: u32) -> Self {
        const WEBHOOK_SECRETS: [&str; 4] = [
            "github_webhook_secret",
            "gitlab_webhook_token",
            "gitea_webhook_secret",
            "bitbucket_webhook_secret",
        ];
        let takes_webhooks =
            WEBHOOK_SECRETS.iter().any(|name| variables.get(name).is_some_and(|secret| !secret.is_empty()));
        Self { data: folder.path.clone(), secrets: variables.path.clone(), slots, takes_webhooks }
    }

    fn print(&self, server: &str) {
        let (data, secrets) = (self.data.display(), self.secrets.display());
        let runner = match self.slots {
            0 => "none here (`penstock runner` starts one)".to_owned(),
            1 => "1 job at once".to_owned(),
            slots => format!("{slots} jobs at once"),
        };
        println!("Penstock is ready.\n");
        println!("  listening    {server}");
        println!("  data         {data}");
        println!("  token        in {secrets}, as SPIN_VARIABLE_ADMIN_TOKEN");
        println!("  runner       {runner}\n");
        // As it was called: it need not be on the path.
        let penstock = std::env::args().next().unwrap_or_else(|| "penstock".to_owned());
        println!("Next:");
        println!("  {penstock} validate .penstock.yml");
        println!("  {penstock} status --server {server} --token-file {secrets}");
        if !self.takes_webhooks {
            println!("\nNo forge can send webhooks yet: put a secret of yours into");
            println!("  {secrets}");
            println!(
                "as SPIN_VARIABLE_GITHUB_WEBHOOK_SECRET=…, start again, and give the same secret to the forge"
            );
            println!("with the URL {server}/hooks/github.");
        }
    }
}
