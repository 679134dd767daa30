//! The handlers, before a GitHub that says what a test has written.
#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod asking;
mod commits;
mod files;
mod limits;
mod statuses;
