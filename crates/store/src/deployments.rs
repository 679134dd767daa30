//! Deployments as people see them. What becomes of them is decided and written elsewhere.

use penstock_api::release::{Deployment, DeploymentSummary};
use penstock_domain::{DeploymentId, DeploymentStatus, EnvironmentId, ExecutionId, PipelineId};

use crate::connection::Connection;
use crate::{Row, Store, StoreError, Value, id};

/// The newest that a summary counts.
const MAX_COUNTED: u32 = 1_000;

/// What a list of deployments may be narrowed to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeploymentFilter {
    pub environment_id: Option<EnvironmentId>,
    pub status: Option<DeploymentStatus>,
    pub execution_id: Option<ExecutionId>,
    pub pipeline_id: Option<PipelineId>,
}

impl DeploymentFilter {
    /// The condition in SQL, on the table as `d`, with its parameters.
    fn condition(&self, after: Option<DeploymentId>) -> (String, Vec<Value>) {
        let wanted = [
            ("d.environment_id =", self.environment_id.map(id)),
            ("d.status =", self.status.map(|s| s.as_str().into())),
            ("d.execution_id =", self.execution_id.map(id)),
            ("d.pipeline_id =", self.pipeline_id.map(id)),
            ("d.id <", after.map(id)),
        ];
        crate::condition(wanted)
    }
}

const COLUMNS: &str = "json_object('id', d.id, 'execution_id', d.execution_id,
    'execution_number', e.execution_number, 'branch_name', e.branch_name, 'commit_sha', e.commit_sha,
    'stage_id', d.stage_id, 'pipeline_id', d.pipeline_id, 'pipeline_name', p.pipeline_name,
    'environment_id', d.environment_id, 'environment_name', v.environment_name,
    'deployment_strategy', d.deployment_strategy, 'version', d.version, 'previous_version', d.previous_version,
    'artifact_url', d.artifact_url, 'status', d.status, 'reason', d.reason, 'initiated_at', d.initiated_at,
    'started_at', d.started_at, 'completed_at', d.completed_at, 'duration_seconds', d.duration_seconds,
    'rollback_of', d.rollback_of, 'rollback_triggered', json(iif(d.rollback_triggered, 'true', 'false')),
    'rollback_reason', d.rollback_reason, 'rollback_completed_at', d.rollback_completed_at,
    'health_check_passed', json(iif(d.health_check_passed, 'true', iif(d.health_check_passed = 0, 'false', 'null'))),
    'smoke_tests_passed', json(iif(d.smoke_tests_passed, 'true', iif(d.smoke_tests_passed = 0, 'false', 'null'))),
    'traffic_percentage', d.traffic_percentage, 'deployment_logs', d.deployment_logs, 'metrics', json(d.metrics),
    'deployed_by', d.deployed_by, 'approved_by', d.approved_by, 'commit_at', d.commit_at,
    'created_at', d.created_at)
  FROM deployments AS d CROSS JOIN pipeline_executions AS e ON e.id = d.execution_id
    CROSS JOIN pipeline_configurations AS p ON p.id = d.pipeline_id
    CROSS JOIN deployment_environments AS v ON v.id = d.environment_id";

impl<C: Connection> Store<C> {
    /// # Errors
    /// As every read.
    pub async fn deployment(&self, deployment: DeploymentId) -> Result<Option<Deployment>, StoreError> {
        let sql = format!("SELECT {COLUMNS} WHERE d.id = ?1");
        let rows = self.connection.query(&sql, vec![id(deployment)]).await?;
        rows.first().map(|r| r.json(0)).transpose()
    }

    /// Newest first, from below `after`.
    ///
    /// # Errors
    /// As every read.
    pub async fn deployments(
        &self,
        filter: &DeploymentFilter,
        after: Option<DeploymentId>,
        limit: u32,
    ) -> Result<Vec<Deployment>, StoreError> {
        let (condition, parameters) = filter.condition(after);
        let sql = format!("SELECT {COLUMNS} WHERE {condition} ORDER BY d.id DESC LIMIT {limit}");
        let rows = self.connection.query(&sql, parameters).await?;
        rows.iter().map(|r| r.json(0)).collect()
    }

    /// How many of the newest are in which state.
    ///
    /// # Errors
    /// As every read.
    pub async fn deployment_summary(
        &self,
        filter: &DeploymentFilter,
    ) -> Result<DeploymentSummary, StoreError> {
        let (condition, parameters) = filter.condition(None);
        let sql = format!(
            "SELECT status, count(*) FROM (
               SELECT d.status FROM deployments AS d WHERE {condition} ORDER BY d.id DESC LIMIT {MAX_COUNTED})
             GROUP BY status"
        );
        let rows = self.connection.query(&sql, parameters).await?;
        let read = |r: &Row| Ok((r.parse(0)?, r.unsigned(1)?));
        let counts = rows.iter().map(read).collect::<Result<Vec<(DeploymentStatus, u32)>, StoreError>>()?;
        Ok(summary(&counts))
    }
}

fn summary(counts: &[(DeploymentStatus, u32)]) -> DeploymentSummary {
    let of = |status| counts.iter().filter(|(s, _)| *s == status).map(|(_, n)| n).sum();
    DeploymentSummary {
        counted: counts.iter().map(|(_, n)| n).sum(),
        initiated: of(DeploymentStatus::Initiated),
        deploying: of(DeploymentStatus::Deploying),
        deployed: of(DeploymentStatus::Deployed),
        failed: of(DeploymentStatus::Failed),
        rolled_back: of(DeploymentStatus::RolledBack),
        health_check_failed: of(DeploymentStatus::HealthCheckFailed),
    }
}
