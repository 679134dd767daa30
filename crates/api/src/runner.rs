//! The runner protocol, version 1: what goes between the control plane and a runner.
//!
//! The unit of dispatch is one attempt of a job. The holder of its lease may call back; what comes after the
//! lease ran out answers 409 `lease_expired` and changes nothing. Every call back may be sent again.

use std::collections::BTreeMap;

use penstock_domain::{
    ExecutionId, JobId, PipelineId, Reason, RunnerId, StepId, Timestamp, TriggerEvent, WorkStatus,
};
use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::schema::{Id, RUNNER_URL, Time, VISIBLE, Word};

/// The most events, and the most log lines, that one call back may carry.
pub const MAX_BATCH: usize = 1_000;
/// The longest log line, in bytes; a runner cuts what is longer into several lines.
pub const MAX_LINE_BYTES: usize = 16 * 1024;

/// The largest report; a runner leaves out what is larger.
pub const MAX_REPORT_BYTES: usize = 64 << 20;
/// The most reports that one attempt hands in.
pub const MAX_REPORT_FILES: usize = 500;

/// The most outputs that a step may set.
pub const MAX_OUTPUTS: usize = 64;
/// The longest value of an output.
pub const MAX_OUTPUT_BYTES: usize = 8 * 1024;
/// Names and values of all outputs that the steps of one attempt set.
pub const MAX_OUTPUTS_BYTES: usize = 64 * 1024;
/// The longest text of jobs that a step may add to its execution.
pub const MAX_ADDED_JOBS_BYTES: usize = 256 * 1024;

/// `POST /api/v1/runners`, with the `runner_token` as Bearer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RegisterRunner {
    /// Unique among the living; registering a name again replaces the earlier registration.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255), regex(pattern = VISIBLE)))]
    pub name: String,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 64), inner(length(min = 1, max = 255), regex(pattern = VISIBLE))))]
    pub labels: Vec<String>,
    /// Jobs at once.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000)))]
    pub capacity: u32,
    /// Where jobs are pushed to (`{url}/v1/jobs`); without it the runner claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 2_000), regex(pattern = RUNNER_URL)))]
    pub url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Registered {
    #[cfg_attr(feature = "schema", schemars(extend("const" = true)))]
    pub success: bool,
    pub runner: RegisteredRunner,
    /// Signs pushes to the runner, and is its Bearer for claims.
    pub token: String,
    pub heartbeat_seconds: u32,
    pub lease_seconds: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RegisteredRunner {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: RunnerId,
}

/// `POST {url}/v1/jobs`, and the answer to a claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobRequest {
    pub job: JobAttempt,
    pub execution: ExecutionInfo,
    pub environment: JobEnvironment,
    pub steps: Vec<StepRequest>,
    /// Given to the steps as environment variables, and masked in everything that leaves the runner.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// What is handed in when the last step has ended, whether it failed or not, and before `job_finished` is told.
    #[serde(default)]
    pub reports: Vec<ReportRequest>,
    /// Names of the steps' outputs that are told with the job's end, if it succeeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_OUTPUTS)))]
    pub outputs: Vec<String>,
    /// What the conditions of the steps may ask: `{run, variables, matrix, outputs, stages}`. Only there where a step
    /// has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<serde_json::Value>,
    /// What its steps may use of the runner's machine, in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<JobResources>,
    pub timeout_seconds: u64,
    /// The control plane, as this runner reaches it: call backs go to `{callback_url}/api/v1/jobs/{id}/…`.
    pub callback_url: String,
}

/// A runner that can't hold its steps to it says so in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobResources {
    /// Processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// In MiB. What uses more is killed: `memory_limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobAttempt {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: JobId,
    pub name: String,
    /// From 1.
    pub attempt: u32,
    pub lease: Lease,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lease {
    /// Bearer of every call back of this attempt.
    pub token: String,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExecutionInfo {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: ExecutionId,
    pub number: u64,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub pipeline_id: PipelineId,
    pub pipeline_name: String,
    pub stage: String,
    #[cfg_attr(feature = "schema", schemars(with = "Word<TriggerEvent>"))]
    pub event: TriggerEvent,
    pub repository_url: String,
    /// 40 or 64 hexadecimal digits. None where the run is of no commit: then nothing is checked out.
    #[cfg_attr(
        feature = "schema",
        schemars(
            description = "40 or 64 hexadecimal digits. Null where the run is of no commit: then nothing is checked out."
        )
    )]
    pub commit_sha: Option<String>,
    /// Of a pull request the one that it comes from, from a fork `owner:branch`.
    pub branch: String,
    /// The branch that a pull request would go to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_branch: Option<String>,
    /// A pull request's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobEnvironment {
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Whether the workspace holds the commit; false gives an empty one.
    pub checkout: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StepRequest {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: StepId,
    pub name: String,
    /// What the conditions of later steps call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A text for `shell`; empty where `uses` is given.
    #[serde(default)]
    pub run: String,
    /// `sh` (run with `-e`), `bash` (with `-eo pipefail`), `python3`, `node`; or `script`: the text becomes a file of
    /// its own, which is run by what its first line names after `#!`.
    #[serde(default = "sh", skip_serializing_if = "is_sh")]
    pub shell: String,
    /// A folder below the workspace with an `action.yml` or `action.yaml`: what that says is run instead of `run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<String>,
    /// The inputs of the action.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, String>,
    /// Answered when the step's turn comes. Without one it runs if no step before it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Below the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    #[serde(default)]
    pub continue_on_error: bool,
    /// Its condition was false when the run was planned: report it `skipped`, never run it.
    #[serde(default)]
    pub skipped: bool,
}

fn sh() -> String {
    "sh".to_owned()
}

fn is_sh(shell: &str) -> bool {
    shell == "sh"
}

/// Files that the runner looks for in the workspace. Each that is found goes as it is, but for masked secrets, to
/// `POST /api/v1/jobs/:id/reports?type=<format>&test_type=<test_type>&path=<its path relative to the workspace>`, and is
/// answered before the job's end is told. A report is known by attempt, type and path: it may be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReportRequest {
    /// `junit` or `lcov`.
    pub format: String,
    /// A glob, relative to the workspace. Links to folders are not gone through, and links out of the workspace not
    /// followed.
    pub path: String,
    /// What kind of tests is told about; left out: `unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_type: Option<String>,
}

/// `POST {url}/v1/cancel`, signed as jobs are: end this attempt now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CancelRequest {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub job_id: JobId,
    pub attempt: u32,
}

/// The answer to `POST /api/v1/jobs/:id/heartbeat`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HeartbeatAnswer {
    #[cfg_attr(feature = "schema", schemars(extend("const" = true)))]
    pub success: bool,
    /// The work is no longer wanted: stop it, report it `cancelled`.
    pub cancel: bool,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub lease_expires_at: Timestamp,
}

/// One line of `POST /api/v1/jobs/:id/logs` (NDJSON). Lines are applied once by attempt and `seq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogLine {
    /// From 1 within the attempt, without gaps.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub seq: u64,
    /// Index into the job's steps; None for what the runner itself says.
    #[cfg_attr(
        feature = "schema",
        schemars(description = "Index into the job's steps; null for what the runner itself says.")
    )]
    pub step: Option<u32>,
    pub stream: LogStream,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub at: Timestamp,
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_LINE_BYTES)))]
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum LogStream {
    Stdout,
    Stderr,
    /// The runner's own words: checkout, timeouts, cancels.
    System,
}

/// `POST /api/v1/jobs/:id/events`: in order, applied once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobEvents {
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_BATCH)))]
    pub events: Vec<JobEvent>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum JobEvent {
    StepStarted {
        step: u32,
        #[cfg_attr(feature = "schema", schemars(with = "Time"))]
        at: Timestamp,
    },
    StepFinished {
        step: u32,
        #[cfg_attr(feature = "schema", schemars(with = "Time"))]
        at: Timestamp,
        #[cfg_attr(feature = "schema", schemars(with = "Word<WorkStatus>"))]
        status: WorkStatus,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", schemars(with = "Option<Word<Reason>>"))]
        reason: Option<Reason>,
    },
    JobFinished {
        #[cfg_attr(feature = "schema", schemars(with = "Time"))]
        at: Timestamp,
        /// succeeded, failed or cancelled.
        #[cfg_attr(feature = "schema", schemars(with = "Word<WorkStatus>"))]
        status: WorkStatus,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", schemars(with = "Option<Word<Reason>>"))]
        reason: Option<Reason>,
        /// One sentence for a person, without secrets.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// Of those that the job asked for, the ones that a step set and that hold no secret; only of a success.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        outputs: BTreeMap<String, String>,
    },
}

/// The answer to a call back that was taken: the lease lives until then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Accepted {
    #[cfg_attr(feature = "schema", schemars(extend("const" = true)))]
    pub success: bool,
    pub cancel: bool,
}

/// The answer to `POST /api/v1/jobs/:id/jobs?upload=<index of the step>`, whose body is YAML: `jobs: […]`, as in a stage
/// of the pipeline file. They become part of the job's stage. The same upload again adds nothing, and is answered alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobsAdded {
    #[cfg_attr(feature = "schema", schemars(extend("const" = true)))]
    pub success: bool,
    /// How many jobs they came to.
    pub added: u32,
}
