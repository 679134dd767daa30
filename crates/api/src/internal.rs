//! What the components say to each other, within the application: no route leads here from outside.

use penstock_domain::{DeliveryId, DeploymentId, ExecutionId, PipelineId, StageId};
use serde::{Deserialize, Serialize};

use crate::request::Execute;

/// `POST /internal/files` of the forge component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadFile {
    pub forge: String,
    /// `owner/name`.
    pub repository: String,
    pub path: String,
    pub commit_sha: String,
    /// Which one it is, from 1: with each the forge is given more time.
    #[serde(default = "first")]
    pub attempt: u32,
}

/// `POST /internal/commits` of the forge component: what a commit says, and who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadCommit {
    pub forge: String,
    pub repository: String,
    pub commit_sha: String,
    #[serde(default = "first")]
    pub attempt: u32,
}

/// `POST /internal/tags` of the forge component: the commit that a tag leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadTag {
    pub forge: String,
    pub repository: String,
    pub tag: String,
    #[serde(default = "first")]
    pub attempt: u32,
}

/// `POST /internal/branches` of the forge component: the newest commit of a branch, and which branch that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadBranch {
    pub forge: String,
    pub repository: String,
    /// None: the repository's default branch.
    #[serde(default)]
    pub branch: Option<String>,
    #[serde(default = "first")]
    pub attempt: u32,
}

const fn first() -> u32 {
    1
}

/// What the forge had to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum FromForge<T> {
    Found {
        value: T,
    },
    NotFound,
    /// Not now: ask again.
    Later {
        seconds: u32,
        why: String,
    },
    /// Asking again is no use before somebody has mended it.
    Failed {
        why: String,
    },
}

impl<T> FromForge<T> {
    /// The same with another value.
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> FromForge<U> {
        match self {
            Self::Found { value } => FromForge::Found { value: to(value) },
            Self::NotFound => FromForge::NotFound,
            Self::Later { seconds, why } => FromForge::Later { seconds, why },
            Self::Failed { why } => FromForge::Failed { why },
        }
    }
}

/// The most deliveries that one call names.
pub const MAX_DELIVERIES: usize = 64;

/// `POST /internal/deliveries` of the scheduler: these were just stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkOff {
    pub deliveries: Vec<DeliveryId>,
}

/// `POST /internal/executions` of the scheduler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartExecution {
    pub pipeline_id: PipelineId,
    pub request: Execute,
    /// Who asks, for the journal.
    pub actor: String,
    /// The request's Idempotency-Key: an execution that bears it already is the answer.
    #[serde(default)]
    pub once: Option<String>,
}

/// Body of the scheduler's other internal calls that a person stands behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub actor: String,
}

/// `POST /internal/executions/:id/cancel` of the scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelExecution {
    pub actor: String,
    /// What cleans up is ended, too.
    #[serde(default)]
    pub force: bool,
}

/// `POST /internal/executions/:id/retry` of the scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryExecution {
    pub actor: String,
    /// Not all of it, but what did not succeed and what depends on that.
    pub only_failed: bool,
    /// This stage, what depends on it, and what did not succeed.
    #[serde(default)]
    pub from_stage: Option<String>,
    #[serde(default)]
    pub once: Option<String>,
}

/// `POST /internal/approvals/:id` of the scheduler: somebody's yes or no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecideApproval {
    /// The token's name.
    pub actor: String,
    pub forge_login: Option<String>,
    pub approve: bool,
    /// Notes of a yes; the reason of a no, which has to have one.
    pub text: Option<String>,
}

/// `POST /internal/gates/:id/override` of the scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideGate {
    pub actor: String,
    pub reason: String,
}

/// What an override led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overridden {
    pub execution_id: ExecutionId,
    /// The execution in which the work goes on, where this was the last gate in its way.
    pub continued_in: Option<ExecutionId>,
}

/// `POST /internal/deployments/:id/rollback` of the scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollBack {
    pub actor: String,
    pub reason: String,
}

/// `POST /internal/environments/:id/lift` of the scheduler: a quarantined version may be deployed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiftQuarantine {
    pub actor: String,
    pub version: String,
}

/// `POST /internal/deployments/:id/health` of the scheduler: what a health check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthChecked {
    pub is_healthy: bool,
    /// One sentence for a person: what was asked, and what the last answer was.
    pub detail: String,
}

/// What the scheduler answers to `POST /internal/jobs/:id/lease` with a lease's token as Bearer: the attempt that it
/// is of, which runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseHolder {
    pub execution_id: ExecutionId,
    pub stage_id: StageId,
    pub attempt: u32,
}

/// What the scheduler answers where a deployment was decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRef {
    pub deployment_id: DeploymentId,
}

/// What the scheduler answers where an execution was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionRef {
    pub execution_id: ExecutionId,
}
