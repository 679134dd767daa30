//! What compiles the workspace, as cargo is told by its environment.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::cargo::cargo;
use crate::failure::{Failure, Outcome};
use crate::workspace::Workspace;

/// By default rustc itself.
#[derive(Default)]
pub struct Compiler(Vec<(&'static str, OsString)>);

impl Compiler {
    /// Clippy, which is the compiler with more lints. As a pass of its own it would look at everything once more, and at
    /// every dependency.
    pub fn linting(workspace: &Workspace) -> Outcome<Self> {
        let told = Command::new("rustc").args(["--print", "sysroot"]).current_dir(&workspace.root).output();
        let told = told.map_err(Failure::because("can't start rustc"))?;
        let clippy = Path::new(String::from_utf8_lossy(&told.stdout).trim()).join("bin/clippy-driver");
        Ok(Self(vec![("RUSTC_WORKSPACE_WRAPPER", clippy.into()), ("CLIPPY_ARGS", "-Dwarnings".into())]))
    }

    pub fn cargo<'a>(&self, workspace: &Workspace, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = cargo(workspace, arguments);
        command.envs(self.0.iter().map(|(name, value)| (name, value)));
        command
    }
}
