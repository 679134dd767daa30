//! What the commit's status says: the execution's state in the forge's four words, and one sentence.

use penstock_domain::{
    DeploymentStatus, ExecutionStatus, IdSource as _, OutboxId, Reason, TriggerEvent, WorkStatus,
};

use crate::change::{Effect, EffectKind, ForgeStatus};
use crate::draft::Draft;
use crate::model::{Execution, Snapshot, StatusTarget};
use crate::moment::Moment;

/// Queues the status for the commit, where the execution has one to tell.
pub(crate) fn tell(draft: &mut Draft) {
    let execution = &draft.state.execution;
    let Some(target) = execution.context.target.clone() else { return };
    let run = &execution.context.run;
    let context = context(&run.pipeline_name, run.event);
    let status = ForgeStatus {
        state: state(execution).to_owned(),
        description: description(&draft.state),
        forge: target.forge,
        repository: target.repository,
        commit_sha: target.commit_sha,
        context,
        execution_id: Some(execution.id),
    };
    let topic = topic(&status);
    draft.effect(topic, EffectKind::ForgeStatus(status));
}

/// A pipeline's filters left nothing to do for the commit: a check that is waited for is there, and says so.
pub fn nothing_to_do(
    target: &StatusTarget,
    pipeline_name: &str,
    event: TriggerEvent,
    why: &str,
    at: &Moment,
) -> Effect {
    let context = context(pipeline_name, event);
    let status = ForgeStatus {
        state: "success".to_owned(),
        description: format!("nothing to do: {why}"),
        forge: target.forge.clone(),
        repository: target.repository.clone(),
        commit_sha: target.commit_sha.clone(),
        context,
        execution_id: None,
    };
    let topic = topic(&status);
    let id = OutboxId(at.ids().uuid());
    Effect { id, topic, execution_id: None, due_at: at.now, kind: EffectKind::ForgeStatus(status) }
}

/// The check that the commit shows. A push of a commit and its pull request may come to different ends, and neither is to
/// cover the other.
fn context(pipeline_name: &str, event: TriggerEvent) -> String {
    match event {
        TriggerEvent::PullRequest => format!("penstock/{pipeline_name} (pull_request)"),
        _ => format!("penstock/{pipeline_name}"),
    }
}

/// Statuses of one commit and context go out one after the other.
fn topic(status: &ForgeStatus) -> String {
    format!("status:{}/{}/{}/{}", status.forge, status.repository, status.commit_sha, status.context)
}

/// *failure* is the commit's fault, *error* is ours or somebody's choice.
fn state(execution: &Execution) -> &'static str {
    match (execution.status, execution.reason) {
        (ExecutionStatus::Queued | ExecutionStatus::Running, _) => "pending",
        (ExecutionStatus::Succeeded, _) => "success",
        (ExecutionStatus::Cancelled, _)
        | (
            _,
            Some(Reason::RunnerLost | Reason::DispatchFailed | Reason::RunnerError | Reason::ConfigError),
        ) => "error",
        (ExecutionStatus::Failed | ExecutionStatus::Timeout, _) => "failure",
    }
}

fn description(state: &Snapshot) -> String {
    let execution = &state.execution;
    let number = execution.number;
    let because =
        || execution.error_details.clone().or(execution.reason.map(|r| r.to_string())).unwrap_or_default();
    match execution.status {
        ExecutionStatus::Queued => match execution.reason {
            Some(Reason::ForkApproval) => {
                format!("#{number} waits: a fork's pull request needs someone's leave to run")
            }
            Some(reason) => format!("#{number} is queued: {reason}"),
            None => format!("#{number} is queued"),
        },
        ExecutionStatus::Running => match progress(state) {
            _ if execution.ending.is_some() => format!("#{number} is being cleaned up after"),
            Some(what) => format!("#{number} {what}"),
            None => format!("#{number} is running"),
        },
        ExecutionStatus::Succeeded => {
            format!("#{number} succeeded in {}{}", taken(execution), deployed(state))
        }
        ExecutionStatus::Failed => format!("#{number} failed: {}", because()),
        ExecutionStatus::Cancelled => format!("#{number} was cancelled"),
        ExecutionStatus::Timeout => format!("#{number} timed out: {}", because()),
    }
}

/// What it waits for, or deploys, now.
fn progress(state: &Snapshot) -> Option<String> {
    let environment = |id| state.environments.iter().find(|e| e.id == id).map_or("", |e| e.name.as_str());
    state.deployments.iter().find_map(|deployment| {
        let to = environment(deployment.environment_id);
        let version = short(&deployment.version);
        if deployment.status == DeploymentStatus::Deploying {
            return Some(format!("is deploying {version} to {to}"));
        }
        let stage = state.stages.iter().find(|s| s.id == deployment.stage_id)?;
        match stage.reason.filter(|_| stage.status == WorkStatus::Pending)? {
            Reason::ApprovalPending => Some(format!("waits for an approval to deploy {version} to {to}")),
            Reason::EnvironmentBusy => Some(format!("waits for {to}, where another deployment is under way")),
            Reason::VersionQuarantined => {
                Some(format!("is held: {version} was rolled back from {to} before"))
            }
            _ => None,
        }
    })
}

fn deployed(state: &Snapshot) -> String {
    let environment = |id| state.environments.iter().find(|e| e.id == id).map_or("", |e| e.name.as_str());
    let done = state.deployments.iter().filter(|d| d.status == DeploymentStatus::Deployed);
    let names = done.map(|d| environment(d.environment_id)).filter(|n| !n.is_empty()).collect::<Vec<_>>();
    if names.is_empty() { String::new() } else { format!(", deployed to {}", names.join(", ")) }
}

/// A commit's id by its first digits.
fn short(version: &str) -> &str {
    let is_commit = version.len() >= 40 && version.bytes().all(|b| b.is_ascii_hexdigit());
    if is_commit { &version[..12] } else { version }
}

fn taken(execution: &Execution) -> String {
    let ms = match (execution.started_at, execution.completed_at) {
        (Some(start), Some(end)) => end.since_ms(start),
        _ => 0,
    };
    match ms {
        0..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}
