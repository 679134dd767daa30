//! What survives a process that dies at the worst moment: nothing is lost, nothing runs twice, everything ends and
//! is told.

mod deployments;
mod runner;
mod server;
mod story;
