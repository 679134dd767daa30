//! The reads that decisions are made on: one query each.

use penstock_domain::{
    EnvironmentId, ExecutionId, JobId, PipelineId, Reason, RunnerId, StageId, Timestamp, WorkStatus,
};
use penstock_engine::{Environment, GroupState, PipelineState, Present, Snapshot};
use penstock_gates::Facts;

use crate::connection::Connection;
use crate::held::DEPLOYMENT;
use crate::{Store, StoreError, Value, id};

/// The execution `?1` (NULL: that of the job), `?2` = whether the whole of it, `?3` = the job that the event is about or NULL.
///
/// Narrow: that job, its steps, its stage, and the next of its matrix that is held. Whole: every stage, the running
/// jobs, the waiting jobs with a condition or a matrix, what was handed on, and that job with its steps. A narrow read of the last open job of its stage reads the whole at
/// once, for that is what the decision will ask for. CROSS JOIN is SQLite's word for "in this order": without
/// statistics it would look for the few among the many.
const SNAPSHOT: &str = "
WITH target AS MATERIALIZED (
  SELECT e.id AS execution_id, j.id AS job_id, j.stage_id AS stage_id, j.parallel_group AS parallel_group,
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
    CROSS JOIN pipeline_stages AS s ON s.execution_id = t.execution_id AND s.status IN ('pending', 'running')
    CROSS JOIN jobs AS j ON j.stage_id = s.id AND j.status = 'pending'
      AND (j.condition IS NOT NULL OR j.parallel_group IS NOT NULL)
    WHERE t.is_whole
  UNION SELECT id FROM (SELECT j.id FROM target AS t CROSS JOIN jobs AS j INDEXED BY jobs_held_by_matrix
    ON j.stage_id = t.stage_id AND j.parallel_group = t.parallel_group
    WHERE NOT t.is_whole AND t.parallel_group IS NOT NULL
      AND j.status = 'pending' AND j.ready_at IS NULL AND j.parallel_max IS NOT NULL ORDER BY j.job_order LIMIT 1))
SELECT json_object(
  'version', COALESCE((SELECT version FROM subjects WHERE subject = 'execution:' || e.id), 0),
  'is_narrow', json(iif(t.is_whole, 'false', 'true')),
  'execution', json_object('id', e.id, 'pipeline_id', e.pipeline_id, 'number', e.execution_number,
    'status', e.status, 'reason', e.reason, 'started_at', e.started_at, 'completed_at', e.completed_at,
    'timeout_ms', e.timeout_ms, 'stages_total', e.stages_total, 'stages_completed', e.stages_completed,
    'stages_failed', e.stages_failed, 'error_details', e.error_details, 'ending', json(COALESCE(e.ending, 'null')),
    'context', json(e.context)),
  'stages', json((SELECT json_group_array(json_object('id', stage.id, 'name', stage.stage_name,
      'depends_on', json(stage.depends_on), 'condition', stage.condition, 'timeout_ms', stage.timeout_ms,
      'deploy', json(COALESCE(stage.deploy, 'null')), 'late', json(COALESCE(stage.late, '[]')),
      'always', json(iif(stage.always_run, 'true', 'false')),
      'continue_on_error', json(iif(stage.continue_on_error, 'true', 'false')),
      'variables', json(COALESCE(stage.stage_config, '{}')), 'status', stage.status,
      'reason', stage.reason, 'started_at', stage.started_at, 'completed_at', stage.completed_at, 'jobs_total', stage.jobs_total,
      'jobs_finished', stage.jobs_finished, 'jobs_failed', stage.jobs_failed))
    FROM (SELECT p.* FROM pipeline_stages AS p WHERE t.is_whole AND p.execution_id = t.execution_id
      UNION ALL SELECT p.* FROM pipeline_stages AS p WHERE NOT t.is_whole AND p.id = t.stage_id
      ORDER BY 5) AS stage)),
  'jobs', json((SELECT json_group_array(json_object('id', j.id, 'stage_id', j.stage_id, 'name', j.job_name,
      'order', j.job_order, 'outputs', json(COALESCE(j.outputs, 'null')), 'status', j.status, 'reason', j.reason, 'message', j.message, 'attempt', j.attempt, 'refusals', j.refusals,
      'ready_at', j.ready_at, 'runner_id', j.runner_id, 'assigned_at', j.assigned_at, 'started_at', j.started_at,
      'completed_at', j.completed_at, 'spec', json(j.spec)))
    FROM wanted AS w CROSS JOIN jobs AS j ON j.id = w.id)),
  'steps', json((SELECT json_group_array(json_object('id', step.id, 'job_id', step.job_id, 'order', step.step_order,
      'name', step.step_name, 'status', step.status, 'reason', step.reason, 'exit_code', step.exit_code,
      'started_at', step.started_at, 'completed_at', step.completed_at))
    FROM (SELECT * FROM steps WHERE job_id = t.job_id ORDER BY step_order) AS step)),
  'gates', json((SELECT json_group_array(json_object('id', g.id, 'stage_id', g.stage_id,
      'gate', json(g.threshold_config), 'status', g.status, 'actual', g.actual_value,
      'reasons', json(COALESCE(g.evaluation_details, '[]')), 'evaluated_at', g.evaluated_at,
      'override_reason', g.override_reason, 'overridden_by', g.overridden_by, 'overridden_at', g.overridden_at))
    FROM quality_gate_evaluations AS g WHERE t.is_whole AND g.execution_id = t.execution_id)),
  'deployments', json((SELECT json_group_array({DEPLOYMENT})
    FROM deployments AS d WHERE t.is_whole AND d.execution_id = t.execution_id)),
  'approvals', json((SELECT json_group_array(json_object('id', a.id, 'execution_id', a.execution_id,
      'stage_id', a.stage_id, 'deployment_id', a.deployment_id, 'environment_id', a.environment_id,
      'approval_type', a.approval_type, 'status', a.status, 'requested_at', a.requested_at,
      'requested_by', a.requested_by, 'approved_at', a.approved_at, 'approved_by', a.approved_by,
      'rejected_at', a.rejected_at, 'rejected_by', a.rejected_by, 'rejection_reason', a.rejection_reason,
      'notes', a.approval_notes, 'criteria', json(a.approval_criteria), 'votes', json(a.votes),
      'expires_at', a.expires_at))
    FROM pipeline_approvals AS a WHERE t.is_whole AND a.execution_id = t.execution_id)),
  'environments', json((SELECT json_group_array(json(n.value)) FROM (SELECT DISTINCT {ENVIRONMENT} AS value
    FROM pipeline_stages AS s CROSS JOIN deployment_environments AS v ON v.environment_name = s.deploy ->> '$.environment'
    WHERE t.is_whole AND s.execution_id = t.execution_id AND s.deploy IS NOT NULL) AS n)),
  'handed_on', json((SELECT json_group_array(json_object('stage', s.stage_name, 'order', j.job_order,
      'outputs', json(j.outputs)))
    FROM jobs AS j INDEXED BY jobs_with_outputs CROSS JOIN pipeline_stages AS s ON s.id = j.stage_id
    WHERE t.is_whole AND j.execution_id = t.execution_id AND j.outputs IS NOT NULL)),
  'facts', json((SELECT CASE WHEN NOT t.is_whole
      OR NOT EXISTS (SELECT 1 FROM quality_gate_evaluations AS g WHERE g.execution_id = t.execution_id)
    THEN '{}' ELSE (SELECT {FACTS}
    FROM (SELECT r.format = 'junit' AS is_junit, r.total_tests, r.passed_tests, r.failed_tests, r.skipped_tests,
        iif(r.format = 'lcov', r.coverage_details, NULL) AS details
      FROM jobs AS j CROSS JOIN jobs AS ran ON ran.id = COALESCE(j.carried_from, j.id)
        CROSS JOIN test_results AS r ON r.job_id = ran.id AND r.attempt = ran.attempt
      WHERE j.execution_id = t.execution_id) AS f) END)))
FROM target AS t CROSS JOIN pipeline_executions AS e ON e.id = t.execution_id";

/// What the reports `f` say.
const FACTS: &str = "json_object(
      'tests', iif(total(f.is_junit) = 0, NULL, json_object('total', sum(iif(f.is_junit, f.total_tests, 0)),
        'passed', sum(iif(f.is_junit, f.passed_tests, 0)), 'failed', sum(iif(f.is_junit, f.failed_tests, 0)),
        'skipped', sum(iif(f.is_junit, f.skipped_tests, 0)))),
      'lines', json_object('covered', sum(f.details ->> '$.lines.covered'), 'total', sum(f.details ->> '$.lines.total')),
      'branches', json_object('covered', sum(f.details ->> '$.branches.covered'),
        'total', sum(f.details ->> '$.branches.total')),
      'functions', json_object('covered', sum(f.details ->> '$.functions.covered'),
        'total', sum(f.details ->> '$.functions.total')))";

/// The environment `v`, as the pipeline of the execution `e` sees it.
const ENVIRONMENT: &str = "json_object('id', v.id, 'name', v.environment_name,
  'environment_type', v.environment_type,
  'version', COALESCE((SELECT version FROM subjects WHERE subject = 'environment:' || v.id), 0),
  'is_active', v.is_active, 'approval_required', v.approval_required, 'rules', json(v.approval_config),
  'rollback_enabled', v.rollback_enabled, 'health_check', json(COALESCE(v.health_check_config, 'null')),
  'holder', v.holder_deployment_id,
  'live', json((SELECT json_group_array(version) FROM (SELECT version, max(completed_at) AS at
    FROM (SELECT version, completed_at FROM deployments WHERE environment_id = v.id AND pipeline_id = e.pipeline_id
      AND status = 'deployed' AND rollback_triggered = 0 ORDER BY completed_at DESC LIMIT 50)
    GROUP BY version ORDER BY at DESC))),
  'quarantined', json((SELECT json_group_object(q.version, q.reason) FROM quarantined_versions AS q
    WHERE q.environment_id = v.id AND q.pipeline_id = e.pipeline_id)),
  'promotes', json((SELECT json_group_object(o.environment_name, (SELECT d.version FROM deployments AS d
      WHERE d.environment_id = o.id AND d.pipeline_id = e.pipeline_id AND d.status = 'deployed'
      ORDER BY d.completed_at DESC LIMIT 1))
    FROM json_each(v.auto_promote_from) AS n
      CROSS JOIN deployment_environments AS o ON o.environment_name = n.value)))";

/// A pipeline as a new execution depends on it. Running executions are at most as many as may run.
const PIPELINE_STATE: &str = "
SELECT COALESCE((SELECT version FROM subjects WHERE subject = 'pipeline:' || p.id), 0),
  COALESCE((SELECT max(execution_number) FROM pipeline_executions WHERE pipeline_id = p.id), 0),
  (SELECT count(*) FROM pipeline_executions INDEXED BY executions_running
    WHERE pipeline_id = p.id AND status = 'running'),
  p.max_concurrent_executions,
  EXISTS (SELECT 1 FROM pipeline_executions WHERE pipeline_id = p.id AND status = 'queued'
    AND reason IS NOT 'fork_approval' AND concurrency_key IS NULL)
FROM pipeline_configurations AS p WHERE p.id = ?1";

/// A concurrency group as a new execution depends on it.
const GROUP_STATE: &str = "
SELECT COALESCE((SELECT version FROM subjects WHERE subject = 'group:' || ?1), 0),
  (SELECT count(*) FROM pipeline_executions INDEXED BY executions_running_in_group
    WHERE concurrency_key = ?1 AND status = 'running'),
  EXISTS (SELECT 1 FROM pipeline_executions INDEXED BY executions_queued_in_group
    WHERE concurrency_key = ?1 AND status = 'queued' AND reason IS NOT 'fork_approval'),
  (SELECT json_group_array(json_object('id', u.id, 'delivery_id', u.delivery_id,
      'pull_request_from', iif(u.trigger_event = 'pull_request', u.branch_name, NULL))) FROM (
    SELECT * FROM (SELECT id, delivery_id, trigger_event, branch_name
      FROM pipeline_executions INDEXED BY executions_running_in_group
      WHERE concurrency_key = ?1 AND status = 'running'
    UNION ALL SELECT id, delivery_id, trigger_event, branch_name
      FROM pipeline_executions INDEXED BY executions_queued_in_group
      WHERE concurrency_key = ?1 AND status = 'queued' AND reason IS NOT 'fork_approval')
    ORDER BY id LIMIT 1000) AS u)";

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
        let sql = SNAPSHOT
            .replace("{ENVIRONMENT}", ENVIRONMENT)
            .replace("{FACTS}", FACTS)
            .replace("{DEPLOYMENT}", DEPLOYMENT);
        let rows = self.connection.query(&sql, parameters).await?;
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
                environments: vec![],
                facts: Facts::default(),
                group: None,
                runners: vec![],
            })
        };
        rows.first().map(state).transpose()
    }

    /// A concurrency group, by its key among all repositories.
    ///
    /// # Errors
    /// As every read.
    pub async fn group_state(&self, key: &str) -> Result<GroupState, StoreError> {
        let rows = self.connection.query(GROUP_STATE, vec![key.into()]).await?;
        let Some(r) = rows.first() else {
            let key = key.to_owned();
            return Ok(GroupState { key, version: 0, running: 0, has_queue: false, unfinished: vec![] });
        };
        Ok(GroupState {
            key: key.to_owned(),
            version: r.integer(0)?,
            running: r.unsigned(1)?,
            has_queue: r.integer(2)? != 0,
            unfinished: r.json(3)?,
        })
    }

    /// The jobs of the stage that a job is in, as far as adding others goes. To be read after the snapshot.
    ///
    /// # Errors
    /// As every read.
    pub async fn jobs_beside(&self, job: JobId) -> Result<Vec<Present>, StoreError> {
        let sql = "SELECT json_group_array(json_object('name', j.job_name, 'added_by', j.added_by))
          FROM jobs AS j WHERE j.stage_id = (SELECT stage_id FROM jobs WHERE id = ?1)";
        let rows = self.connection.query(sql, vec![id(job)]).await?;
        Ok(rows.first().map(|r| r.json(0)).transpose()?.unwrap_or_default())
    }
}

impl<C: Connection> Store<C> {
    /// The environments of these names, as the pipeline sees them.
    ///
    /// # Errors
    /// As every read.
    pub async fn environments_of(
        &self,
        pipeline: PipelineId,
        names: &[&str],
    ) -> Result<Vec<Environment>, StoreError> {
        let sql = format!(
            "SELECT {ENVIRONMENT} FROM (SELECT ?1 AS pipeline_id) AS e CROSS JOIN json_each(?2) AS n
             CROSS JOIN deployment_environments AS v ON v.environment_name = n.value"
        );
        let parameters = vec![id(pipeline), serde_json::to_string(names)?.into()];
        let rows = self.connection.query(&sql, parameters).await?;
        rows.iter().map(|r| r.json(0)).collect()
    }

    /// What the reports of the last attempts of these jobs say.
    ///
    /// # Errors
    /// As every read.
    pub async fn facts_of(&self, jobs: &[JobId]) -> Result<Facts, StoreError> {
        let sql = format!(
            "SELECT {FACTS} FROM (SELECT r.format = 'junit' AS is_junit, r.total_tests, r.passed_tests,
                r.failed_tests, r.skipped_tests, iif(r.format = 'lcov', r.coverage_details, NULL) AS details
              FROM json_each(?1) AS n CROSS JOIN jobs AS ran ON ran.id = n.value
                CROSS JOIN test_results AS r ON r.job_id = ran.id AND r.attempt = ran.attempt) AS f"
        );
        let rows = self.connection.query(&sql, vec![serde_json::to_string(jobs)?.into()]).await?;
        Ok(rows.first().map(|r| r.json(0)).transpose()?.unwrap_or_default())
    }

    /// The environment by its id, as the pipeline sees it.
    ///
    /// # Errors
    /// As every read.
    pub async fn environment_of(
        &self,
        pipeline: PipelineId,
        environment: EnvironmentId,
    ) -> Result<Option<Environment>, StoreError> {
        let sql = format!(
            "SELECT {ENVIRONMENT} FROM (SELECT ?1 AS pipeline_id) AS e
             CROSS JOIN deployment_environments AS v ON v.id = ?2"
        );
        let rows = self.connection.query(&sql, vec![id(pipeline), id(environment)]).await?;
        rows.first().map(|r| r.json(0)).transpose()
    }
}

/// Who has, or had, the last attempt of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub execution_id: ExecutionId,
    pub stage_id: StageId,
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
        let sql = "SELECT execution_id, status, attempt, runner_id, reason, completed_at, stage_id FROM jobs WHERE id = ?1";
        let rows = self.connection.query(sql, vec![id(job)]).await?;
        let read = |r: &crate::Row| {
            Ok(Holder {
                execution_id: r.parse(0)?,
                stage_id: r.parse(6)?,
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
