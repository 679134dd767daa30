//! Deployments that wait, and what is decided on them beyond their execution.

use penstock_domain::{DeploymentId, ExecutionId, GateId, StageId, Timestamp};
use penstock_engine::{Changes, Deployment, Environment, PastStage};

use crate::commit::{Cause, Entry};
use crate::connection::Connection;
use crate::{Row, Store, StoreError, id};

/// A stage that may go in now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enterable {
    pub execution_id: ExecutionId,
    pub stage_id: StageId,
}

/// The deployment `d`, as the engine reads it.
pub(crate) const DEPLOYMENT: &str = "json_object('id', d.id, 'execution_id', d.execution_id, 'stage_id', d.stage_id,
  'pipeline_id', d.pipeline_id, 'environment_id', d.environment_id, 'strategy', d.deployment_strategy,
  'version', d.version, 'previous_version', d.previous_version, 'status', d.status, 'reason', d.reason,
  'initiated_at', d.initiated_at, 'started_at', d.started_at, 'completed_at', d.completed_at,
  'rollback_of', d.rollback_of, 'rollback_triggered', d.rollback_triggered, 'rollback_reason', d.rollback_reason,
  'rollback_completed_at', d.rollback_completed_at, 'health_check_passed', d.health_check_passed,
  'deployed_by', d.deployed_by, 'approved_by', d.approved_by, 'commit_at', d.commit_at)";

impl<C: Connection> Store<C> {
    /// Held stages whose environment is free, whose quarantine was lifted, or that need no approval any more: the
    /// longest held first, one for each environment.
    ///
    /// # Errors
    /// As every read.
    pub async fn enterable(&self, limit: u32) -> Result<Vec<Enterable>, StoreError> {
        let sql = "SELECT s.execution_id, min(s.id)
          FROM pipeline_stages AS s INDEXED BY stages_held
            CROSS JOIN deployments AS d ON d.stage_id = s.id
            CROSS JOIN deployment_environments AS v ON v.id = d.environment_id
          WHERE s.status = 'pending' AND s.deploy IS NOT NULL AND s.reason IS NOT NULL AND (
            (s.reason = 'environment_busy'
              AND (v.holder_deployment_id IS NULL OR v.holder_deployment_id = d.rollback_of))
            OR (s.reason = 'approval_pending' AND v.approval_required = 0)
            OR (s.reason = 'version_quarantined' AND NOT EXISTS (SELECT 1 FROM quarantined_versions AS q
              WHERE q.environment_id = v.id AND q.pipeline_id = d.pipeline_id AND q.version = d.version)))
          GROUP BY v.id ORDER BY 2 LIMIT ?1";
        let rows = self.connection.query(sql, vec![limit.into()]).await?;
        let read = |r: &Row| Ok(Enterable { execution_id: r.parse(0)?, stage_id: r.parse(1)? });
        rows.iter().map(read).collect()
    }

    /// # Errors
    /// As every read.
    pub async fn deployment_state(&self, deployment: DeploymentId) -> Result<Option<Deployment>, StoreError> {
        let sql = format!("SELECT {DEPLOYMENT} FROM deployments AS d WHERE d.id = ?1");
        let rows = self.connection.query(&sql, vec![id(deployment)]).await?;
        rows.first().map(|r| r.json(0)).transpose()
    }

    /// The newest deployment of that version that was well in the environment: where it can be brought back from.
    ///
    /// # Errors
    /// As every read.
    pub async fn brought_by(
        &self,
        environment: &Environment,
        of: &Deployment,
        version: &str,
    ) -> Result<Option<Deployment>, StoreError> {
        let sql = format!(
            "SELECT {DEPLOYMENT} FROM deployments AS d WHERE d.environment_id = ?1 AND d.pipeline_id = ?2
             AND d.status = 'deployed' AND d.version = ?3 AND d.id <> ?4 ORDER BY d.completed_at DESC LIMIT 1"
        );
        let parameters = vec![id(environment.id), id(of.pipeline_id), version.into(), id(of.id)];
        let rows = self.connection.query(&sql, parameters).await?;
        rows.first().map(|r| r.json(0)).transpose()
    }

    /// One stage of an ended execution, with the timeout of that.
    ///
    /// # Errors
    /// As every read.
    pub async fn past_stage(
        &self,
        execution: ExecutionId,
        stage: StageId,
    ) -> Result<Option<(PastStage, i64)>, StoreError> {
        let sql = "SELECT stage_name FROM pipeline_stages WHERE id = ?1";
        let rows = self.connection.query(sql, vec![id(stage)]).await?;
        let Some(name) = rows.first().map(|r| r.text(0).map(str::to_owned)).transpose()? else {
            return Ok(None);
        };
        let work = self.planned_work(execution).await?;
        Ok(work.and_then(|work| {
            let timeout_ms = work.timeout_ms;
            let stage = work.stages.into_iter().find(|s| s.planned.name == name);
            stage.map(|stage| (stage, timeout_ms))
        }))
    }

    /// The execution that a gate is of.
    ///
    /// # Errors
    /// As every read.
    pub async fn execution_of_gate(&self, gate: GateId) -> Result<Option<ExecutionId>, StoreError> {
        let sql = "SELECT execution_id FROM quality_gate_evaluations WHERE id = ?1";
        let rows = self.connection.query(sql, vec![id(gate)]).await?;
        Ok(rows.first().map(|r| r.parse(0)).transpose()?)
    }

    /// The execution that an approval is of.
    ///
    /// # Errors
    /// As every read.
    pub async fn execution_of_approval(
        &self,
        approval: penstock_domain::ApprovalId,
    ) -> Result<Option<ExecutionId>, StoreError> {
        let sql = "SELECT execution_id FROM pipeline_approvals WHERE id = ?1";
        let rows = self.connection.query(sql, vec![id(approval)]).await?;
        Ok(rows.first().map(|r| r.parse(0)).transpose()?)
    }

    /// Commits what was decided on an environment.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit_on_environment(
        &self,
        environment: &Environment,
        changes: &Changes,
        by: &Cause,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let entry = Entry { subject: environment.subject(), expect: environment.version, change: changes };
        self.commit(&entry, by, now).await?;
        Ok(())
    }
}
