//! The `penstock` command.
//!
//! Each subcommand is a module with its `Arguments` and its `run`; what they share are the terminal, the tokens
//! and the log. What a subcommand is about lives in the libraries: here is only what a person types and reads.

mod address;
mod completion;
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

const EXIT_CODES: &str = "\
Exit codes: 0 it was done; 1 it was refused or could not be done, or what was waited for did not succeed; 2 the command \
line was not understood.";

#[derive(Parser)]
#[command(name = "penstock", version, about = "A CI/CD control plane made of WebAssembly functions")]
#[command(disable_help_subcommand = true, arg_required_else_help = true, after_help = EXIT_CODES)]
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
    Explain(remote::explain::Arguments),
    Cancel(remote::cancel::Arguments),
    Retry(remote::retry::Arguments),
    Approvals(remote::approvals::Arguments),
    Approve(remote::approve::Arguments),
    Reject(remote::reject::Arguments),
    Override(remote::override_gate::Arguments),
    Rollback(remote::rollback::Arguments),
    Token(remote::token::Arguments),
    Completion(completion::Arguments),
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
        Command::Explain(arguments) => remote::explain::run(&arguments),
        Command::Cancel(arguments) => remote::cancel::run(&arguments),
        Command::Retry(arguments) => remote::retry::run(&arguments),
        Command::Approvals(arguments) => remote::approvals::run(&arguments),
        Command::Approve(arguments) => remote::approve::run(&arguments),
        Command::Reject(arguments) => remote::reject::run(&arguments),
        Command::Override(arguments) => remote::override_gate::run(&arguments),
        Command::Rollback(arguments) => remote::rollback::run(&arguments),
        Command::Token(arguments) => remote::token::run(&arguments),
        Command::Completion(arguments) => completion::run(&arguments),
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
