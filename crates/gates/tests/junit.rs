//! JUnit reports as tools write them, and as they come out broken.

use penstock_gates::junit::parse;
use penstock_gates::limits::{
    MAX_DEPTH, MAX_DETAILS_BYTES, MAX_FAILURES, MAX_FLAKY, MAX_MESSAGE_BYTES, MAX_SUITES, MAX_TEST_FILES,
};
use penstock_gates::{ReportError, TestCounts, TestReport, TestSuite};

fn report(text: &str) -> TestReport {
    parse(text.as_bytes()).expect("a report")
}

/// The suite that these cases make.
fn suite(cases: &str) -> TestSuite {
    let report = report(&format!("<testsuite name=\"s\">{cases}</testsuite>"));
    let [suite] = report.suites.try_into().expect("one suite");
    suite
}

/// Total, passed, failed and skipped.
fn counts(suite: &TestSuite) -> [u64; 4] {
    [suite.total, suite.passed, suite.failed, suite.skipped]
}

/// The text of the error.
fn refused(text: &str) -> String {
    parse(text.as_bytes()).expect_err("no report").to_string()
}

#[test]
fn a_case_says_its_outcome_in_many_ways() {
    const PASSED: [u64; 4] = [1, 1, 0, 0];
    const FAILED: [u64; 4] = [1, 0, 1, 0];
    const SKIPPED: [u64; 4] = [1, 0, 0, 1];
    for (case, expected) in [
        ("<testcase name='a'/>", PASSED),
        ("<testcase name='a' status='run' result='completed'></testcase>", PASSED),
        (
            "<testcase name='a'><properties><failure/></properties><system-out><failure/></system-out></testcase>",
            PASSED,
        ),
        ("<testcase name='a'><failure/></testcase>", FAILED),
        ("<testcase name='a'><error>x</error></testcase>", FAILED),
        ("<testcase name='a'><failure/><failure/><error/></testcase>", FAILED),
        ("<testcase name='a'><skipped/><failure/></testcase>", FAILED),
        ("<testcase name='a' status='errored'/>", FAILED),
        ("<testcase name='a'><failure/><rerunFailure/><rerunFailure/></testcase>", FAILED),
        ("<testcase name='a'><rerunError/></testcase>", FAILED),
        ("<testcase name='a'><skipped message='later'/></testcase>", SKIPPED),
        ("<testcase name='a'><disabled/></testcase>", SKIPPED),
        ("<testcase name='a'><ignored/></testcase>", SKIPPED),
        ("<testcase name='a' status='notrun' result='suppressed'/>", SKIPPED),
        ("<testcase name='a' status='run' result='skipped'/>", SKIPPED),
        ("<testcase name='a' status='disabled'><failure/></testcase>", SKIPPED),
        ("<j:testcase xmlns:j='urn:j' name='a'><j:failure/></j:testcase>", FAILED),
    ] {
        assert_eq!(counts(&suite(case)), expected, "{case}");
    }
}

#[test]
fn what_a_suite_says_of_itself_is_not_believed_where_there_are_cases() {
    let lying = report(
        "<testsuite tests='99' failures='0' skipped='50'><testcase name='a'><failure/></testcase></testsuite>",
    );
    assert_eq!(counts(&lying.suites[0]), [1, 0, 1, 0]);
    let bare = report("<testsuite name='s' tests='10' failures='2' errors='1' skipped='3' time='1.5'/>");
    assert_eq!(counts(&bare.suites[0]), [10, 4, 3, 3]);
    assert_eq!((bare.suites[0].failures_omitted, bare.suites[0].duration_ms), (3, Some(1_500)));
    let absurd = report("<testsuite tests='2' failures='99999999999999999999' errors='7' skipped='9'/>");
    assert_eq!(counts(&absurd.suites[0]), [2, 0, 2, 0]);
    assert_eq!(report("<testsuite tests='0' name='s'/>").suites, []);
    let around = report("<testsuite tests='9'><testsuite tests='9'/></testsuite>");
    assert_eq!(around.facts().tests.unwrap().total, 9, "both speak of the same nine");
}

#[test]
fn suites_nest_follow_each_other_and_may_be_missing() {
    let nested = report(
        "<testsuites><wrapper><testsuite name='outer' time='9'><testcase name='a' time='1'/>\
         <testsuite name='inner' time='2'><testcase name='b'/><testcase name='c'/></testsuite>\
         <testsuite><testcase name='d'/></testsuite></testsuite></wrapper><testcase name='e'/></testsuites>",
    );
    let found: Vec<_> =
        nested.suites.iter().map(|one| (one.name.as_str(), one.total, one.duration_ms)).collect();
    let expected =
        [("inner", 2, Some(2_000)), ("outer", 1, None), ("outer", 1, Some(1_000)), ("(unnamed)", 1, None)];
    assert_eq!(found, expected);
    let several = report(
        "<?xml version='1.0'?><testsuite name='a'><testcase name='x'/></testsuite>\n<?xml version='1.0'?><testsuite name='b'><testcase name='y'/></testsuite>",
    );
    assert_eq!(several.suites.len(), 2);
    assert_eq!(report("<testcase name='a'><error/></testcase>").facts().tests.unwrap().failed, 1);
    assert_eq!(report("<testsuites/>").facts().tests, Some(TestCounts::default()));
}

#[test]
fn a_failed_test_is_kept_with_what_it_says() {
    let failed = suite(
        "<testcase name='adds &lt;1&gt;' classname='Sum' file='a.js' line='7' time='0.25'>\
         <failure message='1 &amp;&#10;2' type='E'>\n at <![CDATA[f<T>]]> &amp; &nbsp; <b>bold</b>\r\n</failure>\
         <system-out>noise</system-out></testcase>",
    );
    let test = &failed.failures[0];
    assert_eq!((test.name.as_str(), test.class_name.as_deref()), ("adds <1>", Some("Sum")));
    assert_eq!((test.file.as_deref(), test.line), (Some("a.js"), Some(7)));
    assert_eq!((test.message.as_str(), test.details.as_str()), ("1 &\n2", "at f<T> & &nbsp; bold"));
    assert_eq!((failed.duration_ms, failed.files.as_slice()), (Some(250), ["a.js".to_owned()].as_slice()));
}

#[test]
fn where_and_why_come_from_wherever_they_are_written() {
    let of = |failure: &str| suite(&format!("<testcase name='a'>{failure}</testcase>")).failures.remove(0);
    let placed = of("<failure file='b.c' line='38' type='REQUIRE'/>");
    assert_eq!(
        (placed.file.as_deref(), placed.line, placed.message.as_str()),
        (Some("b.c"), Some(38), "REQUIRE")
    );
    assert_eq!(of("<failure>\n first\n second</failure>").message, "first");
    let two = of("<failure message='one'>1</failure><error message='two'>2</error>");
    assert_eq!((two.message.as_str(), two.details.as_str()), ("one", "1\n\ntwo\n2"));
}

#[test]
fn a_test_that_failed_and_then_passed_is_flaky_and_passed() {
    let said =
        suite("<testcase name='a' classname='C'><flakyFailure>x</flakyFailure><flakyError/></testcase>");
    assert_eq!((counts(&said), said.flaky.as_slice()), ([1, 1, 0, 0], ["C.a".to_owned()].as_slice()));
    let again = suite(
        "<testcase name='a'><failure/></testcase><testcase name='b'><failure/></testcase>\
         <testcase name='a'><error/></testcase><testcase name='a'/>",
    );
    assert_eq!((counts(&again), again.flaky.as_slice()), ([2, 1, 1, 0], ["a".to_owned()].as_slice()));
    let names: Vec<_> = again.failures.iter().map(|test| test.name.as_str()).collect();
    assert_eq!((names, again.failures_omitted), (vec!["b"], 0));
}

#[test]
fn a_test_is_another_one_in_another_class_file_or_suite_and_stays_failed_if_it_fails_last() {
    for (cases, expected) in [
        (
            "<testcase name='a' classname='X'><failure/></testcase><testcase name='a' classname='Y'/>",
            [2, 1, 1, 0],
        ),
        ("<testcase name='a' file='x'><failure/></testcase><testcase name='a' file='y'/>", [2, 1, 1, 0]),
        ("<testcase name='a'/><testcase name='a'><failure/></testcase>", [2, 1, 1, 0]),
        ("<testcase name='a'><failure/></testcase><testcase name='a'><failure/></testcase>", [2, 0, 2, 0]),
        ("<testcase name='a'/><testcase name='a'/>", [2, 2, 0, 0]),
        ("<testcase><failure/></testcase><testcase/>", [2, 1, 1, 0]),
    ] {
        let suite = suite(cases);
        assert_eq!(counts(&suite), expected, "{cases}");
        assert_eq!(suite.flaky, [""; 0], "{cases}");
    }
    let suites = report(
        "<testsuites><testsuite name='x'><testcase name='a'><failure/></testcase></testsuite>\
         <testsuite name='y'><testcase name='a'/></testsuite></testsuites>",
    );
    assert_eq!(suites.facts().tests, Some(TestCounts { total: 2, passed: 1, failed: 1, skipped: 0 }));
}

#[test]
fn careless_writing_does_no_harm() {
    for text in [
        "\u{feff}  \n<!-- by a tool --><?xml version='1.0'?><testsuite><testcase name='a' time='<<computed>>'/></testsuite>",
        "<testsuite><testcase name='a' name='b' name=c/></testsuite>",
        "<testsuite><testcase name='a & b &nbsp; &#0;'/></testsuite> npm ERR! code 1",
        "<?xml version='1.0' encoding='ISO-8859-1'?><testsuite><testcase name='a'></testcase ></testsuite>",
    ] {
        assert_eq!(counts(&report(text).suites[0]), [1, 1, 0, 0], "{text}");
    }
    let units = "<testsuite><testcase name='ä'/></testsuite>".encode_utf16();
    let bytes: Vec<u8> = [0xff, 0xfe].into_iter().chain(units.flat_map(u16::to_le_bytes)).collect();
    assert_eq!(counts(&parse(&bytes).unwrap().suites[0]), [1, 1, 0, 0]);
    let latin = b"<testsuite><testcase name='\xe4'><failure/></testcase></testsuite>";
    assert_eq!(parse(latin).unwrap().suites[0].failures[0].name, "\u{fffd}");
}

#[test]
fn a_document_type_is_refused_and_nothing_of_it_expanded() {
    let bomb = "<?xml version='1.0'?>\n<!DOCTYPE lolz [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;&a;'>]>\n\
                <testsuite><testcase name='&b;'/></testsuite>";
    assert_eq!(parse(bomb.as_bytes()).unwrap_err(), ReportError::Doctype { line: 2 });
    let error = refused("<!DOCTYPE testsuite SYSTEM 'file:///etc/passwd'><testsuite/>");
    assert!(error.contains("have it written without"), "{error}");
}

#[test]
fn a_report_that_ends_early_or_does_not_fit_together_is_told_where() {
    for (text, said) in [
        (
            "<testsuites>\n<testsuite>\n<testcase name='a'/>\n",
            "line 4: the report ends within `<testsuite>`, which line 2 opens",
        ),
        (
            "<testsuite>\n<testcase name='a'><system-out><![CDATA[x",
            "line 2: the report ends within a CDATA section",
        ),
        ("<testsuite>\n\n<testcase name='a", "line 3: the report ends within a tag"),
        ("<testsuite>\n<!-- x", "line 2: the report ends within a comment"),
        ("<testsuite>\n<testcase></testsuite>", "line 2: "),
        ("<testsuite></testsuite>\n</testsuites>", "line 2: "),
    ] {
        let error = refused(text);
        assert!(error.starts_with(said), "{error}");
        assert!(error.contains("; see in the job's log") || error.contains("; mend what writes"), "{error}");
    }
}

#[test]
fn a_file_of_another_format_is_told_so() {
    for (text, found) in [
        ("", "the junit report is empty"),
        (" \n\t", "the junit report is empty"),
        ("<!-- nothing -->", "XML without any element"),
        ("<html><body>404</body></html>", "this is an HTML page"),
        ("[{\"name\": \"a\"}]", "this is JSON"),
        ("TAP version 13\nok 1", "text that does not begin with `<`"),
        ("<coverage line-rate='1'/>", "this is a coverage report (`<coverage>`)"),
        ("<test-run/>", "an NUnit report"),
        ("<project/>", "XML of another kind (`<project>`)"),
        ("<testsuite/><html/>", "XML of another kind (`<html>`)"),
    ] {
        let error = refused(text);
        assert!(error.contains(found), "{error}");
    }
    assert!(refused("{}").ends_with("or name the right file under `reports: { junit: … }`"));
}

#[test]
fn elements_may_lie_only_so_deep() {
    let nested = |depth: usize| "<testsuite>".repeat(depth) + &"</testsuite>".repeat(depth);
    assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(parse(nested(MAX_DEPTH + 1).as_bytes()), Err(ReportError::TooDeep { line: 1 }));
}

#[test]
fn only_the_first_failures_are_kept_and_all_are_counted() {
    let text = "x".repeat(MAX_DETAILS_BYTES - 1) + "€€";
    let failed: String = (0..MAX_FAILURES + 50)
        .map(|number| {
            format!("<testcase name='{number}'><failure message='{text}'>{text}</failure></testcase>")
        })
        .collect();
    let full = suite(&failed);
    assert_eq!(counts(&full), [250, 0, 250, 0]);
    assert_eq!((full.failures.len(), full.failures_omitted), (MAX_FAILURES, 50));
    assert_eq!(
        full.failures[0].details.len(),
        MAX_DETAILS_BYTES - 1,
        "cut before the character that doesn't fit"
    );
    assert_eq!(full.failures[0].message.len(), MAX_MESSAGE_BYTES);
    let mended = suite(&format!("{failed}<testcase name='0'/><testcase name='249'/>"));
    assert_eq!(counts(&mended), [250, 2, 248, 0]);
    assert_eq!((mended.failures.len(), mended.failures_omitted), (MAX_FAILURES - 1, 49));
}

#[test]
fn suites_names_and_files_beyond_their_limits_are_counted_and_not_kept() {
    let suites: String = (0..MAX_SUITES + 10)
        .map(|number| {
            format!("<testsuite name='{number}' time='1'><testcase name='a' file='{number}.c'/></testsuite>")
        })
        .collect();
    let report = report(&format!("<testsuites>{suites}</testsuites>"));
    assert_eq!(
        (report.suites.len(), report.facts().tests.unwrap().total),
        (MAX_SUITES, MAX_SUITES as u64 + 10)
    );
    let last = &report.suites[MAX_SUITES - 1];
    assert_eq!((last.name.as_str(), last.total, last.duration_ms), ("(further suites)", 11, Some(11_000)));
    let flaky: String = (0..MAX_TEST_FILES + 10)
        .map(|number| format!("<testcase name='{number}' file='{number}'><flakyError/></testcase>"))
        .collect();
    let suite = suite(&flaky);
    assert_eq!((suite.flaky.len(), suite.files.len()), (MAX_FLAKY, MAX_TEST_FILES));
}

#[test]
fn a_million_cases_are_counted_and_one_more_refused() {
    let cases = |count: usize| format!("<testsuite>{}</testsuite>", "<testcase name='a'/>\n".repeat(count));
    assert_eq!(report(&cases(1_000_000)).facts().tests.unwrap().passed, 1_000_000);
    let error = parse(cases(1_000_001).as_bytes()).unwrap_err();
    assert_eq!(error, ReportError::TooManyCases { line: 1_000_001 });
}
