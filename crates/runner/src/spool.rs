//! Log lines that wait to be sent, as the NDJSON that they are sent as, already cut into batches.
//!
//! What waits beyond [`MAX_MEMORY_BYTES`] goes to a file, so that a server which is away costs disk and no
//! memory. The file holds what would be sent: redacted text.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use penstock_api::runner::{LogLine, MAX_BATCH};

/// A batch is closed when it is this long: large enough to be rare, small enough for every server's body limit,
/// also when JSON escapes blew it up.
const BATCH_BYTES: usize = 64 * 1024;
/// What may wait in memory, per job.
const MAX_MEMORY_BYTES: usize = 1 << 20;
/// What one job may log. A log that is longer is read by no one, and a loop that prints would fill the disk.
pub const MAX_LOG_BYTES: u64 = 64 << 20;

pub struct Spool {
    waiting: VecDeque<Batch>,
    /// The last batch, still open.
    open: Vec<u8>,
    open_lines: usize,
    memory_bytes: usize,
    /// All that was ever pushed.
    total_bytes: u64,
    file_path: PathBuf,
    file: Option<File>,
    file_bytes: u64,
}

enum Batch {
    Memory(Vec<u8>),
    File { offset: u64, bytes: usize },
}

impl Spool {
    /// The file is made only when it is needed.
    pub const fn new(file_path: PathBuf) -> Self {
        Self {
            waiting: VecDeque::new(),
            open: vec![],
            open_lines: 0,
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
    /// Where the line had to go to the file and could not; then it is not part of the spool.
    pub fn push(&mut self, line: &LogLine) -> io::Result<()> {
        let text = serde_json::to_vec(line).map_err(io::Error::other)?;
        let full = self.open_lines == MAX_BATCH || self.open.len() + text.len() >= BATCH_BYTES;
        if full && !self.open.is_empty() {
            self.close()?;
        }
        self.memory_bytes += text.len() + 1;
        self.total_bytes += text.len() as u64 + 1;
        self.open.extend_from_slice(&text);
        self.open.push(b'\n');
        self.open_lines += 1;
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.open.is_empty()
    }

    /// Whether a whole batch waits, so that waiting for more gains nothing.
    pub fn has_whole_batch(&self) -> bool {
        !self.waiting.is_empty() || self.open_lines == MAX_BATCH
    }

    /// The oldest batch. It is gone from here: who takes it sends it until it is taken.
    ///
    /// # Errors
    /// Where the file can't be read; the batch is lost then.
    pub fn take(&mut self) -> io::Result<Option<Vec<u8>>> {
        let taken = match self.waiting.pop_front() {
            None if self.open.is_empty() => return Ok(None),
            None => {
                self.open_lines = 0;
                let open = std::mem::take(&mut self.open);
                self.memory_bytes -= open.len();
                open
            }
            Some(Batch::Memory(batch)) => {
                self.memory_bytes -= batch.len();
                batch
            }
            Some(Batch::File { offset, bytes }) => self.read(offset, bytes)?,
        };
        Ok(Some(taken))
    }

    fn close(&mut self) -> io::Result<()> {
        if self.memory_bytes <= MAX_MEMORY_BYTES {
            self.waiting.push_back(Batch::Memory(std::mem::take(&mut self.open)));
        } else {
            let file = match &self.file {
                Some(file) => file,
                None => self.file.insert(create(&self.file_path)?),
            };
            file.write_all_at(&self.open, self.file_bytes)?;
            self.waiting.push_back(Batch::File { offset: self.file_bytes, bytes: self.open.len() });
            self.file_bytes += self.open.len() as u64;
            self.memory_bytes -= self.open.len();
            self.open.clear();
        }
        self.open_lines = 0;
        Ok(())
    }

    fn read(&mut self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let mut batch = vec![0; bytes];
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        file.read_exact_at(&mut batch, offset)?;
        if !self.waiting.iter().any(|batch| matches!(batch, Batch::File { .. })) {
            file.set_len(0)?;
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

    fn sequence(batch: &[u8]) -> Vec<u64> {
        let text = std::str::from_utf8(batch).unwrap();
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
            while let Some(batch) = spool.take().unwrap() {
                assert!(batch.len() <= BATCH_BYTES);
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
        let first = sequence(&spool.take().unwrap().unwrap());
        assert!(first.len() <= MAX_BATCH && first.len() > MAX_BATCH / 2, "{}", first.len());
        assert!(!spool.has_whole_batch());
        let second = spool.take().unwrap().map(|batch| sequence(&batch)).unwrap_or_default();
        assert_eq!([first, second].concat(), (1..=pushed).collect::<Vec<_>>());
        assert!(spool.is_empty() && spool.take().unwrap().is_none());
    }
}
