//! Runs the benchmarks, which are a program of their own: built like the server that they measure.

use std::ffi::OsString;

use crate::build;
use crate::failure::Outcome;
use crate::workspace::Workspace;

/// `arguments` go to the program itself.
pub fn everything(workspace: &Workspace, arguments: Vec<OsString>) -> Outcome {
    build::everything(workspace)?;
    build::become_bench(workspace, arguments)
}
