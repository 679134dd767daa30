//! Other processes: found in `/proc`, told to end, and looked at whether they have.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use super::wait::{SOON, wait_for};

pub struct Process {
    pub id: i32,
    parent: i32,
    pub arguments: Vec<String>,
}

impl Process {
    fn read(id: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The program's name stands in brackets, and may hold anything.
        let mut after_name = stat.rsplit_once(')')?.1.split_whitespace();
        let is_dead = after_name.next()? == "Z";
        let parent = after_name.next()?.parse().ok()?;
        let line =
            fs::read(format!("/proc/{id}/cmdline")).ok().filter(|line| !is_dead && !line.is_empty())?;
        let arguments = String::from_utf8_lossy(&line);
        let arguments = arguments.trim_end_matches('\0').split('\0').map(str::to_owned).collect();
        Some(Self { id, parent, arguments })
    }
}

fn all() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").expect("this system has /proc").flatten();
    entries.filter_map(|entry| Process::read(entry.file_name().to_str()?.parse().ok()?))
}

pub fn children_of(parent: i32) -> Vec<Process> {
    all().filter(|process| process.parent == parent).collect()
}

/// Processes that have `mark` anywhere in their arguments.
pub fn marked(mark: &str) -> Vec<i32> {
    let has_mark = |process: &Process| process.arguments.iter().any(|argument| argument.contains(mark));
    all().filter(has_mark).map(|process| process.id).collect()
}

pub fn is_alive(id: i32) -> bool {
    Process::read(id).is_some()
}

/// Whether the process was there to be told.
pub fn signal(id: i32, signal: Signal) -> bool {
    Pid::from_raw(id).is_some_and(|id| kill_process(id, signal).is_ok())
}

/// SIGKILL, and the certainty that it is gone.
pub fn kill9(id: i32) {
    signal(id, Signal::KILL);
    wait_for(&format!("the end of process {id}"), SOON, || (!is_alive(id)).then_some(()));
}
