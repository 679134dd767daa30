//! One small process beside the runner that ends the steps when the runner is gone, however it went.
//!
//! It is this same binary, started again with [`ARGUMENT`]. The runner writes `+<pgid>` when a process group
//! starts and `-<pgid>` when it ended. The end of that pipe is the runner's end: the guardian then kills the
//! groups that are left, and what else bears the runner's marker, and ends. The parent-death signal of the
//! kernel is not used: it fires when a *thread* ends, and needs unsafe code between fork and exec.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::procfs;

/// The hidden argument with which the command line dispatches to [`guardian_main`].
pub const ARGUMENT: &str = "__penstock-runner-guardian";

/// How the guardian is started.
#[derive(Debug, Clone)]
pub struct GuardianCommand {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
}

impl GuardianCommand {
    /// This binary, with [`ARGUMENT`].
    ///
    /// # Errors
    /// Where the path of the running binary can't be found out.
    pub fn this_binary() -> std::io::Result<Self> {
        Ok(Self { program: std::env::current_exe()?, arguments: vec![ARGUMENT.into()] })
    }
}

/// The runner's end of the pipe.
pub struct Guardian {
    command: GuardianCommand,
    /// First part of the marker of every step of this runner process.
    nonce: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    process: Option<(Child, ChildStdin)>,
    groups: HashSet<Pid>,
}

impl Guardian {
    /// # Errors
    /// Where the guardian's process can't be started.
    pub fn start(command: GuardianCommand) -> std::io::Result<Self> {
        let nonce = format!("{:016x}", crate::backoff::random_u64());
        let mut state = State::default();
        state.process = Some(start(&command, &nonce, &state.groups)?);
        Ok(Self { command, nonce, state: Mutex::new(state) })
    }

    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// From now on the group ends with the runner.
    pub fn watch(&self, group: Pid) {
        self.change(|groups| groups.insert(group), format!("+{}\n", group.as_raw_nonzero()));
    }

    /// The group is empty: its id may come to belong to someone else.
    pub fn forget(&self, group: Pid) {
        self.change(|groups| groups.remove(&group), format!("-{}\n", group.as_raw_nonzero()));
    }

    fn change(&self, apply: impl FnOnce(&mut HashSet<Pid>) -> bool, line: String) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !apply(&mut state.groups) {
            return;
        }
        let told = state.process.as_mut().is_some_and(|(_, pipe)| pipe.write_all(line.as_bytes()).is_ok());
        if !told {
            replace(&mut state, &self.command, &self.nonce);
        }
    }
}

impl Drop for Guardian {
    /// Closes the pipe, upon which the guardian ends what is left, and waits for it.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((mut child, pipe)) = state.process.take() {
            drop(pipe);
            let _ = child.wait();
        }
    }
}

/// Someone ended the guardian: another takes its place and is told all the groups.
fn replace(state: &mut State, command: &GuardianCommand, nonce: &str) {
    if let Some((mut old, pipe)) = state.process.take() {
        drop(pipe);
        let _ = old.kill();
        let _ = old.wait();
    }
    match start(command, nonce, &state.groups) {
        Ok(process) => state.process = Some(process),
        Err(error) => {
            tracing::error!(%error, "steps would outlive a killed runner: its guardian can't be started")
        }
    }
}

fn start(
    command: &GuardianCommand,
    nonce: &str,
    groups: &HashSet<Pid>,
) -> std::io::Result<(Child, ChildStdin)> {
    use std::os::unix::process::CommandExt;
    let mut child = Command::new(&command.program)
        .args(&command.arguments)
        // Known from birth: a runner that dies before it wrote a line leaves no step behind either.
        .arg(nonce)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Out of the terminal's group, so that Ctrl-C ends the runner first.
        .process_group(0)
        .spawn()?;
    let mut pipe = child.stdin.take().expect("stdin was asked to be piped");
    let lines: String = groups.iter().map(|group| format!("+{}\n", group.as_raw_nonzero())).collect();
    pipe.write_all(lines.as_bytes())?;
    Ok((child, pipe))
}

/// The guardian's whole life. Never returns. Its last argument names the runner.
pub fn guardian_main() -> ! {
    for group in listen(BufReader::new(std::io::stdin())) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    if let Some(nonce) = std::env::args().next_back().filter(|nonce| !nonce.is_empty()) {
        sweep(&nonce);
    }
    std::process::exit(0)
}

/// Until no process with the marker was seen twice in a row: one that is just being started when the runner
/// dies bears the marker only once its program is loaded.
fn sweep(nonce: &str) {
    const CLEAN_PASSES: u32 = 2;
    /// What can't be killed in ten seconds waits for the kernel, and nobody is left to wait for it.
    const MAX_PASSES: u32 = 500;
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(20);
    let mut clean = 0;
    for _ in 0..MAX_PASSES {
        if clean == CLEAN_PASSES {
            break;
        }
        clean = if procfs::kill_marked(&format!("{nonce}."), None) == 0 { clean + 1 } else { 0 };
        std::thread::sleep(PAUSE);
    }
}

/// Reads until the pipe ends; gives the groups that are left.
fn listen(pipe: impl BufRead) -> HashSet<Pid> {
    let mut groups = HashSet::new();
    for line in pipe.lines().map_while(Result::ok) {
        // 1 is everyone's ancestor and never a group of ours.
        let group = |text: &str| text.parse().ok().filter(|id| *id > 1).and_then(Pid::from_raw);
        if let Some(group) = line.strip_prefix('+').and_then(group) {
            groups.insert(group);
        } else if let Some(group) = line.strip_prefix('-').and_then(group) {
            groups.remove(&group);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_is_forgotten_and_what_makes_no_sense_is_passed_over() {
        let groups = listen(&b"+12\n+13\nx\n+1\n+-7\n+\n-12\n-99\n+14"[..]);
        assert_eq!(groups, HashSet::from([13, 14].map(|id| Pid::from_raw(id).unwrap())));
    }
}
