//! What gates and deployments add to an execution's state: rows as the store reads them.

use std::collections::BTreeMap;

use penstock_domain::{
    ApprovalId, ApprovalStatus, ApprovalType, DeploymentId, DeploymentStatus, DeploymentStrategy,
    EnvironmentId, EnvironmentType, ExecutionId, GateId, GateStatus, PipelineId, Reason, StageId, Timestamp,
};
use penstock_gates::Gate;
use penstock_pipeline::HealthCheck;
use penstock_release::{ApprovalRules, Criteria, Vote};
use serde::{Deserialize, Serialize};

/// A gate of a stage, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageGate {
    pub id: GateId,
    #[serde(skip_serializing)]
    pub stage_id: StageId,
    #[serde(skip_serializing)]
    pub gate: Gate,
    pub status: GateStatus,
    pub actual: Option<f64>,
    #[serde(default)]
    pub reasons: Vec<String>,
    pub evaluated_at: Option<Timestamp>,
    pub override_reason: Option<String>,
    pub overridden_by: Option<String>,
    pub overridden_at: Option<Timestamp>,
}

/// One version on its way to one environment: the work of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    pub id: DeploymentId,
    pub execution_id: ExecutionId,
    pub stage_id: StageId,
    pub pipeline_id: PipelineId,
    pub environment_id: EnvironmentId,
    pub strategy: DeploymentStrategy,
    pub version: String,
    /// What it replaces, known when it begins.
    pub previous_version: Option<String>,
    pub status: DeploymentStatus,
    pub reason: Option<Reason>,
    pub initiated_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    /// The one that this takes back.
    pub rollback_of: Option<DeploymentId>,
    #[serde(deserialize_with = "flag")]
    pub rollback_triggered: bool,
    pub rollback_reason: Option<String>,
    pub rollback_completed_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "optional_flag")]
    pub health_check_passed: Option<bool>,
    pub deployed_by: Option<String>,
    pub approved_by: Option<String>,
    pub commit_at: Option<Timestamp>,
}

/// SQLite has no booleans.
fn flag<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(optional_flag(from)?.unwrap_or(false))
}

fn optional_flag<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Number(i64),
        Flag(bool),
    }
    Ok(Option::<Flag>::deserialize(from)?.map(|flag| match flag {
        Flag::Number(number) => number != 0,
        Flag::Flag(flag) => flag,
    }))
}

/// What a deployment waits for people's leave by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    pub id: ApprovalId,
    pub execution_id: ExecutionId,
    pub stage_id: StageId,
    pub deployment_id: DeploymentId,
    pub environment_id: EnvironmentId,
    pub approval_type: ApprovalType,
    pub status: ApprovalStatus,
    pub requested_at: Timestamp,
    pub requested_by: Option<String>,
    pub approved_at: Option<Timestamp>,
    pub approved_by: Option<String>,
    pub rejected_at: Option<Timestamp>,
    pub rejected_by: Option<String>,
    pub rejection_reason: Option<String>,
    pub notes: Option<String>,
    pub criteria: Criteria,
    pub votes: Vec<Vote>,
    pub expires_at: Option<Timestamp>,
}

/// An environment, as one pipeline sees it. Guarded by its version whenever it is taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    pub id: EnvironmentId,
    pub name: String,
    pub environment_type: EnvironmentType,
    pub version: i64,
    #[serde(deserialize_with = "flag")]
    pub is_active: bool,
    #[serde(deserialize_with = "flag")]
    pub approval_required: bool,
    pub rules: ApprovalRules,
    #[serde(deserialize_with = "flag")]
    pub rollback_enabled: bool,
    pub health_check: Option<HealthCheck>,
    /// The deployment that has it now.
    pub holder: Option<DeploymentId>,
    /// Versions of this pipeline that were deployed and not rolled back, the newest first, each once.
    #[serde(default)]
    pub live: Vec<String>,
    /// Versions of this pipeline that are held, with the reason.
    #[serde(default)]
    pub quarantined: BTreeMap<String, String>,
    /// What is live in the environments that this one takes over from, by their names.
    #[serde(default)]
    pub promotes: BTreeMap<String, Option<String>>,
}

impl Environment {
    pub fn subject(&self) -> String {
        format!("environment:{}", self.id)
    }

    /// The newest other version that was well here.
    pub fn previous_to(&self, version: &str) -> Option<&String> {
        self.live.iter().find(|live| *live != version && !self.quarantined.contains_key(*live))
    }
}

/// The environment goes to, or is left by, a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Hold {
    pub environment_id: EnvironmentId,
    pub deployment_id: DeploymentId,
}

/// A version that may not be deployed again before somebody lifts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantine {
    pub environment_id: EnvironmentId,
    pub pipeline_id: PipelineId,
    pub version: String,
    pub deployment_id: DeploymentId,
    pub pinned_version: Option<String>,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantineLifted {
    pub environment_id: EnvironmentId,
    pub version: String,
}

/// Why an execution takes a deployment back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakesBack {
    pub deployment_id: DeploymentId,
    /// The version that is brought back.
    pub version: String,
}
