//! Where versions are deployed to, with what is live there and what is kept out.

use std::collections::BTreeMap;

use penstock_api::release::{ApprovalRules, Configuration, Environment, EnvironmentHealthCheck};
use penstock_domain::{EnvironmentId, EnvironmentType, Timestamp};
use penstock_pipeline::HealthCheck;
use penstock_release::ApprovalRules as Rules;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::commit::{Cause, Entry};
use crate::connection::Connection;
use crate::{Row, Store, StoreError, Value, id};

/// An environment's name, and those that it takes over from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    pub id: EnvironmentId,
    pub environment_name: String,
    pub auto_promote_from: Vec<String>,
}

#[derive(Serialize)]
struct Change<'a> {
    environments: [EnvironmentRow<'a>; 1],
}

/// The columns that people decide on; what deployments do to an environment is not written from here.
#[derive(Serialize)]
struct EnvironmentRow<'a> {
    id: EnvironmentId,
    environment_name: &'a str,
    environment_type: EnvironmentType,
    deployment_url: Option<&'a str>,
    infrastructure_config: &'a Option<Configuration>,
    environment_variables: &'a BTreeMap<String, String>,
    resource_limits: &'a Option<Configuration>,
    monitoring_config: &'a Option<Configuration>,
    approval_required: bool,
    approval_config: Rules,
    auto_promote_from: &'a [String],
    rollback_enabled: bool,
    health_check_config: Option<HealthCheck>,
    is_active: bool,
    created_by: &'a str,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> EnvironmentRow<'a> {
    fn of(environment: &'a Environment) -> Self {
        Self {
            id: environment.id,
            environment_name: &environment.environment_name,
            environment_type: environment.environment_type,
            deployment_url: environment.deployment_url.as_deref(),
            infrastructure_config: &environment.infrastructure_config,
            environment_variables: &environment.environment_variables,
            resource_limits: &environment.resource_limits,
            monitoring_config: &environment.monitoring_config,
            approval_required: environment.approval_required,
            approval_config: rules(&environment.approval),
            auto_promote_from: &environment.auto_promote_from,
            rollback_enabled: environment.rollback_enabled,
            health_check_config: environment.health_check.as_ref().map(health_check),
            is_active: environment.is_active,
            created_by: &environment.created_by,
            created_at: environment.created_at,
            updated_at: environment.updated_at,
        }
    }
}

fn rules(shown: &ApprovalRules) -> Rules {
    Rules {
        approval_type: shown.approval_type,
        required_approvals: shown.required_approvals,
        approvers: shown.approvers.clone(),
        expires_in_seconds: shown.expires_in_seconds,
    }
}

fn shown_rules(rules: Rules) -> ApprovalRules {
    ApprovalRules {
        approval_type: rules.approval_type,
        required_approvals: rules.required_approvals,
        approvers: rules.approvers,
        expires_in_seconds: rules.expires_in_seconds,
    }
}

/// Seconds on the wire are milliseconds in the database, where a pipeline file's checks are kept as well.
fn health_check(shown: &EnvironmentHealthCheck) -> HealthCheck {
    #[allow(clippy::cast_possible_truncation, reason = "at most a minute, which was checked")]
    let ms = |seconds: f64| (seconds * 1000.0).round() as i64;
    HealthCheck {
        url: shown.url.clone(),
        expect_status: shown.expect_status,
        timeout_ms: ms(shown.timeout_seconds),
        interval_ms: ms(shown.interval_seconds),
        attempts: shown.attempts,
        successes: shown.successes,
    }
}

fn shown_health_check(check: HealthCheck) -> EnvironmentHealthCheck {
    #[allow(clippy::cast_precision_loss, reason = "at most a minute")]
    let seconds = |ms: i64| ms as f64 / 1000.0;
    EnvironmentHealthCheck {
        url: check.url,
        expect_status: check.expect_status,
        timeout_seconds: seconds(check.timeout_ms),
        interval_seconds: seconds(check.interval_ms),
        attempts: check.attempts,
        successes: check.successes,
    }
}

/// The newest deployed version of each pipeline: one step through the index for each pipeline, however often it was
/// deployed.
const LIVE: &str = "json((WITH RECURSIVE of_pipeline (pipeline_id, n) AS (
    SELECT (SELECT min(pipeline_id) FROM deployments WHERE environment_id = v.id AND status = 'deployed'), 1
    UNION ALL
    SELECT (SELECT min(d.pipeline_id) FROM deployments AS d
      WHERE d.environment_id = v.id AND d.status = 'deployed' AND d.pipeline_id > o.pipeline_id), n + 1
    FROM of_pipeline AS o WHERE o.pipeline_id IS NOT NULL AND n < 200)
  SELECT json_group_array(json_object('pipeline_id', l.pipeline_id, 'pipeline_name', p.pipeline_name,
      'version', l.version, 'deployment_id', l.id, 'deployed_at', l.completed_at))
  FROM of_pipeline AS o
    CROSS JOIN deployments AS l ON l.id = (SELECT d.id FROM deployments AS d
      WHERE d.environment_id = v.id AND d.pipeline_id = o.pipeline_id AND d.status = 'deployed'
      ORDER BY d.completed_at DESC LIMIT 1)
    CROSS JOIN pipeline_configurations AS p ON p.id = l.pipeline_id))";

const QUARANTINED: &str = "json((SELECT json_group_array(json_object('pipeline_id', q.pipeline_id,
    'version', q.version, 'pinned_version', q.pinned_version, 'reason', q.reason, 'deployment_id', q.deployment_id,
    'created_at', q.created_at))
  FROM (SELECT * FROM quarantined_versions WHERE environment_id = v.id LIMIT 200) AS q))";

const COLUMNS: &str = "json_object('id', v.id, 'environment_name', v.environment_name,
    'environment_type', v.environment_type, 'deployment_url', v.deployment_url,
    'environment_variables', json(v.environment_variables), 'resource_limits', json(v.resource_limits),
    'monitoring_config', json(v.monitoring_config), 'infrastructure_config', json(v.infrastructure_config),
    'approval_required', json(iif(v.approval_required, 'true', 'false')),
    'auto_promote_from', json(v.auto_promote_from),
    'rollback_enabled', json(iif(v.rollback_enabled, 'true', 'false')),
    'is_active', json(iif(v.is_active, 'true', 'false')), 'held_by', v.holder_deployment_id,
    'created_by', v.created_by, 'created_at', v.created_at, 'updated_at', v.updated_at),
  v.approval_config, v.health_check_config";

fn environment(r: &Row) -> Result<Environment, StoreError> {
    let mut members: Map<String, Json> = r.json(0)?;
    let check: Option<HealthCheck> = r.optional_json(2)?;
    let mut add = |name: &str, value| members.insert(name.to_owned(), value);
    add("approval", serde_json::to_value(shown_rules(r.json(1)?))?);
    add("health_check", serde_json::to_value(check.map(shown_health_check))?);
    add("live", r.json(3)?);
    add("quarantined", r.json(4)?);
    Ok(serde_json::from_value(Json::Object(members))?)
}

impl<C: Connection> Store<C> {
    /// Writes all that people decide on, new (`expect` 0) or changed; who holds the environment stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the name is taken; [`StoreError::Conflict`] when it was changed meanwhile.
    pub async fn save_environment(
        &self,
        environment: &Environment,
        expect: i64,
        by: &Cause,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let subject = format!("environment:{}", environment.id);
        let change = Change { environments: [EnvironmentRow::of(environment)] };
        self.commit(&Entry { subject, expect, change: &change }, by, now).await?;
        Ok(())
    }

    /// # Errors
    /// As every read.
    pub async fn environment(
        &self,
        environment_id: EnvironmentId,
    ) -> Result<Option<Environment>, StoreError> {
        self.environment_by("id", id(environment_id)).await
    }

    /// # Errors
    /// As every read.
    pub async fn environment_by_name(&self, name: &str) -> Result<Option<Environment>, StoreError> {
        self.environment_by("environment_name", name.into()).await
    }

    async fn environment_by(&self, column: &str, value: Value) -> Result<Option<Environment>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, {LIVE}, {QUARANTINED} FROM deployment_environments AS v WHERE v.{column} = ?1"
        );
        let rows = self.connection.query(&sql, vec![value]).await?;
        rows.first().map(environment).transpose()
    }

    /// Newest first, from below `after`.
    ///
    /// # Errors
    /// As every read.
    pub async fn environments(
        &self,
        after: Option<EnvironmentId>,
        limit: u32,
    ) -> Result<Vec<Environment>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, {LIVE}, {QUARANTINED} FROM deployment_environments AS v
             WHERE ?1 IS NULL OR v.id < ?1 ORDER BY v.id DESC LIMIT ?2"
        );
        let rows = self.connection.query(&sql, vec![after.map_or(Value::Null, id), limit.into()]).await?;
        rows.iter().map(environment).collect()
    }

    /// Which environment takes over from which: of up to `limit` environments.
    ///
    /// # Errors
    /// As every read.
    pub async fn promotions(&self, limit: u32) -> Result<Vec<Promotion>, StoreError> {
        let sql = "SELECT id, environment_name, auto_promote_from FROM deployment_environments LIMIT ?1";
        let rows = self.connection.query(sql, vec![limit.into()]).await?;
        let read = |r: &Row| {
            Ok(Promotion {
                id: r.parse(0)?,
                environment_name: r.text(1)?.to_owned(),
                auto_promote_from: r.json(2)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Whether anything was ever deployed there, or was meant to be.
    ///
    /// # Errors
    /// As every read.
    pub async fn has_deployments(&self, environment_id: EnvironmentId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM deployments WHERE environment_id = ?1 LIMIT 1";
        Ok(!self.connection.query(sql, vec![id(environment_id)]).await?.is_empty())
    }
}
