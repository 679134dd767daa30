//! Runs the simulator, which is a program of its own, and needs neither the components' Wasm nor the host.

use std::ffi::OsString;

use crate::build;
use crate::cargo::{cargo, run};
use crate::failure::Outcome;
use crate::workspace::Workspace;

/// `arguments` go to the program itself.
pub fn everything(workspace: &Workspace, arguments: Vec<OsString>) -> Outcome {
    run("simulator", cargo(workspace, ["build", "--package", "penstock-sim"]))?;
    build::become_simulator(workspace, arguments)
}
