//! The store on real SQLite, with the real triggers, driven by the real engine.
#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod added;
mod cleaning_up;
mod delivery;
mod figures;
mod groups;
mod history;
mod journal;
mod lifecycle;
mod matrix;
mod metrics;
mod outputs;
mod plans;
mod quality;
mod queues;
mod release;
mod rerun;
mod schedules;
mod tokens;
mod world;
