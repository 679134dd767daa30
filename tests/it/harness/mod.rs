//! What every story stands on: an installation of the whole in a folder of its own, a project that pushes to it,
//! and the means to look at both.

pub mod database;
pub mod environments;
pub mod http;
pub mod installation;
pub mod people;
pub mod processes;
pub mod programs;
pub mod project;
pub mod runner;
pub mod server;
pub mod service;
pub mod sse;
pub mod wait;

pub use environments::one_deployment;
pub use installation::{Installation, Settings, WEBHOOK_SECRET};
pub use project::{Project, has_ended, job, one_job, one_job_with, stage, text};
pub use service::{Says, Service};
pub use wait::{AFTER_A_LEASE, SOON, wait_for};
