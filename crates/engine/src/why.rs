//! "Why is this waiting?", answered for an execution and for a job from what is there.

use penstock_domain::{ExecutionId, ExecutionStatus, Reason, RunnerId, Timestamp, WorkStatus};
use serde::{Deserialize, Serialize};

use crate::matching::fits;

/// What a thing waits for, and who holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    pub reason: Reason,
    /// One sentence for a person.
    pub message: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_by: Vec<Holder>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Wait {
    /// For this reason, and held by nobody in particular.
    fn because(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), waits_for: vec![], held_by: vec![], until: None }
    }
}

/// An execution, a runner or a deployment that has what is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    Execution {
        id: ExecutionId,
        number: u64,
    },
    Runner {
        id: RunnerId,
        name: String,
    },
    /// That of the execution with this number.
    Deployment {
        number: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerView {
    pub id: RunnerId,
    pub name: String,
    pub labels: Vec<String>,
    pub capacity: u32,
    pub running: u32,
    pub unreachable_until: Option<Timestamp>,
    /// Pushes in a row that it did not answer; none where it is only left alone for a while, because it was full.
    #[serde(skip)]
    pub failures: u32,
    /// When it last asked for work, where nothing is pushed to it.
    #[serde(skip)]
    pub claimed_at: Option<Timestamp>,
}

/// A runner that asks for its work and has not done so for longer is not there.
const SILENT_MS: i64 = 90_000;

impl RunnerView {
    fn is_left_alone(&self, now: Timestamp) -> bool {
        self.unreachable_until.is_some_and(|until| until > now)
    }

    fn is_there(&self, now: Timestamp) -> bool {
        let is_silent = self.claimed_at.is_some_and(|at| now.since_ms(at) > SILENT_MS);
        let is_away = self.failures > 0 && self.is_left_alone(now);
        !is_silent && !is_away
    }

    fn is_busy(&self, now: Timestamp) -> bool {
        self.running >= self.capacity || self.is_left_alone(now)
    }
}

/// A job as far as its waiting goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobWait<'a> {
    pub status: WorkStatus,
    pub reason: Option<Reason>,
    pub ready_at: Option<Timestamp>,
    pub runs_on: &'a [String],
    /// Names of the stages that its own stage depends on and that have not ended.
    pub unfinished: Vec<String>,
}

/// What an execution's pipeline, and its concurrency group, have room for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionWait<'a> {
    /// Executions of the pipeline at once, and those that run.
    pub limit: u32,
    pub running: Vec<(ExecutionId, u64)>,
    pub group: Option<GroupWait<'a>>,
}

/// A concurrency group: executions of it at once, those that run, each with its pipeline, and how many others of it
/// come first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupWait<'a> {
    pub name: &'a str,
    pub limit: u32,
    pub running: Vec<(ExecutionId, u64, String)>,
    pub ahead: u32,
}

/// Why a queued execution has not begun; None if it does not wait.
pub fn why_execution(
    status: ExecutionStatus,
    reason: Option<Reason>,
    wait: ExecutionWait<'_>,
) -> Option<Wait> {
    if status == ExecutionStatus::Running && reason == Some(Reason::CleaningUp) {
        return Some(Wait::because(Reason::CleaningUp, "it was ended; what cleans up after it still runs"));
    }
    if status != ExecutionStatus::Queued {
        return None;
    }
    let ExecutionWait { limit, running, group } = wait;
    if reason == Some(Reason::ForkApproval) {
        let message = "the pull request comes from a fork; someone who may must let it run";
        return Some(Wait::because(Reason::ForkApproval, message));
    }
    // A group that has room is not what it waits for.
    if let Some(group) = group.filter(|g| g.running.len() >= g.limit as usize || g.ahead > 0) {
        return Some(why_group(group));
    }
    let numbers = running.iter().map(|(_, n)| format!("#{n}")).collect::<Vec<_>>().join(", ");
    let message = match running.len() {
        0 => "its turn comes at once".to_owned(),
        n => format!("{n} of at most {limit} executions of this pipeline run: {numbers}"),
    };
    let held_by = running.into_iter().map(|(id, number)| Holder::Execution { id, number }).collect();
    Some(Wait { held_by, ..Wait::because(Reason::ConcurrencyLimit, message) })
}

fn why_group(group: GroupWait<'_>) -> Wait {
    let GroupWait { name, limit, running, ahead } = group;
    let numbers = running.iter().map(|(_, n, of)| format!("{of} #{n}")).collect::<Vec<_>>().join(", ");
    let behind = if ahead == 0 { String::new() } else { format!("; {ahead} others of it come first") };
    let message = match running.len() {
        0 => format!("its turn in the concurrency group `{name}` comes at once{behind}"),
        n => format!(
            "{n} of at most {limit} executions of the concurrency group `{name}` run: {numbers}{behind}"
        ),
    };
    let held_by = running.into_iter().map(|(id, number, _)| Holder::Execution { id, number }).collect();
    let waits_for = vec![name.to_owned()];
    Wait { waits_for, held_by, ..Wait::because(Reason::ConcurrencyLimit, message) }
}

/// A stage that deploys, as far as its waiting goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageWait<'a> {
    pub reason: Option<Reason>,
    pub environment: &'a str,
    pub version: &'a str,
    /// Yeses that are there and that are asked for.
    pub given: u32,
    pub required: u32,
    pub approvers: &'a [String],
    pub expires_at: Option<Timestamp>,
    /// The number of the execution whose deployment has the environment.
    pub holder: Option<u64>,
    /// Why the version is held.
    pub quarantine: Option<&'a str>,
}

/// Why a stage that deploys is held; None if it is not.
pub fn why_stage(stage: &StageWait) -> Option<Wait> {
    let StageWait { environment, version, .. } = *stage;
    let reason = stage.reason?;
    let (message, waits_for) = match reason {
        Reason::ApprovalPending => {
            let who = match stage.approvers {
                [] => "whoever may approve".to_owned(),
                names => names.join(", "),
            };
            let (given, required) = (stage.given, stage.required);
            let message = format!(
                "{version} may go to {environment} when it is approved: {given} of {required} approvals are given, by {who}"
            );
            (message, stage.approvers.to_vec())
        }
        Reason::EnvironmentBusy => {
            let by = stage.holder.map(|number| format!(" of #{number}")).unwrap_or_default();
            (format!("another deployment{by} has {environment}"), vec![environment.to_owned()])
        }
        Reason::VersionQuarantined => {
            let why = stage.quarantine.map(|why| format!(" ({why})")).unwrap_or_default();
            let message = format!(
                "{version} was rolled back from {environment}{why}; deploy another version, or lift the quarantine"
            );
            (message, vec![])
        }
        Reason::HealthCheckPending => {
            (format!("{version} was deployed to {environment}; its health is being checked"), vec![])
        }
        _ => return None,
    };
    let held_by = stage.holder.map(|number| Holder::Deployment { number }).into_iter().collect();
    Some(Wait { reason, message, waits_for, held_by, until: stage.expires_at })
}

/// Why a pending job has not begun; None if it does not wait.
pub fn why_job(job: &JobWait, runners: &[RunnerView], now: Timestamp) -> Option<Wait> {
    if job.status != WorkStatus::Pending {
        return None;
    }
    if job.reason == Some(Reason::ParallelLimit) && job.ready_at.is_none() {
        let message =
            "as many jobs of its matrix run as may run at once; its turn comes when one of them ends";
        return Some(Wait::because(Reason::ParallelLimit, message));
    }
    let Some(ready_at) = job.ready_at else {
        let message = match job.unfinished.as_slice() {
            [] => "its stage has not begun".to_owned(),
            names => format!("waits for {}", names.join(", ")),
        };
        let waits_for = job.unfinished.clone();
        return Some(Wait { waits_for, ..Wait::because(Reason::DependencyPending, message) });
    };
    if ready_at > now && job.reason == Some(Reason::RetryBackoff) {
        let message = format!("a failed attempt is tried again at {ready_at}");
        return Some(Wait { until: Some(ready_at), ..Wait::because(Reason::RetryBackoff, message) });
    }
    Some(why_no_runner(job.runs_on, runners, now))
}

fn why_no_runner(runs_on: &[String], runners: &[RunnerView], now: Timestamp) -> Wait {
    let labels = if runs_on.is_empty() { "any label".to_owned() } else { runs_on.join(", ") };
    let fitting: Vec<_> = runners.iter().filter(|r| fits(&r.labels, runs_on)).collect();
    let waits_for = runs_on.to_vec();
    let no_runner = |message: String| Wait {
        waits_for: waits_for.clone(),
        ..Wait::because(Reason::NoMatchingRunner, message)
    };
    if fitting.is_empty() {
        return no_runner(format!("no registered runner has {labels}; register one with these labels"));
    }
    let there: Vec<_> = fitting.iter().filter(|r| r.is_there(now)).collect();
    if there.is_empty() {
        let until = fitting.iter().filter_map(|r| r.unreachable_until).filter(|until| *until > now).min();
        let message = format!("none of the {} runners with {labels} can be reached", fitting.len());
        return Wait { until, ..no_runner(message) };
    }
    let busy: Vec<_> = there.iter().filter(|r| r.is_busy(now)).collect();
    let message = if busy.len() < there.len() {
        "a runner is free; it is about to be given the job".to_owned()
    } else {
        format!("every slot of the {} runners with {labels} is taken", busy.len())
    };
    let held_by = busy.iter().map(|r| Holder::Runner { id: r.id, name: r.name.clone() }).collect();
    Wait { waits_for, held_by, ..Wait::because(Reason::RunnerFull, message) }
}
