//! A stage that deploys: it waits for leave and for its environment, runs, is checked, and leaves the environment.
//!
//! The ways in are [`arrive`], when what the stage depends on has ended, and [`go_in`], whenever something that it
//! waited for may have changed. What holds it is the stage's `reason` while it is pending.

use std::collections::BTreeMap;

use penstock_domain::{
    DeploymentId, DeploymentStatus, DeploymentStrategy, GateStatus, IdSource as _, OutboxId, Reason, StageId,
    WorkStatus,
};
use penstock_pipeline::{PlannedDeploy, fill_version};
use penstock_release::{Circumstances, by_itself};

use crate::change::{Changes, Effect, EffectKind, HealthCheckDue, RollbackDue};
use crate::conditions::with_facts;
use crate::decide::Refusal;
use crate::delivery::{Deployment, Environment, Hold, Quarantine};
use crate::draft::{Draft, FIRST_CLAIM_MS};
use crate::moment::Moment;
use crate::{approvals, cascade, forge_status};

/// What of a reason is kept with a deployment.
const MAX_REASON_CHARS: usize = 500;

/// The stage's turn has come. Where none of its jobs is to run, nothing would be deployed: it is left out.
pub(crate) fn arrive(draft: &mut Draft, stage: usize, planned: &PlannedDeploy) -> Result<(), Refusal> {
    if cascade::leaves_out_all_jobs(draft, stage) {
        return cascade::end_unstarted(draft, stage, WorkStatus::Skipped, Reason::ConditionFalse);
    }
    let Some(environment) = draft.environment(&planned.environment).cloned() else {
        let why = format!("there is no environment `{}`; create it first", planned.environment);
        return cascade::misconfigured(draft, stage, &why);
    };
    if !environment.is_active {
        // It was kept for what was to be brought back.
        if let Some(back) = &draft.state.execution.context.takes_back {
            let hold = Hold { environment_id: environment.id, deployment_id: back.deployment_id };
            draft.changes.environments_freed.push(hold);
        }
        let why = format!("the environment `{}` is not active; set is_active first", environment.name);
        return cascade::misconfigured(draft, stage, &why);
    }
    let version = match version(draft, stage, planned) {
        Ok(version) => version,
        Err(why) => return cascade::misconfigured(draft, stage, &why),
    };
    let deployment = initiated(draft, stage, planned, version, &environment);
    draft.add_deployment(deployment);
    go_in(draft, stage)
}

/// What is deployed: what the file says, else the commit, else the execution.
fn version(draft: &Draft, stage: usize, planned: &PlannedDeploy) -> Result<String, String> {
    let execution = &draft.state.execution;
    if let Some(back) = &execution.context.takes_back {
        return Ok(back.version.clone());
    }
    let commit =
        || execution.context.run.commit_sha.clone().unwrap_or_else(|| format!("#{}", execution.number));
    let Some(late) = &planned.late_version else {
        return Ok(planned.version.clone().unwrap_or_else(commit));
    };
    let (none, row) = (BTreeMap::new(), draft.stage(stage));
    let version =
        with_facts(draft, false, &none, &row.variables, &row.late, |facts| fill_version(late, facts))?;
    Ok(version.unwrap_or_else(commit))
}

fn initiated(
    draft: &mut Draft,
    stage: usize,
    planned: &PlannedDeploy,
    version: String,
    environment: &Environment,
) -> Deployment {
    let now = draft.now;
    let id = DeploymentId(draft.ids().uuid());
    let execution = &draft.state.execution;
    let context = &execution.context;
    Deployment {
        id,
        execution_id: execution.id,
        stage_id: draft.stage(stage).id,
        pipeline_id: execution.pipeline_id,
        environment_id: environment.id,
        strategy: planned.strategy.parse().unwrap_or(DeploymentStrategy::Rolling),
        version,
        previous_version: None,
        status: DeploymentStatus::Initiated,
        reason: None,
        initiated_at: now,
        started_at: None,
        completed_at: None,
        rollback_of: context.takes_back.as_ref().map(|back| back.deployment_id),
        rollback_triggered: false,
        rollback_reason: None,
        rollback_completed_at: None,
        health_check_passed: None,
        deployed_by: (!context.run.author.is_empty()).then(|| context.run.author.clone()),
        approved_by: None,
        commit_at: context.commit_at,
    }
}

/// Goes in if nothing holds it any more: neither a quarantine, nor a missing approval, nor another deployment.
pub(crate) fn go_in(draft: &mut Draft, stage: usize) -> Result<(), Refusal> {
    draft.require_whole()?;
    let id = draft.stage(stage).id;
    if draft.stage(stage).status != WorkStatus::Pending {
        return Err(Refusal::NotNow("the stage no longer waits"));
    }
    let (deployment, environment) = of_stage(draft, id)?;
    let held = draft.state.deployments[deployment].clone();
    // An earlier version is brought back at once, for leave was given when it came first; but only while the
    // environment is kept for that.
    let takes_back = held.rollback_of.filter(|bad| environment.holder == Some(*bad));
    if takes_back.is_none() {
        let is_held = environment.quarantined.contains_key(&held.version);
        if is_held && !penstock_domain::bugs::is_on("quarantine_forgotten") {
            return hold(draft, stage, Reason::VersionQuarantined);
        }
        if !environment.approval_required {
            approvals::waive(draft, id)?;
        } else if !approvals::is_given(draft, stage, &environment)? {
            return hold(draft, stage, Reason::ApprovalPending);
        }
    }
    let is_free = environment.holder.is_none_or(|holder| holder == held.id || Some(holder) == takes_back);
    if !is_free {
        return hold(draft, stage, Reason::EnvironmentBusy);
    }
    draft.take_environment(&environment, held.id);
    let now = draft.now;
    let previous = environment.previous_to(&held.version).cloned();
    let row = draft.touch_deployment(deployment);
    row.status = row.status.become_(DeploymentStatus::Deploying)?;
    (row.started_at, row.previous_version) = (Some(now), previous);
    draft.touch_stage(stage).reason = None;
    cascade::start_stage(draft, stage)?;
    forge_status::tell(draft);
    Ok(())
}

fn hold(draft: &mut Draft, stage: usize, reason: Reason) -> Result<(), Refusal> {
    if draft.stage(stage).reason != Some(reason) {
        draft.touch_stage(stage).reason = Some(reason);
        forge_status::tell(draft);
    }
    Ok(())
}

/// Whether a pending stage is held, and has a deployment already.
pub(crate) fn is_held(reason: Option<Reason>) -> bool {
    matches!(reason, Some(Reason::VersionQuarantined | Reason::ApprovalPending | Reason::EnvironmentBusy))
}

/// What an approval that gives itself looks at.
pub(crate) fn why_by_itself(draft: &Draft, environment: &Environment, version: &str) -> Option<String> {
    let gates = draft.state.gates.iter().filter(|g| g.status != GateStatus::Pending).count();
    let passed = draft.state.gates.iter().filter(|g| g.status == GateStatus::Passed).count();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let from = environment.promotes.iter().find(|(_, live)| live.as_deref() == Some(version));
    let at = Circumstances {
        gates: count(gates),
        gates_passed: count(passed),
        promoted_from: from.map(|(name, _)| name.clone()),
    };
    by_itself(&environment.rules, &at)
}

fn of_stage(draft: &Draft, stage: StageId) -> Result<(usize, Environment), Refusal> {
    let found = draft.state.deployments.iter().position(|d| d.stage_id == stage);
    let index = found.ok_or(Refusal::Unknown("deployment"))?;
    let environment = draft.state.deployments[index].environment_id;
    let environment = draft.state.environments.iter().find(|e| e.id == environment);
    Ok((index, environment.ok_or(Refusal::Unknown("environment"))?.clone()))
}

/// The jobs of the stage have succeeded. True: its health is checked first, and the stage goes on.
pub(crate) fn begin_check(draft: &mut Draft, stage: usize) -> Result<bool, Refusal> {
    let Some(planned) = draft.stage(stage).deploy.clone() else { return Ok(false) };
    let (deployment, environment) = of_stage(draft, draft.stage(stage).id)?;
    let Some(check) = planned.health_check.or(environment.health_check) else { return Ok(false) };
    if penstock_domain::bugs::is_on("health_not_checked") {
        return Ok(false);
    }
    draft.touch_stage(stage).reason = Some(Reason::HealthCheckPending);
    let deployment_id = draft.state.deployments[deployment].id;
    draft.effect(
        format!("deployment:{deployment_id}"),
        EffectKind::HealthCheck(HealthCheckDue { deployment_id, check }),
    );
    Ok(true)
}

/// What the check of a deployment's health came to.
pub(crate) fn checked(
    draft: &mut Draft,
    deployment: DeploymentId,
    is_healthy: bool,
    detail: &str,
) -> Result<(), Refusal> {
    draft.require_whole()?;
    let found = draft.state.deployments.iter().position(|d| d.id == deployment);
    let index = found.ok_or(Refusal::Unknown("deployment"))?;
    let row = &draft.state.deployments[index];
    if row.health_check_passed.is_some() {
        return Ok(()); // Told again.
    }
    let stage = draft.stage_index(row.stage_id)?;
    let waits = draft.stage(stage).reason == Some(Reason::HealthCheckPending);
    if row.status != DeploymentStatus::Deploying || !waits {
        return Err(Refusal::AlreadyEnded(row.status.as_str()));
    }
    draft.touch_deployment(index).health_check_passed = Some(is_healthy);
    if is_healthy {
        draft.touch_stage(stage).reason = None;
        cascade::end_stage(draft, stage, None)?;
    } else {
        draft.touch_stage(stage).reason = Some(Reason::HealthCheckFailed);
        cascade::end_stage(draft, stage, Some(detail.to_owned()))?;
    }
    cascade::go_on(draft)
}

/// The stage has ended, however it did: so has its deployment, and the environment is free, unless the version that
/// was there before is brought back first.
pub(crate) fn left(draft: &mut Draft, stage: usize) -> Result<(), Refusal> {
    let (id, status, reason) = {
        let stage = draft.stage(stage);
        (stage.id, stage.status, stage.reason)
    };
    let Some(index) = draft.state.deployments.iter().position(|d| d.stage_id == id) else { return Ok(()) };
    if draft.state.deployments[index].status.has_ended() {
        return Ok(());
    }
    approvals::lapse(draft, id)?;
    let now = draft.now;
    let to = match (status, draft.state.deployments[index].health_check_passed) {
        (WorkStatus::Succeeded, _) => DeploymentStatus::Deployed,
        (_, Some(false)) => DeploymentStatus::HealthCheckFailed,
        _ => DeploymentStatus::Failed,
    };
    let row = draft.touch_deployment(index);
    row.status = row.status.become_(to)?;
    (row.completed_at, row.reason) =
        (Some(now), if to == DeploymentStatus::Deployed { None } else { reason });
    if to == DeploymentStatus::HealthCheckFailed && take_back(draft, index)? {
        return Ok(());
    }
    free(draft, index);
    Ok(())
}

/// True: the version before is brought back, and the environment is kept for it.
fn take_back(draft: &mut Draft, index: usize) -> Result<bool, Refusal> {
    let (_, environment) = of_stage(draft, draft.state.deployments[index].stage_id)?;
    let bad = draft.state.deployments[index].clone();
    if !environment.rollback_enabled || bad.rollback_of.is_some() || bad.previous_version.is_none() {
        return Ok(false);
    }
    let why =
        draft.state.execution.error_details.clone().unwrap_or_else(|| "it did not become healthy".into());
    let reason: String = why.chars().take(MAX_REASON_CHARS).collect();
    let row = draft.touch_deployment(index);
    (row.rollback_triggered, row.rollback_reason) = (true, Some(reason.clone()));
    draft.changes.quarantined.push(Quarantine {
        environment_id: environment.id,
        pipeline_id: bad.pipeline_id,
        version: bad.version,
        deployment_id: bad.id,
        pinned_version: bad.previous_version,
        reason,
    });
    draft.effect(rollback_topic(bad.id), EffectKind::Rollback(RollbackDue { deployment_id: bad.id }));
    Ok(true)
}

pub(crate) fn rollback_topic(deployment: DeploymentId) -> String {
    format!("rollback:{deployment}")
}

fn free(draft: &mut Draft, index: usize) {
    if penstock_domain::bugs::is_on("environment_not_freed") {
        return;
    }
    let row = &draft.state.deployments[index];
    let environment_id = row.environment_id;
    // Taken and left in one moment is not taken: the change would be applied the other way round.
    draft.changes.environments_taken.retain(|hold| hold.deployment_id != row.id);
    // What it was to take back may have kept the environment for it.
    for deployment_id in [Some(row.id), row.rollback_of].into_iter().flatten() {
        draft.changes.environments_freed.push(Hold { environment_id, deployment_id });
    }
    let ids = [Some(row.id), row.rollback_of];
    for environment in &mut draft.state.environments {
        if environment.id == environment_id && ids.contains(&environment.holder) {
            environment.holder = None;
        }
    }
}

/// A person takes back what is live: the environment is kept, and the version before brought in.
///
/// # Errors
/// [`Refusal`]: it is not what is live, nothing was there before, or somebody else has the environment.
pub fn roll_back(
    deployment: &Deployment,
    environment: &Environment,
    reason: &str,
    at: &Moment,
) -> Result<Changes, Refusal> {
    if deployment.rollback_triggered {
        return Err(Refusal::AlreadyEnded("rolled back"));
    }
    if !environment.rollback_enabled {
        return Err(Refusal::Forbidden(format!("rollbacks are switched off for `{}`", environment.name)));
    }
    if deployment.status != DeploymentStatus::Deployed {
        return Err(Refusal::NotNow("only what is deployed can be rolled back"));
    }
    if environment.live.first() != Some(&deployment.version) {
        return Err(Refusal::NotNow("another version has taken its place; roll that back"));
    }
    if environment.holder.is_some() {
        return Err(Refusal::NotNow("another deployment has the environment; wait for it, or cancel it"));
    }
    let Some(previous) = environment.previous_to(&deployment.version) else {
        return Err(Refusal::NotNow("no earlier version was deployed there that could be brought back"));
    };
    let mut changes = Changes::default();
    changes.environments_taken.push(Hold { environment_id: environment.id, deployment_id: deployment.id });
    changes.quarantined.push(Quarantine {
        environment_id: environment.id,
        pipeline_id: deployment.pipeline_id,
        version: deployment.version.clone(),
        deployment_id: deployment.id,
        pinned_version: Some(previous.clone()),
        reason: reason.to_owned(),
    });
    changes.outbox.push(Effect {
        id: OutboxId(at.ids().uuid()),
        topic: rollback_topic(deployment.id),
        execution_id: Some(deployment.execution_id),
        due_at: at.now.plus_ms(FIRST_CLAIM_MS),
        kind: EffectKind::Rollback(RollbackDue { deployment_id: deployment.id }),
    });
    changes.deployments.push(Deployment {
        rollback_triggered: true,
        rollback_reason: Some(reason.to_owned()),
        ..deployment.clone()
    });
    Ok(changes)
}

/// There is nothing to bring back: the environment is left as it is, and free.
pub fn give_up_rollback(deployment: &Deployment) -> Changes {
    let hold = Hold { environment_id: deployment.environment_id, deployment_id: deployment.id };
    Changes { environments_freed: vec![hold], ..Changes::default() }
}
