//! The `penstock` command.
//!
//! Each subcommand is a module with its `Arguments` and its `run`; what they share are the terminal, the tokens
//! and the log. What a subcommand is about lives in the libraries: here is only what a person types and reads.

mod address;
mod log;
mod remote;
mod runner;
mod stop;
mod terminal;
mod token;
mod up;
mod validate;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "penstock", version, about = "A CI/CD control plane made of WebAssembly functions")]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Up(up::Arguments),
    Runner(runner::Arguments),
    Validate(validate::Arguments),
    Trigger(remote::trigger::Arguments),
    Status(remote::status::Arguments),
    Logs(remote::logs::Arguments),
    Cancel(remote::cancel::Arguments),
    Retry(remote::retry::Arguments),
}

fn main() -> ExitCode {
    runner::become_guardian_if_asked();
    let outcome = run(CommandLine::parse().command);
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Up(arguments) => up::run(arguments),
        Command::Runner(arguments) => runner::run(arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Trigger(arguments) => remote::trigger::run(&arguments),
        Command::Status(arguments) => remote::status::run(&arguments),
        Command::Logs(arguments) => remote::logs::run(&arguments),
        Command::Cancel(arguments) => remote::cancel::run(&arguments),
        Command::Retry(arguments) => remote::retry::run(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        <CommandLine as clap::CommandFactory>::command().debug_assert();
    }
}
