//! The host, driven over real HTTP with real components.

#![expect(clippy::unwrap_used, reason = "all of this is test code, also what is not marked as a test")]

mod calls_out;
mod connections;
mod harness;
mod holds_limits;
mod serves;
mod starts;
mod stores;
mod streams;
mod ticks;
