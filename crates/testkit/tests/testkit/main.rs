//! The fake against what GitHub is known to do, and the judge against the fake.

#![allow(clippy::unwrap_used, reason = "a test that can't go on ends")]

mod client;
mod fake_github;
mod git_repository;
mod openapi;
mod payloads;
