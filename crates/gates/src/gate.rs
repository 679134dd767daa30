//! A gate, and which gates there can be.

use penstock_domain::{GateType, Operator};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits::MAX_CASES;
use crate::metric::{Metric, unsupported};

/// Parts of one that a threshold can tell apart: six decimals.
pub(crate) const MICRO: u128 = 1_000_000;

/// A condition on an execution's facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    pub name: String,
    pub gate_type: GateType,
    pub metric: Metric,
    pub operator: Operator,
    /// Percent from 0 to 100 with up to six decimals, or a whole number of tests.
    pub threshold: f64,
    /// Whether what depends on the gate's stage waits for it.
    pub blocker: bool,
    /// Whether somebody may let it pass although it failed.
    pub overridable: bool,
}

/// Why a gate can't be.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GateError {
    #[error("{0}")]
    Unsupported(&'static str),
    #[error("a gate of the type `{gate_type}` can't measure `{metric}`; it can measure {}", fitting(*.gate_type))]
    Misfit { gate_type: GateType, metric: Metric },
    #[error(
        "the threshold {threshold} of `{metric}` has to be between 0 and {max}; write a number within them"
    )]
    OutOfRange { metric: Metric, threshold: f64, max: u64 },
    #[error(
        "the threshold {threshold} of `{metric}` has to be a whole number; leave out what is behind the point"
    )]
    NotWhole { metric: Metric, threshold: f64 },
    #[error("the threshold {threshold} of `{metric}` has more than six decimals; round it")]
    TooFine { metric: Metric, threshold: f64 },
}

impl Gate {
    /// # Errors
    /// [`GateError`]: the metric doesn't fit the type, or the threshold can't be compared with.
    pub fn check(&self) -> Result<(), GateError> {
        let Self { gate_type, metric, threshold, .. } = *self;
        if let Some(reason) = unsupported(gate_type) {
            return Err(GateError::Unsupported(reason));
        }
        if !metric.fits(gate_type) {
            return Err(GateError::Misfit { gate_type, metric });
        }
        let max = if metric.is_percent() { 100 } else { MAX_CASES };
        if !(0.0..=max as f64).contains(&threshold) {
            return Err(GateError::OutOfRange { metric, threshold, max });
        }
        if !metric.is_percent() && threshold.fract() != 0.0 {
            return Err(GateError::NotWhole { metric, threshold });
        }
        if micros(threshold) as f64 / MICRO as f64 != threshold {
            return Err(GateError::TooFine { metric, threshold });
        }
        Ok(())
    }
}

/// A threshold in millionths: the decimal number that was written, and not the nearest binary one.
pub(crate) fn micros(threshold: f64) -> u128 {
    (threshold * MICRO as f64).round() as u128
}

fn fitting(gate: GateType) -> String {
    let names: Vec<_> = Metric::ALL.iter().filter(|one| one.fits(gate)).map(|one| one.as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(gate_type: GateType, metric: Metric, threshold: f64) -> Gate {
        let operator = metric.default_operator();
        Gate {
            name: "g".to_owned(),
            gate_type,
            metric,
            operator,
            threshold,
            blocker: true,
            overridable: false,
        }
    }

    #[test]
    fn a_threshold_that_cant_be_compared_with_is_refused() {
        let coverage = |threshold| gate(GateType::TestCoverage, Metric::LineCoverage, threshold).check();
        for good in [0.0, 0.1, 0.000_001, 33.333_333, 66.67, 79.995, 99.999_999, 100.0] {
            assert_eq!(coverage(good), Ok(()), "{good}");
        }
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1, 100.1, 1e300] {
            assert!(matches!(coverage(bad), Err(GateError::OutOfRange { max: 100, .. })), "{bad}");
        }
        assert!(matches!(coverage(99.999_999_9), Err(GateError::TooFine { .. })));
        let failed = |threshold| gate(GateType::CodeQuality, Metric::FailedTests, threshold).check();
        assert_eq!((failed(0.0), failed(250.0)), (Ok(()), Ok(())));
        assert!(matches!(failed(0.5), Err(GateError::NotWhole { .. })));
        assert!(matches!(failed(-1.0), Err(GateError::OutOfRange { .. })));
        assert!(matches!(failed(f64::NAN), Err(GateError::OutOfRange { .. })));
    }

    #[test]
    fn every_threshold_with_two_decimals_is_read_as_it_was_written() {
        for hundredths in 0..=10_000_u32 {
            let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            let threshold: f64 = text.parse().unwrap();
            assert_eq!(micros(threshold), u128::from(hundredths) * 10_000, "{text}");
            assert_eq!(gate(GateType::Custom, Metric::LineCoverage, threshold).check(), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_metric_has_to_fit_the_type_and_the_type_has_to_be_there() {
        let error = gate(GateType::CodeQuality, Metric::LineCoverage, 80.0).check().unwrap_err().to_string();
        let said = "a gate of the type `code_quality` can't measure `line_coverage`; it can measure failed_tests, \
                    test_success_rate";
        assert_eq!(error, said);
        let scan = gate(GateType::SecurityScan, Metric::FailedTests, 0.0);
        assert!(matches!(scan.check(), Err(GateError::Unsupported(_))));
    }

    #[test]
    fn a_gate_reads_what_it_writes() {
        let gate = gate(GateType::TestCoverage, Metric::BranchCoverage, 72.5);
        let json = serde_json::to_string(&gate).unwrap();
        assert!(json.contains(r#""metric":"branch_coverage","operator":">=","threshold":72.5"#), "{json}");
        assert_eq!(serde_json::from_str::<Gate>(&json).unwrap(), gate);
    }
}
