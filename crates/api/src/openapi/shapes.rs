//! The shapes of answers that are put together elsewhere and have no type among the wire types.
//!
//! Descriptions only: nothing is ever made of them. A test compares their members with those of the types that are.
#![expect(dead_code, reason = "their fields are read by the derive alone")]

use std::collections::BTreeMap;

use penstock_domain::{
    ApprovalStatus, ApprovalType, DeploymentStatus, DeploymentStrategy, ExecutionStatus, GateStatus, Reason,
    RetryCause, StageType, WorkStatus,
};
use schemars::JsonSchema;

use crate::runner::{LogStream, ReportRequest};
use crate::schema::{Id, Time, Word};

/// A registered runner.
#[derive(JsonSchema)]
pub struct Runner {
    id: Id,
    name: String,
    labels: Vec<String>,
    /// Jobs at once.
    capacity: u32,
    /// Jobs that it has now.
    running: u32,
    /// Until then nothing is pushed to it, because it did not answer.
    unreachable_until: Option<Time>,
}

/// One thing to be said about a pipeline file, with its place.
#[derive(JsonSchema)]
pub struct Diagnostic {
    /// JSON pointer into the file.
    pointer: String,
    /// From 1.
    line: u32,
    /// From 1.
    column: u32,
    /// Stable and snake_case.
    code: String,
    message: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// What a pipeline file comes to for a push to `main`. Members that have their default value are left out.
#[derive(JsonSchema)]
pub struct Plan {
    /// Left out: two hours.
    #[serde(skip_serializing_if = "is_default")]
    timeout_ms: i64,
    /// Executions of this pipeline at once, where the file limits them.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_concurrent: Option<u32>,
    #[serde(skip_serializing_if = "is_default")]
    variables: BTreeMap<String, String>,
    /// Variables that ask for outputs: filled in when these are known.
    #[serde(skip_serializing_if = "is_default")]
    late: Vec<Late>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<PlannedConcurrency>,
    /// The higher goes first; left out: 0.
    #[serde(skip_serializing_if = "is_default")]
    priority: i32,
    /// What is started when the execution has ended.
    #[serde(skip_serializing_if = "is_default")]
    then: Vec<PlannedSuccessor>,
    stages: Vec<PlannedStage>,
}

/// A variable with its `${{ … }}`, as written.
#[derive(JsonSchema)]
pub struct Late {
    name: String,
    text: String,
}

/// Executions that share a group run only so many at once.
#[derive(JsonSchema)]
pub struct PlannedConcurrency {
    group: String,
    limit: u32,
    /// A new execution ends the older ones of its group.
    #[serde(skip_serializing_if = "is_default")]
    cancel_in_progress: bool,
}

/// A pipeline that is started when this one has ended.
#[derive(JsonSchema)]
pub struct PlannedSuccessor {
    pipeline: String,
    /// In CEL; left out: when this one succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    parameters: BTreeMap<String, String>,
    /// Variables that ask for outputs: filled in when these are known.
    #[serde(skip_serializing_if = "is_default")]
    late: Vec<Late>,
}

#[derive(JsonSchema)]
pub struct PlannedStage {
    name: String,
    stage_type: Word<StageType>,
    /// Names of stages that have to end first.
    #[serde(skip_serializing_if = "is_default")]
    depends_on: Vec<String>,
    /// In CEL; left out: when all that it depends on succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<i64>,
    /// It cleans up: it runs whatever became of the others.
    #[serde(skip_serializing_if = "is_default")]
    always: bool,
    #[serde(skip_serializing_if = "is_default")]
    continue_on_error: bool,
    /// Variables that ask for outputs: filled in when these are known.
    #[serde(skip_serializing_if = "is_default")]
    late: Vec<Late>,
    #[serde(skip_serializing_if = "is_default")]
    variables: BTreeMap<String, String>,
    /// Decided when the jobs have ended.
    #[serde(skip_serializing_if = "is_default")]
    gates: Vec<PlannedGate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deploy: Option<PlannedDeploy>,
    /// Side by side. None only where there are gates.
    jobs: Vec<PlannedJob>,
}

/// What has to hold of the reports.
#[derive(JsonSchema)]
pub struct PlannedGate {
    /// Unique in its stage.
    name: String,
    /// `test_coverage`, `code_quality` or `custom`.
    gate_type: String,
    /// `line_coverage`, `branch_coverage`, `function_coverage`, `test_success_rate` (percent) or `failed_tests`.
    metric: String,
    /// `>`, `>=`, `<`, `<=`, `=` or `!=`.
    operator: String,
    threshold: f64,
    /// Whether the stage fails with it.
    blocker: bool,
    /// Whether a person may let it pass.
    overridable: bool,
}

/// What the jobs of a stage deploy, and where to.
#[derive(JsonSchema)]
pub struct PlannedDeploy {
    environment: String,
    /// `rolling` or `recreate`.
    strategy: String,
    /// Left out: the commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Where the version asks for outputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    late_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check: Option<HealthCheck>,
}

#[derive(JsonSchema)]
pub struct HealthCheck {
    url: String,
    expect_status: u16,
    /// Of one request.
    timeout_ms: i64,
    /// Between two requests.
    interval_ms: i64,
    attempts: u32,
    /// Good answers in a row that are wanted.
    successes: u32,
}

#[derive(JsonSchema)]
pub struct PlannedJob {
    name: String,
    /// The combination that it runs.
    #[serde(skip_serializing_if = "is_default")]
    matrix: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    siblings: Option<Siblings>,
    #[serde(skip_serializing_if = "is_default")]
    priority: i32,
    #[serde(skip_serializing_if = "is_default")]
    continue_on_error: bool,
    /// Names of what it hands on.
    #[serde(skip_serializing_if = "is_default")]
    outputs: Vec<String>,
    /// Variables that ask for outputs: filled in when these are known.
    #[serde(skip_serializing_if = "is_default")]
    late: Vec<Late>,
    /// Labels, each of which the runner needs.
    #[serde(skip_serializing_if = "is_default")]
    runs_on: Vec<String>,
    /// In CEL.
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    retry: RetryPolicy,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Resources>,
    /// Left out: one hour.
    #[serde(skip_serializing_if = "is_default")]
    timeout_ms: i64,
    /// Left out: true.
    #[serde(skip_serializing_if = "is_default")]
    checkout: bool,
    #[serde(skip_serializing_if = "is_default")]
    variables: BTreeMap<String, String>,
    /// What the runner hands in when the steps have ended.
    #[serde(skip_serializing_if = "is_default")]
    reports: Vec<ReportRequest>,
    /// One after the other.
    steps: Vec<PlannedStep>,
}

/// What a job may use of its runner's machine.
#[derive(JsonSchema)]
pub struct Resources {
    #[serde(skip_serializing_if = "Option::is_none")]
    cpus: Option<u32>,
    /// In units of 2^20 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_mib: Option<u64>,
}

/// Jobs that one matrix was written out to.
#[derive(JsonSchema)]
pub struct Siblings {
    group: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_parallel: Option<u32>,
    #[serde(skip_serializing_if = "is_default")]
    fail_fast: bool,
}

/// When a failed attempt is made again.
#[derive(JsonSchema)]
pub struct RetryPolicy {
    /// Tries after the first; left out: none.
    #[serde(skip_serializing_if = "is_default")]
    max: u32,
    #[serde(skip_serializing_if = "is_default")]
    delay_ms: i64,
    #[serde(skip_serializing_if = "is_default")]
    backoff: f64,
    /// Left out: every cause.
    #[serde(skip_serializing_if = "is_default")]
    on: Vec<Word<RetryCause>>,
}

#[derive(JsonSchema)]
pub struct PlannedStep {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    run: String,
    /// `sh`, `bash`, `python3`, `node` or `script`; left out: `sh`.
    #[serde(skip_serializing_if = "is_default")]
    shell: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uses: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    with: BTreeMap<String, String>,
    /// In CEL; asked when its turn comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<String>,
    /// Variables that ask for outputs: filled in when these are known.
    #[serde(skip_serializing_if = "is_default")]
    late: Vec<Late>,
    #[serde(skip_serializing_if = "is_default")]
    variables: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_directory: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<i64>,
    #[serde(skip_serializing_if = "is_default")]
    continue_on_error: bool,
    /// Its condition was false: it shows, and never runs.
    #[serde(skip_serializing_if = "is_default")]
    skipped: bool,
}

/// `data` of `event: change`: one change of an execution. What did not change is left out.
#[derive(JsonSchema)]
pub struct ExecutionChange {
    /// The event's id: grows from change to change.
    seq: i64,
    at: Time,
    /// Who: `user:admin`, `runner:<id>`, `clock`, …
    actor: String,
    /// What for, in one word.
    cause: String,
    /// The execution's first change: read the execution for what it is made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    created: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ChangedExecution")]
    execution: Option<ChangedExecution>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stages: Vec<ChangedStage>,
    /// All jobs of a stage that had not begun, at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting: Vec<ChangedWaiting>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    jobs: Vec<ChangedJob>,
    /// Steps of a job at once: all of them pending again, or the unfinished ones ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps_of: Vec<ChangedSteps>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<ChangedStep>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gates: Vec<ChangedGate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deployments: Vec<ChangedDeployment>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    approvals: Vec<ChangedApproval>,
}

#[derive(JsonSchema)]
pub struct ChangedGate {
    id: Id,
    status: Word<GateStatus>,
    /// What was measured.
    actual: Option<f64>,
    reasons: Vec<String>,
    evaluated_at: Option<Time>,
    override_reason: Option<String>,
    overridden_by: Option<String>,
    overridden_at: Option<Time>,
}

#[derive(JsonSchema)]
pub struct ChangedDeployment {
    id: Id,
    execution_id: Id,
    stage_id: Id,
    pipeline_id: Id,
    environment_id: Id,
    strategy: Word<DeploymentStrategy>,
    version: String,
    previous_version: Option<String>,
    status: Word<DeploymentStatus>,
    reason: Option<Word<Reason>>,
    initiated_at: Time,
    started_at: Option<Time>,
    completed_at: Option<Time>,
    rollback_of: Option<Id>,
    rollback_triggered: bool,
    rollback_reason: Option<String>,
    rollback_completed_at: Option<Time>,
    health_check_passed: Option<bool>,
    deployed_by: Option<String>,
    approved_by: Option<String>,
    commit_at: Option<Time>,
}

#[derive(JsonSchema)]
pub struct ChangedApproval {
    id: Id,
    execution_id: Id,
    stage_id: Id,
    deployment_id: Id,
    environment_id: Id,
    approval_type: Word<ApprovalType>,
    status: Word<ApprovalStatus>,
    requested_at: Time,
    requested_by: Option<String>,
    approved_at: Option<Time>,
    approved_by: Option<String>,
    rejected_at: Option<Time>,
    rejected_by: Option<String>,
    rejection_reason: Option<String>,
    notes: Option<String>,
    criteria: ApprovalCriteria,
    votes: Vec<GivenVote>,
    expires_at: Option<Time>,
}

/// What an approval asks for, as it was when it was requested.
#[derive(JsonSchema)]
pub struct ApprovalCriteria {
    required: u32,
    /// Empty: whoever has the role.
    approvers: Vec<String>,
    /// Who may not approve.
    authors: Vec<String>,
}

#[derive(JsonSchema)]
pub struct GivenVote {
    by: String,
    forge_login: Option<String>,
    at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
}

#[derive(JsonSchema)]
pub struct ChangedExecution {
    id: Id,
    status: Word<ExecutionStatus>,
    reason: Option<Word<Reason>>,
    started_at: Option<Time>,
    completed_at: Option<Time>,
    stages_completed: u32,
    stages_failed: u32,
    error_details: Option<String>,
    /// It was ended so, and what cleans up after it still runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    ending: Option<Ending>,
}

#[derive(JsonSchema)]
pub struct Ending {
    status: Word<ExecutionStatus>,
    reason: Word<Reason>,
}

#[derive(JsonSchema)]
pub struct ChangedStage {
    id: Id,
    name: String,
    status: Word<WorkStatus>,
    reason: Option<Word<Reason>>,
    started_at: Option<Time>,
    completed_at: Option<Time>,
    jobs_total: u32,
    jobs_finished: u32,
    jobs_failed: u32,
}

#[derive(JsonSchema)]
pub struct ChangedWaiting {
    stage_id: Id,
    status: Word<WorkStatus>,
    reason: Option<Word<Reason>>,
    ready_at: Option<Time>,
    completed_at: Option<Time>,
}

#[derive(JsonSchema)]
pub struct ChangedJob {
    id: Id,
    stage_id: Id,
    name: String,
    status: Word<WorkStatus>,
    reason: Option<Word<Reason>>,
    message: Option<String>,
    attempt: u32,
    /// Pushes of this attempt that no runner took.
    refusals: u32,
    ready_at: Option<Time>,
    runner_id: Option<Id>,
    assigned_at: Option<Time>,
    started_at: Option<Time>,
    completed_at: Option<Time>,
    /// What it hands on.
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<BTreeMap<String, String>>,
}

#[derive(JsonSchema)]
pub struct ChangedSteps {
    job_id: Id,
    /// Of those that have not begun.
    status: Word<WorkStatus>,
    /// Of those that have.
    running: Word<WorkStatus>,
    reason: Option<Word<Reason>>,
}

#[derive(JsonSchema)]
pub struct ChangedStep {
    id: Id,
    job_id: Id,
    /// From 0 within the job.
    order: u32,
    status: Word<WorkStatus>,
    reason: Option<Word<Reason>>,
    exit_code: Option<i32>,
    started_at: Option<Time>,
    completed_at: Option<Time>,
}

/// `data` of `event: log`: one line.
#[derive(JsonSchema)]
pub struct LogEvent {
    stage: String,
    job: String,
    job_id: Id,
    attempt: u32,
    /// From 1 within the attempt.
    seq: u64,
    /// From 0 within the job; null for what the runner itself says.
    step: Option<u32>,
    stream: LogStream,
    at: Time,
    text: String,
}

/// `data` of `event: end` of a log: the execution has ended, and all its lines were sent.
#[derive(JsonSchema)]
pub struct LogEnd {
    status: Word<ExecutionStatus>,
}
