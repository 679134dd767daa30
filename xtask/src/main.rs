//! `cargo xtask`: one command for each thing that one does with this repository.
//!
//! It checks what a fresh machine lacks, then runs cargo with its progress shown. It compiles in seconds, so it
//! has no dependencies; what needs any (the server, the demo) is a program of its own that this one starts.

mod bench;
mod build;
mod cargo;
mod compiler;
mod failure;
mod progress;
mod set_up;
mod sim;
mod tally;
mod test;
mod test_inputs;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use failure::{Failure, Outcome};
use workspace::Workspace;

const HELP: &str = "\
Usage: cargo xtask <command>

  demo [--exit]            builds everything, then shows a deployment, and the way back
  up [--listen ADDR] …     builds everything, then serves (the options are those of `penstock up`)
  build                    the components (Wasm) and the programs
  test                     everything that has to hold before a change goes in
  bench                    the benchmarks
  sim [--seeds N] [--from SEED] [--trace]
                           the simulator: invariants after every step, faults at every place
  help                     this text
";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let command = arguments.next().unwrap_or_else(|| "help".into());
    match run(&command.to_string_lossy(), arguments.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, arguments: Vec<OsString>) -> Outcome {
    let workspace = Workspace::find()?;
    match command {
        "build" => without_arguments(command, &arguments).and_then(|()| build::everything(&workspace)),
        "test" => without_arguments(command, &arguments).and_then(|()| test::everything(&workspace)),
        "up" => build::everything(&workspace).and_then(|()| build::become_server(&workspace, arguments)),
        "demo" => build::everything(&workspace).and_then(|()| build::become_demo(&workspace, arguments)),
        "bench" => bench::everything(&workspace, arguments),
        "sim" => sim::everything(&workspace, arguments),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(Failure::new(format!("there is no command `{other}`\n\n{HELP}"))),
    }
}

fn without_arguments(command: &str, arguments: &[OsString]) -> Outcome {
    match arguments.first() {
        None => Ok(()),
        Some(first) => Err(Failure::new(format!(
            "`cargo xtask {command}` takes no arguments, but got `{}`",
            first.to_string_lossy()
        ))),
    }
}
