//! Whether facts satisfy a gate, exactly, and in words.
//!
//! Percentages are compared as ratios of whole numbers: 7,999 of 10,000 is not `>= 80`, and 2 of 3 is not `>= 66.67`.
//! Only `=` and `!=` compare at two decimals, as they are shown, because hardly any ratio equals a decimal number:
//! 2 of 3 is `= 66.67`.

use std::cmp::Ordering;

use penstock_domain::{GateStatus, Operator};
use serde::{Deserialize, Serialize};

use crate::coverage::Ratio;
use crate::facts::Facts;
use crate::gate::{Gate, MICRO, micros};
use crate::metric::Metric;

/// What became of a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Passed or failed.
    pub status: GateStatus,
    /// Percent, or a number of tests; None where it isn't known.
    pub actual: Option<f64>,
    /// Sentences, at least one.
    pub reasons: Vec<String>,
}

/// A gate whose metric isn't known fails: nobody has shown that it is satisfied.
pub fn evaluate(gate: &Gate, facts: &Facts) -> Verdict {
    let measured = gate.check().map_err(|error| error.to_string()).and_then(|()| measure(gate.metric, facts));
    let measured = match measured {
        Ok(measured) => measured,
        Err(reason) => return Verdict { status: GateStatus::Failed, actual: None, reasons: vec![reason] },
    };
    let threshold = micros(gate.threshold);
    let is_satisfied = measured.satisfies(gate.operator, threshold);
    let link = if is_satisfied { "which is" } else { "and has to be" };
    let unit = if gate.metric.is_percent() { " %" } else { "" };
    let said = measured.said(gate.operator, threshold);
    let mut reasons = vec![format!("{said}, {link} {} {}{unit}", gate.operator, gate.threshold)];
    if gate.metric == Metric::FailedTests && measured.of == 0 {
        reasons.push("no test ran at all, so none can have failed".to_owned());
    }
    let status = if is_satisfied { GateStatus::Passed } else { GateStatus::Failed };
    Verdict { status, actual: Some(measured.actual()), reasons }
}

/// A number, or a part of a hundred.
#[derive(Debug, Clone, Copy)]
struct Measured {
    metric: Metric,
    part: u64,
    /// Not 0 where it is a percentage.
    of: u64,
}

fn measure(metric: Metric, facts: &Facts) -> Result<Measured, String> {
    match metric {
        Metric::LineCoverage => covered(metric, facts.lines, facts),
        Metric::BranchCoverage => covered(metric, facts.branches, facts),
        Metric::FunctionCoverage => covered(metric, facts.functions, facts),
        Metric::FailedTests | Metric::TestSuccessRate => tested(metric, facts),
    }
}

fn covered(metric: Metric, ratio: Option<Ratio>, facts: &Facts) -> Result<Measured, String> {
    if let Some(Ratio { covered, total }) = ratio.filter(|ratio| ratio.total > 0) {
        return Ok(Measured { metric, part: covered.min(total), of: total });
    }
    let (name, things) = words(metric);
    if facts.lines.or(facts.branches).or(facts.functions).is_some() {
        return Err(format!(
            "{name} is not known, because the uploaded coverage reports have no {things}; have the tool measure \
             them, or let the gate measure something else"
        ));
    }
    Err(format!(
        "{name} is not known, because no coverage report was uploaded; add `reports: {{ lcov: coverage/lcov.info }}` \
         to the job that measures it, with the path of its tool's report"
    ))
}

fn tested(metric: Metric, facts: &Facts) -> Result<Measured, String> {
    let (name, _) = words(metric);
    let Some(tests) = facts.tests else {
        return Err(format!(
            "{name} is not known, because no test report was uploaded; add `reports: {{ junit: \"reports/*.xml\" }}` \
             to the job that runs the tests, with the paths of its tool's reports"
        ));
    };
    if metric == Metric::FailedTests {
        return Ok(Measured { metric, part: tests.failed, of: tests.total });
    }
    if tests.ran() == 0 {
        let skipped = thousands(tests.skipped);
        return Err(format!(
            "{name} is not known, because no test ran ({skipped} were skipped); see in the job's log what its \
             filters leave"
        ));
    }
    Ok(Measured { metric, part: tests.passed.min(tests.ran()), of: tests.ran() })
}

/// The metric's name, and what it counts.
const fn words(metric: Metric) -> (&'static str, &'static str) {
    match metric {
        Metric::LineCoverage => ("line coverage", "lines"),
        Metric::BranchCoverage => ("branch coverage", "branches"),
        Metric::FunctionCoverage => ("function coverage", "functions"),
        Metric::FailedTests => ("the number of failed tests", "tests"),
        Metric::TestSuccessRate => ("the success rate of the tests", "tests that ran"),
    }
}

impl Measured {
    /// Numerator and denominator of the value in millionths.
    fn fraction(self) -> (u128, u128) {
        let part = u128::from(self.part) * MICRO;
        if self.metric.is_percent() { (part * 100, u128::from(self.of)) } else { (part, 1) }
    }

    fn satisfies(self, operator: Operator, threshold: u128) -> bool {
        let order = self.compare(threshold);
        match operator {
            Operator::Greater => order == Ordering::Greater,
            Operator::GreaterOrEqual => order != Ordering::Less,
            Operator::Less => order == Ordering::Less,
            Operator::LessOrEqual => order != Ordering::Greater,
            Operator::Equal => self.hundredths() == hundredths(threshold, 1),
            Operator::NotEqual => self.hundredths() != hundredths(threshold, 1),
        }
    }

    fn compare(self, threshold: u128) -> Ordering {
        let (numerator, denominator) = self.fraction();
        numerator.cmp(&(threshold * denominator))
    }

    fn hundredths(self) -> u128 {
        let (numerator, denominator) = self.fraction();
        hundredths(numerator, denominator)
    }

    fn actual(self) -> f64 {
        if self.metric.is_percent() { self.part as f64 * 100.0 / self.of as f64 } else { self.part as f64 }
    }

    fn said(self, operator: Operator, threshold: u128) -> String {
        let (name, things) = words(self.metric);
        let (part, of) = (thousands(self.part), thousands(self.of));
        if self.metric.is_percent() {
            format!("{name} is {} % ({part} of {of} {things})", self.percent(operator, threshold))
        } else {
            format!("{name} is {part} (of {of} {things})")
        }
    }

    /// Two decimals; six where two would look like the threshold that it is above or below.
    fn percent(self, operator: Operator, threshold: u128) -> String {
        let rounded = self.hundredths();
        let looks_equal = rounded * (MICRO / 100) == threshold && self.compare(threshold) != Ordering::Equal;
        if looks_equal && !matches!(operator, Operator::Equal | Operator::NotEqual) {
            let (numerator, denominator) = self.fraction();
            let micros = numerator / denominator;
            return format!("{}.{:06}", micros / MICRO, micros % MICRO);
        }
        format!("{}.{:02}", rounded / 100, rounded % 100)
    }
}

/// Millionths to hundredths, rounded half up.
const fn hundredths(numerator: u128, denominator: u128) -> u128 {
    let step = denominator * (MICRO / 100);
    (numerator + step / 2) / step
}

/// `1234567` as `1,234,567`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
