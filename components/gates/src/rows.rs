//! A report as the rows that are kept of it, none of them large: counts are whole, details are cut.

use penstock_api::quality::{Coverage, Covered, FailedTest, FileCoverage, ReportSummary};
use penstock_domain::{IdSource, TestResultId};
use penstock_gates::{CoverageReport, Ratio, Report, TestReport, TestSuite};
use penstock_store::NewTestResult;
use serde::Serialize;

/// Bytes of JSON of a row's failed tests, of its flaky ones, of its files: together less than a MiB.
const MAX_FAILURES_BYTES: usize = 640 * 1024;
const MAX_NAMES_BYTES: usize = 160 * 1024;
/// Bytes of JSON of a row's covered files, and their number.
const MAX_COVERAGE_BYTES: usize = 1000 * 1024;
const MAX_COVERED_FILES: usize = 1_000;
/// Room for the entry that says how many more there are.
const MAX_MORE_BYTES: usize = 64;

const LEFT_OUT: &str = "(left out: the report says more than is kept)";

/// At least one row: that a report has no tests is worth knowing too. `path` names what has no name of its own.
pub fn of(report: Report, path: &str, ids: &mut impl IdSource) -> Vec<NewTestResult> {
    match report {
        Report::Tests(TestReport { suites }) if suites.is_empty() => vec![empty(path, ids)],
        Report::Tests(TestReport { suites }) => suites.into_iter().map(|one| suite(one, path, ids)).collect(),
        Report::Coverage(report) => vec![coverage(report, path, ids)],
    }
}

/// What rows of one report say together.
pub fn summary(rows: &[NewTestResult]) -> ReportSummary {
    let sum = |of: fn(&NewTestResult) -> u64| rows.iter().map(of).sum();
    ReportSummary {
        total: sum(|row| row.total_tests),
        passed: sum(|row| row.passed_tests),
        failed: sum(|row| row.failed_tests),
        skipped: sum(|row| row.skipped_tests),
        coverage_percentage: rows.iter().find_map(|row| row.coverage_percentage),
    }
}

fn empty(name: &str, ids: &mut impl IdSource) -> NewTestResult {
    NewTestResult {
        id: TestResultId::new(ids),
        test_suite: name.to_owned(),
        total_tests: 0,
        passed_tests: 0,
        failed_tests: 0,
        skipped_tests: 0,
        test_duration_seconds: None,
        coverage_percentage: None,
        coverage_details: None,
        test_files: vec![],
        failed_test_details: vec![],
        flaky_tests: vec![],
    }
}

fn suite(suite: TestSuite, path: &str, ids: &mut impl IdSource) -> NewTestResult {
    let name = if suite.name.is_empty() { path } else { &suite.name };
    NewTestResult {
        total_tests: suite.total,
        passed_tests: suite.passed,
        failed_tests: suite.failed,
        skipped_tests: suite.skipped,
        test_duration_seconds: suite.duration_ms.map(|ms| ms as f64 / 1000.0),
        test_files: names(suite.files),
        failed_test_details: failures(suite.failures),
        flaky_tests: names(suite.flaky),
        ..empty(name, ids)
    }
}

fn coverage(report: CoverageReport, path: &str, ids: &mut impl IdSource) -> NewTestResult {
    let lines = known(report.lines);
    let count = report.files.len() as u64;
    let files = report.files.into_iter().take(MAX_COVERED_FILES).map(|file| FileCoverage {
        path: file.path,
        lines: known(file.lines),
        branches: known(file.branches),
        functions: known(file.functions),
    });
    let files = as_many_as_fit(files, MAX_COVERAGE_BYTES);
    let details = Coverage {
        lines,
        branches: known(report.branches),
        functions: known(report.functions),
        files_omitted: report.files_omitted + count - files.len() as u64,
        files,
    };
    let percent = lines.map(|lines| lines.covered as f64 * 100.0 / lines.total as f64);
    NewTestResult { coverage_percentage: percent, coverage_details: Some(details), ..empty(path, ids) }
}

/// None where there was nothing to cover.
fn known(ratio: Ratio) -> Option<Covered> {
    (ratio.total > 0).then_some(Covered { covered: ratio.covered, total: ratio.total })
}

/// Where they are too much, first the details of the later ones go, then what can't be kept at all.
fn failures(failures: Vec<penstock_gates::FailedTest>) -> Vec<FailedTest> {
    let mut left = MAX_FAILURES_BYTES;
    let kept = failures.into_iter().map(|test| {
        let mut test = FailedTest {
            name: test.name,
            class_name: test.class_name,
            file: test.file,
            line: test.line,
            message: test.message,
            details: test.details,
        };
        // A third is kept back for the names and messages of those that lose their details.
        if json_bytes(&test) + MAX_FAILURES_BYTES / 3 > left && !test.details.is_empty() {
            LEFT_OUT.clone_into(&mut test.details);
        }
        left = left.saturating_sub(json_bytes(&test));
        test
    });
    as_many_as_fit(kept, MAX_FAILURES_BYTES)
}

/// The last entry says how many more there were.
fn names(names: Vec<String>) -> Vec<String> {
    let count = names.len();
    let mut kept = as_many_as_fit(names.into_iter(), MAX_NAMES_BYTES - MAX_MORE_BYTES);
    if kept.len() < count {
        kept.push(format!("(and {} more)", count - kept.len()));
    }
    kept
}

fn as_many_as_fit<T: Serialize>(all: impl Iterator<Item = T>, max_bytes: usize) -> Vec<T> {
    let mut bytes = 2;
    all.take_while(|one| {
        bytes += json_bytes(one) + 1;
        bytes <= max_bytes
    })
    .collect()
}

fn json_bytes(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX / 2, |json| json.len())
}

#[cfg(test)]
mod tests {
    use penstock_domain::Timestamp;
    use penstock_engine::Moment;
    use penstock_gates::ReportFormat;

    use super::*;

    const MIB: usize = 1024 * 1024;

    fn rows(format: ReportFormat, text: &str) -> Vec<NewTestResult> {
        let moment = Moment { now: Timestamp::from_millis(1), seed: [7; 16] };
        of(format.parse(text.as_bytes()).unwrap(), "reports/a", &mut moment.ids())
    }

    #[test]
    fn a_report_without_tests_is_a_row_that_says_so() {
        let [row] = rows(ReportFormat::Junit, "<testsuites/>").try_into().unwrap();
        assert_eq!((row.test_suite.as_str(), row.total_tests), ("reports/a", 0));
    }

    #[test]
    fn suites_keep_their_order_by_id() {
        let suites: String =
            (0..300).map(|n| format!("<testsuite name='s{n}'><testcase name='t'/></testsuite>")).collect();
        let rows = rows(ReportFormat::Junit, &format!("<testsuites>{suites}</testsuites>"));
        assert_eq!(rows.len(), 300);
        assert!(rows.is_sorted_by(|a, b| a.id < b.id));
        assert_eq!(rows[299].test_suite, "s299");
    }

    #[test]
    fn details_that_are_too_much_are_left_out_and_the_counts_stay() {
        let details = "\u{fffd}at x".repeat(2_000);
        let case =
            |n| format!("<testcase name='t{n}'><failure message='m{n}'>{details}</failure></testcase>");
        let cases: String = (0..250).map(case).collect();
        let [row] = rows(ReportFormat::Junit, &format!("<testsuite name='s'>{cases}</testsuite>"))
            .try_into()
            .unwrap();
        assert_eq!((row.failed_tests, row.failed_test_details.len()), (250, 200));
        assert!(json_bytes(&row) < MIB, "{} bytes", json_bytes(&row));
        assert!(row.failed_test_details[0].details.starts_with("\u{fffd}at x"));
        assert_eq!(row.failed_test_details[199].details, LEFT_OUT);
        assert_eq!(row.failed_test_details[199].message, "m199", "what is short stays");
    }

    #[test]
    fn of_many_names_the_last_entry_says_how_many_more_there_are() {
        let long: Vec<String> = (0..1_000).map(|n| format!("{n:04}").repeat(250)).collect();
        let kept = names(long);
        assert!(json_bytes(&kept) <= MAX_NAMES_BYTES);
        assert_eq!(kept.last().unwrap(), &format!("(and {} more)", 1_000 - (kept.len() - 1)));
        assert_eq!(names(vec!["a".into()]), ["a"]);
    }

    #[test]
    fn of_covered_files_the_first_are_kept_and_all_are_counted() {
        let file = |n: usize| format!("SF:{}{n}\nDA:1,1\nDA:2,0\nend_of_record\n", "d/".repeat(400));
        let text: String = (0..3_000).map(file).collect();
        let [row] = rows(ReportFormat::Lcov, &text).try_into().unwrap();
        let details = row.coverage_details.as_ref().unwrap();
        assert_eq!(row.coverage_percentage, Some(50.0));
        assert_eq!(details.lines, Some(Covered { covered: 3_000, total: 6_000 }));
        assert_eq!(details.branches, None, "nothing is known of them");
        assert!(details.files.len() <= MAX_COVERED_FILES);
        assert_eq!(details.files.len() as u64 + details.files_omitted, 3_000);
        assert!(json_bytes(&row) < MIB, "{} bytes", json_bytes(&row));
    }
}
