//! The handlers on a real SQLite, natively.
#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod asking;
mod bodies;
mod deliveries;
