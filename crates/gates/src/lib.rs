//! Report formats to [`Facts`]; [`evaluate`]`(gate, facts) -> `[`Verdict`] with its reasons.
//!
//! ```text
//! bytes ──ReportFormat::parse──▶ Report ──facts──▶ Facts ──add──▶ Facts of the execution
//!                                                                    │
//!                                               Gate ──evaluate──────┴──▶ Verdict
//! ```
//!
//! Reports come from the programs that a job runs, so nothing in them is believed: they are counted case by case and
//! line by line, and each of their sizes and counts has its [limit](limits).
//!
//! Deliberately not here: files, where reports are kept, who may override a gate, and what a failed one holds up.

mod coverage;
mod error;
mod facts;
mod format;
mod gate;
pub mod junit;
pub mod lcov;
pub mod limits;
mod metric;
mod test_report;
mod text;
mod verdict;
mod xml;

pub use coverage::{CoverageReport, FileCoverage, Ratio};
pub use error::ReportError;
pub use facts::{Facts, TestCounts};
pub use format::{Report, ReportFormat};
pub use gate::{Gate, GateError};
pub use metric::{Metric, unsupported};
pub use test_report::{FailedTest, TestReport, TestSuite};
pub use verdict::{Verdict, evaluate};
