//! One installation of the whole: a forge, a data folder, a server with its runner. Gone when dropped.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use penstock_testkit::{FakeGitHub, OpenApiJudge, github_headers};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::database::Database;
use super::http::{self, Call, Head, Reply};
use super::processes::{kill9, marked, signal};
use super::server::Server;
use super::sse::Events;
use super::wait::{LOOK_EVERY, SOON, wait_for};

/// GitHub's own example, so that its published test vector is one of ours.
pub const WEBHOOK_SECRET: &str = "It's a Secret to Everybody";
const FORGE_TOKEN: &str = "the-forge's-token-of-these-tests";
/// Installations at once: each is three processes and the steps that it runs.
const MAX_AT_ONCE: u32 = 4;
/// Of a log, in a failed test's output.
const LOG_LINES: usize = 150;

/// What may differ between installations.
pub struct Settings {
    pub runner_slots: u32,
    pub webhook_secret: Option<&'static str>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { runner_slots: 2, webhook_secret: Some(WEBHOOK_SECRET) }
    }
}

pub struct Installation {
    pub forge: FakeGitHub,
    server: Mutex<Option<Server>>,
    address: SocketAddr,
    settings: Settings,
    folder: TempDir,
    token: String,
    last_number: AtomicU32,
    _place: Place,
}

impl Installation {
    pub fn start() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        let place = Place::take();
        let forge = FakeGitHub::start("127.0.0.1:0").expect("a free port for the forge");
        forge.require_token(FORGE_TOKEN);
        let folder =
            tempfile::Builder::new().prefix("penstock-tests-").tempdir().expect("a folder can be made");
        fs::create_dir(folder.path().join("notes")).expect("a folder can be made");
        prepare(&folder.path().join("data")).expect("a data folder can be made");
        let server = first(|| up(folder.path(), &forge, &settings, None));
        let token = token_of(&folder.path().join("data"));
        Self {
            forge,
            address: server.address,
            server: Mutex::new(Some(server)),
            settings,
            folder,
            token,
            last_number: AtomicU32::new(0),
            _place: place,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file outside of every workspace, where steps can leave a mark, or look for one.
    pub fn note(&self, name: &str) -> PathBuf {
        self.folder.path().join("notes").join(name)
    }

    /// A number that nothing else in this installation has.
    pub fn number(&self) -> u32 {
        self.last_number.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub fn database(&self) -> Database {
        Database::open(&self.data())
    }

    /// One call with the administrator's token.
    #[track_caller]
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        self.call(method, path, &[], body.map(Value::to_string).unwrap_or_default().as_bytes())
    }

    /// What `GET` answers with 200.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.api("GET", path, None).expect(200)
    }

    /// One call with the administrator's token and more headers.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, more: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut headers = vec![("authorization", format!("Bearer {}", self.token))];
        if !body.is_empty() && !more.iter().any(|(name, _)| *name == "content-type") {
            headers.push(("content-type", "application/json".to_owned()));
        }
        headers.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.send(&Call { method, path, headers, body })
    }

    /// One call, exactly as given.
    #[track_caller]
    pub fn send(&self, call: &Call<'_>) -> Reply {
        let reply = http::send(self.address, call);
        reply.unwrap_or_else(|error| panic!("{} {}: {error}", call.method, call.path))
    }

    /// An event stream, and the head of its answer.
    pub fn events(&self, path: &str, last_event_id: Option<&str>) -> (Head, Events) {
        let mut headers = vec![("authorization", format!("Bearer {}", self.token))];
        headers.extend(last_event_id.map(|id| ("last-event-id", id.to_owned())));
        let call = Call { method: "GET", path, headers, body: &[] };
        let (head, body) = http::open(self.address, &call).expect("a stream opens");
        (head, Events::new(body))
    }

    /// A signed webhook of GitHub, with a delivery id of its own.
    #[track_caller]
    pub fn deliver(&self, event: &str, payload: &[u8]) -> Reply {
        self.deliver_as(&format!("d3f0ab1e-0000-4000-8000-{:012}", self.number()), event, payload)
    }

    #[track_caller]
    pub fn deliver_as(&self, delivery: &str, event: &str, payload: &[u8]) -> Reply {
        let headers = github_headers(event, delivery, WEBHOOK_SECRET.as_bytes(), payload);
        self.send(&Call { method: "POST", path: "/hooks/github", headers, body: payload })
    }

    /// The process of the local runner, once it lives.
    pub fn runner(&self) -> i32 {
        wait_for("the local runner's process", SOON, || self.running().as_ref()?.runner())
    }

    /// Every runner of this name that the control plane knows.
    pub fn wait_for_runner(&self, name: &str) {
        wait_for(&format!("the runner `{name}` to be registered"), SOON, || {
            let known = self.get("/api/v1/runners");
            known["runners"].as_array()?.iter().find(|runner| runner["name"] == name).map(|_| ())
        });
    }

    /// SIGKILL for the server; its runner is left to itself.
    pub fn kill9(&self) {
        let server = self.running().take();
        server.expect("the server runs").kill9();
    }

    /// SIGKILL for the local runner; the server is left to start another.
    pub fn kill_runner9(&self) {
        kill9(self.runner());
    }

    /// SIGTERM for the server, and how it ended.
    pub fn terminate(&self) -> ExitStatus {
        let server = self.running().take();
        server.expect("the server runs").terminate()
    }

    /// Starts the server again, on the same data and at the same address.
    pub fn restart(&self) {
        let mut running = self.running();
        assert!(running.is_none(), "the server runs already");
        *running = Some(up(self.folder.path(), &self.forge, &self.settings, Some(self.address)));
    }

    /// Waits until nothing is left to do, and holds what must be true then: every delivery worked off, every
    /// effect carried out, no timer left, and no call to the forge that the forge does not describe.
    #[track_caller]
    pub fn at_rest(&self) {
        let (database, until) = (self.database(), Instant::now() + SOON);
        let mut undone = database.undone();
        while !undone.is_empty() && Instant::now() < until {
            std::thread::sleep(LOOK_EVERY);
            undone = database.undone();
        }
        assert!(undone.is_empty(), "there is still something to do:\n  {}", undone.join("\n  "));
        self.judge_calls();
    }

    #[track_caller]
    fn judge_calls(&self) {
        let Some(judge) = judge() else { return };
        for request in self.forge.requests() {
            let faults = judge.faults(&request);
            assert!(faults.is_empty(), "{} {}: {}", request.method, request.path, faults.join("; "));
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Server>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_log(&self) {
        let log = fs::read_to_string(log_of(self.folder.path())).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
        eprintln!("--- what the server said last ---\n{}\n---", last.join("\n"));
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tell_log();
        }
        if let Some(server) = self.running().take() {
            server.kill9();
        }
        // A runner that has lost its server would wait for its jobs, and for a server to tell of them.
        for left in marked(&self.folder.path().display().to_string()) {
            signal(left, Signal::KILL);
        }
    }
}

fn up(folder: &Path, forge: &FakeGitHub, settings: &Settings, listen: Option<SocketAddr>) -> Server {
    let mut variables = vec![("GITHUB_API_URL", forge.url()), ("GITHUB_TOKEN", FORGE_TOKEN.to_owned())];
    variables.extend(settings.webhook_secret.map(|secret| ("GITHUB_WEBHOOK_SECRET", secret.to_owned())));
    Server::start(&folder.join("data"), &log_of(folder), listen, settings.runner_slots, &variables)
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("server.log")
}

fn prepare(data: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(data)
}

/// The first server of all compiles the components, with the machine to itself; the others find them.
fn first(start: impl FnOnce() -> Server) -> Server {
    static COMPILED: Mutex<bool> = Mutex::new(false);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if *compiled {
        drop(compiled);
        return start();
    }
    let server = start();
    *compiled = true;
    server
}

fn token_of(data: &Path) -> String {
    let secrets = fs::read_to_string(data.join("secrets.env")).expect("the server keeps its secrets");
    let token = secrets.lines().find_map(|line| line.strip_prefix("SPIN_VARIABLE_ADMIN_TOKEN="));
    token.expect("the server makes an administrator's token").to_owned()
}

fn judge() -> Option<&'static OpenApiJudge> {
    static JUDGE: OnceLock<Option<OpenApiJudge>> = OnceLock::new();
    JUDGE.get_or_init(|| OpenApiJudge::for_github().expect("GitHub's description can be read")).as_ref()
}

/// One of the places for installations.
struct Place;

static TAKEN: Mutex<u32> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

impl Place {
    fn take() -> Self {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken =
            FREED.wait_while(taken, |taken| *taken >= MAX_AT_ONCE).unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_one();
    }
}
