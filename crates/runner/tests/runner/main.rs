//! The runner as a process of its own, against a small control plane, with real shells and real git.

#![allow(clippy::unwrap_used, reason = "all of this is test code, also what is not a test itself")]

mod actions;
mod agent;
mod checkout;
mod conditions;
mod delivery;
mod disk;
mod endings;
mod handover;
mod intake;
mod job;
mod lifetime;
mod plane;
mod reports;
mod resources;
mod shells;
mod steps;
