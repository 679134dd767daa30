//! Finds processes by a marker in their environment, for those that left their process group.
//!
//! Every step is started with [`MARKER`], and children inherit it. Where there is no `/proc` nothing is found,
//! and the process groups alone decide. A process that clears its own environment is not found either: this is
//! tidiness, not a sandbox.

use std::fs;
use std::io::Read;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process};

/// The environment variable that names the runner process and the attempt that a process belongs to.
pub const MARKER: &str = "PENSTOCK_GUARD";
/// Beyond this age process ids may have come round, and all processes are looked at.
pub const IDS_IN_ORDER: Duration = Duration::from_secs(60);

/// The most of a process' environment that is read: what the kernel allows for one is a few MiB at most.
const MAX_ENVIRONMENT_BYTES: u64 = 8 << 20;

/// Rounds until no marked process is left; each also catches what forked during the round before.
const MAX_ROUNDS: u32 = 20;

/// A page of memory, in bytes.
fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

/// The memory, in bytes, that the processes whose marker begins with `value` have for themselves; what they share with
/// files or with each other by name is not counted. None where there is no `/proc`.
pub fn memory(value: &str, first: Option<Pid>) -> Option<u64> {
    fs::metadata("/proc/self/statm").ok()?;
    let wanted = format!("{MARKER}={value}");
    Some(marked(wanted.as_bytes(), first).into_iter().filter_map(own_memory).sum())
}

fn own_memory(pid: Pid) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{}/statm", pid.as_raw_nonzero())).ok()?;
    let mut pages = statm.split_whitespace().skip(1).map(|count| count.parse::<u64>().ok());
    let (resident, shared) = (pages.next()??, pages.next()??);
    Some(resident.saturating_sub(shared).saturating_mul(page_bytes()))
}

/// Kills every process from `first` on (all, where None) whose marker begins with `value`.
pub fn kill_marked(value: &str, first: Option<Pid>) -> usize {
    let wanted = format!("{MARKER}={value}");
    let mut killed = 0;
    for _ in 0..MAX_ROUNDS {
        let found = marked(wanted.as_bytes(), first);
        if found.is_empty() {
            break;
        }
        killed += found.iter().filter(|pid| kill_process(**pid, Signal::KILL).is_ok()).count();
        // A killed process keeps its environment readable until the kernel took it down.
        std::thread::yield_now();
    }
    killed
}

/// The id of the newest process of this machine.
pub fn newest_pid() -> Option<i32> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().last()?.parse().ok()
}

fn marked(wanted: &[u8], first: Option<Pid>) -> Vec<Pid> {
    let least = first.map_or(1, |p| p.as_raw_nonzero().get());
    let ids = first.and_then(|_| few_since(least)).map_or_else(all, Iterator::collect);
    ids.into_iter()
        .filter(|pid| *pid >= least)
        .filter_map(Pid::from_raw)
        .filter(|pid| *pid != getpid() && bears(*pid, wanted))
        .collect()
}

/// The ids that were given since `least`, where they are so few that asking for each is quicker than listing all.
/// Threads have some of them; one of a marked process leads to that process.
fn few_since(least: i32) -> Option<impl Iterator<Item = i32>> {
    const FEW: i32 = 64;
    let newest = newest_pid().filter(|newest| (0..FEW).contains(&newest.saturating_sub(least)))?;
    Some(least..=newest)
}

fn all() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn bears(pid: Pid, wanted: &[u8]) -> bool {
    let mut environment = vec![];
    let Ok(file) = fs::File::open(format!("/proc/{}/environ", pid.as_raw_nonzero())) else { return false };
    // What can't be read is not ours, or has just ended.
    let _ = file.take(MAX_ENVIRONMENT_BYTES).read_to_end(&mut environment);
    environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(wanted))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn only_the_processes_with_the_marker_are_killed() {
        let start = |marker: &str| {
            let mut sleep = Command::new("/bin/sh");
            sleep.args(["-c", "exec sleep 300"]).env(MARKER, marker).stdin(Stdio::null()).spawn().unwrap()
        };
        let nonce = format!("test{:x}", crate::backoff::random_u64());
        let (mut ours, mut other) = (start(&format!("{nonce}.1.")), start(&format!("{nonce}.12.")));
        // The system shows the marker only a moment after the program was started.
        let kill = |marker: &str| (0..1_000_000).any(|_| kill_marked(&format!("{nonce}.{marker}"), None) > 0);
        assert!(kill("1."));
        assert!(!ours.wait().unwrap().success());
        assert!(other.try_wait().unwrap().is_none(), "an attempt whose number begins the same lives on");
        assert!(kill(""));
        assert!(!other.wait().unwrap().success());
    }
}
