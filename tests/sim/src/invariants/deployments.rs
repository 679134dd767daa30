//! A deployment runs once, alone in its environment, with leave, and never a version that was taken back.

use super::Change;
use crate::view::Deployment;

fn may_follow(from: &str, to: &str) -> bool {
    match from {
        "" => matches!(to, "initiated" | "deploying" | "deployed" | "failed"),
        "initiated" => matches!(to, "deploying" | "failed" | "deployed"),
        "deploying" => matches!(to, "deployed" | "failed" | "health_check_failed"),
        "deployed" => to == "rolled_back",
        _ => false,
    }
}

pub fn check(change: &Change<'_>) -> Result<(), String> {
    for after in &change.after.deployments {
        let before = change.before.and_then(|b| b.deployments.iter().find(|d| d.id == after.id));
        let was = before.map_or("", |d| d.status.as_str());
        if was != after.status && !may_follow(was, &after.status) {
            return Err(format!("deployment {} went from {was:?} to {}", after.id, after.status));
        }
        with_its_stage(change, after)?;
        let begins = after.status == "deploying" && was != "deploying";
        if begins {
            may_begin(change, after)?;
        }
    }
    if change.world.scenario.environments.is_empty() {
        return Ok(());
    }
    environments(change)
}

/// A stage has one deployment, which stands as the stage does.
fn with_its_stage(change: &Change<'_>, deployment: &Deployment) -> Result<(), String> {
    let Some(stage) = change.after.stage(&deployment.stage_id) else {
        return Err(format!("deployment {} is of no stage", deployment.id));
    };
    let count = change.after.deployments.iter().filter(|d| d.stage_id == stage.id).count();
    if count != 1 {
        return Err(format!("stage {} has {count} deployments", stage.name));
    }
    let fits = match deployment.status.as_str() {
        "initiated" => stage.status == "pending" && stage.reason.is_some(),
        "deploying" => stage.status == "running",
        "deployed" | "rolled_back" => stage.status == "succeeded",
        _ => stage.is_final() && stage.status != "succeeded",
    };
    let is_checked = deployment.status == "deployed" && deployment.health_check_passed == Some(0);
    if !fits || is_checked {
        let (status, reason) = (&stage.status, &stage.reason);
        return Err(format!(
            "deployment {} is {}, and its stage {status} ({reason:?})",
            deployment.id, deployment.status
        ));
    }
    let spec = change.spec.stages.iter().find(|s| s.name == stage.name).and_then(|s| s.deploy.as_ref());
    let Some(spec) = spec else { return Err(format!("nobody wrote that stage {} deploys", stage.name)) };
    let environment = &change.world.scenario.environments[spec.environment];
    let has_check = spec.is_checked || environment.is_checked;
    if deployment.status == "deployed" && has_check && deployment.health_check_passed != Some(1) {
        return Err(format!("deployment {} is deployed, and nobody found it well", deployment.id));
    }
    Ok(())
}

fn may_begin(change: &Change<'_>, deployment: &Deployment) -> Result<(), String> {
    if deployment.rollback_of.is_some() {
        return Ok(());
    }
    let rows = change.world.database.look(
        "SELECT approval_required, EXISTS (SELECT 1 FROM quarantined_versions AS q
           WHERE q.environment_id = v.id AND q.pipeline_id = ?2 AND q.version = ?3)
         FROM deployment_environments AS v WHERE v.id = ?1",
        [&deployment.environment_id, &change.after.pipeline_id, &deployment.version],
    );
    let Some(row) = rows.first() else { return Err(format!("deployment {} goes nowhere", deployment.id)) };
    let is_given = matches!(deployment.approval.as_deref(), Some("approved" | "auto_approved"));
    if row.integer(0) == Ok(1) && !is_given {
        return Err(format!("deployment {} goes in as {:?}", deployment.id, deployment.approval));
    }
    if row.integer(1) == Ok(1) {
        return Err(format!(
            "deployment {} brings in {}, which was taken back",
            deployment.id, deployment.version
        ));
    }
    Ok(())
}

/// At most one deployment is under way in an environment, and that one holds it. It is held by nobody else, but for
/// whoever is about to be taken back.
fn environments(change: &Change<'_>) -> Result<(), String> {
    let rows = change.world.database.look(
        "SELECT v.environment_name, v.holder_deployment_id,
           (SELECT count(*) FROM deployments AS d WHERE d.environment_id = v.id AND d.status = 'deploying'),
           (SELECT d.id FROM deployments AS d WHERE d.environment_id = v.id AND d.status = 'deploying'),
           (SELECT d.rollback_triggered = 1 AND d.rollback_completed_at IS NULL FROM deployments AS d
             WHERE d.id = v.holder_deployment_id)
         FROM deployment_environments AS v",
        [],
    );
    for row in &rows {
        let name = row.text(0).unwrap_or_default();
        let (holder, deploying) =
            (row.optional_text(1).unwrap_or_default(), row.optional_text(3).unwrap_or_default());
        if row.integer(2).unwrap_or(0) > 1 {
            return Err(format!(
                "{} deployments to {name} are under way at once",
                row.integer(2).unwrap_or(0)
            ));
        }
        if deploying.is_some() && holder != deploying {
            return Err(format!("{deploying:?} is deployed to {name}, which {holder:?} holds"));
        }
        if holder.is_some() && deploying.is_none() && row.integer(4) != Ok(1) {
            return Err(format!("{name} is held by {holder:?}, which is not under way"));
        }
    }
    Ok(())
}
