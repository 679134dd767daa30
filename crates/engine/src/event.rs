//! What can happen to an execution.

use penstock_domain::{
    ApprovalId, DeploymentId, GateId, JobId, OutboxId, Reason, RunnerId, StageId, TimerId,
};
use penstock_pipeline::PlannedJob;
use penstock_release::Voter;
use serde::{Deserialize, Serialize};

use crate::model::JobReport;

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Its pipeline has a free place: a queued execution begins.
    Admit,
    /// A person lets a held pull request run.
    Release,
    /// A runner has a free slot for this ready job.
    Assign {
        job: JobId,
        runner: RunnerId,
    },
    /// The runner did not take the push.
    Refused {
        job: JobId,
        attempt: u32,
        runner: RunnerId,
        why: Unreachable,
        retry_after_ms: i64,
        effect: OutboxId,
    },
    /// The holder of an attempt tells what happened.
    Report(RunnerReport),
    /// Nothing was heard from the holder for the length of a lease. `unheard_claim`: it had asked for the job, and was
    /// never heard of since.
    LeaseExpired {
        job: JobId,
        attempt: u32,
        timer: TimerId,
        unheard_claim: bool,
    },
    /// The attempt outlived its timeout although the runner should have ended it.
    JobDeadline {
        job: JobId,
        attempt: u32,
    },
    StageDeadline {
        stage: StageId,
    },
    ExecutionDeadline,
    /// A person, or a newer execution, ends it. What cleans up after it runs first, unless it is forced.
    Cancel {
        /// `cancelled_by_user` or `superseded`.
        reason: Reason,
        force: bool,
    },
    /// The holder of an attempt adds jobs to the stage that it is in.
    AddJobs {
        job: JobId,
        attempt: u32,
        runner: RunnerId,
        jobs: Vec<PlannedJob>,
        /// The stage's jobs, read after the snapshot.
        present: Vec<Present>,
    },
    /// The attempt can't be given away as it is planned.
    Undispatchable {
        job: JobId,
        attempt: u32,
        why: String,
        effect: OutboxId,
    },
    /// What a held stage waited for may be there: its environment is free, or a quarantine was lifted.
    GoIn {
        stage: StageId,
    },
    Approve {
        approval: ApprovalId,
        voter: Voter,
        notes: Option<String>,
    },
    Reject {
        approval: ApprovalId,
        voter: Voter,
        reason: String,
    },
    /// Nobody decided on the stage's approval in time.
    ApprovalExpired {
        stage: StageId,
    },
    OverrideGate {
        gate: GateId,
        by: String,
        reason: String,
    },
    /// What the check of a deployment's health came to.
    HealthChecked {
        deployment: DeploymentId,
        is_healthy: bool,
        detail: String,
    },
}

/// A job that is in the stage already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    pub name: String,
    /// The job that added it.
    pub added_by: Option<JobId>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RunnerReport {
    pub job: JobId,
    pub attempt: u32,
    pub runner: RunnerId,
    pub reports: Vec<JobReport>,
}

/// Why a push came to nothing. Both mean that the attempt was certainly not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// The runner said 429: it is well, and busy.
    Full,
    /// No connection, or an answer that means no.
    Refused,
}
