//! Wire types shared by the components, the runner, the command line and the UI.
//!
//! Shapes only: no handler, no storage, no client.

pub mod internal;
#[cfg(feature = "schema")]
pub mod openapi;
pub mod problem;
pub mod quality;
pub mod release;
pub mod request;
pub mod runner;
#[cfg(feature = "schema")]
pub mod schema;
pub mod signature;
pub mod view;
