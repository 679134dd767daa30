//! Builds the components and the programs, and becomes one of the programs.
//!
//! Programs are built with the profile and the features of the tests, so that no crate is compiled twice.

use std::ffi::OsString;
use std::process::Command;

use crate::cargo::{cargo, run};
use crate::compiler::Compiler;
use crate::failure::{Failure, Outcome};
use crate::set_up;
use crate::workspace::{WASM_TARGET, Workspace};

const SERVER: &str = "penstock";
const DEMO: &str = "penstock-demo";
const SIMULATOR: &str = "penstock-sim";
const BENCH: &str = "penstock-bench";

pub fn everything(workspace: &Workspace) -> Outcome {
    set_up::prepare(workspace)?;
    components(workspace, &Compiler::default())?;
    programs(workspace)
}

/// `target/wasm32-wasip2/release/*.wasm`, all of them by one cargo.
pub fn components(workspace: &Workspace, compiler: &Compiler) -> Outcome {
    let names = workspace.components()?;
    if names.is_empty() {
        return Err(Failure::new("there is no package in `components/`: this checkout is not complete"));
    }
    let packages = names.iter().flat_map(|name| ["-p", name]);
    let arguments = ["build", "--release", "--target", WASM_TARGET];
    run("components (Wasm)", compiler.cargo(workspace, arguments.into_iter().chain(packages)))
}

fn programs(workspace: &Workspace) -> Outcome {
    // The whole workspace, for its features: those that the tests are compiled with.
    let bins = ["--bin", SERVER, "--bin", DEMO, "--bin", BENCH];
    run("programs", cargo(workspace, ["build", "--workspace"].into_iter().chain(bins)))
}

/// Starts the server in this process's place.
pub fn become_server(workspace: &Workspace, arguments: Vec<OsString>) -> Outcome {
    let mut command = Command::new(workspace.program(SERVER));
    command.arg("up");
    // From any folder of the repository: its manifest, its data.
    for (option, path) in [("--manifest", "spin.toml"), ("--data", ".penstock")] {
        if !names(&arguments, option) {
            command.arg(option).arg(workspace.root.join(path));
        }
    }
    replace_this(command.args(arguments))
}

/// Starts the demo in this process's place.
pub fn become_demo(workspace: &Workspace, arguments: Vec<OsString>) -> Outcome {
    become_driver(workspace, DEMO, arguments)
}

/// Starts the benchmarks in this process's place.
pub fn become_bench(workspace: &Workspace, arguments: Vec<OsString>) -> Outcome {
    become_driver(workspace, BENCH, arguments)
}

/// Starts the simulator in this process's place.
pub fn become_simulator(workspace: &Workspace, arguments: Vec<OsString>) -> Outcome {
    replace_this(Command::new(workspace.program(SIMULATOR)).args(arguments))
}

/// A program that starts the server itself.
fn become_driver(workspace: &Workspace, program: &str, arguments: Vec<OsString>) -> Outcome {
    let mut command = Command::new(workspace.program(program));
    command.env("PENSTOCK_COMPILED_DIR", workspace.root.join("target/compiled"));
    command.arg("--penstock").arg(workspace.program(SERVER));
    command.arg("--manifest").arg(workspace.root.join("spin.toml"));
    replace_this(command.args(arguments))
}

fn names(arguments: &[OsString], option: &str) -> bool {
    arguments.iter().filter_map(|argument| argument.to_str()).any(|argument| {
        argument.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })
}

/// Signals and the exit code are then the program's own.
#[cfg(unix)]
fn replace_this(command: &mut Command) -> Outcome {
    let error = std::os::unix::process::CommandExt::exec(command);
    Err(Failure::new(format!("can't start {}: {error}", command.get_program().display())))
}

#[cfg(not(unix))]
fn replace_this(command: &mut Command) -> Outcome {
    let status = command
        .status()
        .map_err(Failure::because(format_args!("can't start {}", command.get_program().display())))?;
    std::process::exit(status.code().unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_found_in_both_of_its_spellings_and_not_in_a_longer_one() {
        let given =
            |arguments: &[&str]| names(&arguments.iter().map(OsString::from).collect::<Vec<_>>(), "--data");
        assert!(given(&["--listen", "x", "--data", "y"]));
        assert!(given(&["--data=y"]));
        assert!(!given(&["--data-base", "y"]));
    }
}
