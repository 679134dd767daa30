//! Runs cargo: its own progress bar on a terminal, a line every few seconds anywhere else, its errors whole.

use std::env;
use std::io::{IsTerminal, PipeReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use crate::failure::{Failure, Outcome};
use crate::progress::{Meter, send_pieces, watch};
use crate::workspace::Workspace;

/// A cargo that sees the environment that a person's own cargo would see.
pub fn cargo<'a>(workspace: &Workspace, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(&workspace.root).env("CARGO_TARGET_DIR", workspace.target());
    // What `cargo run` says about xtask itself would look like a changed environment to build scripts.
    for (name, _) in env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    command
}

/// Runs one phase to its end.
pub fn run(phase: &str, mut command: Command) -> Outcome {
    let status = if std::io::stderr().is_terminal() {
        eprintln!("── {phase}");
        command.status().map_err(Failure::because("can't start cargo"))?
    } else {
        with_meter(phase, command)?
    };
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("{phase}: failed; what is wrong stands above")))
    }
}

fn with_meter(phase: &str, mut command: Command) -> Outcome<ExitStatus> {
    command.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", "100");
    let (mut child, pieces) = piped(command)?;
    let meter = std::cell::RefCell::new(Meter::start(phase));
    watch(
        &pieces,
        |piece| {
            if let Some(words) = meter.borrow_mut().take(piece) {
                eprintln!("{words}");
            }
        },
        || eprintln!("{}", meter.borrow().line()),
    );
    let status = child.wait().map_err(Failure::because("can't wait for cargo"))?;
    eprintln!("{}{}", meter.borrow().line(), if status.success() { ", done" } else { ", failed" });
    Ok(status)
}

/// Starts a program with both its outputs in one pipe, so that their order is kept.
pub fn piped(mut command: Command) -> Outcome<(Child, Receiver<String>)> {
    let pipe = || -> std::io::Result<(PipeReader, Stdio, Stdio)> {
        let (reader, writer) = std::io::pipe()?;
        Ok((reader, writer.try_clone()?.into(), writer.into()))
    };
    let (reader, stdout, stderr) = pipe().map_err(Failure::because("can't make a pipe"))?;
    let child = command
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .map_err(Failure::because(format_args!("can't start {}", command.get_program().display())))?;
    // The command holds the pipe's other end: the output ends only once it is gone too.
    drop(command);
    let (to, pieces) = mpsc::channel();
    thread::spawn(move || send_pieces(reader, &to));
    Ok((child, pieces))
}
