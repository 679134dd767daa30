//! The handlers on a real SQLite, natively.
#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod access;
mod asking;
mod bootstrap;
mod pipelines;
mod runners;
mod tokens;
