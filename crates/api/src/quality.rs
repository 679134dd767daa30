//! What reports and gates said, as the outside sees it, and what is asked of them.

use penstock_domain::{
    ExecutionId, GateId, GateStatus, GateType, JobId, Operator, StageId, TestResultId, TestType, Timestamp,
};
use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::schema::{Id, Time, Word};

/// One suite of a report of tests, or one report of coverage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestResult {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: TestResultId,
    /// Where it was reported: in an execution that retries another, what was carried over is of that one.
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub execution_id: ExecutionId,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub stage_id: StageId,
    pub stage_name: String,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub job_id: JobId,
    pub job_name: String,
    /// The job's attempt that reported it, from 1.
    pub attempt: u32,
    /// Whether the job had a later attempt: then nothing is decided on it.
    pub superseded: bool,
    /// `junit` or `lcov`.
    pub format: String,
    /// Relative to the job's workspace.
    pub report_path: String,
    /// Of coverage, and of a report without any test: the report's path.
    pub test_suite: String,
    #[cfg_attr(feature = "schema", schemars(with = "Word<TestType>"))]
    pub test_type: TestType,
    pub total_tests: u64,
    pub passed_tests: u64,
    pub failed_tests: u64,
    pub skipped_tests: u64,
    pub test_duration_seconds: Option<f64>,
    /// Of the lines.
    pub coverage_percentage: Option<f64>,
    pub coverage_details: Option<Coverage>,
    /// Files with tests. Where there are too many to keep, the last entry says in brackets how many more.
    pub test_files: Vec<String>,
    /// The first ones. The others are counted in `failed_tests`.
    pub failed_test_details: Vec<FailedTest>,
    /// Tests that failed and then passed; they count as passed. Where there are too many to keep, as `test_files`.
    pub flaky_tests: Vec<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailedTest {
    pub name: String,
    pub class_name: Option<String>,
    pub file: Option<String>,
    pub line: Option<u32>,
    /// One or a few lines; empty where the report has none.
    pub message: String,
    /// Such as a stack trace; empty where the report has none.
    pub details: String,
}

/// What a report of coverage says. Null is what it did not measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Coverage {
    pub lines: Option<Covered>,
    pub branches: Option<Covered>,
    pub functions: Option<Covered>,
    /// The first ones of the report; the others count above.
    pub files: Vec<FileCoverage>,
    pub files_omitted: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileCoverage {
    pub path: String,
    pub lines: Option<Covered>,
    pub branches: Option<Covered>,
    pub functions: Option<Covered>,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Covered {
    pub covered: u64,
    pub total: u64,
}

/// What an execution's reports add up to, without those of superseded attempts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestSummary {
    pub total: u64,
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
    /// Percent that passed of the tests that ran; null where none did.
    pub success_rate: Option<f64>,
    /// Percent of the lines; null where no report measured any.
    pub coverage_percentage: Option<f64>,
    pub flaky: u64,
}

/// What one report says, as the answer to who hands it in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReportSummary {
    pub total: u64,
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
    /// Percent of the lines; null where the report measured none.
    pub coverage_percentage: Option<f64>,
}

/// A gate of an execution, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GateEvaluation {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: GateId,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub execution_id: ExecutionId,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub stage_id: StageId,
    pub stage_name: String,
    pub gate_name: String,
    #[cfg_attr(feature = "schema", schemars(with = "Word<GateType>"))]
    pub gate_type: GateType,
    /// What it measures, such as `line_coverage`.
    pub metric: String,
    /// Percent, or a number of tests; null while it isn't known.
    pub actual_value: Option<f64>,
    pub threshold_value: f64,
    #[cfg_attr(feature = "schema", schemars(with = "Word<Operator>"))]
    pub comparison_operator: Operator,
    #[cfg_attr(feature = "schema", schemars(with = "Word<GateStatus>"))]
    pub status: GateStatus,
    /// Whether what depends on its stage waits for it.
    pub blocker: bool,
    /// Whether somebody may let it pass although it failed.
    pub overridable: bool,
    /// Sentences; none before it is evaluated.
    pub reasons: Vec<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub evaluated_at: Option<Timestamp>,
    pub override_reason: Option<String>,
    pub overridden_by: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub overridden_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GateSummary {
    pub total: u64,
    pub passed: u64,
    pub failed: u64,
    pub overridden: u64,
    pub pending: u64,
}

/// The most characters of an override's reason.
pub const MAX_REASON_CHARS: usize = 2_000;

/// `POST /api/v1/quality-gates/:id/override`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverrideQualityGate {
    /// Why it may pass all the same: 1 to 2,000 characters, kept for good.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 2_000), regex(pattern = r"\S")))]
    pub reason: String,
}
