//! Reads what the test programs say: one line for each that passed, what failed in each that did not.

use std::fmt;

/// How a test that lacks its input begins what it prints.
const SKIPPED: &str = "skip";

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u32,
    pub failed: u32,
    pub ignored: u32,
    /// Tests that passed without doing anything, because their input is not on this machine.
    pub skipped: u32,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("no test ran");
        }
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        for (count, word) in
            [(self.ignored, "ignored"), (self.skipped, "of them skipped for want of their input")]
        {
            if count > 0 {
                write!(f, ", {count} {word}")?;
            }
        }
        Ok(())
    }
}

/// What is said between the start of one test program and that of the next.
#[derive(Default)]
pub struct Reader {
    pub tally: Tally,
    program: String,
    said: Vec<String>,
    /// Whether the program came to its own end.
    ended: bool,
}

impl Reader {
    /// What runs at the moment.
    pub fn program(&self) -> &str {
        if self.program.is_empty() { "starting" } else { &self.program }
    }

    /// Takes a line; gives what is to be shown, often nothing.
    pub fn take(&mut self, line: &str) -> Vec<String> {
        if let Some(program) = program_started(line) {
            let said_after = self.close();
            let before_the_first = self.program.is_empty();
            self.program = program;
            return if before_the_first { vec![] } else { said_after };
        }
        self.said.push(line.to_owned());
        match result(line) {
            Some(result) => self.count(result),
            None => vec![],
        }
    }

    /// What is left to show: the words of a program that ended without a result.
    pub fn close(&mut self) -> Vec<String> {
        let said = std::mem::take(&mut self.said);
        if std::mem::take(&mut self.ended) { vec![] } else { said }
    }

    fn count(&mut self, (passed, failed, ignored): (u32, u32, u32)) -> Vec<String> {
        self.tally.passed += passed;
        self.tally.failed += failed;
        self.tally.ignored += ignored;
        self.ended = true;
        let said = std::mem::take(&mut self.said);
        let skips: Vec<_> =
            said.iter().filter(|line| line.trim_start().starts_with(SKIPPED)).cloned().collect();
        self.tally.skipped += u32::try_from(skips.len()).unwrap_or(u32::MAX);
        if failed > 0 {
            return std::iter::once(format!("── {} FAILED", self.program))
                .chain(without_successes(said))
                .collect();
        }
        if passed + ignored == 0 {
            return vec![];
        }
        let summary = format!("{:<48} {passed:>4} passed", self.program);
        std::iter::once(summary).chain(skips.iter().map(|line| format!("    {}", line.trim()))).collect()
    }
}

/// What a program said, without what it said of the tests that passed.
fn without_successes(said: Vec<String>) -> impl Iterator<Item = String> {
    let mut among_successes = false;
    said.into_iter().filter(move |line| {
        among_successes = match line.as_str() {
            "successes:" => true,
            "failures:" => false,
            _ => among_successes,
        };
        !(among_successes || line.starts_with("test ") && line.ends_with(" ... ok"))
    })
}

/// `penstock_api` out of cargo's `Running unittests src/lib.rs (target/debug/deps/penstock_api-0a1b)`.
fn program_started(line: &str) -> Option<String> {
    if let Some(package) = line.trim_start().strip_prefix("Doc-tests ") {
        return Some(format!("{package} (documentation)"));
    }
    let (source, file) = line.trim_start().strip_prefix("Running ")?.strip_suffix(')')?.rsplit_once(" (")?;
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let name = file.rsplit_once('-').map_or(file, |(name, _hash)| name);
    Some(match source.strip_prefix("unittests ") {
        Some(_) => name.to_owned(),
        None => format!("{name} ({source})"),
    })
}

/// Passed, failed and ignored out of libtest's last line.
fn result(line: &str) -> Option<(u32, u32, u32)> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let count =
        |word: &str| counts.split(';').find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok());
    Some((count("passed")?, count("failed")?, count("ignored")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(output: &str) -> (String, Tally) {
        let mut reader = Reader::default();
        let mut shown: Vec<_> = output.lines().flat_map(|line| reader.take(line)).collect();
        shown.extend(reader.close());
        (shown.join("\n"), reader.tally)
    }

    #[test]
    fn a_program_that_passed_takes_one_line_and_its_skips_are_told() {
        let (shown, tally) = read(
            "     Running unittests src/lib.rs (target/debug/deps/penstock_api-0a1b)\nrunning 2 tests\n\
             test a ... ok\ntest b ... ok\nskipped: no corpora\n\
             test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        assert_eq!(shown, format!("{:<48}    2 passed\n    skipped: no corpora", "penstock_api"));
        assert_eq!(tally, Tally { passed: 2, failed: 0, ignored: 1, skipped: 1 });
    }

    #[test]
    fn a_program_that_failed_is_shown_with_all_that_failed_in_it() {
        let (shown, tally) = read(
            "     Running tests/spin.rs (target/debug/deps/spin-0a1b)\ntest b ... ok\ntest a ... FAILED\n\
             successes:\n---- b stdout ----\nchatter\nsuccesses:\n    b\nfailures:\nleft: 1\n\
             test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        assert!(
            shown.starts_with("── spin (tests/spin.rs) FAILED\ntest a ... FAILED\nfailures:\nleft: 1\n"),
            "{shown}"
        );
        assert!(!shown.contains("chatter"), "{shown}");
        assert_eq!(tally.failed, 1);
    }

    #[test]
    fn a_program_that_died_is_shown_although_it_has_no_result() {
        let (shown, tally) = read(
            "     Running tests/kill.rs (target/debug/deps/kill-0a1b)\ntest a ... \n\
             error: test failed, to rerun pass `--test kill`\n   Doc-tests penstock_api\n\
             test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        assert_eq!(shown, "test a ... \nerror: test failed, to rerun pass `--test kill`");
        assert_eq!(tally, Tally::default());
    }
}
