//! What one execution is going to do, and what it was made from. Stored as JSON, so that defaults are left out.

use std::collections::BTreeMap;

use penstock_domain::{StageType, TriggerEvent};
use serde::{Deserialize, Serialize};

use crate::limits::{DEFAULT_JOB_TIMEOUT_MS, DEFAULT_PIPELINE_TIMEOUT_MS};
use crate::retry::RetryPolicy;

/// What an execution is of: the names that expressions may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunContext {
    /// For a pull request the branch that it would go to.
    #[serde(default)]
    pub branch: String,
    /// `""` in expressions where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    pub event: TriggerEvent,
    /// Hexadecimal digits; `""` in expressions where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_sha: Option<String>,
    /// Expressions see at most [`crate::limits::MAX_CONTEXT_BYTES`] of it, as of every text here.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub commit_message: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    #[serde(default)]
    pub repository_url: String,
    #[serde(default)]
    pub pipeline_name: String,
    #[serde(default)]
    pub number: u64,
    /// The run's parameters: they win over variables of every level.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// Everything that an execution is going to do. Stages without `depends_on` start at once, side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    #[serde(default = "pipeline_timeout_ms", skip_serializing_if = "is_pipeline_timeout_ms")]
    pub timeout_ms: i64,
    /// Executions of this pipeline at once; None where the file gives no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
    /// The pipeline's variables under the run's parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    pub stages: Vec<PlannedStage>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStage {
    pub name: String,
    pub stage_type: StageType,
    /// Names of stages that have to end before this one may start. Without cycles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// For [`crate::may_start`]; None means "when all that it depends on succeeded".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
    /// What the stage sets itself, filled in; its condition sees these over [`Plan::variables`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// All are decided when the jobs have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<PlannedGate>,
    /// What the jobs deploy. Never beside gates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy: Option<PlannedDeploy>,
    /// Side by side. None only where there are gates.
    pub jobs: Vec<PlannedJob>,
}

/// What has to hold of the reports. Nothing is left out of what is stored: a later default must not change it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedGate {
    /// Unique in its stage.
    pub name: String,
    /// `test_coverage`, `code_quality` or `custom`.
    pub gate_type: String,
    /// `line_coverage`, `branch_coverage`, `function_coverage`, `test_success_rate` (percent) or `failed_tests`.
    pub metric: String,
    /// `>`, `>=`, `<`, `<=`, `=` or `!=`.
    pub operator: String,
    pub threshold: f64,
    /// Whether the stage fails with it.
    pub blocker: bool,
    /// Whether a person may let it pass.
    pub overridable: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedDeploy {
    pub environment: String,
    /// `rolling` or `recreate`.
    pub strategy: String,
    /// None stands for the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
}

/// How it is found out whether what was deployed is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// http or https, without credentials.
    pub url: String,
    pub expect_status: u16,
    /// Of one request.
    pub timeout_ms: i64,
    /// Between two requests.
    pub interval_ms: i64,
    pub attempts: u32,
    /// Good answers in a row that are wanted; never more than `attempts`.
    pub successes: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedJob {
    pub name: String,
    /// The runner needs every one of these labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs_on: Vec<String>,
    /// For [`crate::may_start`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    #[serde(default, skip_serializing_if = "is_no_retry")]
    pub retry: RetryPolicy,
    #[serde(default = "job_timeout_ms", skip_serializing_if = "is_job_timeout_ms")]
    pub timeout_ms: i64,
    /// Whether the workspace holds the commit.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub checkout: bool,
    /// Pipeline under stage under job under the run's parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// What the runner hands in when the steps have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<ReportRequest>,
    /// One after the other.
    pub steps: Vec<PlannedStep>,
}

/// Files of one format to be handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRequest {
    /// `junit` or `lcov`.
    pub format: String,
    /// A glob relative to the workspace, without `..`.
    pub path: String,
    /// What kind of tests is told about; None stands for `unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_type: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    pub name: String,
    /// For `sh -e -c`.
    pub run: String,
    /// What the step sets itself, over the job's; without those that a parameter of the run overrides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Below the workspace, without `..`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "is_no")]
    pub continue_on_error: bool,
    /// Its `if` was false: it shows, and never runs.
    #[serde(default, skip_serializing_if = "is_no")]
    pub skipped: bool,
}

impl Plan {
    /// The variables that a stage's condition sees.
    pub fn variables_of(&self, stage: &PlannedStage) -> BTreeMap<String, String> {
        let mut all = self.variables.clone();
        all.extend(stage.variables.clone());
        all
    }
}

const fn pipeline_timeout_ms() -> i64 {
    DEFAULT_PIPELINE_TIMEOUT_MS
}

fn is_pipeline_timeout_ms(ms: &i64) -> bool {
    *ms == DEFAULT_PIPELINE_TIMEOUT_MS
}

const fn job_timeout_ms() -> i64 {
    DEFAULT_JOB_TIMEOUT_MS
}

fn is_job_timeout_ms(ms: &i64) -> bool {
    *ms == DEFAULT_JOB_TIMEOUT_MS
}

const fn yes() -> bool {
    true
}

fn is_yes(flag: &bool) -> bool {
    *flag
}

fn is_no(flag: &bool) -> bool {
    !*flag
}

fn is_no_retry(policy: &RetryPolicy) -> bool {
    *policy == RetryPolicy::default()
}
