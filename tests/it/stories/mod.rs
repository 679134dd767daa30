//! What a user can do, each told from the outside.

mod branches;
mod cancel;
mod definitions;
mod deployments;
mod duplicates;
mod examples;
mod executions;
mod figures;
mod filters;
mod forge_faults;
mod forks;
mod gates;
mod health;
mod idempotency;
mod logs;
mod people;
mod problems;
mod push;
mod queue;
mod retries;
mod runners;
mod shapes;
mod signatures;
mod status_page;
mod tags;
mod timeouts;
