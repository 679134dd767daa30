//! Environments, approvals and deployments, as the outside sees them; what it asks for is in [`request`].

use std::collections::BTreeMap;

use penstock_domain::{
    ApprovalId, ApprovalStatus, ApprovalType, DeploymentId, DeploymentStatus, DeploymentStrategy,
    EnvironmentId, EnvironmentType, ExecutionId, PipelineId, StageId, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[cfg(feature = "schema")]
use crate::schema::{Id, Time, Word};

pub mod request;

/// What an environment's configurations are made of: an object, kept as it was given.
pub type Configuration = Map<String, Value>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Environment {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: EnvironmentId,
    pub environment_name: String,
    #[cfg_attr(feature = "schema", schemars(with = "Word<EnvironmentType>"))]
    pub environment_type: EnvironmentType,
    pub deployment_url: Option<String>,
    /// Given to the jobs that deploy here. No secrets: whoever may read the environment reads them.
    pub environment_variables: BTreeMap<String, String>,
    pub resource_limits: Option<Configuration>,
    pub monitoring_config: Option<Configuration>,
    pub infrastructure_config: Option<Configuration>,
    pub approval_required: bool,
    pub approval: ApprovalRules,
    /// Names of environments: a version that is deployed in one of them needs no approval here.
    pub auto_promote_from: Vec<String>,
    /// Whether a version that is not well is taken back by itself.
    pub rollback_enabled: bool,
    /// Asked after each deployment whose stage names no check of its own.
    pub health_check: Option<EnvironmentHealthCheck>,
    /// Nothing is deployed to an inactive one.
    pub is_active: bool,
    /// The one deployment that may touch the environment now.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Id>"))]
    pub held_by: Option<DeploymentId>,
    /// The newest version of each pipeline that was deployed here and stayed.
    pub live: Vec<LiveVersion>,
    /// Versions that were rolled back, and are not deployed here again until that is lifted.
    pub quarantined: Vec<QuarantinedVersion>,
    pub created_by: String,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub created_at: Timestamp,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApprovalRules {
    #[cfg_attr(feature = "schema", schemars(with = "Word<ApprovalType>"))]
    pub approval_type: ApprovalType,
    /// Of different people.
    pub required_approvals: u32,
    /// Names of tokens, or logins at the forge; none: whoever has the role.
    pub approvers: Vec<String>,
    pub expires_in_seconds: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EnvironmentHealthCheck {
    pub url: String,
    pub expect_status: u16,
    /// Of one request.
    pub timeout_seconds: f64,
    /// Between two requests.
    pub interval_seconds: f64,
    pub attempts: u32,
    /// Good answers in a row that are wanted.
    pub successes: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LiveVersion {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub pipeline_id: PipelineId,
    pub pipeline_name: String,
    pub version: String,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub deployment_id: DeploymentId,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub deployed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuarantinedVersion {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub pipeline_id: PipelineId,
    pub version: String,
    /// What was gone back to.
    pub pinned_version: Option<String>,
    pub reason: String,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub deployment_id: DeploymentId,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub created_at: Timestamp,
}

/// One version going to one environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Deployment {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: DeploymentId,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub execution_id: ExecutionId,
    pub execution_number: u64,
    pub branch_name: String,
    pub commit_sha: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub stage_id: StageId,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub pipeline_id: PipelineId,
    pub pipeline_name: String,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub environment_id: EnvironmentId,
    pub environment_name: String,
    #[cfg_attr(feature = "schema", schemars(with = "Word<DeploymentStrategy>"))]
    pub deployment_strategy: DeploymentStrategy,
    pub version: String,
    /// What was live before, and is gone back to.
    pub previous_version: Option<String>,
    pub artifact_url: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Word<DeploymentStatus>"))]
    pub status: DeploymentStatus,
    /// Why it is in this state: a word, or a sentence.
    pub reason: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub initiated_at: Timestamp,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub started_at: Option<Timestamp>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub completed_at: Option<Timestamp>,
    pub duration_seconds: Option<f64>,
    /// The deployment that this one takes back.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Id>"))]
    pub rollback_of: Option<DeploymentId>,
    pub rollback_triggered: bool,
    pub rollback_reason: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub rollback_completed_at: Option<Timestamp>,
    /// Null where nothing was checked, or not yet.
    pub health_check_passed: Option<bool>,
    pub smoke_tests_passed: Option<bool>,
    pub traffic_percentage: u32,
    pub deployment_logs: Option<String>,
    pub metrics: Option<Value>,
    pub deployed_by: Option<String>,
    pub approved_by: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub commit_at: Option<Timestamp>,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub created_at: Timestamp,
}

/// How the newest deployments of a list stand: at most 1000 are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeploymentSummary {
    /// Of all states.
    pub counted: u32,
    pub initiated: u32,
    pub deploying: u32,
    pub deployed: u32,
    pub failed: u32,
    pub rolled_back: u32,
    pub health_check_failed: u32,
}

/// What was decided on a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rollback {
    /// The deployment that is taken back.
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub deployment_id: DeploymentId,
    pub version: String,
    /// What is gone back to.
    pub to_version: Option<String>,
    /// Of the deployment; `rolled_back` once the other version is live.
    #[cfg_attr(feature = "schema", schemars(with = "Word<DeploymentStatus>"))]
    pub status: DeploymentStatus,
    pub reason: Option<String>,
}

/// What a deployment waits for people's leave by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Approval {
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub id: ApprovalId,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub execution_id: ExecutionId,
    pub execution_number: u64,
    pub pipeline_name: String,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub stage_id: StageId,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub deployment_id: DeploymentId,
    pub version: String,
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    pub environment_id: EnvironmentId,
    pub environment_name: String,
    #[cfg_attr(feature = "schema", schemars(with = "Word<ApprovalType>"))]
    pub approval_type: ApprovalType,
    #[cfg_attr(feature = "schema", schemars(with = "Word<ApprovalStatus>"))]
    pub status: ApprovalStatus,
    /// As the environment's rules were when it was asked for.
    pub required_approvals: u32,
    pub approvers: Vec<String>,
    /// Whose change it is: they can't approve it.
    pub authors: Vec<String>,
    pub votes: Vec<ApprovalVote>,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub requested_at: Timestamp,
    pub requested_by: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub approved_at: Option<Timestamp>,
    pub approved_by: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub rejected_at: Option<Timestamp>,
    pub rejected_by: Option<String>,
    pub rejection_reason: Option<String>,
    pub approval_notes: Option<String>,
    pub auto_approved: bool,
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub expires_at: Option<Timestamp>,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub created_at: Timestamp,
}

/// One person's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApprovalVote {
    /// The token's name.
    pub by: String,
    pub forge_login: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    pub at: Timestamp,
    #[serde(default)]
    pub notes: Option<String>,
}
