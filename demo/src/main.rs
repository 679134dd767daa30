//! `cargo xtask demo`: a push becomes a deployment, and a bad one is taken back, before your eyes.
//!
//! The server, the runner, git, the jobs and the service that is deployed are real; the forge is the testkit's, on
//! this machine, so that nothing leaves it. The folders that all of it lives in are new, and gone afterwards.

mod api;
mod figures;
mod follow;
mod print;
mod release;
mod server;
mod service;
mod setting;
mod story;
mod world;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use server::Server;
use story::Ending;
use world::World;

const BREAKS_OFF_WITHIN: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Show a push becoming a deployment, and a bad one being taken back
#[derive(Parser)]
#[command(name = "cargo xtask demo", version)]
struct Arguments {
    /// End once it is told: with 0 where all of it went as it should, else with 1
    #[arg(long)]
    exit: bool,
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// The built `penstock` command
    #[arg(long, hide = true)]
    penstock: PathBuf,
    /// The application
    #[arg(long, hide = true)]
    manifest: PathBuf,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime
        .context("can't wait for signals")
        .and_then(|runtime| runtime.block_on(show(Arguments::parse())));
    outcome.unwrap_or_else(|error| {
        eprintln!("\nerror: {error:#}");
        ExitCode::FAILURE
    })
}

async fn show(arguments: Arguments) -> Result<ExitCode> {
    let started = Instant::now();
    let mut stop = StopSignal::catch()?;
    let listen = free(arguments.listen)?;
    let world = Arc::new(World::make()?);
    let mut server = Server::start(&arguments.penstock, &arguments.manifest, listen, &world)?;

    let outcome = tokio::select! {
        ending = watch(&mut server, &world, &arguments.penstock, started) => ending.map(Some),
        () = stop.wait() => Ok(None),
    };
    if let Ok(Some(ending)) = &outcome {
        ending.print_times(started.elapsed());
        if !arguments.exit {
            ending.print_places(&arguments.penstock);
            println!("\nIt keeps serving. Ctrl-C ends it.");
            tokio::select! {
                () = stop.wait() => {}
                ended = server.ended() => bail!("the server ended by itself ({ended}); what it said stands above"),
            }
        }
    }
    server.stop().await;
    left_alone(&world).await;
    Ok(match outcome? {
        Some(ending) if arguments.exit && !ending.wrong.is_empty() => ExitCode::FAILURE,
        None if arguments.exit => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

/// Without a server the story breaks off, and lets go of the folders of the world, so that they go with this program.
async fn left_alone(world: &Arc<World>) {
    let asked = Instant::now();
    while Arc::strong_count(world) > 1 && asked.elapsed() < BREAKS_OFF_WITHIN {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// From the server's start to the last figure. The story is told on a thread of its own, to be left where someone
/// stops it.
async fn watch(server: &mut Server, world: &Arc<World>, penstock: &Path, started: Instant) -> Result<Ending> {
    server.ready().await?;
    println!("The server is ready, after {:.1} s.\n", started.elapsed().as_secs_f64());
    let access = server.access()?;
    let (world, penstock) = (Arc::clone(world), penstock.to_path_buf());
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || tell.send(story::tell(&access, &world, &penstock)));
    tokio::select! {
        told = told => told.context("the demo broke off")?,
        ended = server.ended() => bail!("the server ended in the middle ({ended}); what it said stands above"),
    }
}

/// The address with its port decided.
fn free(listen: SocketAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind(listen).with_context(|| {
        format!(
            "can't listen on {listen}; stop what listens there (another demo, perhaps), or choose another address: \
             `cargo xtask demo --listen 127.0.0.1:0` takes a free port"
        )
    })?;
    listener.local_addr().context("the system does not say which port it gave")
}

struct StopSignal(Signal, Signal);

impl StopSignal {
    fn catch() -> Result<Self> {
        let catch = |kind| signal(kind).context("can't catch the signals that stop this program");
        Ok(Self(catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?))
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}
