//! What one execution is going to do, and what it was made from. Stored as JSON, so that defaults are left out.

use std::collections::BTreeMap;

use penstock_domain::{StageType, TriggerEvent};
use serde::{Deserialize, Serialize};

use crate::limits::{DEFAULT_JOB_TIMEOUT_MS, DEFAULT_PIPELINE_TIMEOUT_MS};
use crate::retry::RetryPolicy;

/// What an execution is of: the names that expressions may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunContext {
    /// For a pull request the branch that it comes from; for one from a fork `owner:branch`.
    #[serde(default)]
    pub branch: String,
    /// The branch that a pull request would go to; empty elsewhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub base_branch: String,
    /// The number of a pull request; 0 elsewhere.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pull_request: u64,
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
    /// What the run was given of the inputs that the file names, of their kinds; each is among `variables`, too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Scalar>,
    /// Of the push's own commits; None: not known, and then everything counts as changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_paths: Option<Vec<String>>,
    /// The name of the event, where somebody's own event started the run; `""` in expressions where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_name: Option<String>,
}

/// The value of an input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    Boolean(bool),
    Number(f64),
    Text(String),
}

impl Scalar {
    pub(crate) fn bytes(&self) -> usize {
        if let Self::Text(text) = self { text.len() } else { size_of::<Self>() }
    }
}

/// What every stage that has ended hands on: by the stage's name, then by the output's.
pub type Outputs = BTreeMap<String, BTreeMap<String, String>>;

/// A variable whose text asks for outputs: it is filled in when they are known, before the job is given away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    pub name: String,
    /// With its `${{ … }}`, as written.
    pub text: String,
}

/// Executions that share a group run only so many at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedConcurrency {
    /// Filled in. Means something within its repository only.
    pub group: String,
    pub limit: u32,
    /// A new execution ends the older ones of its group.
    #[serde(default, skip_serializing_if = "is_no")]
    pub cancel_in_progress: bool,
}

/// A pipeline that is started when this one has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedSuccessor {
    /// Its name.
    pub pipeline: String,
    /// For [`crate::may_start`], asked when the execution has ended; None means "when it succeeded".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// None stands for this one's branch and commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What is known already.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Those that ask for outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<Late>,
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
    /// The pipeline's variables that ask for outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<Late>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<PlannedConcurrency>,
    /// The higher goes first, in every queue.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i32,
    /// What is started when the execution has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<PlannedSuccessor>,
    pub stages: Vec<PlannedStage>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStage {
    pub name: String,
    pub stage_type: StageType,
    /// Names of stages that have to end before this one may start. Without cycles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// For [`crate::may_start`]; None means "when all that it depends on succeeded". [`OFF`] means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
    /// It cleans up: it runs whatever became of the others, also when the execution was cancelled or timed out.
    #[serde(default, skip_serializing_if = "is_no")]
    pub always: bool,
    /// Its failure fails neither the execution nor what depends on it.
    #[serde(default, skip_serializing_if = "is_no")]
    pub continue_on_error: bool,
    /// Its own variables that ask for outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<Late>,
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
    /// Where the version asks for outputs: filled in when the stage's turn comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_version: Option<String>,
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
    /// The combination that it runs, where it has a matrix.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub matrix: BTreeMap<String, String>,
    /// What it has in common with the other jobs of its matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub siblings: Option<Siblings>,
    /// The higher goes first to a free runner.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i32,
    /// Its failure does not fail its stage.
    #[serde(default, skip_serializing_if = "is_no")]
    pub continue_on_error: bool,
    /// Names of what its steps hand on to later stages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<String>,
    /// Variables that ask for outputs, of every level down to the job's own, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<Late>,
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
    /// What the steps may use of the machine, and no more; None where nothing limits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
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

/// What the steps of a job may use of their runner's machine. What is None is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// From 1 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// Of all processes together, in units of 2^20 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
}

/// Jobs that one matrix was written out to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Siblings {
    /// The matrix's job as it stands in the file; unique in the stage.
    pub group: String,
    /// Of them at once; None where nothing limits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// When one has failed for good, the others are ended.
    #[serde(default, skip_serializing_if = "is_no")]
    pub fail_fast: bool,
}

/// The condition of what is switched off.
pub const OFF: &str = "false";

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
    /// What conditions and outputs of later steps of the job call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A command line or a script, for `shell`; empty for an action.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub run: String,
    /// `sh` (with `-e`), `bash` (with `-eo pipefail`), `python3` or `node`; `script` runs the text as a file of its
    /// own, by what its first line (`#!`) names.
    #[serde(default = "sh", skip_serializing_if = "is_sh")]
    pub shell: String,
    /// A folder below the workspace with an `action.yml`: what that says is run instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<String>,
    /// What the action is given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, String>,
    /// For [`crate::may_step_run`]: an `if` that asks what became of earlier steps. None: when none of them failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Its own variables that ask for outputs of earlier stages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<Late>,
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

fn sh() -> String {
    "sh".to_owned()
}

fn is_sh(shell: &str) -> bool {
    shell == "sh"
}

fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
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
