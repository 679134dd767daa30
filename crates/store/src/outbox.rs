//! Effects that wait to be done outside.

use std::collections::BTreeMap;

use penstock_domain::{ExecutionId, JobId, OutboxId, PipelineId, RunnerId, StepId, Timestamp, WorkStatus};
use penstock_engine::{EffectKind, ExecutionContext, HandedOn};
use penstock_pipeline::{Late, PlannedJob};
use serde::Deserialize;

use crate::connection::Connection;
use crate::{Row, Store, StoreError, id, text};

/// An effect that the caller has to itself until its claim ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    pub id: OutboxId,
    pub effect: EffectKind,
    /// From 1.
    pub attempts: u32,
    pub created_at: Timestamp,
}

fn claimed(r: &Row) -> Result<Claimed, StoreError> {
    let payload: serde_json::Value = r.json(2)?;
    let effect = serde_json::from_value(serde_json::json!({ "kind": r.text(1)?, "payload": payload }))?;
    Ok(Claimed { id: r.parse(0)?, effect, attempts: r.unsigned(3)?, created_at: r.parse(4)? })
}

/// All that a runner needs to know of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct DispatchJob {
    pub job_id: JobId,
    pub job_name: String,
    pub attempt: u32,
    pub spec: PlannedJob,
    pub stage_name: String,
    pub steps: Vec<StepId>,
    pub execution_id: ExecutionId,
    pub number: u64,
    pub pipeline_id: PipelineId,
    pub pipeline_name: String,
    pub repository_url: String,
    pub context: ExecutionContext,
    pub runner_id: RunnerId,
    pub runner_url: Option<String>,
    pub status: WorkStatus,
    /// What the job deploys.
    pub deployment: Option<DeployedByJob>,
    /// What stages have handed on.
    pub handed_on: Vec<HandedOn>,
    /// What its stage sets itself, and the part of it that asks for outputs.
    pub stage_variables: BTreeMap<String, String>,
    pub stage_late: Vec<Late>,
    /// How every stage stands; empty where the job asks for none.
    pub stages: BTreeMap<String, WorkStatus>,
}

/// What a job that deploys is told of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DeployedByJob {
    pub environment: String,
    pub environment_type: String,
    pub variables: BTreeMap<String, String>,
    pub url: Option<String>,
    pub version: String,
    pub previous_version: Option<String>,
    /// It brings back an earlier version.
    #[serde(deserialize_with = "flag")]
    pub is_rollback: bool,
}

/// SQLite has no booleans.
fn flag<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(i64::deserialize(from)? != 0)
}

impl<C: Connection> Store<C> {
    /// Takes up to `limit` due effects of these kinds, and puts them off to `until` should the taker die. Of each
    /// topic only the first is taken: the next waits until it is done.
    ///
    /// # Errors
    /// As every write.
    pub async fn claim_effects(
        &self,
        kinds: &[&str],
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claimed>, StoreError> {
        let sql = "UPDATE outbox SET due_at = ?3, attempts = attempts + 1
          WHERE seq IN (
            SELECT o.seq FROM json_each(?1) AS k JOIN outbox AS o ON o.kind = k.value AND o.done_at IS NULL
            WHERE o.due_at <= ?2 AND NOT EXISTS (
              SELECT 1 FROM outbox AS earlier
              WHERE earlier.topic = o.topic AND earlier.done_at IS NULL AND earlier.seq < o.seq)
            ORDER BY o.due_at LIMIT ?4)
          RETURNING id, kind, payload, attempts, created_at";
        let parameters = vec![serde_json::to_string(kinds)?.into(), text(now), text(until), limit.into()];
        let sql = match penstock_domain::bugs::is_on("effects_out_of_order") {
            true => sql.replace("earlier.seq < o.seq", "false").replace("o.due_at LIMIT", "o.seq DESC LIMIT"),
            false => sql.to_owned(),
        };
        let rows = self.connection.query(&sql, parameters).await?;
        rows.iter().map(claimed).collect()
    }

    /// The effect has been done, or never will be; `outcome` says which.
    ///
    /// # Errors
    /// As every write.
    pub async fn finish_effect(
        &self,
        effect: OutboxId,
        outcome: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET done_at = ?2, outcome = ?3 WHERE id = ?1 AND done_at IS NULL";
        self.connection.query(sql, vec![id(effect), text(now), outcome.into()]).await?;
        Ok(())
    }

    /// # Errors
    /// As every write.
    pub async fn postpone_effect(
        &self,
        effect: OutboxId,
        due_at: Timestamp,
        error: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET due_at = ?2, last_error = ?3 WHERE id = ?1 AND done_at IS NULL";
        self.connection.query(sql, vec![id(effect), text(due_at), error.into()]).await?;
        Ok(())
    }

    /// The forge takes no status for now: this effect is put off to `due_at`, and with it every other that tells
    /// that forge a status and would be due before.
    ///
    /// # Errors
    /// As every write.
    pub async fn postpone_statuses(
        &self,
        forge: &str,
        refused: OutboxId,
        due_at: Timestamp,
        error: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET due_at = ?3, last_error = ?4
          WHERE kind = 'forge_status' AND done_at IS NULL AND (id = ?2 OR due_at < ?3)
            AND payload ->> '$.forge' = ?1";
        let parameters = vec![forge.into(), id(refused), text(due_at), error.into()];
        self.connection.query(sql, parameters).await?;
        Ok(())
    }

    /// Puts off the end of a claim, where nobody else has taken the effect up since and it has not been done.
    ///
    /// # Errors
    /// As every write.
    pub async fn prolong_effect(&self, claimed: &Claimed, until: Timestamp) -> Result<bool, StoreError> {
        let sql =
            "UPDATE outbox SET due_at = ?3 WHERE id = ?1 AND attempts = ?2 AND done_at IS NULL RETURNING 1";
        let parameters = vec![id(claimed.id), claimed.attempts.into(), text(until)];
        Ok(!self.connection.query(sql, parameters).await?.is_empty())
    }

    /// Whether any effect of the kind is due.
    ///
    /// # Errors
    /// As every read.
    pub async fn has_due_effects(&self, kind: &str, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM outbox WHERE kind = ?1 AND done_at IS NULL AND due_at <= ?2 LIMIT 1";
        Ok(!self.connection.query(sql, vec![kind.into(), text(now)]).await?.is_empty())
    }

    /// The attempt, where it still runs on that runner.
    ///
    /// # Errors
    /// As every read.
    pub async fn dispatch_job(
        &self,
        job: JobId,
        attempt: u32,
        runner: RunnerId,
    ) -> Result<Option<DispatchJob>, StoreError> {
        let sql = "SELECT j.job_name, j.spec, s.stage_name,
            (SELECT json_group_array(id) FROM (SELECT id FROM steps WHERE job_id = j.id ORDER BY step_order)),
            e.id, e.execution_number, p.id, p.pipeline_name, p.repository_url, e.context, r.url, j.status,
            (SELECT json_object('environment', v.environment_name, 'environment_type', v.environment_type,
                'variables', json(v.environment_variables), 'url', v.deployment_url, 'version', d.version,
                'previous_version', d.previous_version, 'is_rollback', d.rollback_of IS NOT NULL)
              FROM deployments AS d JOIN deployment_environments AS v ON v.id = d.environment_id
              WHERE d.stage_id = j.stage_id),
            (SELECT json_group_array(json_object('stage', o.stage_name, 'order', h.job_order, 'outputs', json(h.outputs)))
              FROM jobs AS h INDEXED BY jobs_with_outputs CROSS JOIN pipeline_stages AS o ON o.id = h.stage_id
              WHERE h.execution_id = j.execution_id AND h.outputs IS NOT NULL),
            iif(instr(j.spec, 'stages'), (SELECT json_group_object(o.stage_name, o.status)
              FROM pipeline_stages AS o WHERE o.execution_id = j.execution_id), '{}'),
            COALESCE(s.stage_config, '{}'), COALESCE(s.late, '[]')
          FROM jobs AS j JOIN pipeline_stages AS s ON s.id = j.stage_id
            JOIN pipeline_executions AS e ON e.id = j.execution_id
            JOIN pipeline_configurations AS p ON p.id = e.pipeline_id
            JOIN runners AS r ON r.id = ?3
          WHERE j.id = ?1 AND j.attempt = ?2 AND j.runner_id = ?3";
        let rows = self.connection.query(sql, vec![id(job), attempt.into(), id(runner)]).await?;
        let read = |r: &Row| {
            Ok(DispatchJob {
                job_id: job,
                job_name: r.text(0)?.to_owned(),
                attempt,
                spec: r.json(1)?,
                stage_name: r.text(2)?.to_owned(),
                steps: r.json(3)?,
                execution_id: r.parse(4)?,
                number: r.unsigned(5)?,
                pipeline_id: r.parse(6)?,
                pipeline_name: r.text(7)?.to_owned(),
                repository_url: r.text(8)?.to_owned(),
                context: r.json(9)?,
                runner_id: runner,
                runner_url: r.optional_text(10)?.map(str::to_owned),
                status: r.parse(11)?,
                deployment: r.optional_json(12)?,
                handed_on: r.json(13)?,
                stages: r.json(14)?,
                stage_variables: r.json(15)?,
                stage_late: r.json(16)?,
            })
        };
        rows.first().map(read).transpose()
    }
}
