//! Executions as the outside reads them.

use std::collections::BTreeMap;

use penstock_api::view;
use penstock_domain::{DeliveryId, ExecutionId, ExecutionStatus, PipelineId, StageId, Timestamp};
use penstock_engine::{Admission, PastStage};
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::queue::Asked;
use crate::{Row, Store, StoreError, Value, id, text};

/// What an execution list may be narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionFilter {
    pub status: Option<ExecutionStatus>,
    pub branch: Option<String>,
    pub pipeline_id: Option<PipelineId>,
    pub commit_sha: Option<String>,
}

/// An execution with all its parts, and what is needed to say why they wait.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionDetail {
    pub execution: view::Execution,
    pub stages: Vec<view::Stage>,
    /// Of its pipeline: executions at once, and those that run.
    pub limit: u32,
    pub running: Vec<(ExecutionId, u64)>,
    /// Its concurrency group, where it has one.
    pub group: Option<GroupDetail>,
}

/// A concurrency group as one that waits in it sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GroupDetail {
    pub name: String,
    pub limit: u32,
    /// Each with its number and its pipeline's name.
    pub running: Vec<(ExecutionId, u64, String)>,
    /// Others that wait and come first.
    pub ahead: u32,
}

/// The work of an execution, as it went.
#[derive(Debug, Clone, PartialEq)]
pub struct PastWork {
    pub timeout_ms: i64,
    pub admission: Admission,
    pub stages: Vec<PastStage>,
}

/// The newest execution of one pipeline (and branch).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BranchStatus {
    pub pipelines: Vec<view::PipelineStatus>,
    /// Whether any pipeline is of the repository, has it run or not.
    pub is_known: bool,
    pub is_public: bool,
}

const EXECUTION: &str = "json_object('id', e.id, 'pipeline_id', e.pipeline_id, 'pipeline_name', p.pipeline_name,
    'execution_number', e.execution_number, 'status', e.status, 'reason', e.reason, 'branch_name', e.branch_name,
    'commit_sha', e.commit_sha, 'commit_message', e.commit_message, 'commit_author', e.commit_author,
    'trigger_event', e.trigger_event, 'trigger_user', e.trigger_user, 'retry_of', e.retry_of,
    'stages_total', e.stages_total, 'stages_completed', e.stages_completed, 'stages_failed', e.stages_failed,
    'error_details', e.error_details, 'created_at', e.created_at, 'started_at', e.started_at,
    'completed_at', e.completed_at, 'duration_seconds', e.duration_seconds)";

const STAGES: &str = "json((SELECT json_group_array(json_object('id', s.id, 'stage_name', s.stage_name,
    'stage_type', s.stage_type, 'stage_order', s.stage_order, 'depends_on', json(s.depends_on), 'status', s.status,
    'reason', s.reason, 'jobs_total', s.jobs_total, 'jobs_finished', s.jobs_finished, 'jobs_failed', s.jobs_failed,
    'started_at', s.started_at, 'completed_at', s.completed_at, 'duration_seconds', s.duration_seconds,
    'deployment', json((SELECT json_object('id', d.id, 'environment_name', v.environment_name, 'version', d.version,
        'previous_version', d.previous_version, 'status', d.status, 'rollback_of', d.rollback_of,
        'approval_id', a.id, 'approvals_given', json_array_length(COALESCE(a.votes, '[]')),
        'approvals_required', COALESCE(a.approval_criteria ->> '$.required', 0),
        'approvers', json(COALESCE(a.approval_criteria -> '$.approvers', '[]')),
        'approval_expires_at', a.expires_at,
        'held_by', (SELECT x.execution_number FROM deployments AS h
          JOIN pipeline_executions AS x ON x.id = h.execution_id
          WHERE h.id = v.holder_deployment_id AND h.id <> d.id),
        'quarantine', (SELECT q.reason FROM quarantined_versions AS q WHERE q.environment_id = v.id
          AND q.pipeline_id = d.pipeline_id AND q.version = d.version))
      FROM deployments AS d JOIN deployment_environments AS v ON v.id = d.environment_id
        LEFT JOIN pipeline_approvals AS a ON a.stage_id = s.id
      WHERE d.stage_id = s.id))))
  FROM (SELECT * FROM pipeline_stages WHERE execution_id = e.id ORDER BY stage_order) AS s))";

const JOBS: &str = "json((SELECT json_group_array(json_object('id', j.id, 'stage_id', j.stage_id,
    'name', j.job_name, 'status', j.status, 'reason', j.reason, 'message', j.message, 'attempt', j.attempt,
    'runs_on', json(j.runs_on), 'runner', (SELECT runner_name FROM runners WHERE id = j.runner_id),
    'ready_at', j.ready_at, 'started_at', j.started_at, 'completed_at', j.completed_at,
    'steps', json((SELECT json_group_array(json_object('id', t.id, 'name', t.step_name, 'status', t.status,
        'reason', t.reason, 'exit_code', t.exit_code, 'started_at', t.started_at, 'completed_at', t.completed_at))
      FROM (SELECT * FROM steps WHERE job_id = j.id ORDER BY step_order) AS t))))
  FROM (SELECT * FROM jobs WHERE execution_id = e.id ORDER BY job_order, id) AS j))";

const RUNNING: &str = "json((SELECT json_group_array(json_array(r.id, r.execution_number))
  FROM pipeline_executions AS r INDEXED BY executions_running
  WHERE r.pipeline_id = e.pipeline_id AND r.status = 'running'))";

/// Only of one that waits: of the others nobody asks.
const GROUP: &str = "json(iif(e.concurrency_key IS NULL OR e.status <> 'queued', 'null', json_object(
    'name', e.concurrency_group, 'limit', e.group_limit,
    'running', json((SELECT json_group_array(json_array(r.id, r.execution_number, o.pipeline_name))
      FROM pipeline_executions AS r INDEXED BY executions_running_in_group
        CROSS JOIN pipeline_configurations AS o ON o.id = r.pipeline_id
      WHERE r.concurrency_key = e.concurrency_key AND r.status = 'running')),
    'ahead', (SELECT count(*) FROM pipeline_executions AS q INDEXED BY executions_queued_in_group
      WHERE q.concurrency_key = e.concurrency_key AND q.status = 'queued' AND q.reason IS NOT 'fork_approval'
        AND (-q.priority, q.created_at, q.id) < (-e.priority, e.created_at, e.id)))))";

impl<C: Connection> Store<C> {
    /// The execution with its stages, jobs and steps.
    ///
    /// # Errors
    /// As every read.
    pub async fn execution_detail(
        &self,
        execution: ExecutionId,
    ) -> Result<Option<ExecutionDetail>, StoreError> {
        self.detail(execution, JOBS).await
    }

    /// The execution with its stages, without their jobs.
    ///
    /// # Errors
    /// As every read.
    pub async fn execution_stages(
        &self,
        execution: ExecutionId,
    ) -> Result<Option<ExecutionDetail>, StoreError> {
        self.detail(execution, "'null'").await
    }

    async fn detail(
        &self,
        execution: ExecutionId,
        jobs: &str,
    ) -> Result<Option<ExecutionDetail>, StoreError> {
        let sql = format!(
            "SELECT {EXECUTION}, {STAGES}, {jobs},
               min(p.max_concurrent_executions, COALESCE(e.concurrency_limit, p.max_concurrent_executions)), {RUNNING},
               {GROUP}
             FROM pipeline_executions AS e JOIN pipeline_configurations AS p ON p.id = e.pipeline_id WHERE e.id = ?1"
        );
        let rows = self.connection.query(&sql, vec![id(execution)]).await?;
        let read = |r: &Row| {
            let mut stages: Vec<view::Stage> = r.json(1)?;
            if let Some(jobs) = r.json::<Option<Vec<view::Job>>>(2)? {
                let mut of_stage: BTreeMap<StageId, Vec<view::Job>> = BTreeMap::new();
                for job in jobs {
                    of_stage.entry(job.stage_id).or_default().push(job);
                }
                for stage in &mut stages {
                    stage.jobs = Some(of_stage.remove(&stage.id).unwrap_or_default());
                }
            }
            Ok(ExecutionDetail {
                execution: r.json(0)?,
                stages,
                limit: r.unsigned(3)?,
                running: r.json(4)?,
                group: r.json(5)?,
            })
        };
        rows.first().map(read).transpose()
    }

    /// Newest first, from below `after`.
    ///
    /// # Errors
    /// As every read.
    pub async fn executions(
        &self,
        filter: &ExecutionFilter,
        after: Option<ExecutionId>,
        limit: u32,
    ) -> Result<Vec<view::Execution>, StoreError> {
        let mut wanted = vec![];
        let mut parameters: Vec<Value> = vec![];
        let mut want = |column: &str, relation: &str, value: Option<Value>| {
            if let Some(value) = value {
                parameters.push(value);
                wanted.push(format!("e.{column} {relation} ?{}", parameters.len()));
            }
        };
        want("status", "=", filter.status.map(|s| s.as_str().into()));
        want("branch_name", "=", filter.branch.clone().map(Value::Text));
        want("pipeline_id", "=", filter.pipeline_id.map(id));
        want("commit_sha", "=", filter.commit_sha.clone().map(Value::Text));
        want("id", "<", after.map(id));
        let condition = if wanted.is_empty() { "true".to_owned() } else { wanted.join(" AND ") };
        let sql = format!(
            "SELECT {EXECUTION} FROM pipeline_executions AS e
             JOIN pipeline_configurations AS p ON p.id = e.pipeline_id
             WHERE {condition} ORDER BY e.id DESC LIMIT {limit}"
        );
        let rows = self.connection.query(&sql, parameters).await?;
        rows.iter().map(|r| r.json(0)).collect()
    }

    /// The execution that this delivery, or an equal happening since `since`, has already started on the pipeline.
    ///
    /// # Errors
    /// As every read.
    pub async fn equal_execution(
        &self,
        pipeline: PipelineId,
        delivery: Option<DeliveryId>,
        event_key: Option<&str>,
        since: Timestamp,
    ) -> Result<Option<ExecutionId>, StoreError> {
        let sql = "SELECT id FROM pipeline_executions WHERE delivery_id = ?2 AND pipeline_id = ?1
          UNION ALL SELECT id FROM pipeline_executions
          WHERE pipeline_id = ?1 AND event_key = ?3 AND created_at > ?4 LIMIT 1";
        let parameters =
            vec![id(pipeline), delivery.map_or(Value::Null, id), crate::optional(event_key), text(since)];
        let rows = self.connection.query(sql, parameters).await?;
        Ok(rows.first().map(|r| r.parse(0)).transpose()?)
    }

    /// Whether there is a retry of the execution.
    ///
    /// # Errors
    /// As every read.
    pub async fn was_retried(&self, execution: ExecutionId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM pipeline_executions WHERE retry_of = ?1 LIMIT 1";
        Ok(!self.connection.query(sql, vec![id(execution)]).await?.is_empty())
    }

    /// # Errors
    /// As every read.
    pub async fn has_execution_of_commit(
        &self,
        pipeline: PipelineId,
        commit_sha: &str,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM pipeline_executions WHERE commit_sha = ?2 AND pipeline_id = ?1 LIMIT 1";
        Ok(!self.connection.query(sql, vec![id(pipeline), commit_sha.into()]).await?.is_empty())
    }

    /// The pipeline of an execution.
    ///
    /// # Errors
    /// As every read.
    pub async fn pipeline_of(&self, execution: ExecutionId) -> Result<Option<PipelineId>, StoreError> {
        let sql = "SELECT pipeline_id FROM pipeline_executions WHERE id = ?1";
        let rows = self.connection.query(sql, vec![id(execution)]).await?;
        Ok(rows.first().map(|r| r.parse(0)).transpose()?)
    }

    /// # Errors
    /// As every read.
    pub async fn execution_status(
        &self,
        execution: ExecutionId,
    ) -> Result<Option<ExecutionStatus>, StoreError> {
        let sql = "SELECT status FROM pipeline_executions WHERE id = ?1";
        let rows = self.connection.query(sql, vec![id(execution)]).await?;
        Ok(rows.first().map(|r| r.parse(0)).transpose()?)
    }

    /// When the execution ended; None while it has not.
    ///
    /// # Errors
    /// As every read.
    pub async fn execution_end(&self, execution: ExecutionId) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT completed_at FROM pipeline_executions WHERE id = ?1";
        let rows = self.connection.query(sql, vec![id(execution)]).await?;
        Ok(rows.first().map(|r| r.optional_parse(0)).transpose()?.flatten())
    }

    /// The work of an execution as it was planned, with how each part of it ended.
    ///
    /// # Errors
    /// As every read.
    pub async fn planned_work(&self, execution: ExecutionId) -> Result<Option<PastWork>, StoreError> {
        let sql = "SELECT e.timeout_ms, json_object('own_limit', e.concurrency_limit, 'priority', e.priority,
              'group', e.concurrency_group, 'key', e.concurrency_key, 'group_limit', e.group_limit,
              'cancels', json(iif(e.context ->> '$.cancels_in_progress', 'true', 'false'))),
            json((SELECT json_group_array(json_object(
              'planned', json_object('name', s.stage_name, 'stage_type', s.stage_type,
                'depends_on', json(s.depends_on), 'condition', s.condition, 'timeout_ms', s.timeout_ms,
                'variables', json(COALESCE(s.stage_config, '{}')), 'deploy', json(COALESCE(s.deploy, 'null')),
                'late', json(COALESCE(s.late, '[]')), 'always', json(iif(s.always_run, 'true', 'false')),
                'continue_on_error', json(iif(s.continue_on_error, 'true', 'false')), 'jobs', json('[]')),
              'status', s.status, 'reason', s.reason,
              'jobs', json((SELECT json_group_array(json_object('ran_as', COALESCE(j.carried_from, j.id),
                  'id', j.id, 'added_by', j.added_by, 'outputs', json(COALESCE(j.outputs, 'null')), 'planned', json(j.spec), 'status', j.status))
                FROM (SELECT * FROM jobs WHERE stage_id = s.id ORDER BY job_order) AS j)),
              'gates', json((SELECT json_group_array(json_object('gate', json(g.threshold_config), 'status', g.status,
                  'overridden', json(iif(g.overridden_at IS NULL, 'null', json_object('by', g.overridden_by,
                    'reason', g.override_reason, 'at', g.overridden_at)))))
                FROM quality_gate_evaluations AS g WHERE g.stage_id = s.id))))
            FROM (SELECT * FROM pipeline_stages WHERE execution_id = e.id ORDER BY stage_order) AS s))
          FROM pipeline_executions AS e WHERE e.id = ?1";
        let rows = self.connection.query(sql, vec![id(execution)]).await?;
        let read = |r: &Row| {
            Ok(PastWork {
                timeout_ms: r.integer(0)?,
                admission: r.json::<Asked>(1)?.into(),
                stages: r.json(2)?,
            })
        };
        rows.first().map(read).transpose()
    }

    /// How the newest execution of each pipeline of a forge's repository stands, on the branch if one is named; else
    /// the newest that is not of a pull request, which says nothing about the repository yet.
    ///
    /// # Errors
    /// As every read.
    pub async fn repository_status(
        &self,
        forge_repository: &str,
        branch: Option<&str>,
    ) -> Result<BranchStatus, StoreError> {
        let sql = "SELECT p.pipeline_name, p.public_status, (
            SELECT json_object('pipeline_name', p.pipeline_name, 'execution_number', e.execution_number,
              'status', e.status, 'reason', e.reason, 'branch_name', e.branch_name, 'commit_sha', e.commit_sha,
              'completed_at', e.completed_at, 'duration_seconds', e.duration_seconds)
            FROM pipeline_executions AS e
            WHERE e.pipeline_id = p.id AND (e.branch_name = ?2 OR (?2 IS NULL AND e.trigger_event <> 'pull_request')) ORDER BY e.id DESC LIMIT 1)
          FROM pipeline_configurations AS p
          WHERE p.forge_repository = ?1 AND p.deleted_at IS NULL ORDER BY p.pipeline_name LIMIT 200";
        let rows = self.connection.query(sql, vec![forge_repository.into(), crate::optional(branch)]).await?;
        let is_known = !rows.is_empty();
        let mut status = BranchStatus { pipelines: vec![], is_known, is_public: is_known };
        for row in &rows {
            status.is_public &= row.integer(1)? == 1;
            status.pipelines.extend(row.optional_json::<view::PipelineStatus>(2)?);
        }
        Ok(status)
    }
}
