//! Which attempts were ever here, so that none runs twice, also after the runner was started again.
//!
//! A file with one line per accepted attempt, appended before the answer. It is not forced to the disk: it
//! guards against a killed runner, not against a machine that loses power, whose steps died with it.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use penstock_domain::JobId;

/// How many jobs are remembered. A signed push is good for five minutes: far fewer are started in that time.
const MAX_REMEMBERED: usize = 50_000;
/// Ends what a failed append left of a line, such that it is no line of an attempt.
const STRIKE: &str = "x\n";

pub struct Ledger {
    path: PathBuf,
    file: File,
    lines: usize,
    /// The last append failed, and may have left a part of its line.
    is_torn: bool,
    latest: HashMap<JobId, u32>,
    /// Jobs from the longest known to the newest.
    order: VecDeque<JobId>,
}

/// What is known of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    No,
    /// It is here or was.
    Same,
    /// A later attempt of its job is here or was.
    Stale,
}

impl Ledger {
    /// Knows what its own file and the others say; only its own is written to.
    ///
    /// # Errors
    /// Where a file can be neither read nor made.
    pub fn open(path: PathBuf, others: impl IntoIterator<Item = PathBuf>) -> io::Result<Self> {
        let mut text = vec![];
        for path in others.into_iter().chain([path.clone()]) {
            match fs::read(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // A line that was torn when the machine went down is one that was never answered.
                read => text.extend(whole_lines(&read?)),
            }
        }
        let file = File::options().append(true).create(true).open(&path)?;
        let (latest, order) = (HashMap::new(), VecDeque::new());
        let mut ledger = Self { path, file, lines: 0, is_torn: false, latest, order };
        for (job, attempt) in String::from_utf8_lossy(&text).lines().filter_map(parse) {
            ledger.remember(job, attempt);
        }
        ledger.rewrite()?;
        Ok(ledger)
    }

    pub fn knows(&self, job: JobId, attempt: u32) -> Known {
        match self.latest.get(&job) {
            Some(latest) if *latest == attempt => Known::Same,
            Some(latest) if *latest > attempt => Known::Stale,
            _ => Known::No,
        }
    }

    /// # Errors
    /// Where the line can't be written; the attempt must not be accepted then.
    pub fn add(&mut self, job: JobId, attempt: u32) -> io::Result<()> {
        if self.lines >= 2 * MAX_REMEMBERED {
            self.rewrite()?;
        }
        let strike = if self.is_torn { STRIKE } else { "" };
        let appended = self.file.write_all(format!("{strike}{job} {attempt}\n").as_bytes());
        self.is_torn = appended.is_err();
        appended?;
        self.lines += 1;
        self.remember(job, attempt);
        Ok(())
    }

    fn remember(&mut self, job: JobId, attempt: u32) {
        match self.latest.insert(job, attempt) {
            Some(earlier) => {
                self.latest.insert(job, attempt.max(earlier));
            }
            None => self.order.push_back(job),
        }
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.latest.remove(&oldest);
        }
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let lines = self.order.iter().filter_map(|job| Some(format!("{job} {}\n", self.latest.get(job)?)));
        let fresh = self.path.with_extension("new");
        fs::write(&fresh, lines.collect::<String>())?;
        fs::rename(&fresh, &self.path)?;
        self.file = File::options().append(true).open(&self.path)?;
        (self.lines, self.is_torn) = (self.order.len(), false);
        Ok(())
    }
}

fn whole_lines(text: &[u8]) -> &[u8] {
    &text[..text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1)]
}

fn parse(line: &str) -> Option<(JobId, u32)> {
    let (job, attempt) = line.split_once(' ')?;
    Some((job.parse().ok()?, attempt.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_known_again_after_a_restart_and_after_a_torn_line() {
        let path = std::env::temp_dir().join(format!("penstock-ledger-{:x}", crate::backoff::random_u64()));
        let (one, two) = (JobId(uuid::Uuid::from_u128(1)), JobId(uuid::Uuid::from_u128(2)));
        let mut ledger = Ledger::open(path.clone(), []).unwrap();
        ledger.add(one, 2).unwrap();
        ledger.add(two, 1).unwrap();
        drop(ledger);
        File::options().append(true).open(&path).unwrap().write_all(b"0191").unwrap();
        let mut ledger = Ledger::open(path.clone(), []).unwrap();
        let known = |ledger: &Ledger| [1, 2, 3].map(|attempt| ledger.knows(one, attempt));
        assert_eq!(known(&ledger), [Known::Stale, Known::Same, Known::No]);
        assert_eq!(ledger.knows(two, 1), Known::Same);
        assert_eq!(ledger.knows(JobId(uuid::Uuid::from_u128(3)), 1), Known::No);
        ledger.add(one, 3).unwrap();
        assert_eq!(
            known(&Ledger::open(path.clone(), []).unwrap()),
            [Known::Stale, Known::Stale, Known::Same]
        );
        let other = path.with_extension("other");
        assert_eq!(known(&Ledger::open(other.clone(), [path.clone()]).unwrap()), known(&ledger));
        fs::remove_file(path).unwrap();
        fs::remove_file(other).unwrap();
    }
}
