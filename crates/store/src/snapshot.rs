//! The reads that decisions are made on: one query each.

use penstock_domain::{ExecutionId, JobId, PipelineId, Reason, RunnerId, Timestamp, WorkStatus};
use penstock_engine::{PipelineState, Snapshot};

use crate::connection::Connection;
use crate::{Store, StoreError, Value, id};

/// The execution `?1` (NULL: that of the job), `?2` = whether the whole of it, `?3` = the job that the event is about or NULL.
///
/// Narrow: that job, its steps and its stage. Whole: every stage, the running jobs, the waiting jobs with a
/// condition, and that job with its steps. A narrow read of the last open job of its stage reads the whole at
/// once, for that is what the decision will ask for. CROSS JOIN is SQLite's word for "in this order": without
/// statistics it would look for the few among the many.
const SNAPSHOT: &str = "
WITH target AS MATERIALIZED (
  SELECT e.id AS execution_id, j.id AS job_id, j.stage_id AS stage_id,
    ?2 OR COALESCE(s.jobs_finished + 1 >= s.jobs_total, false) AS is_whole
  FROM pipeline_executions AS e
    LEFT JOIN jobs AS j ON j.id = ?3 AND j.execution_id = e.id
    LEFT JOIN pipeline_stages AS s ON s.id = j.stage_id
  WHERE e.id = COALESCE(?1, (SELECT execution_id FROM jobs WHERE id = ?3))),
wanted AS MATERIALIZED (
  SELECT job_id AS id FROM target WHERE job_id IS NOT NULL
  UNION SELECT j.id FROM target AS t CROSS JOIN jobs AS j ON j.execution_id = t.execution_id AND j.status = 'running'
    WHERE t.is_whole
  UNION SELECT j.id FROM target AS t
    CROSS JOIN pipeline_stages AS s ON s.execution_id = t.execution_id AND s.status = 'pending'
    CROSS JOIN jobs AS j ON j.stage_id = s.id AND j.status = 'pending' AND j.condition IS NOT NULL
    WHERE t.is_whole)
SELECT json_object(
  'version', COALESCE((SELECT version FROM subjects WHERE subject = 'execution:' || e.id), 0),
  'execution', json_object('id', e.id, 'pipeline_id', e.pipeline_id, 'number', e.execution_number,
    'status', e.status, 'reason', e.reason, 'started_at', e.started_at, 'completed_at', e.completed_at,
    'timeout_ms', e.timeout_ms, 'stages_total', e.stages_total, 'stages_completed', e.stages_completed,
    'stages_failed', e.stages_failed, 'error_details', e.error_details, 'context', json(e.context)),
  'stages', json((SELECT json_group_array(json_object('id', stage.id, 'name', stage.stage_name,
      'depends_on', json(stage.depends_on), 'condition', stage.condition, 'timeout_ms', stage.timeout_ms,
      'variables', json(COALESCE(stage.stage_config, '{}')), 'status', stage.status,
      'reason', stage.reason, 'started_at', stage.started_at, 'completed_at', stage.completed_at, 'jobs_total', stage.jobs_total,
      'jobs_finished', stage.jobs_finished, 'jobs_failed', stage.jobs_failed))
    FROM (SELECT p.* FROM pipeline_stages AS p WHERE t.is_whole AND p.execution_id = t.execution_id
      UNION ALL SELECT p.* FROM pipeline_stages AS p WHERE NOT t.is_whole AND p.id = t.stage_id
      ORDER BY 5) AS stage)),
  'jobs', json((SELECT json_group_array(json_object('id', j.id, 'stage_id', j.stage_id, 'name', j.job_name,
      'status', j.status, 'reason', j.reason, 'message', j.message, 'attempt', j.attempt, 'refusals', j.refusals,
      'ready_at', j.ready_at, 'runner_id', j.runner_id, 'assigned_at', j.assigned_at, 'started_at', j.started_at,
      'completed_at', j.completed_at, 'spec', json(j.spec)))
    FROM wanted AS w CROSS JOIN jobs AS j ON j.id = w.id)),
  'steps', json((SELECT json_group_array(json_object('id', step.id, 'job_id', step.job_id, 'order', step.step_order,
      'name', step.step_name, 'status', step.status, 'reason', step.reason, 'exit_code', step.exit_code,
      'started_at', step.started_at, 'completed_at', step.completed_at))
    FROM (SELECT * FROM steps WHERE job_id = t.job_id ORDER BY step_order) AS step)))
FROM target AS t CROSS JOIN pipeline_executions AS e ON e.id = t.execution_id";

/// A pipeline as a new execution depends on it. Running executions are at most as many as may run.
const PIPELINE_STATE: &str = "
SELECT COALESCE((SELECT version FROM subjects WHERE subject = 'pipeline:' || p.id), 0),
  COALESCE((SELECT max(execution_number) FROM pipeline_executions WHERE pipeline_id = p.id), 0),
  (SELECT count(*) FROM pipeline_executions INDEXED BY executions_running
    WHERE pipeline_id = p.id AND status = 'running'),
  p.max_concurrent_executions,
  EXISTS (SELECT 1 FROM pipeline_executions WHERE pipeline_id = p.id AND status = 'queued'
    AND reason IS NOT 'fork_approval')
FROM pipeline_configurations AS p WHERE p.id = ?1";

impl<C: Connection> Store<C> {
    /// The state of an execution (None: of the job's), as far as an event about `job` can touch it; with `whole`,
    /// all of it.
    ///
    /// # Errors
    /// As every read. None where there is no such execution.
    pub async fn snapshot(
        &self,
        execution: Option<ExecutionId>,
        job: Option<JobId>,
        whole: bool,
    ) -> Result<Option<Snapshot>, StoreError> {
        let parameters = vec![
            execution.map_or(Value::Null, id),
            Value::Integer(whole.into()),
            job.map_or(Value::Null, id),
        ];
        let rows = self.connection.query(SNAPSHOT, parameters).await?;
        rows.first().map(|r| r.json(0)).transpose()
    }

    /// # Errors
    /// As every read. None where there is no such pipeline.
    pub async fn pipeline_state(&self, pipeline: PipelineId) -> Result<Option<PipelineState>, StoreError> {
        let rows = self.connection.query(PIPELINE_STATE, vec![id(pipeline)]).await?;
        let state = |r: &crate::Row| {
            Ok(PipelineState {
                id: pipeline,
                version: r.integer(0)?,
                last_number: r.unsigned(1)?,
                running: r.unsigned(2)?,
                limit: r.unsigned(3)?,
                has_queue: r.integer(4)? != 0,
            })
        };
        rows.first().map(state).transpose()
    }
}

/// Who has, or had, the last attempt of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub execution_id: ExecutionId,
    pub status: WorkStatus,
    pub attempt: u32,
    pub runner_id: Option<RunnerId>,
    pub reason: Option<Reason>,
    pub completed_at: Option<Timestamp>,
}

impl<C: Connection> Store<C> {
    /// # Errors
    /// As every read.
    pub async fn holder(&self, job: JobId) -> Result<Option<Holder>, StoreError> {
        let sql =
            "SELECT execution_id, status, attempt, runner_id, reason, completed_at FROM jobs WHERE id = ?1";
        let rows = self.connection.query(sql, vec![id(job)]).await?;
        let read = |r: &crate::Row| {
            Ok(Holder {
                execution_id: r.parse(0)?,
                status: r.parse(1)?,
                attempt: r.unsigned(2)?,
                runner_id: r.optional_parse(3)?,
                reason: r.optional_parse(4)?,
                completed_at: r.optional_parse(5)?,
            })
        };
        rows.first().map(read).transpose()
    }
}
