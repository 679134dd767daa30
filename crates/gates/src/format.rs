//! The formats that are read, and what any of them gives.

use penstock_domain::words;
use serde::{Deserialize, Serialize};

use crate::coverage::CoverageReport;
use crate::error::ReportError;
use crate::facts::Facts;
use crate::test_report::TestReport;
use crate::{junit, lcov};

words! {
    /// A format of reports, spelled as in the pipeline file's `reports`.
    ReportFormat, "report format" {
        /// JUnit's XML.
        Junit = "junit",
        /// LCOV's tracefile.
        Lcov = "lcov",
    }
}

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    Tests(TestReport),
    Coverage(CoverageReport),
}

impl ReportFormat {
    /// # Errors
    /// [`ReportError`]: the bytes are no whole report of this format, or larger than its limits.
    pub fn parse(self, bytes: &[u8]) -> Result<Report, ReportError> {
        match self {
            Self::Junit => junit::parse(bytes).map(Report::Tests),
            Self::Lcov => lcov::parse(bytes).map(Report::Coverage),
        }
    }

    pub(crate) const fn described(self) -> &'static str {
        match self {
            Self::Junit => "JUnit XML (`<testsuites>`)",
            Self::Lcov => "an LCOV tracefile (`SF:`, `DA:`, `end_of_record`)",
        }
    }

    pub(crate) const fn how_to_write(self) -> &'static str {
        match self {
            Self::Junit => {
                "have the test runner write JUnit XML, or name the right file under `reports: { junit: … }`"
            }
            Self::Lcov => {
                "have the coverage tool write `lcov.info`, or name the right file under `reports: { lcov: … }`"
            }
        }
    }
}

impl Report {
    /// What a gate may ask of it.
    pub fn facts(&self) -> Facts {
        match self {
            Self::Tests(report) => report.facts(),
            Self::Coverage(report) => report.facts(),
        }
    }
}
