//! The store on real SQLite, with the real triggers, driven by the real engine.
#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod delivery;
mod figures;
mod history;
mod journal;
mod lifecycle;
mod metrics;
mod plans;
mod quality;
mod queues;
mod release;
mod tokens;
mod world;
