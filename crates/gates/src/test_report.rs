//! What a report of tests says, whatever its format, and how cases add up to it.
//!
//! Not here: how any format spells a case.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::facts::{Facts, TestCounts};
use crate::limits::{MAX_CASES, MAX_FAILURES, MAX_FLAKY, MAX_SUITES, MAX_TEST_FILES};

/// What the last suite is called once it has taken in those beyond [`MAX_SUITES`].
const FURTHER_SUITES: &str = "(further suites)";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReport {
    /// Those with tests of their own, at most [`MAX_SUITES`].
    pub suites: Vec<TestSuite>,
}

/// `passed + failed + skipped == total`, and `failures.len() + failures_omitted == failed`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestSuite {
    pub name: String,
    pub total: u64,
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
    pub duration_ms: Option<u64>,
    /// The first [`MAX_FAILURES`] of the report.
    pub failures: Vec<FailedTest>,
    pub failures_omitted: u64,
    /// Tests that failed and then passed, by `class.name`; they count as passed.
    pub flaky: Vec<String>,
    /// Files with tests, sorted.
    pub files: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTest {
    pub name: String,
    pub class_name: Option<String>,
    pub file: Option<String>,
    pub line: Option<u32>,
    /// One or a few lines; empty where the report has none.
    pub message: String,
    /// Such as a stack trace; empty where the report has none.
    pub details: String,
}

impl TestReport {
    /// What a gate may ask of it. A report without any test is known to have none.
    pub fn facts(&self) -> Facts {
        let mut tests = TestCounts::default();
        for suite in &self.suites {
            let TestSuite { total, passed, failed, skipped, .. } = *suite;
            tests.add(TestCounts { total, passed, failed, skipped });
        }
        Facts { tests: Some(tests), ..Facts::default() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// Passed after it failed, and the report says so.
    Flaky,
    Failed,
    Skipped,
}

/// One case. Where it didn't fail, `test` has no message.
#[derive(Debug)]
pub(crate) struct Case {
    pub test: FailedTest,
    /// Where the test is written; `test` says where it failed.
    pub file: Option<String>,
    pub outcome: Outcome,
    pub duration_ms: Option<u64>,
}

/// What a suite without any case says of itself.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Declared {
    pub total: u64,
    pub failed: u64,
    pub skipped: u64,
    pub duration_ms: Option<u64>,
}

/// A suite that is being read.
#[derive(Debug, Default)]
pub(crate) struct OpenSuite {
    suite: TestSuite,
    /// Whether suites lie within it: then what it says of itself is theirs too.
    pub has_suites: bool,
    /// How often each test failed since it last passed.
    failed: BTreeMap<u64, u64>,
    /// Of each kept failure, in their order.
    kept: Vec<Option<u64>>,
    flaky: BTreeSet<String>,
    files: BTreeSet<String>,
}

/// A report that is being read, and how much of it is kept already.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    report: TestReport,
    cases: u64,
    failures: usize,
    flaky: usize,
    files: usize,
}

/// There are more than [`MAX_CASES`].
#[derive(Debug)]
pub(crate) struct TooManyCases;

impl OpenSuite {
    pub(crate) fn named(name: String) -> Self {
        Self { suite: TestSuite { name, ..TestSuite::default() }, ..Self::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.suite.name
    }
}

impl Collector {
    pub(crate) fn add_file(&mut self, to: &mut OpenSuite, file: &str) {
        if self.files < MAX_TEST_FILES && !to.files.contains(file) {
            to.files.insert(file.to_owned());
            self.files += 1;
        }
    }

    /// Counts `case`. The same test once more, passing where it failed before, is one flaky test and not several:
    /// tools that try again write every try.
    pub(crate) fn add(&mut self, to: &mut OpenSuite, case: Case) -> Result<(), TooManyCases> {
        self.cases += 1;
        if self.cases > MAX_CASES {
            return Err(TooManyCases);
        }
        if let Some(file) = &case.file {
            self.add_file(to, file);
        }
        if let Some(ms) = case.duration_ms {
            to.suite.duration_ms = Some(to.suite.duration_ms.unwrap_or(0).saturating_add(ms));
        }
        to.suite.total += 1;
        match case.outcome {
            Outcome::Passed | Outcome::Flaky => self.pass(to, &case),
            Outcome::Failed => self.fail(to, case),
            Outcome::Skipped => to.suite.skipped += 1,
        }
        Ok(())
    }

    fn pass(&mut self, to: &mut OpenSuite, case: &Case) {
        to.suite.passed += 1;
        let again = if to.failed.is_empty() { None } else { identity(case) };
        let tries = again.and_then(|again| Some((again, to.failed.remove(&again)?)));
        if let Some((again, tries)) = tries {
            self.take_back(to, again, tries);
        }
        if (tries.is_some() || case.outcome == Outcome::Flaky) && self.flaky < MAX_FLAKY {
            self.flaky += usize::from(to.flaky.insert(full_name(&case.test)));
        }
    }

    fn fail(&mut self, to: &mut OpenSuite, case: Case) {
        let identity = identity(&case);
        to.suite.failed += 1;
        if let Some(identity) = identity {
            *to.failed.entry(identity).or_default() += 1;
        }
        if self.failures < MAX_FAILURES {
            self.failures += 1;
            to.kept.push(identity);
            to.suite.failures.push(case.test);
        } else {
            to.suite.failures_omitted += 1;
        }
    }

    /// Forgets the failed tries of a test that has passed now.
    fn take_back(&mut self, from: &mut OpenSuite, identity: u64, tries: u64) {
        let before = from.kept.len();
        let mut kept = from.kept.iter();
        from.suite.failures.retain(|_| kept.next() != Some(&Some(identity)));
        from.kept.retain(|one| *one != Some(identity));
        let freed = before - from.kept.len();
        self.failures -= freed;
        from.suite.failures_omitted -= tries - freed as u64;
        from.suite.total -= tries;
        from.suite.failed -= tries;
    }

    /// Ends a suite. Only one without cases and suites is taken by its word; one without any test is left out.
    pub(crate) fn close(&mut self, open: OpenSuite, declared: Declared) {
        let OpenSuite { mut suite, has_suites, flaky, files, .. } = open;
        let is_empty = suite.total == 0 && !has_suites;
        if is_empty {
            suite.total = declared.total.min(MAX_CASES);
            suite.failed = declared.failed.min(suite.total);
            suite.failures_omitted = suite.failed;
            suite.skipped = declared.skipped.min(suite.total - suite.failed);
            suite.passed = suite.total - suite.failed - suite.skipped;
        }
        if !has_suites {
            suite.duration_ms = declared.duration_ms.or(suite.duration_ms);
        }
        suite.flaky = flaky.into_iter().collect();
        suite.files = files.into_iter().collect();
        if suite.total > 0 {
            self.keep(suite);
        }
    }

    fn keep(&mut self, suite: TestSuite) {
        let is_full = self.report.suites.len() >= MAX_SUITES;
        match self.report.suites.last_mut() {
            Some(last) if is_full => last.take_in(suite),
            _ => self.report.suites.push(suite),
        }
    }

    pub(crate) fn finish(self) -> TestReport {
        self.report
    }
}

impl TestSuite {
    fn take_in(&mut self, other: Self) {
        FURTHER_SUITES.clone_into(&mut self.name);
        self.total += other.total;
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        if let Some(ms) = other.duration_ms {
            self.duration_ms = Some(self.duration_ms.unwrap_or(0).saturating_add(ms));
        }
        self.failures.extend(other.failures);
        self.failures_omitted += other.failures_omitted;
        self.flaky.extend(other.flaky);
        self.files.extend(other.files);
    }
}

/// Equal for two tries of one test, and for nothing else in practice; None where the test has no name to know it by.
fn identity(case: &Case) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    (&case.test.name, &case.test.class_name, &case.file).hash(&mut hasher);
    (!case.test.name.is_empty()).then(|| hasher.finish())
}

fn full_name(test: &FailedTest) -> String {
    match &test.class_name {
        Some(class) => format!("{class}.{}", test.name),
        None => test.name.clone(),
    }
}
