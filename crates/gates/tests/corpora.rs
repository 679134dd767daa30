//! Reports of many tools, and reports that nobody would write.

use std::path::Path;

use penstock_gates::limits::{MAX_DETAILS_BYTES, MAX_MESSAGE_BYTES, MAX_NAME_BYTES};
use penstock_gates::{CoverageReport, Ratio, Report, ReportError, ReportFormat, TestReport};

/// Of test reports: cases, passed, failed and skipped, counted by another reader of XML or by hand.
const TESTS: [(&str, [u64; 4]); 32] = [
    ("coverage/parser/junit.xml", [257, 257, 0, 0]),
    ("junit/JENKINS-64117.xml", [3, 2, 1, 0]),
    ("junit/TEST-org.jenkinsci.plugins.jvctb.perform.JvctbPerformerTest.xml", [1, 0, 1, 0]),
    ("junit/TESTS-TestSuites.xml", [2, 0, 2, 0]),
    ("junit/archunit2.xml", [3, 1, 2, 0]),
    ("junit/cfn-lint.xml", [141, 121, 1, 19]),
    ("junit/empty.xml", [1, 0, 1, 0]),
    ("junit/jest-junit.xml", [11, 10, 1, 0]),
    ("junit/junit-no-message-or-type.xml", [3, 2, 1, 0]),
    ("junit/plainerror.xml", [1, 0, 1, 0]),
    ("empty/java-junit.xml", [0, 0, 0, 0]),
    ("empty/phpunit-empty.xml", [0, 0, 0, 0]),
    ("java/pulsar-test-report.xml", [808, 793, 1, 14]),
    ("java/junit4-complete.xml", [8, 5, 2, 1]),
    ("phpunit/phpcheckstyle-phpunit.xml", [30, 28, 2, 0]),
    ("phpunit/phpunit.xml", [12, 10, 2, 0]),
    ("fixtures/jest-junit.xml", [6, 1, 4, 1]),
    ("nette-tester/tester-v1.7-report.xml", [65, 61, 1, 3]),
    ("fixtures/python-xunit-pytest.xml", [10, 6, 2, 2]),
    ("fixtures/python-xunit-unittest.xml", [8, 4, 2, 2]),
    ("test-errors/jest/jest-test-results.xml", [2, 0, 2, 0]),
    ("issues/testDisabled.xml", [22, 6, 6, 10]),
    ("issues/testFailedDisabled.xml", [1, 0, 0, 1]),
    ("flaky_retries/flaky_all_failures.xml", [3, 0, 3, 0]),
    ("flaky_retries/flaky_success_first.xml", [3, 1, 2, 0]),
    ("flaky_retries/flaky_with_classname_file.xml", [3, 3, 0, 0]),
    ("mocha/mocha.xml", [1, 1, 0, 0]),
    ("multiple_failures/test_multiple_failures.xml", [4, 1, 2, 1]),
    ("nested/junit.xml", [5, 2, 3, 0]),
    ("nextest/basic.xml", [3, 2, 1, 0]),
    ("container-structure/test.xml", [3, 3, 0, 0]),
    ("surefire-reports/TEST-action.surefire.report.email.EmailAddressTest.xml", [9, 2, 7, 0]),
];

/// Of test reports: those with flaky tests, and which.
const FLAKY: [(&str, &str); 4] = [
    ("junit_flaky_failure/marathon_junit_report.xml", "com.mikepenz.Class.testFlakyFailure"),
    ("junit_flaky_failure/mixed_flaky_and_passed.xml", "com.example.FlakyTest.testFlaky"),
    (
        "maven_surefire_flaky/surefire-report.xml",
        "io.sodadata.dependson.soda.integrations.msteams.MicrosoftTeamsCrudTest.createWebhook",
    ),
    ("flaky_retries/flaky_with_classname_file.xml", "test_foo.TestFoo.test_foo"),
];

/// Of tracefiles: lines, branches and functions, covered of all, counted by hand.
const COVERAGE: [(&str, [(u64, u64); 3]); 3] = [
    ("lcov/large-hit-counts.lcov", [(1, 2), (1, 2), (0, 0)]),
    ("lcov/report.lcov", [(3, 6), (1, 2), (0, 0)]),
    ("lcov/single.lcov", [(1, 1), (0, 0), (0, 0)]),
];

/// From the folder beside this project, or beside one of those that it lies in.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(3);
    let folder = above.map(|folder| folder.join("shared/corpora/reports")).find(|folder| folder.is_dir());
    let mut files = vec![];
    if let Some(folder) = folder {
        collect(&folder, &mut files);
        assert!(files.len() > 150, "only {} files", files.len());
    } else {
        eprintln!("skipped: there are no reports in ../shared/corpora/reports");
    }
    files.sort();
    files
}

fn collect(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).expect("the file can be read")));
        }
    }
}

/// The one file that ends like this.
fn of<'a>(corpus: &'a [(String, Vec<u8>)], end: &str) -> &'a [u8] {
    let found: Vec<_> = corpus.iter().filter(|(name, _)| name.ends_with(end)).collect();
    assert_eq!(found.len(), 1, "{end}");
    &found[0].1
}

fn tests_hold(report: &TestReport, name: &str) {
    for suite in &report.suites {
        assert_eq!(suite.passed + suite.failed + suite.skipped, suite.total, "{name}: {suite:?}");
        assert_eq!(suite.failures.len() as u64 + suite.failures_omitted, suite.failed, "{name}: {suite:?}");
        assert!(suite.total > 0 && suite.flaky.len() as u64 <= suite.passed, "{name}: {suite:?}");
        for test in &suite.failures {
            assert!(test.name.len() <= MAX_NAME_BYTES && test.message.len() <= MAX_MESSAGE_BYTES, "{name}");
            assert!(test.details.len() <= MAX_DETAILS_BYTES, "{name}");
        }
    }
}

fn coverage_holds(report: &CoverageReport, name: &str) {
    for ratio in [report.lines, report.branches, report.functions] {
        assert!(ratio.covered <= ratio.total, "{name}: {ratio:?}");
    }
    let lines: u64 = report.files.iter().map(|file| file.lines.total).sum();
    assert_eq!(lines, report.lines.total, "{name}");
}

fn error_holds(error: &ReportError, name: &str) {
    let text = error.to_string();
    assert!(text.len() < 500 && text.contains("; ") && !text.contains(char::is_control), "{name}: {text}");
}

/// Everything that holds for any bytes at all.
fn holds(format: ReportFormat, bytes: &[u8], name: &str) -> Result<Report, ReportError> {
    let parsed = format.parse(bytes);
    match &parsed {
        Ok(Report::Tests(report)) => tests_hold(report, name),
        Ok(Report::Coverage(report)) => coverage_holds(report, name),
        Err(error) => error_holds(error, name),
    }
    parsed
}

#[test]
fn reports_of_many_tools_come_to_the_counts_that_are_known() {
    let corpus = corpus();
    if corpus.is_empty() {
        return;
    }
    for (end, [total, passed, failed, skipped]) in TESTS {
        let report = holds(ReportFormat::Junit, of(&corpus, end), end).unwrap();
        let tests = report.facts().tests.unwrap();
        let counts = [tests.total, tests.passed, tests.failed, tests.skipped];
        assert_eq!(counts, [total, passed, failed, skipped], "{end}");
    }
    for (end, flaky) in FLAKY {
        let Ok(Report::Tests(report)) = holds(ReportFormat::Junit, of(&corpus, end), end) else {
            panic!("{end}")
        };
        assert_eq!(
            (report.suites[0].flaky.as_slice(), report.suites[0].failed),
            ([flaky.to_owned()].as_slice(), 0)
        );
    }
    for (end, expected) in COVERAGE {
        let Ok(Report::Coverage(report)) = holds(ReportFormat::Lcov, of(&corpus, end), end) else {
            panic!("{end}")
        };
        let counted = [report.lines, report.branches, report.functions];
        assert_eq!(counted, expected.map(|(covered, total)| Ratio { covered, total }), "{end}");
    }
}

#[test]
fn every_report_is_read_or_refused_by_what_it_is() {
    let (mut junit, mut lcov) = (0, 0);
    let corpus = corpus();
    for (name, bytes) in &corpus {
        let text = String::from_utf8_lossy(bytes);
        let is_broken = name.ends_with("TEST-test.CorruptTest.xml");
        let is_junit = ["<testsuites", "<testsuite", "<testcase"].iter().any(|root| text.contains(root));
        let parsed = holds(ReportFormat::Junit, bytes, name);
        assert_eq!(parsed.is_ok(), is_junit && !is_broken, "{name}: {parsed:?}");
        if is_broken {
            assert!(matches!(parsed, Err(ReportError::CutOff { line: 18, .. })), "{name}: {parsed:?}");
        }
        junit += usize::from(parsed.is_ok());
        let parsed = holds(ReportFormat::Lcov, bytes, name);
        assert_eq!(parsed.is_ok(), name.ends_with(".lcov"), "{name}: {parsed:?}");
        lcov += usize::from(parsed.is_ok());
    }
    assert!(corpus.is_empty() || (junit > 60 && lcov == 3), "{junit} and {lcov} were read");
}

#[test]
fn every_case_that_is_written_is_counted() {
    for (name, bytes) in corpus() {
        let Ok(Report::Tests(report)) = ReportFormat::Junit.parse(&bytes) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let outside_of_comments =
            text.split("<!--").map(|part| part.split_once("-->").map_or(part, |(_, rest)| rest));
        let written: u64 = outside_of_comments.map(|part| part.matches("<testcase").count() as u64).sum();
        let has_tries = report.suites.iter().any(|suite| !suite.flaky.is_empty());
        if written > 0 && !has_tries {
            assert_eq!(report.facts().tests.unwrap().total, written, "{name}");
        }
    }
}

/// Small, even and the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// So that there is something to break where there are no others.
const OWN: [&str; 3] = [
    "<?xml version='1.0'?><testsuites><testsuite name='a&amp;b' time='1,2' tests='3'><properties/>\
     <testcase name='x' classname='C' file='f'><failure message='m&#10;'>a<![CDATA[<b>]]>&lt;</failure></testcase>\
     <testcase name='x' classname='C' file='f'/><testcase name='y'><skipped/></testcase></testsuite></testsuites>",
    "TN:t\nSF:a.c\nFN:1,f\nFNDA:1,f\nFNL:0,2\nFNA:0,1,g\nDA:1,1,x\nBRDA:1,0,0,-\nLF:1\nLH:1\nend_of_record\n",
    "\u{feff}<testsuite tests='9' failures='3' skipped='1'><!-- c --></testsuite>",
];

/// Bytes that mean something to XML, to tracefiles or to a decoder.
const TELLING: &[u8] = b"<>/&;\"'=![]-:,.?# \n\t0x9eE\0\x7f\xc3\xa4\xff\xfe\xd8";

fn mutate(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len().max(1));
        match dice.below(6) {
            0 if !bytes.is_empty() => bytes[at] = TELLING[dice.below(TELLING.len())],
            1 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
            2 => bytes.insert(at.min(bytes.len()), TELLING[dice.below(TELLING.len())]),
            3 if !bytes.is_empty() => {
                bytes.remove(at);
            }
            4 => bytes.truncate(at),
            _ => {
                let end = (at + dice.below(60)).min(bytes.len());
                let piece = bytes[at.min(end)..end].to_vec();
                let to = dice.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
        }
    }
    bytes
}

#[test]
fn no_cut_and_no_flipped_byte_makes_it_panic_or_hang() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut read, mut refused) = (0, 0);
    let own = OWN.iter().map(|text| ("own".to_owned(), text.as_bytes().to_vec()));
    for (name, bytes) in own.chain(corpus()) {
        let rounds = (10_000_000 / bytes.len().max(1)).clamp(50, 1_000);
        for round in 0..rounds {
            let cut = &bytes[..bytes.len() * round / rounds];
            for changed in [cut.to_vec(), mutate(&mut dice, &bytes)] {
                for format in ReportFormat::ALL {
                    let is_ok = holds(*format, &changed, &name).is_ok();
                    *(if is_ok { &mut read } else { &mut refused }) += 1;
                }
            }
        }
    }
    assert!(read > 100 && refused > 100, "{read} were read and {refused} refused");
}
