//! How much of everything there may be in a report. What is beyond is refused, or counted and not kept.

/// Bytes of one report, as the HTTP surface takes them.
pub const MAX_REPORT_BYTES: usize = 64 * 1024 * 1024;

/// Elements within elements. The deepest suites seen in public lie at 8.
pub const MAX_DEPTH: usize = 64;
/// Attributes of one element that are looked at.
pub const MAX_ATTRIBUTES: usize = 64;
/// Suites that are kept apart; the last takes in what is beyond.
pub const MAX_SUITES: usize = 1_000;
/// Test cases of one report: more than the largest test runs known.
pub const MAX_CASES: u64 = 1_000_000;
/// Failed tests of one report that are kept with what they say; more nobody reads.
pub const MAX_FAILURES: usize = 200;
/// Flaky tests of one report that are kept by name.
pub const MAX_FLAKY: usize = 1_000;
/// Files with tests of one report that are kept by name.
pub const MAX_TEST_FILES: usize = 2_000;

/// Source files of one coverage report.
pub const MAX_FILES: usize = 100_000;
/// Source files of one coverage report that are kept; totals count the others too.
pub const MAX_FILES_KEPT: usize = 10_000;

/// Bytes of a name or a path.
pub const MAX_NAME_BYTES: usize = 1024;
/// Bytes of a failed test's message.
pub const MAX_MESSAGE_BYTES: usize = 2 * 1024;
/// Bytes of a failed test's details: a stack trace and what it compares.
pub const MAX_DETAILS_BYTES: usize = 8 * 1024;
