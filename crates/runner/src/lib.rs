//! The runner: claims or accepts jobs, prepares a workspace, executes the steps, redacts and reports.
//!
//! Speaks version 1 of the runner protocol (`penstock_api::runner`). Decides nothing about pipelines: what a job is,
//! whether it is tried again and what follows from its end are the control plane's. It isolates jobs by folder,
//! environment and process group, not by a sandbox: whoever may write a pipeline may do on this machine what the
//! runner's user may.

mod action;
mod added_jobs;
mod assignments;
mod attempt;
mod backoff;
mod checkout;
mod claim;
mod clock;
mod conditions;
mod control;
mod courier;
mod cpus;
mod environment;
mod folder;
mod guardian;
mod handover;
mod instance;
mod intake;
mod ledger;
mod lines;
mod log_batch;
mod objection;
mod outbox;
mod parent;
mod process;
mod procfs;
mod push;
mod redact;
mod registration;
mod reports;
mod repository;
mod service;
mod shell;
mod spool;
mod step;
mod stop;
mod text_file;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use guardian::{ARGUMENT as GUARDIAN_ARGUMENT, GuardianCommand, guardian_main};
pub use service::run;
use thiserror::Error;

/// How a runner is set up.
pub struct Options {
    /// The control plane, as this machine reaches it.
    pub server_url: String,
    /// Runners register with it.
    pub runner_token: String,
    /// Unique among the living runners; registering a name again replaces the earlier one.
    pub name: String,
    pub labels: Vec<String>,
    /// Jobs at once.
    pub slots: u32,
    /// Where jobs are pushed to; port 0 takes a free one. None claims jobs instead.
    pub listen: Option<SocketAddr>,
    /// `listen` as the control plane reaches it; by default the address that is listened on.
    pub advertise_url: Option<String>,
    /// Workspaces, mirrors of repositories, and the memory of past attempts. A runner may start in it while an
    /// earlier one still finishes its jobs there.
    pub work_dir: PathBuf,
    /// End, after what runs, when the parent process is gone.
    pub stop_when_orphaned: bool,
    /// How long running jobs may go on after a stop.
    pub grace: Duration,
    /// What a cancelled or timed out step has between SIGTERM and SIGKILL.
    pub kill_grace: Duration,
    /// How often a runner that is pushed to asks whether it is still known.
    pub presence_interval: Duration,
    /// How the guardian is started: by default this binary with [`GUARDIAN_ARGUMENT`], which has to lead to
    /// [`guardian_main`].
    pub guardian: Option<GuardianCommand>,
}

impl Options {
    /// One slot, pushed to on a free port of this machine alone, and the usual times.
    pub fn new(
        server_url: impl Into<String>,
        runner_token: impl Into<String>,
        work_dir: impl Into<PathBuf>,
    ) -> Self {
        Self {
            server_url: server_url.into(),
            runner_token: runner_token.into(),
            name: "runner".into(),
            labels: vec![],
            slots: 1,
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            advertise_url: None,
            work_dir: work_dir.into(),
            stop_when_orphaned: false,
            grace: Duration::from_secs(30),
            kill_grace: Duration::from_secs(10),
            presence_interval: Duration::from_secs(30),
            guardian: None,
        }
    }
}

/// Why a runner can't start, or can't go on.
#[derive(Debug, Error)]
pub enum RunnerError {
    #[error("`{option}` is {problem}")]
    Option { option: &'static str, problem: String },
    #[error(
        "the control plane at {url} does not take the runner token ({detail}); give the one that its `up` prints the place of"
    )]
    Unauthorized { url: String, detail: String },
    #[error("the control plane at {url} will not have this runner: {detail}")]
    Refused { url: String, detail: String },
    #[error("{url} does not answer as a control plane ({detail}); look at the server's address and version")]
    NotPenstock { url: String, detail: String },
    #[error("can't listen on {address}; choose another address, or port 0 for any free one")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("the work folder {path} can't be used; give one that this user may write to")]
    WorkDir { path: PathBuf, source: std::io::Error },
    #[error("the work folder {path} is in use by too many runners; give each runner its own")]
    WorkDirInUse { path: PathBuf },
    #[error("the guardian, which ends the steps of a killed runner, can't be started")]
    Guardian { source: std::io::Error },
}
