//! The state that decisions are made on: rows as the store reads them, no more of them than an event can touch.

use std::collections::BTreeMap;

use penstock_domain::{
    ExecutionId, ExecutionStatus, JobId, PipelineId, Reason, RunnerId, StageId, StepId, Timestamp, WorkStatus,
};
use penstock_gates::Facts;
use penstock_pipeline::{Late, Outputs, PlannedDeploy, PlannedJob, PlannedSuccessor, RunContext};
use serde::{Deserialize, Serialize};

use crate::delivery::{Approval, Deployment, Environment, StageGate, TakesBack};

/// An execution with as many of its stages and jobs as the event needs.
///
/// Narrow: one job with its steps and its stage, and the next of its matrix that is held. Whole: every stage, every
/// running job, and the waiting jobs that have a condition or are limited by their matrix. A decision that needs the whole and has the narrow says [`crate::Refusal::NeedsWhole`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub version: i64,
    /// Jobs are missing, and stages may be. An execution of one stage has all of its stages either way.
    #[serde(default)]
    pub is_narrow: bool,
    pub execution: Execution,
    pub stages: Vec<Stage>,
    pub jobs: Vec<Job>,
    /// Of the job that the event is about.
    pub steps: Vec<Step>,
    /// These six come with the whole alone.
    #[serde(default)]
    pub gates: Vec<StageGate>,
    #[serde(default)]
    pub deployments: Vec<Deployment>,
    #[serde(default)]
    pub approvals: Vec<Approval>,
    /// Those that its stages deploy to, where there are such.
    #[serde(default)]
    pub environments: Vec<Environment>,
    /// What its reports say, where it has gates.
    #[serde(default)]
    pub facts: Facts,
    #[serde(default)]
    pub handed_on: Vec<HandedOn>,
}

/// What an ended job hands on to later stages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedOn {
    pub stage: String,
    /// The job's place in its stage: of one matrix, the later wins.
    pub order: u32,
    pub outputs: BTreeMap<String, String>,
}

/// What an execution's stages have handed on, by stage and by name.
pub fn outputs(context: &ExecutionContext, handed_on: &[HandedOn]) -> Outputs {
    let mut in_order: Vec<_> = handed_on.iter().collect();
    in_order.sort_by_key(|h| h.order);
    let mut outputs = context.outputs.clone();
    for handed_on in in_order {
        outputs.entry(handed_on.stage.clone()).or_default().extend(handed_on.outputs.clone());
    }
    outputs
}

/// How an execution ends, once what cleans up after it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    pub status: ExecutionStatus,
    pub reason: Reason,
}

impl Snapshot {
    /// By stage, and by name.
    pub fn outputs(&self) -> Outputs {
        outputs(&self.execution.context, &self.handed_on)
    }

    pub fn is_whole(&self) -> bool {
        !self.is_narrow
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    pub id: ExecutionId,
    #[serde(skip_serializing)]
    pub pipeline_id: PipelineId,
    #[serde(skip_serializing)]
    pub number: u64,
    pub status: ExecutionStatus,
    pub reason: Option<Reason>,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    #[serde(skip_serializing)]
    pub timeout_ms: i64,
    #[serde(skip_serializing)]
    pub stages_total: u32,
    pub stages_completed: u32,
    pub stages_failed: u32,
    /// The first thing that went wrong, in one sentence.
    pub error_details: Option<String>,
    /// It was ended, and what cleans up after it still runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    #[serde(skip_serializing)]
    pub context: ExecutionContext,
}

/// What an execution runs on and for; written once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionContext {
    pub run: RunContext,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<StatusTarget>,
    /// The pipeline's variables, under the run's parameters: a stage's condition sees its own over these.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Those of the pipeline's variables that ask for outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<Late>,
    /// What is started when it has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<PlannedSuccessor>,
    /// The pipelines that led here, the first one first: none of them is started again from here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<PipelineId>,
    /// What stages handed on that are of an earlier execution, where this one does a part of its work again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: Outputs,
    /// A pull request from a fork: no secrets, and a person lets it run first.
    #[serde(default)]
    pub from_fork: bool,
    /// Whose change it is: nobody approves their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// When the commit was made, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_at: Option<Timestamp>,
    /// The execution brings back an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes_back: Option<TakesBack>,
    /// It ends the older ones of its concurrency group.
    #[serde(default)]
    pub cancels_in_progress: bool,
}

impl ExecutionContext {
    /// Of a run about which nothing else is known.
    pub const fn of(run: RunContext) -> Self {
        Self {
            run,
            target: None,
            variables: BTreeMap::new(),
            late: vec![],
            then: vec![],
            chain: vec![],
            outputs: BTreeMap::new(),
            from_fork: false,
            authors: vec![],
            commit_at: None,
            takes_back: None,
            cancels_in_progress: false,
        }
    }
}

/// The commit whose status tells how the execution goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusTarget {
    pub forge: String,
    /// `owner/name`.
    pub repository: String,
    pub commit_sha: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    pub id: StageId,
    pub name: String,
    #[serde(skip_serializing)]
    pub depends_on: Vec<String>,
    #[serde(skip_serializing)]
    pub condition: Option<String>,
    #[serde(skip_serializing)]
    pub timeout_ms: Option<i64>,
    /// What its jobs deploy.
    #[serde(default)]
    #[serde(skip_serializing)]
    pub deploy: Option<PlannedDeploy>,
    /// What it sets itself, for its condition.
    #[serde(skip_serializing)]
    pub variables: BTreeMap<String, String>,
    /// Those that ask for outputs.
    #[serde(default)]
    #[serde(skip_serializing)]
    pub late: Vec<Late>,
    /// It cleans up, and runs whatever became of the others.
    #[serde(default)]
    #[serde(skip_serializing)]
    pub always: bool,
    /// Its failure is nobody else's.
    #[serde(default)]
    #[serde(skip_serializing)]
    pub continue_on_error: bool,
    pub status: WorkStatus,
    pub reason: Option<Reason>,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub jobs_total: u32,
    pub jobs_finished: u32,
    pub jobs_failed: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub id: JobId,
    pub stage_id: StageId,
    pub name: String,
    /// Its place in its stage.
    #[serde(default)]
    #[serde(skip_serializing)]
    pub order: u32,
    pub status: WorkStatus,
    pub reason: Option<Reason>,
    pub message: Option<String>,
    /// From 1; one more for each time that it is tried again.
    pub attempt: u32,
    /// Pushes of this attempt that no runner took.
    pub refusals: u32,
    pub ready_at: Option<Timestamp>,
    pub runner_id: Option<RunnerId>,
    pub assigned_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    /// What it hands on, once it has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing)]
    pub spec: PlannedJob,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub id: StepId,
    pub job_id: JobId,
    pub order: u32,
    #[serde(skip_serializing)]
    pub name: String,
    pub status: WorkStatus,
    pub reason: Option<Reason>,
    pub exit_code: Option<i32>,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
}

/// One thing that the holder of an attempt reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum JobReport {
    StepStarted {
        step: u32,
        at: Timestamp,
    },
    StepFinished {
        step: u32,
        at: Timestamp,
        status: WorkStatus,
        exit_code: Option<i32>,
        reason: Option<Reason>,
    },
    JobFinished {
        at: Timestamp,
        status: WorkStatus,
        reason: Option<Reason>,
        message: Option<String>,
        outputs: BTreeMap<String, String>,
    },
}
