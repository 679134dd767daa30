//! Gates against facts, at the border and without facts.

use penstock_domain::{GateStatus, GateType, Operator};
use penstock_gates::{Facts, Gate, Metric, Ratio, TestCounts, Verdict, evaluate};

fn gate(metric: Metric, operator: Operator, threshold: f64) -> Gate {
    let gate_type = GateType::Custom;
    Gate {
        name: "quality".to_owned(),
        gate_type,
        metric,
        operator,
        threshold,
        blocker: true,
        overridable: true,
    }
}

fn lines(covered: u64, total: u64) -> Facts {
    Facts { lines: Some(Ratio { covered, total }), ..Facts::default() }
}

fn tests(passed: u64, failed: u64, skipped: u64) -> Facts {
    let tests = TestCounts { total: passed + failed + skipped, passed, failed, skipped };
    Facts { tests: Some(tests), ..Facts::default() }
}

fn passes(metric: Metric, operator: Operator, threshold: f64, facts: &Facts) -> bool {
    evaluate(&gate(metric, operator, threshold), facts).status == GateStatus::Passed
}

/// The one reason that a coverage of lines is judged with.
fn reason(operator: Operator, threshold: f64, covered: u64, total: u64) -> String {
    let Verdict { reasons, .. } =
        evaluate(&gate(Metric::LineCoverage, operator, threshold), &lines(covered, total));
    let [reason] = reasons.try_into().expect("one reason");
    reason
}

/// Below, at and above the threshold.
const TABLE: [(Operator, [bool; 3]); 6] = [
    (Operator::Greater, [false, false, true]),
    (Operator::GreaterOrEqual, [false, true, true]),
    (Operator::Less, [true, false, false]),
    (Operator::LessOrEqual, [true, true, false]),
    (Operator::Equal, [false, true, false]),
    (Operator::NotEqual, [true, false, true]),
];

#[test]
fn every_operator_below_at_and_above_the_threshold() {
    assert_eq!(TABLE.map(|(operator, _)| operator), Operator::ALL);
    for (operator, expected) in TABLE {
        let coverage = [7_999, 8_000, 8_001]
            .map(|covered| passes(Metric::LineCoverage, operator, 80.0, &lines(covered, 10_000)));
        assert_eq!(coverage, expected, "coverage {operator} 80");
        let failed = [2, 3, 4].map(|failed| passes(Metric::FailedTests, operator, 3.0, &tests(9, failed, 1)));
        assert_eq!(failed, expected, "failed tests {operator} 3");
        let rate = [94, 95, 96]
            .map(|passed| passes(Metric::TestSuccessRate, operator, 95.0, &tests(passed, 100 - passed, 7)));
        assert_eq!(rate, expected, "success rate {operator} 95");
    }
}

#[test]
fn the_border_is_exact() {
    use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let holds = |operator, threshold, covered, total| {
        passes(Metric::LineCoverage, operator, threshold, &lines(covered, total))
    };
    assert!(!holds(GreaterOrEqual, 80.0, 79_995, 100_000), "79.995 is rounded to 80.00 only to be shown");
    assert!(holds(GreaterOrEqual, 80.0, 80, 100));
    assert!(!holds(GreaterOrEqual, 66.67, 2, 3));
    assert!(holds(Greater, 66.66, 2, 3));
    assert!(holds(Equal, 66.67, 2, 3) && !holds(NotEqual, 66.67, 2, 3));
    assert!(!holds(Equal, 66.66, 2, 3) && holds(NotEqual, 66.66, 2, 3));
    assert!(holds(LessOrEqual, 100.0, 1, 1) && !holds(Less, 100.0, 1, 1));
    assert!(!holds(GreaterOrEqual, 100.0, u64::MAX - 1, u64::MAX), "one line in many is missing");
    assert!(holds(GreaterOrEqual, 0.0, 0, 1) && !holds(Greater, 0.0, 0, 1));
}

#[test]
fn a_decimal_threshold_is_the_number_that_was_written() {
    for thousandths in 0..=100_000_u64 {
        let threshold: f64 = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000).parse().unwrap();
        let facts = lines(thousandths, 100_000);
        assert!(passes(Metric::LineCoverage, Operator::GreaterOrEqual, threshold, &facts), "{threshold}");
        assert!(!passes(Metric::LineCoverage, Operator::Greater, threshold, &facts), "{threshold}");
        assert!(passes(Metric::LineCoverage, Operator::LessOrEqual, threshold, &facts), "{threshold}");
        assert!(!passes(Metric::LineCoverage, Operator::Less, threshold, &facts), "{threshold}");
    }
}

#[test]
fn reasons_read_as_sentences_and_never_contradict_the_verdict() {
    use Operator::{Equal, GreaterOrEqual, LessOrEqual};
    assert_eq!(
        reason(GreaterOrEqual, 80.0, 1_234, 1_704),
        "line coverage is 72.42 % (1,234 of 1,704 lines), and has to be >= 80 %"
    );
    assert_eq!(
        reason(GreaterOrEqual, 80.0, 85, 100),
        "line coverage is 85.00 % (85 of 100 lines), which is >= 80 %"
    );
    assert_eq!(
        reason(GreaterOrEqual, 80.0, 79_999, 100_000),
        "line coverage is 79.999000 % (79,999 of 100,000 lines), and has to be >= 80 %"
    );
    assert_eq!(
        reason(LessOrEqual, 66.67, 2, 3),
        "line coverage is 66.666666 % (2 of 3 lines), which is <= 66.67 %"
    );
    assert_eq!(reason(Equal, 66.67, 2, 3), "line coverage is 66.67 % (2 of 3 lines), which is = 66.67 %");
    let rate = evaluate(&gate(Metric::TestSuccessRate, GreaterOrEqual, 95.0), &tests(1_900, 100, 5));
    assert_eq!(
        rate.reasons,
        ["the success rate of the tests is 95.00 % (1,900 of 2,000 tests that ran), which is >= 95 %"]
    );
    assert_eq!(rate.actual, Some(95.0));
    let failed = evaluate(&gate(Metric::FailedTests, Equal, 0.0), &tests(8, 2, 0));
    assert_eq!(failed.reasons, ["the number of failed tests is 2 (of 10 tests), and has to be = 0"]);
    assert_eq!(failed.actual, Some(2.0));
}

#[test]
fn what_nobody_uploaded_fails_and_says_what_to_add() {
    for metric in Metric::ALL {
        let gate = gate(*metric, metric.default_operator(), metric.default_threshold());
        let Verdict { status, actual, reasons } = evaluate(&gate, &Facts::default());
        assert_eq!((status, actual), (GateStatus::Failed, None), "{metric}");
        let format =
            if metric.as_str().contains("coverage") { "reports: { lcov: " } else { "reports: { junit: " };
        assert!(reasons.len() == 1 && reasons[0].contains(format), "{metric}: {reasons:?}");
    }
}

#[test]
fn a_coverage_that_was_not_measured_is_told_from_one_that_was_not_uploaded() {
    let verdict = evaluate(&gate(Metric::BranchCoverage, Operator::GreaterOrEqual, 0.0), &lines(1, 1));
    assert_eq!(verdict.status, GateStatus::Failed);
    assert!(verdict.reasons[0].contains("have no branches"), "{:?}", verdict.reasons);
    let verdict = evaluate(&gate(Metric::LineCoverage, Operator::GreaterOrEqual, 0.0), &lines(0, 0));
    assert_eq!((verdict.status, verdict.actual), (GateStatus::Failed, None));
}

#[test]
fn without_a_test_that_ran_there_is_no_success_rate() {
    for facts in [tests(0, 0, 0), tests(0, 0, 12)] {
        let verdict = evaluate(&gate(Metric::TestSuccessRate, Operator::GreaterOrEqual, 0.0), &facts);
        assert_eq!((verdict.status, verdict.actual), (GateStatus::Failed, None));
        assert!(verdict.reasons[0].contains("no test ran"), "{:?}", verdict.reasons);
    }
    let verdict = evaluate(&gate(Metric::FailedTests, Operator::Equal, 0.0), &tests(0, 0, 0));
    assert_eq!((verdict.status, verdict.reasons.len()), (GateStatus::Passed, 2));
}

#[test]
fn a_gate_that_cant_be_fails_with_its_reason() {
    let mut gate = gate(Metric::LineCoverage, Operator::GreaterOrEqual, f64::NAN);
    let verdict = evaluate(&gate, &lines(1, 1));
    assert_eq!(verdict.status, GateStatus::Failed);
    assert!(verdict.reasons[0].contains("between 0 and 100"), "{:?}", verdict.reasons);
    gate.threshold = 80.0;
    gate.gate_type = GateType::Accessibility;
    let verdict = evaluate(&gate, &lines(1, 1));
    assert!(verdict.reasons[0].contains("not supported yet"), "{:?}", verdict.reasons);
}
