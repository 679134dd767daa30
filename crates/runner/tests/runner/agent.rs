//! The runner under test: the example program as a process, with a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use penstock_api::runner::{CancelRequest, JobRequest};
use penstock_api::signature;
use penstock_domain::Timestamp;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde::Serialize;
use tempfile::TempDir;

use crate::plane::{Plane, RUNNER_TOKEN};

const BOUND: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

/// A folder that goes with the test.
pub struct Scratch(pub TempDir);

impl Scratch {
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("penstock-runner-test-").tempdir().unwrap())
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

pub struct Agent {
    process: Child,
    /// Where it is pushed to, and what signs that.
    url: String,
    token: String,
}

/// The program, set up to talk to the plane; it is started by [`start`].
pub fn program(plane: &Plane, scratch: &Scratch) -> Command {
    let mut command = Command::new(example());
    command
        .env("AGENT_SERVER", plane.url())
        .env("AGENT_TOKEN", RUNNER_TOKEN)
        .env("AGENT_WORK_DIR", scratch.join("work"))
        .stdin(Stdio::null());
    command
}

/// As [`program`], for a disk that [`Agent::leave_room`] makes small: what does not fit is an error then and no signal.
pub fn program_on_small_disk(plane: &Plane, scratch: &Scratch) -> Command {
    let program = program(plane, scratch);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\""]).arg(program.get_program());
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    shell
}

fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().and_then(Path::parent).unwrap().join("examples/agent");
    assert!(
        example.is_file(),
        "the program under test is not built: cargo build -p penstock-runner --example agent"
    );
    example
}

/// Starts the program and waits until it is registered.
pub async fn start(plane: &Plane, mut command: Command) -> Agent {
    let before = plane.with(|state| state.registrations.len());
    let process = command.spawn().unwrap();
    plane.until("the runner is registered", |state| state.registrations.len() > before).await;
    let mut agent = Agent { process, url: String::new(), token: String::new() };
    agent.meet(plane);
    agent
}

/// With nothing special about it.
pub async fn plain(plane: &Plane, scratch: &Scratch) -> Agent {
    start(plane, program(plane, scratch)).await
}

impl Agent {
    /// Takes over what the newest registration says.
    pub fn meet(&mut self, plane: &Plane) {
        let (url, number) = plane.with(|state| {
            (state.registrations.last().unwrap().url.clone().unwrap_or_default(), state.registrations.len())
        });
        (self.url, self.token) = (url, format!("token-{number}"));
    }

    pub async fn push(&self, job: &JobRequest) -> u16 {
        self.send("/v1/jobs", job, &self.token).await.0
    }

    pub async fn cancel(&self, job: &JobRequest) -> u16 {
        let cancel = CancelRequest { job_id: job.job.id, attempt: job.job.attempt };
        self.send("/v1/cancel", &cancel, &self.token).await.0
    }

    pub async fn send(&self, path: &str, body: &impl Serialize, token: &str) -> (u16, String) {
        self.send_raw(path, serde_json::to_vec(body).unwrap(), token).await
    }

    pub async fn send_raw(&self, path: &str, body: Vec<u8>, token: &str) -> (u16, String) {
        let at = now();
        let request = http::Request::post(format!("{}{path}", self.url))
            .header(signature::ID, "msg_1")
            .header(signature::TIMESTAMP, signature::seconds(at).to_string())
            .header(signature::SIGNATURE, signature::sign(token.as_bytes(), "msg_1", at, &body))
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let answer = client.request(request).await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(text.to_vec()).unwrap())
    }

    pub async fn get(&self, path: &str) -> u16 {
        let request =
            http::Request::get(format!("{}{path}", self.url)).body(Full::<Bytes>::default()).unwrap();
        Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap().status().as_u16()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// From now on no file of the runner may be longer than this, as on a disk that is full in the middle of a line.
    /// None: as long as the disk has room.
    pub fn leave_room(&self, file_bytes: Option<u64>) {
        let limit = Rlimit { current: file_bytes, maximum: None };
        prlimit(Some(Pid::from_child(&self.process)), Resource::Fsize, limit).unwrap();
    }

    /// The child of the runner that is started with the hidden argument.
    pub fn guardian(&self) -> Option<Pid> {
        let children = fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap().flatten();
        let children =
            children.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
        let is_guardian = |pid: &i32| {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).contains(penstock_runner::GUARDIAN_ARGUMENT)
        };
        let all = children.collect::<String>();
        let found = all.split_whitespace().filter_map(|pid| pid.parse().ok()).find(is_guardian);
        found.and_then(Pid::from_raw)
    }

    /// Waits for the process' own end.
    pub async fn ended(&mut self) -> std::process::ExitStatus {
        let process = &mut self.process;
        let mut status = None;
        eventually("the runner ends", || {
            status = process.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits for what nobody announces.
pub async fn eventually(what: &str, mut met: impl FnMut() -> bool) {
    let wait = async {
        while !met() {
            tokio::time::sleep(POLL).await;
        }
    };
    assert!(tokio::time::timeout(BOUND, wait).await.is_ok(), "waited in vain until {what}");
}

/// The number that a step wrote into a file: a process id.
pub async fn pid_in(file: &Path) -> Pid {
    let mut pid = None;
    eventually("a process id is written", || {
        let text = fs::read_to_string(file).unwrap_or_default();
        pid = text.strip_suffix('\n').and_then(|text| text.trim().parse().ok()).and_then(Pid::from_raw);
        pid.is_some()
    })
    .await;
    pid.unwrap()
}

/// Whether a process runs; one that only waits to be collected does not.
pub fn is_running(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    let state = status.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !"ZX".contains(state))
}

pub async fn gone(pid: Pid) {
    eventually("a process is gone", || !is_running(pid)).await;
}

#[expect(clippy::disallowed_methods, reason = "signatures are checked against the wall clock")]
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}
