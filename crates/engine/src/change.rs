//! What a decision changes, in the very shape that the journal keeps and its trigger applies.

use std::collections::BTreeMap;

use penstock_domain::{
    DeliveryId, DeploymentId, ExecutionId, GateId, GateStatus, JobId, OutboxId, PipelineId, Reason, RunnerId,
    StageId, StageType, StepId, TimerId, Timestamp, TriggerEvent, WorkStatus,
};
use penstock_gates::Gate;
use penstock_pipeline::{HealthCheck, Late, PlannedDeploy, PlannedJob};
use serde::{Deserialize, Serialize};

use crate::delivery::{Approval, Deployment, Hold, Quarantine, QuarantineLifted, StageGate};
use crate::model::{Execution, ExecutionContext, Job, Stage, Step};
use crate::schedule::ScheduleRow;

/// One journal entry's `change`. Empty members are left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Changes {
    /// Other subjects that this was decided on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<Guard>,
    #[serde(skip_serializing_if = "NewRows::is_empty")]
    pub created: NewRows,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<DeliveryDone>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub executions: Vec<Execution>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<Job>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps_of: Vec<StepsOf>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<StageGate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deployments: Vec<Deployment>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environments_freed: Vec<Hold>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environments_taken: Vec<Hold>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quarantined: Vec<Quarantine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quarantine_lifted: Vec<QuarantineLifted>,
    /// Pipelines whose schedules are these, and no others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schedules_of: Vec<PipelineId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<ScheduleRow>,
    #[serde(skip_serializing_if = "TimersEnded::is_empty")]
    pub timers_ended: TimersEnded,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timers: Vec<Timer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outbox: Vec<Effect>,
    /// Effects that this change makes an end of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outbox_done: Vec<OutboxId>,
    /// Runners that are given a job by this, once for each: it holds only while they have a slot for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<RunnerId>,
    /// Timers that this was decided on: still due, or it does not hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub due: Vec<TimerId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guard {
    pub subject: String,
    pub expect: i64,
}

/// Rows of a new execution, in their first state.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NewRows {
    pub executions: Vec<ExecutionRow>,
    pub stages: Vec<StageRow>,
    pub jobs: Vec<JobRow>,
    pub steps: Vec<StepRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateRow>,
}

impl NewRows {
    fn is_empty(&self) -> bool {
        self.executions.is_empty() && self.jobs.is_empty()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExecutionRow {
    pub id: ExecutionId,
    pub pipeline_id: PipelineId,
    pub execution_number: u64,
    pub delivery_id: Option<DeliveryId>,
    pub event_key: Option<String>,
    pub retry_of: Option<ExecutionId>,
    pub commit_sha: Option<String>,
    pub commit_message: Option<String>,
    pub commit_author: Option<String>,
    pub branch_name: String,
    pub trigger_event: TriggerEvent,
    pub trigger_user: Option<String>,
    pub context: ExecutionContext,
    pub status: penstock_domain::ExecutionStatus,
    pub reason: Option<Reason>,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub timeout_ms: i64,
    /// Executions of the pipeline at once, where the file asks for fewer than the pipeline allows.
    pub concurrency_limit: Option<u32>,
    /// Its concurrency group, as the file calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency_group: Option<String>,
    /// The same, unique among all repositories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_limit: Option<u32>,
    pub priority: i32,
    pub stages_total: u32,
    pub stages_completed: u32,
    pub stages_failed: u32,
    pub error_details: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageRow {
    pub id: StageId,
    pub execution_id: ExecutionId,
    pub name: String,
    pub stage_type: StageType,
    pub order: u32,
    pub depends_on: Vec<String>,
    pub condition: Option<String>,
    pub variables: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy: Option<PlannedDeploy>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<Late>,
    pub always: bool,
    pub continue_on_error: bool,
    pub timeout_ms: Option<i64>,
    pub status: WorkStatus,
    pub reason: Option<Reason>,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub jobs_total: u32,
    pub jobs_finished: u32,
    pub jobs_failed: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobRow {
    pub id: JobId,
    pub execution_id: ExecutionId,
    pub stage_id: StageId,
    pub name: String,
    pub order: u32,
    pub condition: Option<String>,
    /// Sorted and without doubles, so that equal demands are equal text.
    pub runs_on: Vec<String>,
    pub priority: i32,
    /// Of the jobs of this matrix, so many at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_max: Option<u32>,
    pub spec: PlannedJob,
    pub status: WorkStatus,
    pub reason: Option<Reason>,
    pub message: Option<String>,
    pub attempt: u32,
    pub ready_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    /// The job whose success and reports count for this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carried_from: Option<JobId>,
    /// What it handed on, where it is carried over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<BTreeMap<String, String>>,
    /// The job whose step added it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_by: Option<JobId>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepRow {
    pub id: StepId,
    pub job_id: JobId,
    pub name: String,
    pub order: u32,
    pub status: WorkStatus,
    pub reason: Option<Reason>,
    pub exit_code: Option<i32>,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateRow {
    pub id: GateId,
    pub execution_id: ExecutionId,
    pub stage_id: StageId,
    pub gate: Gate,
    pub status: GateStatus,
    pub override_reason: Option<String>,
    pub overridden_by: Option<String>,
    pub overridden_at: Option<Timestamp>,
}

/// A delivery that has led to what it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryDone {
    pub id: DeliveryId,
    pub status: String,
    pub reason: Option<String>,
    pub outcome: Option<String>,
}

/// Every pending job of a stage at once: made ready (`pending` with `ready_at`), or ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Waiting {
    pub stage_id: StageId,
    pub status: WorkStatus,
    pub reason: Option<Reason>,
    pub ready_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
}

/// Steps of a job at once: all of them back to pending, or the unfinished ones ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepsOf {
    pub job_id: JobId,
    /// Of those that have not begun.
    pub status: WorkStatus,
    /// Of those that have.
    pub running: WorkStatus,
    pub reason: Option<Reason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    Lease,
    JobDeadline,
    StageDeadline,
    ExecutionDeadline,
    /// Nobody approved in time.
    ApprovalExpiry,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timer {
    pub id: TimerId,
    pub kind: TimerKind,
    pub execution_id: ExecutionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_id: Option<StageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<JobId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    pub due_at: Timestamp,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TimersEnded {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub executions: Vec<ExecutionId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<JobId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<TimersOfKind>,
}

/// Those that an execution itself has, and neither its stages nor its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TimersOfKind {
    pub execution_id: ExecutionId,
    pub kind: TimerKind,
}

impl TimersEnded {
    fn is_empty(&self) -> bool {
        self.executions.is_empty() && self.stages.is_empty() && self.jobs.is_empty() && self.kinds.is_empty()
    }
}

/// Something to be done outside, at least once; `id` is its idempotency key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    pub id: OutboxId,
    /// Effects of one topic go out one after the other.
    pub topic: String,
    /// None: of a delivery that started nothing.
    pub execution_id: Option<ExecutionId>,
    /// When somebody other than who decided it may take it up.
    pub due_at: Timestamp,
    #[serde(flatten)]
    pub kind: EffectKind,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum EffectKind {
    /// Push an attempt to its runner.
    Dispatch(Dispatch),
    /// Tell a runner to end an attempt.
    Cancel(Dispatch),
    /// Tell the forge how it stands.
    ForgeStatus(ForgeStatus),
    /// See whether what was deployed is well.
    HealthCheck(HealthCheckDue),
    /// Bring back the version that a bad one replaced.
    Rollback(RollbackDue),
    /// End an older execution of the same concurrency group.
    Supersede(SupersedeDue),
    /// Start the pipeline that comes after this one.
    StartPipeline(SuccessorDue),
}

impl EffectKind {
    /// The kinds that the scheduler does, as the outbox spells them.
    pub const OF_THE_SCHEDULER: [&'static str; 5] =
        ["dispatch", "cancel", "rollback", "supersede", "start_pipeline"];

    pub const fn is_the_schedulers(&self) -> bool {
        !matches!(self, Self::ForgeStatus(_) | Self::HealthCheck(_))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupersedeDue {
    /// The older one.
    pub execution_id: ExecutionId,
    pub by: ExecutionId,
}

/// The effect's id is the start's: told twice, it is started once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuccessorDue {
    /// By its name.
    pub pipeline: String,
    /// What has ended ran on it.
    pub branch: String,
    pub commit_sha: Option<String>,
    /// The branch that the file names for what follows.
    #[serde(default)]
    pub named_branch: Option<String>,
    pub parameters: BTreeMap<String, String>,
    /// All that led there.
    pub chain: Vec<PipelineId>,
    /// What has ended.
    pub after: ExecutionId,
    pub after_pipeline: String,
    pub after_number: u64,
    pub authors: Vec<String>,
}

/// The effect's id is the check's: an answer to an earlier one says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheckDue {
    pub deployment_id: DeploymentId,
    pub check: HealthCheck,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackDue {
    /// The one to take back.
    pub deployment_id: DeploymentId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    pub job_id: JobId,
    pub attempt: u32,
    pub runner_id: RunnerId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgeStatus {
    pub forge: String,
    pub repository: String,
    pub commit_sha: String,
    /// pending, success, failure or error.
    pub state: String,
    pub context: String,
    pub description: String,
    /// None: there is none, because nothing was to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<ExecutionId>,
}
