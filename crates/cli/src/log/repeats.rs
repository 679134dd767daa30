//! Lines that say the same again and again: the first few are written, the others counted. A storm of requests may not
//! bury what else there is to read, nor fill a disk.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one kind that are written within [`WINDOW`].
const WRITTEN: u64 = 5;
const WINDOW: Duration = Duration::from_secs(10);
/// Kinds that are told apart at a time; lines of any others are all written.
const MAX_KINDS: usize = 256;
/// Of a line, where its kind is spoken of.
const SAMPLE_CHARS: usize = 160;

/// Hands lines on to `out`, each written to it whole.
pub struct Repeats<W>(Mutex<Counted<W>>);

struct Counted<W> {
    out: W,
    kinds: HashMap<u64, Kind>,
}

struct Kind {
    since: Instant,
    lines: u64,
    /// The last one that was written.
    sample: String,
}

impl<W: Write> Repeats<W> {
    pub fn new(out: W) -> Self {
        Self(Mutex::new(Counted { out, kinds: HashMap::new() }))
    }

    fn counted(&self) -> MutexGuard<'_, Counted<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write> Write for &Repeats<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.counted().take(&String::from_utf8_lossy(line), Instant::now())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.counted().out.flush()
    }
}

impl<W: Write> Counted<W> {
    fn take(&mut self, line: &str, now: Instant) -> io::Result<()> {
        self.tell_of_the_past(now)?;
        let key = kind(line);
        if self.kinds.len() >= MAX_KINDS && !self.kinds.contains_key(&key) {
            return self.out.write_all(line.as_bytes());
        }
        let kind = self.kinds.entry(key).or_insert(Kind { since: now, lines: 0, sample: String::new() });
        kind.lines += 1;
        if kind.lines > WRITTEN {
            return Ok(());
        }
        self.out.write_all(line.as_bytes())?;
        if kind.lines == WRITTEN {
            kind.sample = line.trim_end().chars().take(SAMPLE_CHARS).collect();
            writeln!(self.out, "  … lines like the last one are only counted for {} s", WINDOW.as_secs())?;
        }
        Ok(())
    }

    /// How many lines were left out, of the kinds whose time is over.
    fn tell_of_the_past(&mut self, now: Instant) -> io::Result<()> {
        let over = |kind: &mut Kind| now.duration_since(kind.since) >= WINDOW;
        for (_, past) in self.kinds.extract_if(|_, kind| over(kind)) {
            if let left_out @ 1.. = past.lines.saturating_sub(WRITTEN) {
                writeln!(self.out, "  … {left_out} more like this: {}", past.sample)?;
            }
        }
        Ok(())
    }
}

/// Two lines are of one kind where they differ only in words with digits in them: times, numbers, ids.
fn kind(line: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !word.contains(|c: char| c.is_ascii_digit()))
        .for_each(|word| word.hash(&mut hasher));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// `lines`: each with the second at which it comes.
    fn check(lines: impl IntoIterator<Item = (u64, String)>, expected: Expect) {
        let (repeats, start) = (Repeats::new(Vec::new()), Instant::now());
        for (second, line) in lines {
            repeats.counted().take(&format!("{line}\n"), start + Duration::from_secs(second)).unwrap();
        }
        expected.assert_eq(str::from_utf8(&repeats.counted().out).unwrap());
    }

    #[test]
    fn what_repeats_is_counted_and_what_differs_is_written() {
        let storm = (0..40).map(|n| (0, format!("0:0{n} WARN job 7f{n} is left: the database is busy")));
        let other = (1, "0:01 ERROR the disk is full".to_owned());
        let later = [(12, "0:12 WARN job 80 is left: the database is busy".to_owned())];
        check(
            storm.chain([other]).chain(later),
            expect![[r#"
                0:00 WARN job 7f0 is left: the database is busy
                0:01 WARN job 7f1 is left: the database is busy
                0:02 WARN job 7f2 is left: the database is busy
                0:03 WARN job 7f3 is left: the database is busy
                0:04 WARN job 7f4 is left: the database is busy
                  … lines like the last one are only counted for 10 s
                0:01 ERROR the disk is full
                  … 35 more like this: 0:04 WARN job 7f4 is left: the database is busy
                0:12 WARN job 80 is left: the database is busy
            "#]],
        );
    }

    #[test]
    fn a_few_are_written_with_nothing_said_of_them() {
        check(
            (0..4).map(|n| (9 * n, format!("once in a while {n}"))),
            expect![[r#"
                once in a while 0
                once in a while 1
                once in a while 2
                once in a while 3
            "#]],
        );
    }

    #[test]
    fn more_kinds_than_are_told_apart_are_written() {
        let repeats = Repeats::new(Vec::new());
        for n in 1..=MAX_KINDS {
            (&repeats).write_all("x".repeat(n).as_bytes()).unwrap();
        }
        let before = repeats.counted().out.len();
        for _ in 0..20 {
            (&repeats).write_all(b"new\n").unwrap();
        }
        assert_eq!(repeats.counted().out.len() - before, 20 * 4);
    }
}
