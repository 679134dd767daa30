//! Why an application could not be started. Each message names the place and what to do.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum HostError {
    #[error("can't read {}; give the path of the application's spin.toml", path.display())]
    ReadManifest { path: PathBuf, source: std::io::Error },
    #[error("{}: {message}", path.display())]
    Manifest { path: PathBuf, message: String },
    #[error("{}: {errors}", path.display())]
    Invalid { path: PathBuf, errors: Problems },
    #[error("can't use the data folder {}; it must be a folder that this user may write to", path.display())]
    DataDir { path: PathBuf, source: std::io::Error },
    #[error("component `{component}`: can't read {}; build the components first", path.display())]
    ReadComponent { component: String, path: PathBuf, source: std::io::Error },
    #[error("component `{component}`: {} is not a component that this host can run; build it for wasm32-wasip2 \
             with spin-sdk 7: {reason}", path.display())]
    Compile { component: String, path: PathBuf, reason: String },
    #[error("component `{component}` needs what this host does not serve: {reason}")]
    Link { component: String, reason: String },
    #[error("component `{component}`: files: {reason}")]
    Files { component: String, reason: String },
    #[error("database {}: {reason}", path.display())]
    Database { path: PathBuf, reason: String },
    #[error("this machine can't run the WebAssembly engine: {reason}")]
    Engine { reason: String },
    #[error("can't listen on {addr}; choose another address or stop what listens there")]
    Listen { addr: SocketAddr, source: std::io::Error },
    #[error("the tick names the component `{component}`, which is not in the manifest")]
    TickComponent { component: String },
}

/// Everything that is wrong with a manifest, one per line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_slice() {
            [one] => f.write_str(one),
            many => {
                write!(f, "{} things are wrong:", many.len())?;
                many.iter().try_for_each(|one| write!(f, "\n  - {one}"))
            }
        }
    }
}
