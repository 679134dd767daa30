//! What a report of coverage says, whatever its format.

use serde::{Deserialize, Serialize};

use crate::facts::Facts;

/// So many of so many; `covered` is never more than `total`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ratio {
    pub covered: u64,
    pub total: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageReport {
    pub lines: Ratio,
    pub branches: Ratio,
    pub functions: Ratio,
    /// The first [`crate::limits::MAX_FILES_KEPT`] in the report's order; the ratios above count all.
    pub files: Vec<FileCoverage>,
    pub files_omitted: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCoverage {
    pub path: String,
    pub lines: Ratio,
    pub branches: Ratio,
    pub functions: Ratio,
}

impl Ratio {
    pub(crate) const fn add(&mut self, other: Self) {
        self.covered = self.covered.saturating_add(other.covered);
        self.total = self.total.saturating_add(other.total);
    }

    /// None where there was nothing to cover, and so nothing to say.
    pub(crate) fn known(self) -> Option<Self> {
        (self.total > 0).then_some(self)
    }
}

impl CoverageReport {
    /// What a gate may ask of it: only what the report measured at all.
    pub fn facts(&self) -> Facts {
        Facts {
            tests: None,
            lines: self.lines.known(),
            branches: self.branches.known(),
            functions: self.functions.known(),
        }
    }
}
