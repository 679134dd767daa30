//! What a user can do, each told from the outside.

mod cancel;
mod definitions;
mod duplicates;
mod examples;
mod executions;
mod filters;
mod forge_faults;
mod forks;
mod health;
mod idempotency;
mod logs;
mod problems;
mod push;
mod queue;
mod retries;
mod runners;
mod signatures;
mod status_page;
mod tags;
mod timeouts;
