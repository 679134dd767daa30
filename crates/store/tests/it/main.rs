//! The store on real SQLite, with the real triggers, driven by the real engine.
#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod journal;
mod lifecycle;
mod plans;
mod queues;
mod world;
