//! Log lines that are sent in one call, as the NDJSON that they are sent as, and what takes their place when they are
//! lost.

use penstock_api::runner::{LogLine, LogStream};

use crate::clock;

#[derive(Debug, Default, PartialEq)]
pub struct LogBatch {
    pub lines: Lines,
    pub ndjson: Vec<u8>,
}

/// Which lines of the log a batch holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    /// The number of the first one.
    first: u64,
    count: usize,
    /// Of the first one.
    step: Option<u32>,
}

impl LogBatch {
    /// The next line of the log, and the same as [`encoded`].
    pub fn push(&mut self, line: &LogLine, encoded: &[u8]) {
        if self.lines.count == 0 {
            (self.lines.first, self.lines.step) = (line.seq, line.step);
        }
        self.lines.count += 1;
        self.ndjson.extend_from_slice(encoded);
    }
}

impl Lines {
    pub const fn count(self) -> usize {
        self.count
    }

    /// As many lines with the same numbers, for numbers have no gaps: the first says which ones are lost, and why.
    pub fn lost(self, why: &str) -> Vec<u8> {
        let Self { first, count, step } = self;
        let last = first + (count as u64).saturating_sub(1);
        let words = match count {
            1 => format!("Line {first} was lost: {why}."),
            _ => format!("Lines {first} to {last} were lost: {why}."),
        };
        let texts = std::iter::once(words).chain(std::iter::repeat_with(|| "(lost)".to_owned()));
        let (stream, at) = (LogStream::System, clock::now());
        let lines = (first..=last).zip(texts).take(count);
        lines.flat_map(|(seq, text)| encoded(&LogLine { seq, step, stream, at, text })).collect()
    }
}

/// With the end of the line.
pub fn encoded(line: &LogLine) -> Vec<u8> {
    let mut text = serde_json::to_vec(line).expect("numbers, words and a text can always be written as JSON");
    text.push(b'\n');
    text
}
