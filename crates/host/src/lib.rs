//! The embedded host: runs the components of a `spin.toml` on wasmtime, in one process on one machine.
//!
//! The same manifest and the same `.wasm` run on Spin. Where this host is stricter it says so with an error; what
//! it does not serve it refuses at the start. It ticks the application's clock, which Spin does not. It serves no
//! TLS, no other trigger than HTTP, and no object store.

mod allowed_hosts;
mod answer;
mod app;
mod body;
mod client;
mod component;
mod cwasm;
mod engine;
mod error;
mod guest_log;
mod instance;
mod interfaces;
mod limits;
mod manifest;
mod mounts;
mod outbound;
mod request_id;
mod rest;
mod routes;
mod running;
mod server;
mod sqlite;
mod start;
mod state;
mod tick;

pub use error::{HostError, Problems};
pub use limits::Limits;
pub use running::Running;
pub use start::{Options, database_path, start};
pub use tick::Tick;
