//! A retry of an ended execution: a new one with the same work, in which what need not run again is carried over.

use penstock_domain::WorkStatus;
use penstock_pipeline::{PlannedJob, PlannedStage};
use thiserror::Error;

#[derive(Debug, Clone, PartialEq)]
pub struct Rerun {
    pub stages: Vec<RerunStage>,
    pub timeout_ms: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RerunStage {
    /// Its `jobs` are empty: they are in `jobs`.
    pub planned: PlannedStage,
    pub jobs: Vec<RerunJob>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RerunJob {
    pub planned: PlannedJob,
    /// It succeeded before, and counts as succeeded now.
    pub is_carried: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RerunError {
    #[error("there is nothing to retry: no job of it failed, was cancelled or was left out")]
    NothingFailed,
    #[error("it has no stages; mend its definition and start a new execution")]
    NoStages,
}

/// The work again: all of it, or all but the jobs that succeeded.
///
/// # Errors
/// [`RerunError`], where nothing would run.
pub fn rerun(
    stages: Vec<(PlannedStage, Vec<(PlannedJob, WorkStatus)>)>,
    timeout_ms: i64,
    only_failed: bool,
) -> Result<Rerun, RerunError> {
    if stages.is_empty() {
        return Err(RerunError::NoStages);
    }
    let job =
        |(planned, status)| RerunJob { planned, is_carried: only_failed && status == WorkStatus::Succeeded };
    let stages: Vec<_> = stages
        .into_iter()
        .map(|(planned, jobs)| RerunStage { planned, jobs: jobs.into_iter().map(job).collect() })
        .collect();
    let is_left = stages.iter().any(|s| s.jobs.iter().any(|j| !j.is_carried));
    if is_left { Ok(Rerun { stages, timeout_ms }) } else { Err(RerunError::NothingFailed) }
}
