//! Wire types shared by the components, the runner, the command line and the UI.
//!
//! Shapes only: no handler, no storage, no client.

pub mod problem;
pub mod runner;
pub mod signature;
