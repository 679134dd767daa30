//! What a day is made of: that which ended in it.
//!
//! The store hands records over as JSON arrays, in the order of their members.

use penstock_domain::ExecutionStatus;
use serde::{Deserialize, Serialize};

/// What ended within one day, or a part of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Records {
    pub executions: Vec<FinishedExecution>,
    pub deployments: Vec<FinishedDeployment>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinishedExecution {
    pub status: ExecutionStatus,
    /// From its start to its end; None where it never started.
    pub duration_ms: Option<u64>,
    /// From its creation to its start; None where it never started.
    pub queue_ms: Option<u64>,
    /// None without reports of tests or of coverage.
    pub tests: Option<TestFacts>,
}

/// The sum of what the last attempts of an execution's jobs reported.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TestFacts {
    pub passed: u64,
    pub failed: u64,
    /// In percent: the mean of those results that have one.
    pub coverage: Option<f64>,
}

/// Of those that began: one that was refused before it did has changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedDeployment {
    /// To an environment of the type `production`.
    pub is_production: bool,
    /// It brings back what was there before, and is no change.
    pub is_rollback: bool,
    /// It failed, its health check failed, or it was rolled back later.
    pub is_failed: bool,
    /// From the commit (where its time is not known: from the execution's creation) to the end of the deployment.
    pub lead_ms: Option<u64>,
    /// From its end to that of the first later one that succeeded, of the same pipeline to the same environment.
    pub recovery_ms: Option<u64>,
}
