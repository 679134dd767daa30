//! What the components say to each other, within the application: no route leads here from outside.

use penstock_domain::{DeliveryId, PipelineId};
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
}

/// `POST /internal/commits` of the forge component: the commit that a tag leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadTag {
    pub forge: String,
    pub repository: String,
    pub tag: String,
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

/// `POST /internal/executions/:id/retry` of the scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryExecution {
    pub actor: String,
    pub only_failed: bool,
    #[serde(default)]
    pub once: Option<String>,
}

/// What the scheduler answers to all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionRef {
    pub execution_id: penstock_domain::ExecutionId,
}
