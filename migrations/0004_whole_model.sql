-- The whole pipeline model: concurrency groups, priorities, matrices, outputs, jobs that jobs add, cleaning up,
-- schedules.

-- `concurrency_group` is what the file calls it; the key is unique among all repositories.
ALTER TABLE pipeline_executions ADD COLUMN concurrency_group TEXT;

ALTER TABLE pipeline_executions ADD COLUMN concurrency_key TEXT;

ALTER TABLE pipeline_executions ADD COLUMN group_limit INTEGER;

ALTER TABLE pipeline_executions ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;

-- How it ends, once what cleans up after it has ended.
ALTER TABLE pipeline_executions ADD COLUMN ending TEXT;

-- Variables that ask for outputs.
ALTER TABLE pipeline_stages ADD COLUMN late TEXT;

ALTER TABLE pipeline_stages ADD COLUMN always_run INTEGER NOT NULL DEFAULT 0 CHECK (always_run IN (0, 1));

ALTER TABLE pipeline_stages ADD COLUMN continue_on_error INTEGER NOT NULL DEFAULT 0 CHECK (continue_on_error IN (0, 1));

ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;

-- The matrix that the job is of, and how many jobs of it run at once.
ALTER TABLE jobs ADD COLUMN parallel_group TEXT;

ALTER TABLE jobs ADD COLUMN parallel_max INTEGER;

-- What it hands on to later stages.
ALTER TABLE jobs ADD COLUMN outputs TEXT;

-- The job whose step added this one.
ALTER TABLE jobs ADD COLUMN added_by TEXT;

DROP INDEX jobs_ready;

CREATE INDEX jobs_ready ON jobs (runs_on, priority DESC, ready_at, id) WHERE status = 'pending' AND ready_at IS NOT NULL;

DROP INDEX jobs_conditional;

-- Waiting jobs that a decision about their stage has to see.
CREATE INDEX jobs_conditional ON jobs (stage_id)
  WHERE status = 'pending' AND (condition IS NOT NULL OR parallel_group IS NOT NULL);

CREATE INDEX jobs_held_by_matrix ON jobs (stage_id, parallel_group, job_order)
  WHERE status = 'pending' AND ready_at IS NULL AND parallel_max IS NOT NULL;

CREATE INDEX jobs_with_outputs ON jobs (execution_id) WHERE outputs IS NOT NULL;

DROP INDEX executions_queued;

CREATE INDEX executions_queued ON pipeline_executions (pipeline_id, priority DESC, created_at, id)
  WHERE status = 'queued' AND reason IS NOT 'fork_approval' AND concurrency_key IS NULL;

CREATE INDEX executions_queued_in_group ON pipeline_executions (concurrency_key, priority DESC, created_at, id)
  WHERE status = 'queued' AND reason IS NOT 'fork_approval' AND concurrency_key IS NOT NULL;

CREATE INDEX executions_running_in_group ON pipeline_executions (concurrency_key, created_at)
  WHERE status = 'running' AND concurrency_key IS NOT NULL;

-- When the clock starts a pipeline. `next_at` is when it is due; NULL where it never is again.
CREATE TABLE schedules (
  id TEXT PRIMARY KEY,
  pipeline_id TEXT NOT NULL REFERENCES pipeline_configurations (id),
  cron TEXT NOT NULL,
  timezone TEXT NOT NULL,
  branch TEXT,
  parameters TEXT NOT NULL DEFAULT '{}',
  next_at TEXT,
  last_at TEXT,
  created_at TEXT NOT NULL
) STRICT;

CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;

CREATE INDEX schedules_of_pipeline ON schedules (pipeline_id);

DROP TRIGGER journal_apply;

-- Carries a change into the tables: as before, with what is new above.
CREATE TRIGGER journal_apply AFTER INSERT ON journal
BEGIN
  INSERT INTO subjects (subject, version) VALUES (NEW.subject, NEW.expect + 1)
    ON CONFLICT (subject) DO UPDATE SET version = excluded.version;
  INSERT INTO subjects (subject, version)
    SELECT g.value ->> '$.subject', (g.value ->> '$.expect') + 1 FROM json_each(NEW.change, '$.guards') AS g
    WHERE true
    ON CONFLICT (subject) DO UPDATE SET version = excluded.version;
  INSERT INTO pipeline_configurations (
      id, pipeline_name, pipeline_type, repository_url, repository_key, forge, forge_repository, definition,
      definition_path, branch_patterns, trigger_events, max_concurrent_executions, build_configuration,
      test_configuration, deployment_configuration, quality_gates, notification_config,
      public_status, is_active, created_by, created_at, updated_at, deleted_at)
    SELECT c.value ->> '$.id', c.value ->> '$.pipeline_name', c.value ->> '$.pipeline_type',
      c.value ->> '$.repository_url', c.value ->> '$.repository_key', c.value ->> '$.forge',
      c.value ->> '$.forge_repository', c.value ->> '$.definition', c.value ->> '$.definition_path',
      c.value ->> '$.branch_patterns', c.value ->> '$.trigger_events', c.value ->> '$.max_concurrent_executions',
      c.value ->> '$.build_configuration', c.value ->> '$.test_configuration',
      c.value ->> '$.deployment_configuration', c.value ->> '$.quality_gates',
      c.value ->> '$.notification_config', c.value ->> '$.public_status', c.value ->> '$.is_active',
      c.value ->> '$.created_by', c.value ->> '$.created_at', c.value ->> '$.updated_at', c.value ->> '$.deleted_at'
    FROM json_each(NEW.change, '$.pipelines') AS c
    WHERE true
    ON CONFLICT (id) DO UPDATE SET
      pipeline_name = excluded.pipeline_name, pipeline_type = excluded.pipeline_type,
      repository_url = excluded.repository_url, repository_key = excluded.repository_key, forge = excluded.forge,
      forge_repository = excluded.forge_repository, definition = excluded.definition,
      definition_path = excluded.definition_path, branch_patterns = excluded.branch_patterns,
      trigger_events = excluded.trigger_events, max_concurrent_executions = excluded.max_concurrent_executions,
      build_configuration = excluded.build_configuration, test_configuration = excluded.test_configuration,
      deployment_configuration = excluded.deployment_configuration, quality_gates = excluded.quality_gates,
      notification_config = excluded.notification_config, public_status = excluded.public_status,
      is_active = excluded.is_active, updated_at = excluded.updated_at, deleted_at = excluded.deleted_at;
  INSERT INTO runners (id, runner_name, labels, capacity, url, last_seen_at, registered_at)
    SELECT c.value ->> '$.id', c.value ->> '$.name', c.value ->> '$.labels', c.value ->> '$.capacity',
      c.value ->> '$.url', NEW.at, NEW.at
    FROM json_each(NEW.change, '$.runners') AS c
    WHERE true
    ON CONFLICT (id) DO UPDATE SET
      labels = excluded.labels, capacity = excluded.capacity, url = excluded.url, failures = 0,
      unreachable_until = NULL, last_seen_at = excluded.last_seen_at, registered_at = excluded.registered_at;
  INSERT INTO pipeline_executions (
      id, pipeline_id, execution_number, delivery_id, event_key, retry_of, commit_sha, commit_message,
      commit_author, branch_name, trigger_event, trigger_user, context, status, reason, started_at, completed_at,
      duration_seconds, timeout_ms, concurrency_limit, concurrency_group, concurrency_key, group_limit, priority,
      stages_total, stages_completed, stages_failed, error_details, created_at)
    SELECT c.value ->> '$.id', c.value ->> '$.pipeline_id', c.value ->> '$.execution_number',
      c.value ->> '$.delivery_id', c.value ->> '$.event_key', c.value ->> '$.retry_of', c.value ->> '$.commit_sha',
      c.value ->> '$.commit_message', c.value ->> '$.commit_author', c.value ->> '$.branch_name',
      c.value ->> '$.trigger_event', c.value ->> '$.trigger_user', c.value ->> '$.context', c.value ->> '$.status',
      c.value ->> '$.reason', c.value ->> '$.started_at', c.value ->> '$.completed_at',
      CASE WHEN c.value ->> '$.completed_at' IS NULL THEN NULL ELSE 0.0 END, c.value ->> '$.timeout_ms',
      c.value ->> '$.concurrency_limit', c.value ->> '$.concurrency_group', c.value ->> '$.concurrency_key',
      c.value ->> '$.group_limit', c.value ->> '$.priority', c.value ->> '$.stages_total', c.value ->> '$.stages_completed', c.value ->> '$.stages_failed',
      c.value ->> '$.error_details', NEW.at
    FROM json_each(NEW.change, '$.created.executions') AS c;
  INSERT INTO pipeline_stages (
      id, execution_id, stage_name, stage_type, stage_order, depends_on, condition, stage_config, deploy, late,
      always_run, continue_on_error, timeout_ms, status, reason, started_at, completed_at, jobs_total, jobs_finished, jobs_failed, created_at)
    SELECT c.value ->> '$.id', c.value ->> '$.execution_id', c.value ->> '$.name', c.value ->> '$.stage_type',
      c.value ->> '$.order', c.value ->> '$.depends_on', c.value ->> '$.condition', c.value ->> '$.variables',
      c.value ->> '$.deploy', c.value ->> '$.late', c.value ->> '$.always', c.value ->> '$.continue_on_error',
      c.value ->> '$.timeout_ms',
      c.value ->> '$.status', c.value ->> '$.reason', c.value ->> '$.started_at', c.value ->> '$.completed_at',
      c.value ->> '$.jobs_total', c.value ->> '$.jobs_finished', c.value ->> '$.jobs_failed', NEW.at
    FROM json_each(NEW.change, '$.created.stages') AS c;
  INSERT INTO jobs (
      id, execution_id, stage_id, job_name, job_order, condition, runs_on, priority, parallel_group,
      parallel_max, spec, status, reason, message, attempt, ready_at, started_at, completed_at, carried_from, outputs,
      added_by, created_at)
    SELECT c.value ->> '$.id', c.value ->> '$.execution_id', c.value ->> '$.stage_id', c.value ->> '$.name',
      c.value ->> '$.order', c.value ->> '$.condition', c.value ->> '$.runs_on', c.value ->> '$.priority',
      c.value ->> '$.parallel_group', c.value ->> '$.parallel_max', c.value ->> '$.spec',
      c.value ->> '$.status', c.value ->> '$.reason', c.value ->> '$.message', c.value ->> '$.attempt',
      c.value ->> '$.ready_at', c.value ->> '$.started_at', c.value ->> '$.completed_at',
      c.value ->> '$.carried_from', c.value ->> '$.outputs', c.value ->> '$.added_by', NEW.at
    FROM json_each(NEW.change, '$.created.jobs') AS c;
  INSERT INTO steps (id, job_id, step_name, step_order, status, reason, exit_code, started_at, completed_at)
    SELECT c.value ->> '$.id', c.value ->> '$.job_id', c.value ->> '$.name', c.value ->> '$.order',
      c.value ->> '$.status', c.value ->> '$.reason', c.value ->> '$.exit_code', c.value ->> '$.started_at',
      c.value ->> '$.completed_at'
    FROM json_each(NEW.change, '$.created.steps') AS c;
  UPDATE deliveries SET status = c.value ->> '$.status', reason = c.value ->> '$.reason',
      outcome = c.value ->> '$.outcome', completed_at = NEW.at
    FROM json_each(NEW.change, '$.deliveries') AS c
    WHERE deliveries.id = c.value ->> '$.id';
  UPDATE pipeline_executions SET
      status = c.value ->> '$.status', reason = c.value ->> '$.reason', started_at = c.value ->> '$.started_at',
      completed_at = c.value ->> '$.completed_at',
      duration_seconds = round((julianday(c.value ->> '$.completed_at')
        - julianday(COALESCE(c.value ->> '$.started_at', c.value ->> '$.completed_at'))) * 86400.0, 3),
      stages_completed = c.value ->> '$.stages_completed', stages_failed = c.value ->> '$.stages_failed',
      error_details = c.value ->> '$.error_details', ending = c.value ->> '$.ending'
    FROM json_each(NEW.change, '$.executions') AS c
    WHERE pipeline_executions.id = c.value ->> '$.id';
  UPDATE pipeline_stages SET
      status = c.value ->> '$.status', reason = c.value ->> '$.reason', started_at = c.value ->> '$.started_at',
      completed_at = c.value ->> '$.completed_at',
      duration_seconds = round((julianday(c.value ->> '$.completed_at')
        - julianday(COALESCE(c.value ->> '$.started_at', c.value ->> '$.completed_at'))) * 86400.0, 3),
      jobs_total = c.value ->> '$.jobs_total', jobs_finished = c.value ->> '$.jobs_finished',
      jobs_failed = c.value ->> '$.jobs_failed'
    FROM json_each(NEW.change, '$.stages') AS c
    WHERE pipeline_stages.id = c.value ->> '$.id';
  -- Jobs of a whole stage that nothing was known of but that they wait: made ready, or ended, without reading them. Those
  -- of a limited matrix are let in one by one instead.
  UPDATE jobs SET
      status = c.value ->> '$.status',
      reason = iif(jobs.parallel_max IS NOT NULL AND c.value ->> '$.ready_at' IS NOT NULL, 'parallel_limit',
        c.value ->> '$.reason'),
      ready_at = iif(jobs.parallel_max IS NOT NULL, NULL, c.value ->> '$.ready_at'),
      completed_at = c.value ->> '$.completed_at'
    FROM json_each(NEW.change, '$.waiting') AS c
    WHERE jobs.stage_id = c.value ->> '$.stage_id' AND jobs.status = 'pending';
  UPDATE steps SET status = c.value ->> '$.status'
    FROM json_each(NEW.change, '$.waiting') AS c JOIN jobs AS j ON j.stage_id = c.value ->> '$.stage_id'
    WHERE c.value ->> '$.status' <> 'pending' AND steps.job_id = j.id AND steps.status = 'pending'
      AND j.status = c.value ->> '$.status';
  UPDATE jobs SET
      status = c.value ->> '$.status', reason = c.value ->> '$.reason', message = c.value ->> '$.message',
      attempt = c.value ->> '$.attempt', refusals = c.value ->> '$.refusals', ready_at = c.value ->> '$.ready_at',
      runner_id = c.value ->> '$.runner_id', assigned_at = c.value ->> '$.assigned_at',
      started_at = c.value ->> '$.started_at', completed_at = c.value ->> '$.completed_at',
      outputs = c.value ->> '$.outputs'
    FROM json_each(NEW.change, '$.jobs') AS c
    WHERE jobs.id = c.value ->> '$.id';
  -- Unfinished steps of whole jobs: taken back for another attempt, or ended with their job.
  UPDATE steps SET
      status = CASE WHEN steps.status = 'running' THEN c.value ->> '$.running' ELSE c.value ->> '$.status' END,
      reason = c.value ->> '$.reason', exit_code = NULL,
      started_at = CASE WHEN c.value ->> '$.status' = 'pending' THEN NULL ELSE started_at END,
      completed_at = CASE WHEN c.value ->> '$.status' = 'pending' THEN NULL ELSE NEW.at END
    FROM json_each(NEW.change, '$.steps_of') AS c
    WHERE steps.job_id = c.value ->> '$.job_id'
      AND (c.value ->> '$.status' = 'pending' OR steps.status IN ('pending', 'running'));
  UPDATE steps SET
      status = c.value ->> '$.status', reason = c.value ->> '$.reason', exit_code = c.value ->> '$.exit_code',
      started_at = c.value ->> '$.started_at', completed_at = c.value ->> '$.completed_at'
    FROM json_each(NEW.change, '$.steps') AS c
    WHERE steps.id = c.value ->> '$.id';
  DELETE FROM timers WHERE execution_id IN (SELECT value FROM json_each(NEW.change, '$.timers_ended.executions'));
  DELETE FROM timers WHERE stage_id IN (SELECT value FROM json_each(NEW.change, '$.timers_ended.stages'));
  DELETE FROM timers WHERE job_id IN (SELECT value FROM json_each(NEW.change, '$.timers_ended.jobs'));
  DELETE FROM timers WHERE id IN (
    SELECT t.id FROM json_each(NEW.change, '$.timers_ended.kinds') AS c
      CROSS JOIN timers AS t ON t.execution_id = c.value ->> '$.execution_id' AND t.kind = c.value ->> '$.kind');
  INSERT INTO timers (id, kind, execution_id, stage_id, job_id, attempt, due_at)
    SELECT c.value ->> '$.id', c.value ->> '$.kind', c.value ->> '$.execution_id', c.value ->> '$.stage_id',
      c.value ->> '$.job_id', c.value ->> '$.attempt', c.value ->> '$.due_at'
    FROM json_each(NEW.change, '$.timers') AS c;
  UPDATE outbox SET done_at = NEW.at, outcome = 'settled'
    WHERE id IN (SELECT value FROM json_each(NEW.change, '$.outbox_done')) AND done_at IS NULL;
  INSERT INTO outbox (id, kind, topic, execution_id, payload, due_at, created_at)
    SELECT c.value ->> '$.id', c.value ->> '$.kind', c.value ->> '$.topic', c.value ->> '$.execution_id',
      c.value ->> '$.payload', c.value ->> '$.due_at', NEW.at
    FROM json_each(NEW.change, '$.outbox') AS c;
END;

-- A pipeline's schedules: all of them anew (`schedules_of` names the pipeline), or the next time of one. Apart, for few
-- changes have any.
CREATE TRIGGER journal_apply_schedules AFTER INSERT ON journal
WHEN instr(NEW.change, '"schedules')
BEGIN
  DELETE FROM schedules WHERE pipeline_id IN (SELECT value FROM json_each(NEW.change, '$.schedules_of'));
  INSERT INTO schedules (id, pipeline_id, cron, timezone, branch, parameters, next_at, last_at, created_at)
    SELECT c.value ->> '$.id', c.value ->> '$.pipeline_id', c.value ->> '$.cron', c.value ->> '$.timezone',
      c.value ->> '$.branch', COALESCE(c.value ->> '$.parameters', '{}'), c.value ->> '$.next_at', c.value ->> '$.last_at', NEW.at
    FROM json_each(NEW.change, '$.schedules') AS c
    WHERE true
    ON CONFLICT (id) DO UPDATE SET next_at = excluded.next_at, last_at = excluded.last_at;
END;
