//! The deterministic simulator. One seed decides everything: pipelines, webhooks, runners, people, faults, clocks, and
//! who goes on first; the components, the engine, the store and its triggers are the real ones, on SQLite.
//!
//! After every step invariants are held, by rules of their own: nothing here asks the engine what would be right. A
//! seed that fails is made smaller until a person can read it ([`shrink`]).

pub mod beginning;
pub mod bugs;
pub mod choices;
pub mod database;
pub mod executor;
pub mod facts;
pub mod forge;
pub mod invariants;
pub mod network;
pub mod people;
pub mod platform;
pub mod random;
pub mod replay;
pub mod runners;
pub mod scenario;
pub mod servers;
pub mod shrink;
pub mod trace;
pub mod view;
pub mod world;

mod run;

pub use run::{Input, Report, run};

/// Something that can't be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its name: a violation that shrinks stays the same one.
    pub invariant: &'static str,
    pub message: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.invariant, self.message)
    }
}
