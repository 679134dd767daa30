//! Instances of one component: how they are made, how long they live, and what ends them early.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Sleep;
use wasmtime::component::{GuestTaskId, ResourceTable};
use wasmtime::{Engine, Store, StoreContextMut, StoreLimitsBuilder, UpdateDeadline};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpView};

use crate::app::App;
use crate::guest_log::{GuestLog, Source};
use crate::limits::Limits;
use crate::outbound::Outbound;
use crate::running::Alive;
use crate::server::until_set;
use crate::state::{Grants, State};

/// Makes instances.
pub struct Maker {
    pub grants: Arc<Grants>,
    pub pre: ProxyPre<State>,
    pub engine: Engine,
    pub limits: Arc<Limits>,
    pub log: Arc<GuestLog>,
    pub app: Weak<App>,
    /// One permit per living instance.
    pub permits: Arc<Semaphore>,
    pub stopping: watch::Receiver<bool>,
    pub _alive: Alive,
}

/// No instance could be had in time; the component has as many as it may.
#[derive(Debug, thiserror::Error)]
#[error("the component has as many instances as it may")]
pub struct NoInstance;

/// Told which instance took a request.
#[derive(Debug, Default)]
pub struct Slot(OnceLock<Arc<AtomicUsize>>);

/// An event stream that an instance has open, until dropped.
pub struct OpenStream(Arc<AtomicUsize>);

impl Slot {
    pub fn open_stream(&self) -> Option<OpenStream> {
        let streams = self.0.get()?.clone();
        streams.fetch_add(1, Ordering::Relaxed);
        Some(OpenStream(streams))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Maker {
    fn wasi(&self) -> wasmtime::Result<WasiCtx> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(self.log.stream(Source::Stdout))
            .stderr(self.log.stream(Source::Stderr))
            .envs(&self.grants.environment)
            .allow_tcp(false)
            .allow_udp(false);
        for (here, there) in &self.grants.mounts {
            wasi.preopened_dir(here, there, FsPerms::ReadOnly)?;
        }
        Ok(wasi.build())
    }

    fn store(&self, busy: Arc<Busy>) -> wasmtime::Result<Store<State>> {
        let state = State {
            table: ResourceTable::new(),
            wasi: self.wasi()?,
            http: WasiHttpCtx::new(),
            outbound: Outbound { grants: self.grants.clone(), app: self.app.clone() },
            limits: StoreLimitsBuilder::new().memory_size(self.limits.memory_bytes).build(),
            grants: self.grants.clone(),
            sqlite_connections: 0,
            key_value_stores: 0,
        };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            busy.interrupted();
            Ok(UpdateDeadline::Yield(1))
        });
        Ok(store)
    }
}

impl HandlerState for Maker {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, Expiration, Worker>> {
        let permit = self.permits.clone().acquire_owned();
        let permit = tokio::time::timeout(self.limits.queue_time, permit).await.map_err(|_| NoInstance)??;
        let busy = Arc::new(Busy::new());
        let mut store = self.store(busy.clone())?;
        let proxy = self.pre.instantiate_async(&mut store).await?;
        let mut stopping = self.stopping.clone();
        let expiration = Expiration {
            limits: self.limits.clone(),
            busy,
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            stopping: Box::pin(async move { until_set(&mut stopping).await }),
            stopped: false,
        };
        let state = Worker {
            component: self.grants.component.clone(),
            limits: self.limits.clone(),
            streams: Arc::default(),
            stopping: self.stopping.clone(),
            _permit: permit,
        };
        Ok(Instance { store, proxy, view: State::http, expiration, state })
    }
}

/// How long an instance has computed without waiting for anything.
struct Busy {
    base: Instant,
    interrupted: AtomicBool,
    /// Milliseconds after `base`; 0 where it is not busy.
    since_ms: AtomicU64,
}

impl Busy {
    fn new() -> Self {
        Self { base: Instant::now(), interrupted: AtomicBool::new(false), since_ms: AtomicU64::new(0) }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The clock found the guest computing.
    fn interrupted(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
        _ = self.since_ms.compare_exchange(0, self.now_ms().max(1), Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Called whenever the instance hands back its thread. Without an interruption it did so of itself.
    fn looked_at(&self) -> Duration {
        if !self.interrupted.swap(false, Ordering::Relaxed) {
            self.since_ms.store(0, Ordering::Relaxed);
        }
        match self.since_ms.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => Duration::from_millis(self.now_ms().saturating_sub(since)),
        }
    }
}

/// When an instance has to go.
pub struct Expiration {
    limits: Arc<Limits>,
    busy: Arc<Busy>,
    sleep: Pin<Box<Sleep>>,
    stopping: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    stopped: bool,
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        since: Instant,
    ) -> Poll<()> {
        if self.busy.looked_at() >= self.limits.busy_time {
            return Poll::Ready(());
        }
        self.stopped = self.stopped || self.stopping.as_mut().poll(cx).is_ready();
        let time = match status {
            WorkerStatus::Idle if self.stopped => return Poll::Ready(()),
            WorkerStatus::Idle => self.limits.instance_idle,
            WorkerStatus::Requests => self.limits.request_time,
            WorkerStatus::PostReturn => self.limits.stream_time,
        };
        let deadline = (since + time).into();
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(cx)
    }
}

/// How many requests an instance takes.
pub struct Worker {
    component: String,
    limits: Arc<Limits>,
    streams: Arc<AtomicUsize>,
    stopping: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl WorkerState for Worker {
    type StoreData = State;
    type RequestData = Arc<Slot>;

    fn should_accept_request(&self, now: usize, in_all: usize) -> ShouldAccept {
        let most = match self.streams.load(Ordering::Relaxed) {
            0 => self.limits.requests_per_instance,
            _ => self.limits.requests_per_streaming_instance,
        };
        if in_all >= most {
            ShouldAccept::Never
        } else if now >= self.limits.concurrency_per_instance {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, State>,
        slot: Arc<Slot>,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        _ = slot.0.set(self.streams.clone());
        Box::pin(tokio::time::sleep(self.limits.request_time))
    }

    fn drop(&self, store: Store<State>, result: wasmtime::Result<()>) {
        if let Err(e) = result {
            let component = self.component.as_str();
            if *self.stopping.borrow() && !e.is::<wasmtime::Trap>() {
                // Said once for all of them by who cuts them off.
                tracing::debug!(component, "an instance was ended with the host: {}", cause(&e));
            } else {
                tracing::error!(component, "an instance was ended, with all of its requests: {}", cause(&e));
            }
        }
        drop(store);
    }
}

/// The reason without the guest's stack.
fn cause(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(trap) => trap.to_string(),
        None => format!("{:#}", error.root_cause()),
    }
}
