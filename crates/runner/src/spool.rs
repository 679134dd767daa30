//! Log lines that wait to be sent, already cut into batches.
//!
//! What waits beyond [`MAX_MEMORY_BYTES`] goes to a file, so that a server which is away costs disk and no
//! memory. The file holds what would be sent: redacted text. What the disk does not take stays in memory; who fills the
//! spool is told, and stops.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use penstock_api::runner::{LogLine, MAX_BATCH};

use crate::log_batch::{Lines, LogBatch, encoded};

/// A batch is closed when it is this long: large enough to be rare, small enough for every server's body limit,
/// also when JSON escapes blew it up.
const BATCH_BYTES: usize = 64 * 1024;
/// What may wait in memory, per job.
const MAX_MEMORY_BYTES: usize = 1 << 20;
/// What one job may log. A log that is longer is read by no one, and a loop that prints would fill the disk.
pub const MAX_LOG_BYTES: u64 = 64 << 20;

pub struct Spool {
    waiting: VecDeque<Waiting>,
    /// The last batch, still open.
    open: LogBatch,
    memory_bytes: usize,
    /// All that was ever pushed.
    total_bytes: u64,
    file_path: PathBuf,
    file: Option<File>,
    file_bytes: u64,
}

enum Waiting {
    Memory(LogBatch),
    File { offset: u64, bytes: usize, lines: Lines },
}

impl Spool {
    /// The file is made only when it is needed.
    pub fn new(file_path: PathBuf) -> Self {
        Self {
            waiting: VecDeque::new(),
            open: LogBatch::default(),
            memory_bytes: 0,
            total_bytes: 0,
            file_path,
            file: None,
            file_bytes: 0,
        }
    }

    pub const fn is_full(&self) -> bool {
        self.total_bytes >= MAX_LOG_BYTES
    }

    /// # Errors
    /// Where lines had to go to the file and could not. They are kept in memory, and so is this one: there is no room
    /// for many more.
    pub fn push(&mut self, line: &LogLine) -> io::Result<()> {
        let encoded = encoded(line);
        let full =
            self.open.lines.count() == MAX_BATCH || self.open.ndjson.len() + encoded.len() > BATCH_BYTES;
        let closed = if full && !self.open.ndjson.is_empty() { self.close() } else { Ok(()) };
        self.memory_bytes += encoded.len();
        self.total_bytes += encoded.len() as u64;
        self.open.push(line, &encoded);
        closed
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.open.ndjson.is_empty()
    }

    /// Whether a whole batch waits, so that waiting for more gains nothing.
    pub fn has_whole_batch(&self) -> bool {
        !self.waiting.is_empty() || self.open.lines.count() == MAX_BATCH
    }

    /// The oldest batch. It is gone from here: who takes it sends it until it is taken. One that can't be read again is
    /// replaced by lines that say so.
    pub fn take(&mut self) -> Option<LogBatch> {
        match self.waiting.pop_front() {
            None if self.open.ndjson.is_empty() => None,
            None => Some(self.take_open()),
            Some(Waiting::Memory(batch)) => {
                self.memory_bytes -= batch.ndjson.len();
                Some(batch)
            }
            Some(Waiting::File { offset, bytes, lines }) => {
                let ndjson = self.read(offset, bytes).unwrap_or_else(|error| {
                    tracing::warn!(%error, "log lines are lost: the spool file can't be read");
                    lines.lost(&format!("the runner can't read them from its disk again ({error})"))
                });
                Some(LogBatch { lines, ndjson })
            }
        }
    }

    /// Throws away what waits.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.open = LogBatch::default();
        self.memory_bytes = 0;
    }

    fn take_open(&mut self) -> LogBatch {
        let open = std::mem::take(&mut self.open);
        self.memory_bytes -= open.ndjson.len();
        open
    }

    /// Begins a new batch.
    fn close(&mut self) -> io::Result<()> {
        let written = if self.memory_bytes <= MAX_MEMORY_BYTES { Ok(None) } else { self.write().map(Some) };
        let waiting = match written {
            Ok(Some(offset)) => {
                let LogBatch { lines, ndjson } = self.take_open();
                Waiting::File { offset, bytes: ndjson.len(), lines }
            }
            Ok(None) | Err(_) => Waiting::Memory(std::mem::take(&mut self.open)),
        };
        self.waiting.push_back(waiting);
        written.map(drop)
    }

    /// Where in the file the open batch is now.
    fn write(&mut self) -> io::Result<u64> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(create(&self.file_path)?),
        };
        let offset = self.file_bytes;
        file.write_all_at(&self.open.ndjson, offset)?;
        self.file_bytes += self.open.ndjson.len() as u64;
        Ok(offset)
    }

    fn read(&mut self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let mut batch = vec![0; bytes];
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        file.read_exact_at(&mut batch, offset)?;
        let is_last = !self.waiting.iter().any(|waiting| matches!(waiting, Waiting::File { .. }));
        if is_last && file.set_len(0).is_ok() {
            self.file_bytes = 0;
        }
        Ok(batch)
    }
}

fn create(path: &std::path::Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use penstock_api::runner::LogStream;
    use penstock_domain::Timestamp;

    use super::*;

    fn line(seq: u64, text: &str) -> LogLine {
        let at = Timestamp::from_millis(0);
        LogLine { seq, step: Some(0), stream: LogStream::Stdout, at, text: text.to_owned() }
    }

    fn sequence(batch: &LogBatch) -> Vec<u64> {
        let text = std::str::from_utf8(&batch.ndjson).unwrap();
        text.lines().map(|line| serde_json::from_str::<LogLine>(line).unwrap().seq).collect()
    }

    #[test]
    fn every_line_comes_out_once_and_in_order_also_through_the_file() {
        let path = std::env::temp_dir().join(format!("penstock-spool-{:x}", crate::backoff::random_u64()));
        let mut spool = Spool::new(path.clone());
        let text = "x".repeat(4_000);
        let mut out = vec![];
        // Twice, so that the file is also used again after it was emptied.
        for round in 0..2 {
            (1..=1_000).for_each(|n| spool.push(&line(round * 1_000 + n, &text)).unwrap());
            assert!(spool.memory_bytes <= MAX_MEMORY_BYTES + 2 * BATCH_BYTES);
            assert!(spool.file_bytes > 0);
            while let Some(batch) = spool.take() {
                assert!(batch.ndjson.len() <= BATCH_BYTES);
                out.extend(sequence(&batch));
            }
            assert_eq!((spool.memory_bytes, spool.file_bytes), (0, 0));
        }
        assert_eq!(out, (1..=2_000).collect::<Vec<u64>>());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_batch_is_whole_when_it_is_long_and_not_before() {
        let mut spool = Spool::new(PathBuf::from("/nonexistent/never-made"));
        let mut pushed = 0;
        while !spool.has_whole_batch() {
            pushed += 1;
            spool.push(&line(pushed, "")).unwrap();
        }
        let first = sequence(&spool.take().unwrap());
        assert!(first.len() <= MAX_BATCH && first.len() > MAX_BATCH / 2, "{}", first.len());
        assert!(!spool.has_whole_batch());
        let second = spool.take().map(|batch| sequence(&batch)).unwrap_or_default();
        assert_eq!([first, second].concat(), (1..=pushed).collect::<Vec<_>>());
        assert!(spool.is_empty() && spool.take().is_none());
    }
    #[test]
    fn what_the_disk_does_not_take_stays_in_memory_and_in_order() {
        let mut spool = Spool::new(PathBuf::from("/nonexistent/never-made"));
        let text = "x".repeat(4_000);
        let mut pushed = 0;
        let refused = std::iter::repeat_with(|| {
            pushed += 1;
            spool.push(&line(pushed, &text))
        })
        .find_map(Result::err);
        assert_eq!(refused.map(|error| error.kind()), Some(io::ErrorKind::NotFound));
        assert!(spool.memory_bytes <= MAX_MEMORY_BYTES + 2 * BATCH_BYTES);
        let mut out = vec![];
        while let Some(batch) = spool.take() {
            out.extend(sequence(&batch));
        }
        assert_eq!((out, spool.memory_bytes), ((1..=pushed).collect(), 0));
    }

    #[test]
    fn a_batch_that_can_not_be_read_again_is_replaced_line_by_line() {
        let path = std::env::temp_dir().join(format!("penstock-spool-{:x}", crate::backoff::random_u64()));
        let mut spool = Spool::new(path.clone());
        let text = "x".repeat(4_000);
        (1..=1_000).for_each(|n| spool.push(&line(n, &text)).unwrap());
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        let (mut out, mut told) = (vec![], vec![]);
        while let Some(batch) = spool.take() {
            out.extend(sequence(&batch));
            let lines = std::str::from_utf8(&batch.ndjson).unwrap().lines();
            let lines: Vec<LogLine> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
            if lines[0].stream == LogStream::System {
                assert!(lines.iter().all(|line| line.stream == LogStream::System && line.step == Some(0)));
                let (first, last) = (lines[0].seq, lines.last().unwrap().seq);
                told.push((lines[0].text.clone(), format!("Lines {first} to {last} were lost: ")));
            }
        }
        assert_eq!(out, (1..=1_000).collect::<Vec<u64>>());
        assert!(!told.is_empty() && told.iter().all(|(words, begin)| words.starts_with(begin)), "{told:?}");
        std::fs::remove_file(path).unwrap();
    }
}
