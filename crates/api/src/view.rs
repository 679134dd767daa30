//! What is read: pipelines, executions and their parts, as the outside sees them.

use penstock_domain::{
    ApprovalId, DeploymentId, DeploymentStatus, ExecutionId, ExecutionStatus, JobId, PipelineId,
    PipelineType, Reason, Role, StageId, StageType, StepId, Timestamp, TokenId, TriggerEvent, WorkStatus,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(feature = "schema")]
use crate::schema::{Id, StatusOrNone, Time, Word};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pipeline {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: PipelineId,
    pub pipeline_name: String,
    #[cfg_attr(feature = "schema", schemars(with = "Word<PipelineType>"))]
    pub pipeline_type: PipelineType,
    pub repository_url: String,
    /// The YAML text, where the pipeline lives in the database.
    pub definition: Option<String>,
    /// The file's path, where the pipeline lives in the repository.
    pub definition_path: Option<String>,
    /// Globs; empty admits every branch.
    pub branch_patterns: Vec<String>,
    /// Empty admits every event.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Word<TriggerEvent>>"))]
    pub trigger_events: Vec<TriggerEvent>,
    /// Executions at once, from 1 to 1000; the next ones queue.
    pub max_concurrent_executions: u32,
    /// Whether `/status` and `/badge` answer without a token.
    pub public_status: bool,
    pub is_active: bool,
    /// What the definition was made from, where it was made from this.
    #[serde(flatten)]
    pub configuration: Configuration,
    pub created_by: String,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub created_at: Timestamp,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub updated_at: Timestamp,
}

/// What a pipeline's stages may be made from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Configuration {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_configuration: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_configuration: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality_gates: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_configuration: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PipelineSummary {
    pub total: u64,
    pub active: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Execution {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: ExecutionId,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub pipeline_id: PipelineId,
    pub pipeline_name: String,
    /// From 1 within the pipeline.
    pub execution_number: u64,
    #[cfg_attr(feature = "schema", schemars(with = "Word<ExecutionStatus>"))]
    pub status: ExecutionStatus,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Word<Reason>>"))]
    pub reason: Option<Reason>,
    pub branch_name: String,
    pub commit_sha: Option<String>,
    pub commit_message: Option<String>,
    pub commit_author: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Word<TriggerEvent>"))]
    pub trigger_event: TriggerEvent,
    pub trigger_user: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Id>"))]
    pub retry_of: Option<ExecutionId>,
    pub stages_total: u32,
    pub stages_completed: u32,
    pub stages_failed: u32,
    /// The first thing that went wrong, in one sentence, or the definition's errors.
    pub error_details: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub created_at: Timestamp,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub started_at: Option<Timestamp>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub completed_at: Option<Timestamp>,
    pub duration_seconds: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stage {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: StageId,
    pub stage_name: String,
    #[cfg_attr(feature = "schema", schemars(with = "Word<StageType>"))]
    pub stage_type: StageType,
    pub stage_order: u32,
    pub depends_on: Vec<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Word<WorkStatus>"))]
    pub status: WorkStatus,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Word<Reason>>"))]
    pub reason: Option<Reason>,
    pub jobs_total: u32,
    pub jobs_finished: u32,
    pub jobs_failed: u32,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub started_at: Option<Timestamp>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub completed_at: Option<Timestamp>,
    pub duration_seconds: Option<f64>,
    /// What it deploys, from when its turn came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<StageDeployment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_waiting: Option<Wait>,
    /// Left out where only the stages are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<Vec<Job>>,
}

/// A stage's deployment, and how far it is from going in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StageDeployment {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: DeploymentId,
    pub environment_name: String,
    pub version: String,
    pub previous_version: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Word<DeploymentStatus>"))]
    pub status: DeploymentStatus,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Id>"))]
    pub rollback_of: Option<DeploymentId>,
    /// Where it needs one.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Id>"))]
    pub approval_id: Option<ApprovalId>,
    pub approvals_given: u32,
    pub approvals_required: u32,
    /// Who may approve; empty: whoever has the role.
    pub approvers: Vec<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub approval_expires_at: Option<Timestamp>,
    /// The number of the execution whose deployment has the environment, where it is another.
    pub held_by: Option<u64>,
    /// Why this version is held.
    pub quarantine: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Job {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: JobId,
    #[serde(skip_serializing)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub stage_id: StageId,
    pub name: String,
    #[cfg_attr(feature = "schema", schemars(with = "Word<WorkStatus>"))]
    pub status: WorkStatus,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Word<Reason>>"))]
    pub reason: Option<Reason>,
    pub message: Option<String>,
    /// From 1.
    pub attempt: u32,
    pub runs_on: Vec<String>,
    /// The name of the runner that has, or had, the last attempt.
    pub runner: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub ready_at: Option<Timestamp>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub started_at: Option<Timestamp>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub completed_at: Option<Timestamp>,
    /// What it waits for, where it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_waiting: Option<Wait>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Step {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: StepId,
    pub name: String,
    #[cfg_attr(feature = "schema", schemars(with = "Word<WorkStatus>"))]
    pub status: WorkStatus,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Word<Reason>>"))]
    pub reason: Option<Reason>,
    pub exit_code: Option<i32>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub started_at: Option<Timestamp>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub completed_at: Option<Timestamp>,
}

/// Why something has not begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Wait {
    #[cfg_attr(feature = "schema", schemars(with = "Word<Reason>"))]
    pub reason: Reason,
    pub message: String,
    /// Names of stages, or labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<String>,
    /// Who has what is waited for: `#12`, or a runner's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_by: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub until: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Progress {
    /// Of the stages' jobs, those that have ended, from 0 to 100.
    #[cfg_attr(feature = "schema", schemars(range(max = 100)))]
    pub percent: u32,
    pub jobs_total: u32,
    pub jobs_finished: u32,
    pub stages_total: u32,
    pub stages_completed: u32,
}

/// `GET /status/:owner/:repo`: how the newest executions of a repository's pipelines stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RepositoryStatus {
    pub repository: String,
    pub branch: Option<String>,
    /// The worst of the pipelines' newest: failed before running before succeeded; `none` where nothing ran.
    #[cfg_attr(feature = "schema", schemars(with = "StatusOrNone"))]
    pub status: String,
    pub pipelines: Vec<PipelineStatus>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PipelineStatus {
    pub pipeline_name: String,
    pub execution_number: u64,
    #[cfg_attr(feature = "schema", schemars(with = "Word<ExecutionStatus>"))]
    pub status: ExecutionStatus,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Word<Reason>>"))]
    pub reason: Option<Reason>,
    pub branch_name: String,
    pub commit_sha: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub completed_at: Option<Timestamp>,
    pub duration_seconds: Option<f64>,
}

/// A token, without what it is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Token {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: TokenId,
    /// How its bearer is called wherever something was done with it.
    pub token_name: String,
    #[cfg_attr(feature = "schema", schemars(with = "Word<Role>"))]
    pub role: Role,
    /// Who its bearer is at the forge.
    pub forge_login: Option<String>,
    pub created_by: String,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub created_at: Timestamp,
    /// From then on it is worth nothing; null: never.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub expires_at: Option<Timestamp>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub revoked_at: Option<Timestamp>,
}

/// Who asks, as the request's token tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Actor {
    /// The token's name; the journal and executions bear it.
    pub name: String,
    #[cfg_attr(feature = "schema", schemars(with = "Word<Role>"))]
    pub role: Role,
    pub forge_login: Option<String>,
}

/// What one change of an execution was, by whom, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JournalEntry {
    /// Of the whole journal, so that an execution's have gaps; the id of the same change among the live events.
    pub seq: i64,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub at: Timestamp,
    /// `user:…`, `forge:…`, `runner:…`, `execution:…`, `scheduler` or `clock`.
    pub actor: String,
    /// What happened, in a word or a few.
    pub cause: String,
    /// What it changed, a sentence each.
    pub changes: Vec<String>,
}
