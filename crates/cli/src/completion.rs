//! `penstock completion`: what a shell completes the command line by.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

/// Print a shell's completions; the shell's own manual says where they go
#[derive(clap::Args)]
pub struct Arguments {
    #[arg(value_parser = ["bash", "zsh", "fish"])]
    shell: String,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let shell = match arguments.shell.as_str() {
        "zsh" => Shell::Zsh,
        "fish" => Shell::Fish,
        _ => Shell::Bash,
    };
    std::io::stdout().write_all(&script(shell)).context("can't write to the standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// Made whole before it is written, for a reader may leave.
fn script(shell: Shell) -> Vec<u8> {
    let mut script = vec![];
    clap_complete::generate(shell, &mut crate::CommandLine::command(), "penstock", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_is_told_of_the_subcommands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(script(shell)).unwrap();
            for word in ["rollback", "whoami", "--token-file"] {
                assert!(script.contains(word.trim_start_matches('-')), "{shell}: {word}");
            }
        }
    }
}
