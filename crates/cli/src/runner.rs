//! `penstock runner`: runs jobs on this machine for a server, here or elsewhere.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use penstock_runner::{GUARDIAN_ARGUMENT, Options, guardian_main};

use crate::stop::StopSignal;
use crate::{address, log, token};

pub const TOKEN_VARIABLE: &str = "PENSTOCK_RUNNER_TOKEN";
/// More slots than this on one machine are a slip of the keyboard.
pub const SLOTS_MAX: u32 = 1_024;

/// Run jobs on this machine for a server
///
/// The server's runner token is taken from the variable PENSTOCK_RUNNER_TOKEN, or from a file.
#[derive(clap::Args)]
pub struct Arguments {
    /// The server
    #[arg(long, value_name = "URL", env = "PENSTOCK_URL", default_value = "http://127.0.0.1:3000")]
    server: String,
    /// What it is called among the server's runners [default: the machine's name]
    #[arg(long)]
    name: Option<String>,
    /// What jobs may ask for by `runs_on`, beside the system and the processor
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    labels: Vec<String>,
    /// Jobs at once [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(SLOTS_MAX)))]
    slots: Option<u32>,
    /// Have jobs pushed to this address; without it, the runner asks for them, and needs no open port
    #[arg(long, value_name = "ADDR", value_parser = address::parse)]
    listen: Option<SocketAddr>,
    /// The URL by which the server reaches that address [default: http:// and the address]
    #[arg(long, value_name = "URL", requires = "listen")]
    advertise_url: Option<String>,
    /// Where jobs work, and where repositories are kept for the next time
    #[arg(long, value_name = "DIR", default_value = ".penstock-runner")]
    work_dir: PathBuf,
    /// A file with the runner token, or a data folder's `secrets.env`
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// How long running jobs may go on once the runner is told to stop
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    grace_seconds: u32,
    /// End, after what runs, once the process that started this one has ended
    #[arg(long)]
    stop_when_orphaned: bool,
}

/// Does not return where this process is the guardian of a runner.
pub fn become_guardian_if_asked() {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == GUARDIAN_ARGUMENT) {
        guardian_main();
    }
}

pub fn run(arguments: Arguments) -> Result<ExitCode> {
    log::start()?;
    token::keep_process_private();
    if arguments.stop_when_orphaned {
        // Ctrl-C is for the parent, which tells us; and what steps ask at a terminal would be asked at the parent's.
        let _ = rustix::process::setsid();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("can't start the threads of the runner")?.block_on(work(arguments))
}

async fn work(arguments: Arguments) -> Result<ExitCode> {
    let mut stop = StopSignal::catch(false)?;
    let token = token::find(arguments.token_file.as_deref(), TOKEN_VARIABLE, "runner_token")?;
    let runner_token = token.with_context(|| {
        format!("a runner needs the server's runner token: give it by --token-file or the variable {TOKEN_VARIABLE}")
    })?;
    let options = Options {
        name: arguments.name.unwrap_or_else(machine_name),
        labels: labels(arguments.labels),
        slots: arguments.slots.unwrap_or_else(cores),
        listen: arguments.listen,
        advertise_url: arguments.advertise_url,
        stop_when_orphaned: arguments.stop_when_orphaned,
        grace: Duration::from_secs(arguments.grace_seconds.into()),
        ..Options::new(arguments.server, runner_token, arguments.work_dir)
    };
    penstock_runner::run(options, async move { stop.wait().await }).await?;
    Ok(ExitCode::SUCCESS)
}

/// What every machine can say of itself, and what its owner says.
fn labels(given: Vec<String>) -> Vec<String> {
    let mut labels = vec![std::env::consts::OS.to_owned(), std::env::consts::ARCH.to_owned()];
    for label in given.into_iter().map(|label| label.trim().to_owned()) {
        if !label.is_empty() && !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels
}

fn machine_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "runner".to_owned() } else { name }
}

/// The slots that a runner has where nobody says how many.
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(SLOTS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_has_the_labels_of_its_machine_once_each() {
        let labels = labels(vec![" gpu".into(), std::env::consts::OS.into(), String::new(), "gpu".into()]);
        assert_eq!(labels, [std::env::consts::OS, std::env::consts::ARCH, "gpu"]);
    }
}
