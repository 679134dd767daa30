//! A retry of an ended execution: a new one with the same work, in which what need not run again is carried over.

use std::collections::{BTreeMap, BTreeSet};

use penstock_domain::{GateStatus, JobId, Reason, Timestamp, WorkStatus};
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
    /// It does not run again: how it ended before counts now.
    pub carried: Option<Carried>,
}

/// How a stage that need not run again ended: it succeeded, or was left out on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    pub status: WorkStatus,
    pub reason: Option<Reason>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RerunJob {
    pub planned: PlannedJob,
    /// The job that succeeded before: its success and its reports count now.
    pub carried_from: Option<JobId>,
    /// What that handed on.
    pub outputs: Option<BTreeMap<String, String>>,
    /// This job, and the one whose step added it, in the execution before.
    pub was: Option<JobId>,
    pub added_by: Option<JobId>,
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
    #[serde(default)]
    pub reason: Option<Reason>,
    pub jobs: Vec<PastJob>,
    pub gates: Vec<PastGate>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PastJob {
    /// The job that really ran, where this one was carried over itself.
    pub ran_as: JobId,
    pub planned: PlannedJob,
    pub status: WorkStatus,
    #[serde(default)]
    pub outputs: Option<BTreeMap<String, String>>,
    /// The job of that execution whose step added it.
    #[serde(default)]
    pub added_by: Option<JobId>,
    /// The job of that execution.
    pub id: JobId,
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
    #[error("it has no stage `{name}`; its stages are {names}")]
    NoSuchStage { name: String, names: String },
    #[error("it has no stages; mend its definition and start a new execution")]
    NoStages,
}

impl PastStage {
    /// It did what it was there for: it succeeded, or nobody wanted it to run.
    fn is_done(&self) -> bool {
        let is_left_out = matches!(self.reason, Some(Reason::ConditionFalse | Reason::Disabled));
        self.status == WorkStatus::Succeeded || (self.status == WorkStatus::Skipped && is_left_out)
    }
}

/// What of the work is done again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    All,
    /// What did not succeed, and all that depends on it.
    Failed,
    /// This stage and all that depends on it, and what did not succeed.
    From(String),
}

/// The work again, as far as `scope` goes; the rest is carried over.
///
/// # Errors
/// [`RerunError`], where nothing would run, or there is no such stage.
pub fn rerun(stages: Vec<PastStage>, timeout_ms: i64, scope: &Scope) -> Result<Rerun, RerunError> {
    if stages.is_empty() {
        return Err(RerunError::NoStages);
    }
    if let Scope::From(name) = scope
        && !stages.iter().any(|s| s.planned.name == *name)
    {
        let names = stages.iter().map(|s| s.planned.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(RerunError::NoSuchStage { name: name.clone(), names });
    }
    let anew = anew(&stages, scope);
    let is_left = stages.iter().any(|s| anew.contains(&s.planned.name) && !s.planned.always);
    if !is_left {
        return Err(RerunError::NothingFailed);
    }
    let again = |stage: PastStage| {
        let is_asked_for = match scope {
            Scope::All => true,
            Scope::Failed => stage.is_done(),
            Scope::From(name) => stage.planned.name == *name || stage.is_done(),
        };
        // What succeeded on what was before it says nothing on what comes before it now.
        let has_new_ground = stage.planned.depends_on.iter().any(|name| anew.contains(name));
        let carry = match anew.contains(&stage.planned.name) {
            false => Carry::Stage,
            true if is_asked_for || has_new_ground => Carry::Nothing,
            true => Carry::Jobs,
        };
        again(stage, carry)
    };
    Ok(Rerun { stages: stages.into_iter().map(again).collect(), timeout_ms })
}

/// The names of the stages that run again.
fn anew(stages: &[PastStage], scope: &Scope) -> BTreeSet<String> {
    let starts = |s: &&PastStage| match scope {
        Scope::All => true,
        Scope::Failed => !s.is_done() || s.planned.always,
        Scope::From(name) => s.planned.name == *name || !s.is_done() || s.planned.always,
    };
    let mut anew: BTreeSet<String> = stages.iter().filter(starts).map(|s| s.planned.name.clone()).collect();
    // As often as there are stages is always enough; in the order of a file, once mostly is.
    for _ in 0..stages.len() {
        let before = anew.len();
        for stage in stages {
            let follows = stage.planned.depends_on.iter().any(|name| anew.contains(name));
            if follows && !penstock_domain::bugs::is_on("retry_keeps_what_follows") {
                anew.insert(stage.planned.name.clone());
            }
        }
        if anew.len() == before {
            break;
        }
    }
    anew
}

/// What of a stage need not run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carry {
    Nothing,
    /// Its jobs that succeeded.
    Jobs,
    Stage,
}

fn again(past: PastStage, carry: Carry) -> RerunStage {
    let is_carried = carry == Carry::Stage;
    // What was deployed and is not well has to be deployed again, as a whole; what cleans up, too.
    let is_whole = past.planned.deploy.is_some() || past.planned.always;
    let carries_jobs = is_carried || (carry == Carry::Jobs && !is_whole);
    let is_kept = |job: &PastJob| carries_jobs && job.status == WorkStatus::Succeeded;
    let kept: BTreeSet<JobId> = past.jobs.iter().filter(|job| is_kept(job)).map(|job| job.id).collect();
    // What a job added that runs again, it adds again.
    let is_there = |job: &PastJob| is_carried || job.added_by.is_none_or(|by| kept.contains(&by));
    let job = |job: PastJob| {
        let is_kept = is_kept(&job);
        RerunJob {
            carried_from: is_kept.then_some(job.ran_as),
            outputs: job.outputs.filter(|_| is_kept),
            was: Some(job.id),
            added_by: job.added_by,
            planned: job.planned,
        }
    };
    let gate = |past: PastGate| RerunGate {
        gate: past.gate,
        overridden: past
            .overridden
            .filter(|_| carry != Carry::Nothing && past.status == GateStatus::Overridden),
    };
    RerunStage {
        jobs: past.jobs.into_iter().filter(is_there).map(job).collect(),
        gates: past.gates.into_iter().map(gate).collect(),
        planned: past.planned,
        carried: is_carried.then_some(Carried { status: past.status, reason: past.reason }),
    }
}

/// The one stage that put a version into an environment, by itself: what brings it back. What ran then runs again, and
/// nothing else; conditions were answered then, on what is not there now.
pub fn bring_back(mut stage: PastStage, timeout_ms: i64) -> Rerun {
    stage.planned.depends_on.clear();
    stage.planned.condition = None;
    stage.jobs.retain(|job| job.status != WorkStatus::Skipped);
    for job in &mut stage.jobs {
        job.planned.condition = None;
    }
    Rerun { stages: vec![again(stage, Carry::Nothing)], timeout_ms }
}
