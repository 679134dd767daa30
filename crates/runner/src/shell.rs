//! Which program runs a step's text, and how it is given to it.
//!
//! Programs are looked for here and not by the system: what is missing can be named then, and a program that is called
//! by its path starts quicker.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::process::Command;

/// `/bin/sh` by its path: it is where every Unix has it.
const SH: &str = "/bin/sh";
/// One argument of a program may have 128 KiB; a longer text goes through a file.
const MAX_ARGUMENT_BYTES: usize = 100 * 1024;

/// A text, and what is to run it.
pub struct Script<'a> {
    /// As [`penstock_api::runner::StepRequest::shell`].
    pub shell: &'a str,
    pub text: &'a str,
    /// Where the text goes if it has to be a file.
    pub file: PathBuf,
}

/// Where programs are looked for.
pub struct Search<'a> {
    /// The step's own `PATH`.
    pub path: &'a OsStr,
    /// What relative paths start from.
    pub directory: &'a Path,
}

/// Why a text can't be run.
#[derive(Debug, Error)]
pub enum ShellError {
    #[error("`{0}` is no shell that this runner knows; choose `sh`, `bash`, `python3`, `node` or `script`")]
    Unknown(String),
    #[error(
        "this runner's machine has no `{0}`; install it there, or choose a runner that has it by the job's `runs_on`"
    )]
    Missing(String),
    #[error("the script does not say what runs it; begin it with a line like `#!/usr/bin/env python3`")]
    NoInterpreter,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A program by its path, and its arguments.
///
/// # Errors
/// [`ShellError`]
pub fn command(script: &Script<'_>, search: &Search<'_>) -> Result<Command, ShellError> {
    let (program, arguments): (PathBuf, &[&str]) = match script.shell {
        "sh" => (SH.into(), &["-e", "-c"]),
        "bash" => (search.program("bash")?, &["-eo", "pipefail", "-c"]),
        // Unbuffered, or its lines would be seen only when it ends.
        "python3" => (search.program("python3")?, &["-u", "-c"]),
        "node" => (search.program("node")?, &["-e"]),
        "script" => return interpreted(script, search),
        other => return Err(ShellError::Unknown(other.to_owned())),
    };
    let mut command = Command::new(program);
    if script.text.len() > MAX_ARGUMENT_BYTES {
        write(script, 0o600)?;
        // Without the last one, which says that the text itself follows.
        command.args(&arguments[..arguments.len() - 1]).arg(&script.file);
    } else {
        command.args(arguments).arg(script.text);
    }
    Ok(command)
}

/// What the kernel would make of the file's first line. It is not asked to, because it refuses to run a file that any
/// process has open for writing, as another job's child may have for a moment between its fork and its exec.
fn interpreted(script: &Script<'_>, search: &Search<'_>) -> Result<Command, ShellError> {
    let first = script.text.lines().next().unwrap_or_default();
    let line = first.strip_prefix("#!").map_or("", str::trim);
    let (program, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    if program.is_empty() {
        return Err(ShellError::NoInterpreter);
    }
    let found = search.directory.join(program);
    if !is_program(&found) {
        return Err(ShellError::Missing(program.to_owned()));
    }
    write(script, 0o700)?;
    let mut command = Command::new(found);
    command.args(Some(argument.trim()).filter(|argument| !argument.is_empty())).arg(&script.file);
    Ok(command)
}

fn write(script: &Script<'_>, mode: u32) -> io::Result<()> {
    let mut file = fs::File::options().write(true).create_new(true).mode(mode).open(&script.file)?;
    file.write_all(script.text.as_bytes())
}

impl Search<'_> {
    fn program(&self, name: &str) -> Result<PathBuf, ShellError> {
        let folders = std::env::split_paths(self.path);
        let mut places = folders.map(|folder| self.directory.join(folder).join(name));
        places.find(|place| is_program(place)).ok_or_else(|| ShellError::Missing(name.to_owned()))
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    struct Machine(PathBuf);

    impl Machine {
        fn new() -> Self {
            let name = format!("penstock-shell-{:x}", crate::backoff::random_u64());
            let machine = Self(std::env::temp_dir().join(name));
            fs::create_dir_all(machine.0.join("bin")).unwrap();
            machine
        }

        fn install(&self, program: &str, mode: u32) {
            let place = self.0.join("bin").join(program);
            fs::write(&place, "").unwrap();
            fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();
        }

        /// The program and its arguments, without the machine's folder.
        fn words(&self, shell: &str, text: &str) -> Result<String, String> {
            let path = OsString::from(format!("/nonexistent:{}", self.0.join("bin").display()));
            let script = Script { shell, text, file: self.0.join("file") };
            let _ = fs::remove_file(&script.file);
            let made = command(&script, &Search { path: &path, directory: &self.0 });
            let made = made.map_err(|error| error.to_string())?;
            let made = made.as_std();
            let words = std::iter::once(made.get_program()).chain(made.get_args());
            let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
            Ok(words.join(" ").replace(&format!("{}/", self.0.display()), "@"))
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn every_shell_stops_at_the_first_failure_where_it_can() {
        let machine = Machine::new();
        for program in ["bash", "python3", "node"] {
            machine.install(program, 0o755);
        }
        for (shell, words) in [
            ("sh", "/bin/sh -e -c x"),
            ("bash", "@bin/bash -eo pipefail -c x"),
            ("python3", "@bin/python3 -u -c x"),
            ("node", "@bin/node -e x"),
        ] {
            assert_eq!(machine.words(shell, "x").as_deref(), Ok(words));
        }
        let long = "x".repeat(MAX_ARGUMENT_BYTES + 1);
        assert_eq!(machine.words("bash", &long).as_deref(), Ok("@bin/bash -eo pipefail @file"));
        assert_eq!(fs::read_to_string(machine.0.join("file")).unwrap(), long);
    }

    #[test]
    fn a_script_is_run_by_what_its_first_line_names() {
        let machine = Machine::new();
        machine.install("own", 0o755);
        for (text, words) in [
            ("#!/bin/sh\nx", "/bin/sh @file"),
            ("#! /usr/bin/env -S a  b \r\nx", "/usr/bin/env -S a  b @file"),
            ("#!bin/own -x", "@bin/own -x @file"),
        ] {
            assert_eq!(machine.words("script", text).as_deref(), Ok(words), "{text:?}");
            let file = machine.0.join("file");
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o700);
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let machine = Machine::new();
        machine.install("node", 0o644);
        for (shell, text, complaint) in [
            ("bash", "x", "has no `bash`"),
            ("node", "x", "has no `node`"),
            ("fish", "x", "`fish` is no shell"),
            ("script", "#!/opt/perl\nx", "has no `/opt/perl`"),
            ("script", "echo", "does not say what runs it"),
            ("script", "#!\n/bin/sh", "does not say what runs it"),
        ] {
            let error = machine.words(shell, text).unwrap_err();
            assert!(error.contains(complaint), "{error}");
        }
    }
}
