//! The component's handlers over real SQLite, with a scheduler whose answers are written beforehand.
#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod corpora;
mod gates;
mod platform;
mod reports;
mod test_results;
