//! Starts applications made of the probe guest, and talks to them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use penstock_host::{HostError, Limits, Options, Running, Tick};
use serde_json::Value as Json;
use tokio::sync::OnceCell;

/// Longer than anything a test waits for, on any machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that goes when it is dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("host-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The probe's `.wasm`, built where it is stale, and the folder of its compiled form.
struct Probe {
    wasm: PathBuf,
    compiled: Folder,
}

async fn probe() -> &'static Probe {
    static PROBE: OnceCell<Probe> = OnceCell::const_new();
    PROBE
        .get_or_init(|| async {
            let wasm = build_probe();
            let compiled = Folder::new();
            let manifest = compiled.write("spin.toml", manifest(&wasm, ""));
            let options = options(manifest, compiled.0.join("data"));
            penstock_host::start(options).await.unwrap().stop(PATIENCE).await;
            Probe { wasm, compiled }
        })
        .await
}

fn build_probe() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--target", "wasm32-wasip2", "--manifest-path"])
        .arg(root.join("tests/guests/probe/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        // It is a guest, and not looked at by what looks at us.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .status()
        .unwrap();
    assert!(built.success(), "the probe can't be built; is the target wasm32-wasip2 installed?");
    target.join("wasm32-wasip2/release/probe_guest.wasm")
}

/// A manifest with the probe as `probe`, on every path, and what else is given.
pub fn manifest(wasm: &Path, more: &str) -> String {
    let wasm = wasm.display();
    let head = "spin_manifest_version = 2\n[application]\nname = 'probe'\n[[trigger.http]]\nroute = '/...'\n\
                component = 'probe'\n[component.probe]\n";
    format!("{head}source = '{wasm}'\n{}", more.replace("PROBE", &wasm.to_string()))
}

fn options(manifest: PathBuf, data_dir: PathBuf) -> Options {
    Options {
        manifest,
        data_dir,
        compiled_dir: None,
        listen: "127.0.0.1:0".parse().unwrap(),
        variables: BTreeMap::new(),
        tick: None,
        limits: Limits::default(),
    }
}

/// What a test changes before an application starts.
pub struct Setup {
    pub folder: Folder,
    more: String,
    pub limits: Limits,
    pub variables: BTreeMap<String, String>,
    pub tick: Option<Tick>,
}

impl Setup {
    /// `more` goes into the manifest behind `[component.probe]`; PROBE in it is the probe's `.wasm`.
    pub fn new(more: &str) -> Self {
        Self {
            folder: Folder::new(),
            more: more.to_owned(),
            limits: Limits::default(),
            variables: BTreeMap::new(),
            tick: None,
        }
    }

    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.0.join("data")
    }

    pub async fn try_start(&self) -> Result<Running, HostError> {
        let probe = probe().await;
        let compiled = self.data_dir().join("cwasm");
        if !compiled.exists() {
            std::fs::create_dir_all(&compiled).unwrap();
            for file in std::fs::read_dir(probe.compiled.0.join("data/cwasm")).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), compiled.join(file.file_name())).unwrap();
            }
        }
        let manifest = self.folder.write("spin.toml", manifest(&probe.wasm, &self.more));
        let mut options = options(manifest, self.data_dir());
        options.limits = self.limits.clone();
        options.variables = self.variables.clone();
        options.tick = self.tick.clone();
        penstock_host::start(options).await
    }

    pub async fn start(self) -> App {
        let running = self.try_start().await.unwrap_or_else(|e| panic!("{e}"));
        App { addr: running.addr(), running: Some(running), client: client(), setup: self }
    }
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

/// A running application.
pub struct App {
    pub addr: SocketAddr,
    running: Option<Running>,
    client: Client<HttpConnector, Full<Bytes>>,
    pub setup: Setup,
}

/// A response, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl App {
    pub fn request(&self, method: Method, path: &str) -> http::request::Builder {
        http::Request::builder().method(method).uri(format!("http://{}{path}", self.addr))
    }

    pub async fn open(&self, request: http::Request<Full<Bytes>>) -> http::Response<hyper::body::Incoming> {
        tokio::time::timeout(PATIENCE, self.client.request(request)).await.unwrap().unwrap()
    }

    pub async fn send(&self, request: http::Request<Full<Bytes>>) -> Answer {
        let (head, body) = self.open(request).await.into_parts();
        let body = tokio::time::timeout(PATIENCE, body.collect()).await.unwrap().unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).body(Full::default()).unwrap()).await
    }

    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(self.request(Method::POST, path).body(Full::new(body.into())).unwrap()).await
    }

    /// Runs SQL texts on one connection of the default database, and gives what each answered.
    pub async fn sql(&self, statements: &[&str]) -> Vec<Json> {
        let statements: Vec<_> = statements.iter().map(|sql| [sql]).collect();
        let answer = self.post("/sql", serde_json::to_vec(&("default", statements)).unwrap()).await.json();
        answer["answers"].as_array().unwrap().clone()
    }

    pub async fn stop(mut self) -> Setup {
        self.running.take().unwrap().stop(PATIENCE).await;
        self.setup
    }
}

/// Asks again until the condition holds.
pub async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let asked = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("it never came to hold");
}
