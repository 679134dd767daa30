//! A runner's own part of the work folder, held by a lock for as long as its process lives.
//!
//! There are several, because a runner that lost its parent works on while the next one starts already: that
//! one takes the next part, and learns from all parts which attempts were ever here.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::RunnerError;
use crate::folder::remove_tree;
use crate::ledger::Ledger;

/// Runners that may finish their last jobs beside the newest one.
const MAX_INSTANCES: usize = 8;

const LEDGER: &str = "attempts.log";

pub struct Instance {
    /// The system lets go of it however the process ends.
    _lock: File,
    /// Without links in it: steps compare it with where they are.
    pub folder: PathBuf,
    /// Empty at the start.
    pub jobs: PathBuf,
}

impl Instance {
    /// The first part that no other runner holds.
    ///
    /// # Errors
    /// Where the folder can't be written to, or all parts are held.
    pub fn take(work_dir: &Path) -> Result<(Self, Ledger), RunnerError> {
        let unusable = |source| RunnerError::WorkDir { path: work_dir.to_owned(), source };
        fs::create_dir_all(work_dir).map_err(unusable)?;
        let root = work_dir.canonicalize().map_err(unusable)?;
        for number in 0..MAX_INSTANCES {
            let folder = root.join(number.to_string());
            if let Some(lock) = lock(&folder).map_err(unusable)? {
                let jobs = fresh_jobs_folder(&folder).map_err(unusable)?;
                let others = (0..MAX_INSTANCES).filter(|other| *other != number);
                let others = others.map(|other| root.join(other.to_string()).join(LEDGER));
                let ledger = Ledger::open(folder.join(LEDGER), others).map_err(unusable)?;
                return Ok((Self { _lock: lock, folder, jobs }, ledger));
            }
        }
        Err(RunnerError::WorkDirInUse { path: work_dir.to_owned() })
    }
}

/// None where another process holds it.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    fs::create_dir_all(folder)?;
    let file = File::options().create(true).append(true).open(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// An empty folder for attempts. What an earlier runner left there is removed beside the work.
fn fresh_jobs_folder(folder: &Path) -> io::Result<PathBuf> {
    let jobs = folder.join("jobs");
    if jobs.exists() {
        fs::rename(&jobs, folder.join(format!("jobs-old-{:016x}", crate::backoff::random_u64())))?;
    }
    fs::create_dir(&jobs)?;
    let is_old = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("jobs-old-");
    let old: Vec<_> = fs::read_dir(folder)?.flatten().filter(is_old).map(|entry| entry.path()).collect();
    if !old.is_empty() {
        std::thread::spawn(move || old.iter().for_each(|folder| drop(remove_tree(folder))));
    }
    Ok(jobs)
}
