//! The component's handlers on a real database, over a platform whose clock and network the test decides.
#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod decisions;
mod environments;
mod health_checks;
mod platform;
mod world;
