//! The processors that a job may use.

use std::io;

/// Some of the processors that this runner may use.
#[derive(Debug, Clone)]
pub struct Cpus(#[cfg(target_os = "linux")] rustix::thread::CpuSet);

#[cfg(target_os = "linux")]
impl Cpus {
    /// `count` of them, other ones for jobs whose numbers follow each other. None where the runner has no more itself.
    ///
    /// # Errors
    /// What the system says to asking which there are.
    pub fn some(count: u32, number: u64) -> io::Result<Option<Self>> {
        use rustix::thread::{CpuSet, sched_getaffinity};
        let all = sched_getaffinity(None)?;
        let all: Vec<_> = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).collect();
        let count = count as usize;
        if count >= all.len() {
            return Ok(None);
        }
        let first = (number % all.len() as u64) as usize * count;
        let mut some = CpuSet::new();
        all.iter().cycle().skip(first % all.len()).take(count).for_each(|cpu| some.set(*cpu));
        Ok(Some(Self(some)))
    }

    /// What is started meanwhile has these alone: a process inherits those of the thread that starts it.
    ///
    /// # Errors
    /// What the system says to that.
    pub fn within<T>(&self, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        use rustix::thread::{sched_getaffinity, sched_setaffinity};
        let before = sched_getaffinity(None)?;
        sched_setaffinity(None, &self.0)?;
        let started = start();
        if let Err(error) = sched_setaffinity(None, &before) {
            tracing::error!(%error, "a thread of this runner stays on the processors of a job");
        }
        started
    }
}

#[cfg(not(target_os = "linux"))]
impl Cpus {
    /// # Errors
    /// Always: processes can't be held to processors here.
    pub fn some(_count: u32, _number: u64) -> io::Result<Option<Self>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// # Errors
    /// What `start` says.
    pub fn within<T>(&self, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        start()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_within_has_these_alone_and_the_runner_keeps_its_own() {
        let nproc = || {
            let output = std::process::Command::new("nproc").env_clear().output()?;
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let all = nproc().unwrap();
        let count: u32 = all.parse().unwrap();
        assert!(Cpus::some(count, 0).unwrap().is_none());
        assert!(Cpus::some(256.max(count), 7).unwrap().is_none());
        if count > 1 {
            for number in [0, 1, 2, u64::MAX] {
                let one = Cpus::some(1, number).unwrap().unwrap();
                assert_eq!(one.within(nproc).unwrap(), "1");
            }
            assert!(Cpus::some(1, 0).unwrap().unwrap().0 != Cpus::some(1, 1).unwrap().unwrap().0);
            assert_eq!(nproc().unwrap(), all);
        }
    }
}
