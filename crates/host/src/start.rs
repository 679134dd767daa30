//! From options to a running application: everything that can be wrong is found before the first request.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, watch};
use wasmtime::component::Linker;
use wasmtime::{Config, Engine};
use wasmtime_wasi_http::handler::ProxyPre;

use crate::app::App;
use crate::client::Client;
use crate::component::Component;
use crate::cwasm::Cache;
use crate::engine;
use crate::error::HostError;
use crate::guest_log::GuestLog;
use crate::instance::Maker;
use crate::interfaces::key_value;
use crate::limits::Limits;
use crate::manifest::{self, Application};
use crate::mounts;
use crate::request_id::RequestIds;
use crate::rest;
use crate::routes::Router;
use crate::running::{Alive, Running, Task, alive};
use crate::server;
use crate::sqlite::{Crowd, Database, Durability, Session, SqlError, StatementLimits};
use crate::state::{Grants, State};
use crate::tick::{self, Tick};

/// What to run, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// The path of `spin.toml`.
    pub manifest: PathBuf,
    /// Databases, key-value stores and compiled components; created with mode 0700.
    pub data_dir: PathBuf,
    /// Where compiled components are kept, for several installations together; None: in `data_dir`.
    pub compiled_dir: Option<PathBuf>,
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Application variables. `SPIN_VARIABLE_<NAME>` in the environment wins over them, they over defaults.
    pub variables: BTreeMap<String, String>,
    pub tick: Option<Tick>,
    pub limits: Limits,
}

/// The file of the SQLite database with this label.
pub fn database_path(data_dir: &Path, label: &str) -> PathBuf {
    data_dir.join(format!("sqlite-{label}.db"))
}

fn key_value_path(data_dir: &Path) -> PathBuf {
    data_dir.join("key-value.db")
}

/// Starts the application. It serves when this returns.
///
/// # Errors
/// [`HostError`]: a manifest, component or folder that can't be used, an address that is taken.
pub fn start(options: Options) -> BoxFuture<'static, Result<Running, HostError>> {
    Box::pin(start_all(options))
}

async fn start_all(options: Options) -> Result<Running, HostError> {
    rest::bound_heap();
    let listen = options.listen;
    let wanted_tick = options.tick.clone();
    let (stopping, stopped) = watch::channel(false);
    let (grace, grace_given) = watch::channel(Duration::ZERO);
    let (alive, gone) = alive();
    let built = {
        let stopped = stopped.clone();
        tokio::task::spawn_blocking(move || Builder::prepare(&options, alive)?.build(&options, stopped))
    };
    let app = built.await.map_err(|e| HostError::Engine { reason: e.to_string() })??;
    if let Some(tick) = &wanted_tick
        && !app.components.iter().any(|c| c.id == tick.component && c.triggered)
    {
        return Err(HostError::TickComponent { component: tick.component.clone() });
    }
    let unheard = |source| HostError::Listen { addr: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(unheard)?;
    let addr = listener.local_addr().map_err(unheard)?;
    let server = Task(tokio::spawn(server::run(listener, app.clone(), stopped.clone(), grace_given)));
    tracing::info!(application = app.name, %addr, "serving");
    let ticked = Arc::new(Notify::new());
    let rest = Task(tokio::spawn(rest::run(app.clone(), ticked.clone(), stopped.clone())));
    let tick = wanted_tick.map(|tick| Task(tokio::spawn(tick::run(app.clone(), tick, ticked, stopped))));
    Ok(Running { addr, app, stopping, grace, server, tick, rest, gone })
}

/// What every component is made from.
struct Builder {
    application: Application,
    limits: Arc<Limits>,
    folder: PathBuf,
    config: Config,
    engine: Engine,
    linker: Linker<State>,
    databases: BTreeMap<String, Arc<Database>>,
    key_value: Option<Arc<Database>>,
    alive: Alive,
}

impl Builder {
    fn prepare(options: &Options, alive: Alive) -> Result<Self, HostError> {
        let application =
            Application::load(&options.manifest, &options.variables, |name| std::env::var(name).ok())?;
        create_data_dir(&options.data_dir)
            .map_err(|source| HostError::DataDir { path: options.data_dir.clone(), source })?;
        let config = engine::config(&options.limits, application.components.len()).map_err(engine_error)?;
        let engine = engine::engine(&config).map_err(engine_error)?;
        let linker = engine::linker(&engine).map_err(engine_error)?;
        let (databases, key_value) = open_databases(&application, options, &alive)?;
        let folder =
            options.manifest.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self {
            application,
            limits: Arc::new(options.limits.clone()),
            folder: folder.to_owned(),
            config,
            engine,
            linker,
            databases,
            key_value,
            alive,
        })
    }

    fn build(mut self, options: &Options, stopping: watch::Receiver<bool>) -> Result<Arc<App>, HostError> {
        let compiled = options.compiled_dir.clone().unwrap_or_else(|| options.data_dir.join("cwasm"));
        let unusable = |source| HostError::DataDir { path: compiled.clone(), source };
        let cache = Cache::open(compiled.clone(), &self.engine, self.config.clone()).map_err(unusable)?;
        let mut used = vec![];
        let mut made = vec![];
        for component in std::mem::take(&mut self.application.components) {
            let loaded = cache.load(&self.engine, &component.id, &component.source)?;
            used.push(loaded.file);
            let pre = self.link(&component.id, &loaded.component)?;
            let mapped = loaded.is_mapped.then_some(loaded.component);
            let mounts = mounts::prepare(&component, &self.folder, &options.data_dir)
                .map_err(|reason| HostError::Files { component: component.id.clone(), reason })?;
            made.push((self.grants(&component, mounts), component.triggered, pre, mapped));
        }
        // What is in a shared folder may be another installation's.
        if options.compiled_dir.is_none() {
            cache.prune(&used);
        }
        let routes = std::mem::take(&mut self.application.routes);
        Ok(Arc::new_cyclic(|app| App {
            name: self.application.name.clone(),
            router: Router::new(routes),
            components: made
                .into_iter()
                .map(|(grants, triggered, pre, mapped)| {
                    let maker = self.maker(grants, pre, app, &stopping);
                    Component::new(triggered, maker, mapped)
                })
                .collect(),
            client: Client::new(&self.limits),
            limits: self.limits.clone(),
            request_ids: RequestIds::new(),
            served: AtomicU64::new(0),
        }))
    }

    fn link(&self, id: &str, code: &wasmtime::component::Component) -> Result<ProxyPre<State>, HostError> {
        let failed = |reason: String| HostError::Link { component: id.to_owned(), reason };
        let pre = self.linker.instantiate_pre(code).map_err(|e| failed(format!("{e:#}")))?;
        wasmtime_wasi_http::p3::bindings::ServicePre::new(pre).map(ProxyPre::P3).map_err(|_| {
            let next = "build it with spin-sdk 7, and mark its entry with #[http_service]";
            failed(format!("it exports no wasi:http/handler of version 0.3; {next}"))
        })
    }

    fn grants(&self, component: &manifest::Component, mounts: Vec<(PathBuf, String)>) -> Arc<Grants> {
        Arc::new(Grants {
            component: component.id.clone(),
            variables: component.variables.clone(),
            environment: component.environment.clone(),
            mounts,
            outbound: component.outbound.clone(),
            sqlite_databases: component.sqlite_databases.clone(),
            databases: self.databases.clone(),
            key_value_stores: component.key_value_stores.clone(),
            key_value: self.key_value.clone(),
            requests: Arc::new(Semaphore::new(self.limits.requests_per_component)),
            requests_at_most: self.limits.requests_per_component,
        })
    }

    fn maker(
        &self,
        grants: Arc<Grants>,
        pre: ProxyPre<State>,
        app: &Weak<App>,
        stopping: &watch::Receiver<bool>,
    ) -> Maker {
        Maker {
            log: GuestLog::new(&grants.component),
            grants,
            pre,
            engine: self.engine.clone(),
            limits: self.limits.clone(),
            app: app.clone(),
            permits: Arc::new(Semaphore::new(self.limits.instances_per_component)),
            stopping: stopping.clone(),
            _alive: self.alive.clone(),
        }
    }
}

fn engine_error(e: wasmtime::Error) -> HostError {
    HostError::Engine { reason: format!("{e:#}") }
}

fn create_data_dir(path: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

type Databases = (BTreeMap<String, Arc<Database>>, Option<Arc<Database>>);

/// Every database that some component is granted, and the key-value file where there is a store.
fn open_databases(
    application: &Application,
    options: &Options,
    alive: &Alive,
) -> Result<Databases, HostError> {
    let limits = &options.limits;
    let statement =
        StatementLimits { time: limits.sqlite_statement_time, result_bytes: limits.sqlite_result_bytes };
    let open = |path: PathBuf, durability| {
        Database::open(&path, durability, statement, limits.sqlite_connections, alive.clone())
            .map(Arc::new)
            .map_err(|e| HostError::Database { path, reason: e.to_string() })
    };
    let labels: BTreeSet<_> = application.components.iter().flat_map(|c| &c.sqlite_databases).collect();
    let mut databases = BTreeMap::new();
    for label in labels {
        databases.insert(label.clone(), open(database_path(&options.data_dir, label), Durability::Full)?);
    }
    if application.components.iter().all(|c| c.key_value_stores.is_empty()) {
        return Ok((databases, None));
    }
    let path = key_value_path(&options.data_dir);
    let key_value = open(path.clone(), Durability::Process)?;
    let table = async {
        Session::new(key_value.clone()).execute(key_value::SCHEMA.to_owned(), vec![], Crowd::Alone).await
    };
    let made: Result<_, SqlError> = tokio::runtime::Handle::current().block_on(table);
    made.map_err(|e| HostError::Database { path, reason: e.to_string() })?;
    Ok((databases, Some(key_value)))
}
