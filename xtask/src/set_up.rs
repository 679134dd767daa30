//! What has to be on the machine before a build, and how it gets there.
//!
//! Only the Wasm target is installed, by the rustup that is there already; everything else is asked for by name.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::{Failure, Outcome};
use crate::workspace::{WASM_TARGET, Workspace};

/// Checks for git and a C compiler, and adds the Wasm target where it is missing.
pub fn prepare(workspace: &Workspace) -> Outcome {
    need(
        "git",
        "git",
        "runners check out with it",
        "install it, for example `apt install git` or `brew install git`",
    )?;
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    need(
        &compiler,
        "a C compiler",
        "SQLite is built from source",
        "install one, for example `apt install build-essential` or `xcode-select --install`, or name yours in CC",
    )?;
    wasm_target(workspace)
}

fn need(program: &str, what: &str, why: &str, next: &str) -> Outcome {
    // CC may hold a launcher and flags (`ccache gcc`): the first word has to be there.
    let first = program.split_whitespace().next().unwrap_or(program);
    if answers(first, &["--version"]) {
        Ok(())
    } else {
        Err(Failure::new(format!("`{first}` can't be run, and {what} is needed ({why}): {next}")))
    }
}

fn wasm_target(workspace: &Workspace) -> Outcome {
    if wasm_target_is_there(workspace)? {
        return Ok(());
    }
    if !answers("rustup", &["--version"]) {
        return Err(Failure::new(format!(
            "this Rust has no target {WASM_TARGET}, and there is no `rustup` to add it: install Rust by rustup, \
             or the target's package of your distribution"
        )));
    }
    eprintln!("adding the target {WASM_TARGET} (rustup)");
    let status = Command::new("rustup")
        .args(["target", "add", WASM_TARGET])
        .current_dir(&workspace.root)
        .status()
        .map_err(Failure::because("can't start rustup"))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "rustup could not add the target: run `rustup target add {WASM_TARGET}` and see what it says"
        )))
    }
}

fn wasm_target_is_there(workspace: &Workspace) -> Outcome<bool> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", WASM_TARGET])
        .current_dir(&workspace.root)
        .output()
        .map_err(Failure::because("can't run rustc"))?;
    if !output.status.success() {
        return Err(Failure::new(format!(
            "this Rust does not know the target {WASM_TARGET}; it needs 1.95 or newer (`rustup update`)\n{}",
            String::from_utf8_lossy(&output.stderr)
        )));
    }
    Ok(Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// Whether the program can be started and ends well.
pub fn answers(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
