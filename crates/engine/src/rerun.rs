//! A retry of an ended execution: a new one with the same work, in which what need not run again is carried over.

use penstock_domain::{GateStatus, JobId, Timestamp, WorkStatus};
use penstock_gates::Gate;
use penstock_pipeline::{PlannedJob, PlannedStage};
use serde::Deserialize;
use thiserror::Error;

#[derive(Debug, Clone, PartialEq)]
pub struct Rerun {
    pub stages: Vec<RerunStage>,
    pub timeout_ms: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RerunStage {
    /// Its `jobs` and `gates` are empty: they are in `jobs` and `gates`.
    pub planned: PlannedStage,
    pub jobs: Vec<RerunJob>,
    pub gates: Vec<RerunGate>,
    /// It succeeded before, and counts as succeeded now.
    pub is_carried: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RerunJob {
    pub planned: PlannedJob,
    /// The job that succeeded before: its success and its reports count now.
    pub carried_from: Option<JobId>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RerunGate {
    pub gate: Gate,
    /// A person let it pass, which holds for the retry as well.
    pub overridden: Option<OverriddenBefore>,
}

impl RerunGate {
    pub const fn fresh(gate: Gate) -> Self {
        Self { gate, overridden: None }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OverriddenBefore {
    pub by: String,
    pub reason: String,
    pub at: Timestamp,
}

/// A stage as it was, with how each of its parts ended.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PastStage {
    pub planned: PlannedStage,
    pub status: WorkStatus,
    pub jobs: Vec<PastJob>,
    pub gates: Vec<PastGate>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PastJob {
    /// The job that really ran, where this one was carried over itself.
    pub ran_as: JobId,
    pub planned: PlannedJob,
    pub status: WorkStatus,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PastGate {
    pub gate: Gate,
    pub status: GateStatus,
    pub overridden: Option<OverriddenBefore>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RerunError {
    #[error("there is nothing to retry: no job of it failed, was cancelled or was left out")]
    NothingFailed,
    #[error("it has no stages; mend its definition and start a new execution")]
    NoStages,
}

/// The work again: all of it, or all but what succeeded.
///
/// # Errors
/// [`RerunError`], where nothing would run.
pub fn rerun(stages: Vec<PastStage>, timeout_ms: i64, only_failed: bool) -> Result<Rerun, RerunError> {
    if stages.is_empty() {
        return Err(RerunError::NoStages);
    }
    let stages: Vec<_> = stages.into_iter().map(|stage| again(stage, only_failed)).collect();
    let is_left = stages.iter().any(|s| !s.is_carried);
    if is_left { Ok(Rerun { stages, timeout_ms }) } else { Err(RerunError::NothingFailed) }
}

fn again(past: PastStage, only_failed: bool) -> RerunStage {
    let is_carried = only_failed && past.status == WorkStatus::Succeeded;
    // What was deployed and is not well has to be deployed again, as a whole.
    let carries_jobs = only_failed && (is_carried || past.planned.deploy.is_none());
    let job = |job: PastJob| RerunJob {
        carried_from: (carries_jobs && job.status == WorkStatus::Succeeded).then_some(job.ran_as),
        planned: job.planned,
    };
    let gate = |past: PastGate| RerunGate {
        gate: past.gate,
        overridden: past.overridden.filter(|_| only_failed && past.status == GateStatus::Overridden),
    };
    RerunStage {
        jobs: past.jobs.into_iter().map(job).collect(),
        gates: past.gates.into_iter().map(gate).collect(),
        planned: past.planned,
        is_carried,
    }
}

/// The one stage that put a version into an environment, by itself and without conditions: what brings it back.
pub fn bring_back(mut stage: PastStage, timeout_ms: i64) -> Rerun {
    stage.planned.depends_on.clear();
    stage.planned.condition = None;
    Rerun { stages: vec![again(stage, false)], timeout_ms }
}
