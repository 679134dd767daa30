//! What lives in a wasmtime store: the WASI contexts and what the component is granted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Semaphore;
use wasmtime::StoreLimits;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::allowed_hosts::AllowedHost;
use crate::outbound::Outbound;
use crate::sqlite::{Crowd, Database};

/// What one component may use, whichever of its instances asks.
#[derive(Debug)]
pub struct Grants {
    pub component: String,
    pub variables: BTreeMap<String, String>,
    pub environment: Vec<(String, String)>,
    /// Folder here, path there; read-only.
    pub mounts: Vec<(PathBuf, String)>,
    pub outbound: Vec<AllowedHost>,
    pub sqlite_databases: BTreeSet<String>,
    /// Every database of the application, by label.
    pub databases: BTreeMap<String, Arc<Database>>,
    pub key_value_stores: BTreeSet<String>,
    pub key_value: Option<Arc<Database>>,
    /// One permit per request that the component has not answered to the end.
    pub requests: Arc<Semaphore>,
    pub requests_at_most: usize,
}

impl Grants {
    /// Whether the component has more than one request to answer.
    pub fn crowd(&self) -> Crowd {
        let running = self.requests_at_most.saturating_sub(self.requests.available_permits());
        if running > 1 { Crowd::Several } else { Crowd::Alone }
    }
}

pub struct State {
    pub table: ResourceTable,
    pub wasi: WasiCtx,
    pub http: WasiHttpCtx,
    pub outbound: Outbound,
    pub limits: StoreLimits,
    pub grants: Arc<Grants>,
    pub sqlite_connections: usize,
    pub key_value_stores: usize,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}
