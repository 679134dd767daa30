//! What a gate measures, and which gates may measure it.

use penstock_domain::{GateType, Operator, words};

words! {
    /// What a gate compares with its threshold.
    Metric, "metric" {
        /// Percent of lines.
        LineCoverage = "line_coverage",
        /// Percent of branches.
        BranchCoverage = "branch_coverage",
        /// Percent of functions.
        FunctionCoverage = "function_coverage",
        /// A number of tests.
        FailedTests = "failed_tests",
        /// Percent that passed of the tests that ran; skipped ones didn't.
        TestSuccessRate = "test_success_rate",
    }
}

impl Metric {
    /// What a gate of this type measures where its file doesn't say.
    pub const fn default_of(gate: GateType) -> Option<Self> {
        match gate {
            GateType::TestCoverage => Some(Self::LineCoverage),
            GateType::CodeQuality => Some(Self::TestSuccessRate),
            GateType::SecurityScan | GateType::Performance | GateType::Accessibility | GateType::Custom => {
                None
            }
        }
    }

    /// Whether a gate of this type may measure it.
    pub const fn fits(self, gate: GateType) -> bool {
        match gate {
            GateType::TestCoverage => self.is_coverage(),
            GateType::CodeQuality => !self.is_coverage(),
            GateType::Custom => true,
            GateType::SecurityScan | GateType::Performance | GateType::Accessibility => false,
        }
    }

    const fn is_coverage(self) -> bool {
        matches!(self, Self::LineCoverage | Self::BranchCoverage | Self::FunctionCoverage)
    }

    /// Whether it is a part of a hundred, and not a number.
    pub const fn is_percent(self) -> bool {
        !matches!(self, Self::FailedTests)
    }

    pub const fn default_operator(self) -> Operator {
        if self.is_percent() { Operator::GreaterOrEqual } else { Operator::Equal }
    }

    pub const fn default_threshold(self) -> f64 {
        match self {
            Self::LineCoverage | Self::BranchCoverage | Self::FunctionCoverage => 80.0,
            Self::TestSuccessRate => 95.0,
            Self::FailedTests => 0.0,
        }
    }
}

/// Why there are no gates of this type yet, and what to take instead; None for a type that there is.
pub const fn unsupported(gate: GateType) -> Option<&'static str> {
    match gate {
        GateType::TestCoverage | GateType::CodeQuality | GateType::Custom => None,
        GateType::SecurityScan => Some(
            "gates of the type `security_scan` are not supported yet; let a step run the scanner and end with \
             another exit code than 0, which fails the job",
        ),
        GateType::Performance => Some(
            "gates of the type `performance` are not supported yet; let a step measure and end with another exit \
             code than 0, which fails the job",
        ),
        GateType::Accessibility => Some(
            "gates of the type `accessibility` are not supported yet; let a step check and end with another exit \
             code than 0, which fails the job",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_of_gate_has_its_metrics_or_a_reason_why_not() {
        for gate in GateType::ALL {
            let fitting: Vec<_> =
                Metric::ALL.iter().filter(|one| one.fits(*gate)).map(|one| one.as_str()).collect();
            let expected: &[&str] = match gate {
                GateType::TestCoverage => &["line_coverage", "branch_coverage", "function_coverage"],
                GateType::CodeQuality => &["failed_tests", "test_success_rate"],
                GateType::Custom => &[
                    "line_coverage",
                    "branch_coverage",
                    "function_coverage",
                    "failed_tests",
                    "test_success_rate",
                ],
                GateType::SecurityScan | GateType::Performance | GateType::Accessibility => &[],
            };
            assert_eq!(fitting, expected, "{gate}");
            assert_eq!(unsupported(*gate).is_some(), fitting.is_empty(), "{gate}");
            assert!(Metric::default_of(*gate).is_none_or(|metric| metric.fits(*gate)), "{gate}");
            assert!(unsupported(*gate).is_none_or(|reason| reason.contains(gate.as_str())), "{gate}");
        }
        assert_eq!(Metric::default_of(GateType::TestCoverage), Some(Metric::LineCoverage));
        assert_eq!(Metric::default_of(GateType::CodeQuality), Some(Metric::TestSuccessRate));
    }

    #[test]
    fn each_metric_has_its_usual_threshold() {
        let usual = |metric: Metric| format!("{} {}", metric.default_operator(), metric.default_threshold());
        let all: Vec<_> = Metric::ALL.iter().map(|metric| usual(*metric)).collect();
        assert_eq!(all, [">= 80", ">= 80", ">= 80", "= 0", ">= 95"]);
    }
}
