//! LCOV tracefiles as tools write them, and as they come out broken.

use penstock_gates::lcov::parse;
use penstock_gates::limits::{MAX_FILES, MAX_FILES_KEPT};
use penstock_gates::{CoverageReport, Facts, Ratio, ReportError};

fn report(text: &str) -> CoverageReport {
    parse(text.as_bytes()).expect("a tracefile")
}

fn ratio(covered: u64, total: u64) -> Ratio {
    Ratio { covered, total }
}

/// What a file with these records between `SF` and `end_of_record` comes to.
fn of_file(records: &str) -> CoverageReport {
    report(&format!("SF:a.c\n{records}\nend_of_record\n"))
}

/// The text of the error.
fn refused(text: &str) -> String {
    parse(text.as_bytes()).expect_err("no tracefile").to_string()
}

#[test]
fn lines_branches_and_functions_are_counted_from_their_records() {
    let report = report(
        "TN:unit\nSF:/src/a.c\nFN:1,main\nFN:9,20,helper\nFNDA:3,main\nFNDA:0,helper\nFNF:9\nFNH:9\n\
         DA:1,3\nDA:2,0\nDA:3,1,c3VtCg==\nLF:99\nLH:98\nBRDA:2,0,0,1\nBRDA:2,0,1,-\nBRDA:2,0,2,0\nBRF:7\nBRH:7\n\
         end_of_record\nSF:/src/b.c\nDA:7,1\nend_of_record\n",
    );
    assert_eq!((report.lines, report.branches, report.functions), (ratio(3, 4), ratio(1, 3), ratio(1, 2)));
    let paths: Vec<_> = report.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["/src/a.c", "/src/b.c"]);
    assert_eq!((report.files[0].lines, report.files[1].lines), (ratio(2, 3), ratio(1, 1)));
}

#[test]
fn what_comes_twice_counts_once_and_is_covered_if_it_is_once() {
    assert_eq!(of_file("DA:1,0\nDA:1,5\nDA:1,0\nDA:2,0").lines, ratio(1, 2));
    let twice = report(
        "TN:one\nSF:a.c\nFN:1,f\nFNDA:0,f\nDA:1,0\nDA:2,1\nBRDA:1,0,0,-\nend_of_record\n\
         TN:two\nSF:a.c\nFN:1,f\nFNDA:2,f\nDA:1,4\nDA:3,0\nBRDA:1,0,0,2\nBRDA:1,0,1,0\nend_of_record\n",
    );
    assert_eq!((twice.lines, twice.branches, twice.functions), (ratio(2, 3), ratio(1, 2), ratio(1, 1)));
    assert_eq!(twice.files.len(), 1);
}

#[test]
fn sums_are_used_only_where_nothing_was_counted() {
    assert_eq!(of_file("LF:10\nLH:7\nBRF:4\nBRH:9\nFNF:2\nFNH:1").lines, ratio(7, 10));
    let summed = of_file("LF:10\nLH:7\nBRF:4\nBRH:9\nFNF:2\nFNH:1");
    assert_eq!((summed.branches, summed.functions), (ratio(4, 4), ratio(1, 2)));
    assert_eq!(of_file("DA:1,1\nLF:10\nLH:7").lines, ratio(1, 1));
    assert_eq!(of_file("LF:18446744073709551615\nLH:1").lines, ratio(1, u64::from(u32::MAX)));
}

#[test]
fn counts_may_be_negative_huge_or_written_with_an_exponent() {
    let odd = of_file("DA:1,-7\nDA:2,99999999999999999999999\nDA:3,1.2e+10\nDA:4,0\nDA:5,-0\nDA:6, 2");
    assert_eq!(odd.lines, ratio(3, 6));
}

#[test]
fn numbered_functions_are_covered_if_one_of_their_names_is() {
    let numbered = "FNL:0,3,9\nFNA:0,0,f<int>\nFNA:0,2,f<char>\nFNL:1,12\nFNA:1,0,g\nFNF:2\nFNH:1";
    assert_eq!(of_file(numbered).functions, ratio(1, 2));
    let elsewhere =
        format!("SF:a.c\n{numbered}\nend_of_record\nSF:a.c\nFNL:0,12\nFNA:0,1,g\nend_of_record\n");
    assert_eq!(report(&elsewhere).functions, ratio(2, 2));
}

#[test]
fn branches_may_be_named_by_their_condition_and_belong_to_exceptions() {
    let named = "BRDA:5,0,(a < b, c),1\nBRDA:5,0,(a < b, d),-\nBRDA:5,e0,1,0";
    assert_eq!(of_file(named).branches, ratio(1, 3));
}

#[test]
fn line_ends_marks_comments_and_unknown_records_do_no_harm() {
    let text = "\u{feff}# by hand\r\nTN:\r\nSF:a.c\r\nVER:3\r\nMCDC:1,2,t,1,0,'x'\r\n\r\nDA:1,1\r\nend_of_record\r\nEOF\r\n";
    let report = report(text);
    assert_eq!((report.lines, report.files[0].path.as_str()), (ratio(1, 1), "a.c"));
}

#[test]
fn what_a_report_did_not_measure_is_no_fact() {
    let facts = of_file("DA:1,1").facts();
    assert_eq!(facts, Facts { lines: Some(ratio(1, 1)), ..Facts::default() });
}

#[test]
fn a_record_that_cant_be_read_is_told_with_its_line_and_form() {
    for (record, form) in [
        ("DA:x,1", "DA:<line>,<count>"),
        ("DA:1", "DA:<line>,<count>"),
        ("DA:1,", "DA:<line>,<count>"),
        ("DA:1,nan", "DA:<line>,<count>"),
        ("DA:99999999999,1", "DA:<line>,<count>"),
        ("BRDA:1,2,3", "BRDA:<line>"),
        ("BRDA:1,2,3,yes", "BRDA:<line>"),
        ("FN:name", "FN:<line>,<name>"),
        ("FNDA:name", "FNDA:<count>,<name>"),
        ("FNA:0", "FNA:<index>"),
        ("LF:many", "a record with a count"),
    ] {
        let error = refused(&format!("TN:\nSF:a.c\n{record}\nend_of_record\n"));
        assert!(error.starts_with("line 3: ") && error.contains(form) && error.contains(record), "{error}");
    }
}

#[test]
fn a_file_that_ends_early_is_not_half_a_report() {
    let error = parse(b"SF:a.c\nDA:1,1\nend_of_record\nSF:b.c\nDA:1,1\n").unwrap_err();
    let inside = "the record of `b.c`, which line 4 begins".to_owned();
    assert_eq!(error, ReportError::CutOff { line: 5, inside });
    let error = refused("SF:a.c\nDA:1,1\nSF:b.c\nend_of_record\n");
    assert!(error.contains("line 3: `SF:` begins before the record of line 1"), "{error}");
    let error = refused("SF:a.c\nDA:1,1\nsome text\nend_of_record\n");
    assert!(error.contains("line 3: `some text` is no record"), "{error}");
    let error = refused("TN:\nDA:1,1\n");
    assert!(error.contains("line 2: `DA:1,1` stands outside"), "{error}");
}

#[test]
fn a_file_of_another_format_is_told_so() {
    for (text, found) in [
        ("", "is empty"),
        ("TN:\n", "without a record of any file"),
        ("<?xml version=\"1.0\"?><coverage/>", "this is XML"),
        ("{\"total\":{}}", "this is JSON"),
        ("<!DOCTYPE html>", "an HTML page"),
        ("mode: atomic\n", "without a record of any file"),
        ("hello\nworld", "text that begins with `hello`"),
    ] {
        let error = refused(text);
        assert!(error.contains(found), "{error}");
    }
}

#[test]
fn files_beyond_the_limit_are_counted_and_not_kept() {
    let files = |count: usize| -> String {
        (0..count).map(|number| format!("SF:{number}\nDA:1,1\nend_of_record\n")).collect()
    };
    let report = report(&files(MAX_FILES_KEPT + 5));
    assert_eq!((report.files.len(), report.files_omitted), (MAX_FILES_KEPT, 5));
    assert_eq!(report.lines.total, MAX_FILES_KEPT as u64 + 5);
    let error = parse(files(MAX_FILES + 1).as_bytes()).unwrap_err();
    assert_eq!(error, ReportError::TooManyFiles { line: MAX_FILES as u64 * 3 + 1 });
}
