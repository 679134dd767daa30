//! The runner as a process of its own, against a small control plane, with real shells and real git.

#![allow(clippy::unwrap_used, reason = "all of this is test code, also what is not a test itself")]

mod agent;
mod checkout;
mod delivery;
mod endings;
mod intake;
mod job;
mod lifetime;
mod plane;
mod reports;
mod steps;
