//! GitHub's webhooks and REST requests, as the rest of the system meets them.

#![allow(clippy::unwrap_used, reason = "a test that can't go on ends")]

mod corpora;
mod malformed;
mod mutation;
mod parse;
mod payloads;
mod requests;
mod responses;
