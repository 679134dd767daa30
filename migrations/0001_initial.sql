-- The first schema: the journal, what it drives, and what only ever grows.
--
-- Every change of state is one INSERT into `journal`. Its guard trigger refuses a change that was decided on an
-- older state than the present one; its apply trigger carries the change into the tables below. Three kinds of
-- writes stand outside it, because they decide nothing: inputs that are only ever added (deliveries, log chunks),
-- the outbox's and timers' book-keeping (when to try again), and caches.
--
-- One statement ends with `;` at the end of a line; a trigger ends with a line `END;`.

CREATE TABLE subjects (
  subject TEXT PRIMARY KEY,
  version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  subject TEXT NOT NULL,
  expect INTEGER NOT NULL,
  at TEXT NOT NULL,
  actor TEXT NOT NULL,
  cause TEXT NOT NULL,
  change TEXT NOT NULL CHECK (json_valid(change))
) STRICT;

CREATE INDEX journal_by_subject ON journal (subject, seq);

CREATE TABLE pipeline_configurations (
  id TEXT PRIMARY KEY,
  pipeline_name TEXT NOT NULL,
  pipeline_type TEXT NOT NULL CHECK (pipeline_type IN ('build', 'test', 'deploy', 'full_cicd', 'release')),
  repository_url TEXT NOT NULL,
  repository_key TEXT NOT NULL,
  forge TEXT,
  forge_repository TEXT,
  definition TEXT,
  definition_path TEXT,
  branch_patterns TEXT NOT NULL DEFAULT '[]',
  trigger_events TEXT NOT NULL DEFAULT '[]',
  max_concurrent_executions INTEGER NOT NULL DEFAULT 5 CHECK (max_concurrent_executions BETWEEN 1 AND 1000),
  build_configuration TEXT,
  test_configuration TEXT,
  deployment_configuration TEXT,
  quality_gates TEXT,
  notification_config TEXT,
  environment_promotions TEXT,
  rollback_strategy TEXT,
  public_status INTEGER NOT NULL DEFAULT 0 CHECK (public_status IN (0, 1)),
  is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
  created_by TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  deleted_at TEXT
) STRICT;

CREATE UNIQUE INDEX pipeline_names ON pipeline_configurations (pipeline_name) WHERE deleted_at IS NULL;

CREATE INDEX pipelines_by_repository ON pipeline_configurations (repository_key) WHERE deleted_at IS NULL;

CREATE INDEX pipelines_by_forge_repository ON pipeline_configurations (forge_repository)
  WHERE forge_repository IS NOT NULL AND deleted_at IS NULL;

CREATE TABLE deliveries (
  id TEXT PRIMARY KEY,
  forge TEXT NOT NULL,
  delivery_key TEXT NOT NULL,
  event_name TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('received', 'processed', 'ignored', 'rejected', 'failed')),
  reason TEXT,
  event TEXT,
  payload BLOB,
  outcome TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  due_at TEXT NOT NULL,
  received_at TEXT NOT NULL,
  completed_at TEXT
) STRICT;

CREATE UNIQUE INDEX delivery_keys ON deliveries (forge, delivery_key);

CREATE INDEX deliveries_due ON deliveries (due_at) WHERE status = 'received';

CREATE TABLE pipeline_executions (
  id TEXT PRIMARY KEY,
  pipeline_id TEXT NOT NULL REFERENCES pipeline_configurations (id),
  execution_number INTEGER NOT NULL,
  delivery_id TEXT REFERENCES deliveries (id),
  event_key TEXT,
  retry_of TEXT REFERENCES pipeline_executions (id),
  commit_sha TEXT,
  commit_message TEXT,
  commit_author TEXT,
  branch_name TEXT NOT NULL,
  trigger_event TEXT NOT NULL
    CHECK (trigger_event IN ('push', 'pull_request', 'schedule', 'manual', 'tag', 'webhook')),
  trigger_user TEXT,
  context TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'timeout')),
  reason TEXT,
  started_at TEXT,
  completed_at TEXT,
  duration_seconds REAL,
  timeout_ms INTEGER NOT NULL,
  concurrency_limit INTEGER,
  stages_total INTEGER NOT NULL DEFAULT 0,
  stages_completed INTEGER NOT NULL DEFAULT 0,
  stages_failed INTEGER NOT NULL DEFAULT 0,
  artifacts_generated INTEGER NOT NULL DEFAULT 0,
  test_results_summary TEXT,
  quality_gate_results TEXT,
  deployment_results TEXT,
  error_details TEXT,
  execution_log TEXT,
  resource_usage TEXT,
  created_at TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX execution_numbers ON pipeline_executions (pipeline_id, execution_number);

CREATE UNIQUE INDEX executions_of_delivery ON pipeline_executions (delivery_id, pipeline_id)
  WHERE delivery_id IS NOT NULL;

CREATE INDEX executions_of_event ON pipeline_executions (pipeline_id, event_key) WHERE event_key IS NOT NULL;

CREATE INDEX executions_retried ON pipeline_executions (retry_of) WHERE retry_of IS NOT NULL;

CREATE INDEX executions_queued ON pipeline_executions (pipeline_id, created_at, id)
  WHERE status = 'queued' AND reason IS NOT 'fork_approval';

CREATE INDEX executions_running ON pipeline_executions (pipeline_id) WHERE status = 'running';

CREATE INDEX executions_by_status ON pipeline_executions (status, id DESC);

CREATE INDEX executions_by_start ON pipeline_executions (started_at DESC);

CREATE INDEX executions_by_creation ON pipeline_executions (created_at DESC);

CREATE INDEX executions_by_pipeline ON pipeline_executions (pipeline_id, id DESC);

CREATE INDEX executions_of_branch ON pipeline_executions (pipeline_id, branch_name, id DESC);

CREATE INDEX executions_by_branch ON pipeline_executions (branch_name, id DESC);

CREATE INDEX executions_by_commit ON pipeline_executions (commit_sha, id DESC);

CREATE TABLE pipeline_stages (
  id TEXT PRIMARY KEY,
  execution_id TEXT NOT NULL REFERENCES pipeline_executions (id),
  stage_name TEXT NOT NULL,
  stage_type TEXT NOT NULL CHECK (stage_type IN
    ('build', 'test', 'security_scan', 'quality_check', 'deploy', 'notification', 'cleanup')),
  stage_order INTEGER NOT NULL,
  depends_on TEXT NOT NULL DEFAULT '[]',
  parallel_group TEXT,
  condition TEXT,
  stage_config TEXT,
  timeout_ms INTEGER,
  status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'succeeded', 'failed', 'cancelled', 'skipped')),
  reason TEXT,
  started_at TEXT,
  completed_at TEXT,
  duration_seconds REAL,
  jobs_total INTEGER NOT NULL,
  jobs_finished INTEGER NOT NULL DEFAULT 0,
  jobs_failed INTEGER NOT NULL DEFAULT 0,
  retry_count INTEGER NOT NULL DEFAULT 0,
  max_retries INTEGER NOT NULL DEFAULT 0,
  output_artifacts TEXT,
  stage_logs TEXT,
  metrics TEXT,
  error_message TEXT,
  created_at TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX stages_in_order ON pipeline_stages (execution_id, stage_order);

CREATE INDEX stages_by_status ON pipeline_stages (status);

CREATE INDEX stages_by_start ON pipeline_stages (started_at DESC);

CREATE TABLE runners (
  id TEXT PRIMARY KEY,
  runner_name TEXT NOT NULL,
  labels TEXT NOT NULL,
  capacity INTEGER NOT NULL CHECK (capacity BETWEEN 1 AND 1000),
  url TEXT,
  failures INTEGER NOT NULL DEFAULT 0,
  unreachable_until TEXT,
  last_seen_at TEXT NOT NULL,
  registered_at TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX runner_names ON runners (runner_name);

CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  execution_id TEXT NOT NULL REFERENCES pipeline_executions (id),
  stage_id TEXT NOT NULL REFERENCES pipeline_stages (id),
  job_name TEXT NOT NULL,
  job_order INTEGER NOT NULL,
  condition TEXT,
  runs_on TEXT NOT NULL,
  spec TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'succeeded', 'failed', 'cancelled', 'skipped')),
  reason TEXT,
  message TEXT,
  attempt INTEGER NOT NULL DEFAULT 1,
  refusals INTEGER NOT NULL DEFAULT 0,
  ready_at TEXT,
  runner_id TEXT REFERENCES runners (id),
  assigned_at TEXT,
  started_at TEXT,
  completed_at TEXT,
  created_at TEXT NOT NULL
) STRICT;

CREATE INDEX jobs_in_stage ON jobs (stage_id, job_order);

CREATE INDEX jobs_in_execution ON jobs (execution_id, status);

CREATE INDEX jobs_ready ON jobs (runs_on, ready_at, id) WHERE status = 'pending' AND ready_at IS NOT NULL;

CREATE INDEX jobs_on_runner ON jobs (runner_id) WHERE status = 'running';

CREATE INDEX jobs_conditional ON jobs (stage_id) WHERE status = 'pending' AND condition IS NOT NULL;

CREATE TABLE steps (
  id TEXT PRIMARY KEY,
  job_id TEXT NOT NULL REFERENCES jobs (id),
  step_name TEXT NOT NULL,
  step_order INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'succeeded', 'failed', 'cancelled', 'skipped')),
  reason TEXT,
  exit_code INTEGER,
  started_at TEXT,
  completed_at TEXT
) STRICT;

CREATE UNIQUE INDEX steps_in_order ON steps (job_id, step_order);

-- A lease is a timer: a heartbeat puts it off, and when it falls due the attempt is lost.
CREATE TABLE timers (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('lease', 'job_deadline', 'stage_deadline', 'execution_deadline')),
  execution_id TEXT NOT NULL REFERENCES pipeline_executions (id),
  stage_id TEXT REFERENCES pipeline_stages (id),
  job_id TEXT REFERENCES jobs (id),
  attempt INTEGER,
  -- A lease that fell due while the clock stood still is put off once.
  spared INTEGER NOT NULL DEFAULT 0 CHECK (spared IN (0, 1)),
  due_at TEXT NOT NULL
) STRICT;

CREATE INDEX timers_due ON timers (due_at);

CREATE INDEX timers_of_execution ON timers (execution_id);

CREATE INDEX timers_of_stage ON timers (stage_id) WHERE stage_id IS NOT NULL;

CREATE INDEX timers_of_job ON timers (job_id) WHERE job_id IS NOT NULL;

-- `due_at` is when an effect may be tried (again): whoever takes one puts it off by the length of a claim.
-- Effects of one topic go out one after the other, in the order of `seq`.
CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('dispatch', 'cancel', 'forge_status')),
  topic TEXT NOT NULL,
  execution_id TEXT REFERENCES pipeline_executions (id),
  payload TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  due_at TEXT NOT NULL,
  created_at TEXT NOT NULL,
  done_at TEXT,
  outcome TEXT,
  last_error TEXT
) STRICT;

CREATE INDEX outbox_due ON outbox (kind, due_at) WHERE done_at IS NULL;

CREATE INDEX outbox_topics ON outbox (topic, seq) WHERE done_at IS NULL;

CREATE INDEX outbox_of_execution ON outbox (execution_id);

CREATE TABLE log_chunks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  execution_id TEXT NOT NULL REFERENCES pipeline_executions (id),
  job_id TEXT NOT NULL REFERENCES jobs (id),
  attempt INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  lines TEXT NOT NULL,
  received_at TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX log_chunks_of_attempt ON log_chunks (job_id, attempt, last_seq);

CREATE INDEX log_chunks_of_execution ON log_chunks (execution_id, id);

-- When the clock last looked at leases: after a long silence they are given another chance.
CREATE TABLE clock (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  ticked_at TEXT NOT NULL
) STRICT;

-- An answer that was given to an Idempotency-Key, for 24 hours.
CREATE TABLE idempotency_keys (
  key TEXT PRIMARY KEY,
  request_hash TEXT NOT NULL,
  status INTEGER,
  body TEXT,
  created_at TEXT NOT NULL
) STRICT;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TRIGGER journal_guard BEFORE INSERT ON journal
BEGIN
  SELECT RAISE(ABORT, 'conflict')
    WHERE NEW.expect <> COALESCE((SELECT version FROM subjects WHERE subject = NEW.subject), 0);
  SELECT RAISE(ABORT, 'conflict')
    FROM json_each(NEW.change, '$.guards') AS g
    WHERE (g.value ->> '$.expect')
      <> COALESCE((SELECT version FROM subjects WHERE subject = g.value ->> '$.subject'), 0);
  -- What was decided because a timer fell due holds only while it is due: a heartbeat may have put it off.
  SELECT RAISE(ABORT, 'conflict')
    FROM json_each(NEW.change, '$.due') AS d
    WHERE NOT EXISTS (SELECT 1 FROM timers WHERE id = d.value AND due_at <= NEW.at);
END;

-- Carries a change into the tables. One trigger, so that its statements run in the order written here: what is
-- created first, then what changes, bulk before single rows, timers that end before those that begin.
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
      definition_path, branch_patterns, trigger_events, max_concurrent_executions, notification_config,
      public_status, is_active, created_by, created_at, updated_at, deleted_at)
    SELECT c.value ->> '$.id', c.value ->> '$.pipeline_name', c.value ->> '$.pipeline_type',
      c.value ->> '$.repository_url', c.value ->> '$.repository_key', c.value ->> '$.forge',
      c.value ->> '$.forge_repository', c.value ->> '$.definition', c.value ->> '$.definition_path',
      c.value ->> '$.branch_patterns', c.value ->> '$.trigger_events', c.value ->> '$.max_concurrent_executions',
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
      duration_seconds, timeout_ms, concurrency_limit, stages_total, stages_completed, stages_failed, error_details, created_at)
    SELECT c.value ->> '$.id', c.value ->> '$.pipeline_id', c.value ->> '$.execution_number',
      c.value ->> '$.delivery_id', c.value ->> '$.event_key', c.value ->> '$.retry_of', c.value ->> '$.commit_sha',
      c.value ->> '$.commit_message', c.value ->> '$.commit_author', c.value ->> '$.branch_name',
      c.value ->> '$.trigger_event', c.value ->> '$.trigger_user', c.value ->> '$.context', c.value ->> '$.status',
      c.value ->> '$.reason', c.value ->> '$.started_at', c.value ->> '$.completed_at',
      CASE WHEN c.value ->> '$.completed_at' IS NULL THEN NULL ELSE 0.0 END, c.value ->> '$.timeout_ms',
      c.value ->> '$.concurrency_limit', c.value ->> '$.stages_total', c.value ->> '$.stages_completed', c.value ->> '$.stages_failed',
      c.value ->> '$.error_details', NEW.at
    FROM json_each(NEW.change, '$.created.executions') AS c;
  INSERT INTO pipeline_stages (
      id, execution_id, stage_name, stage_type, stage_order, depends_on, condition, stage_config,
      timeout_ms, status, reason, started_at, completed_at, jobs_total, jobs_finished, jobs_failed, created_at)
    SELECT c.value ->> '$.id', c.value ->> '$.execution_id', c.value ->> '$.name', c.value ->> '$.stage_type',
      c.value ->> '$.order', c.value ->> '$.depends_on', c.value ->> '$.condition', c.value ->> '$.variables',
      c.value ->> '$.timeout_ms',
      c.value ->> '$.status', c.value ->> '$.reason', c.value ->> '$.started_at', c.value ->> '$.completed_at',
      c.value ->> '$.jobs_total', c.value ->> '$.jobs_finished', c.value ->> '$.jobs_failed', NEW.at
    FROM json_each(NEW.change, '$.created.stages') AS c;
  INSERT INTO jobs (
      id, execution_id, stage_id, job_name, job_order, condition, runs_on, spec, status, reason, message, attempt,
      ready_at, started_at, completed_at, created_at)
    SELECT c.value ->> '$.id', c.value ->> '$.execution_id', c.value ->> '$.stage_id', c.value ->> '$.name',
      c.value ->> '$.order', c.value ->> '$.condition', c.value ->> '$.runs_on', c.value ->> '$.spec',
      c.value ->> '$.status', c.value ->> '$.reason', c.value ->> '$.message', c.value ->> '$.attempt',
      c.value ->> '$.ready_at', c.value ->> '$.started_at', c.value ->> '$.completed_at', NEW.at
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
      error_details = c.value ->> '$.error_details'
    FROM json_each(NEW.change, '$.executions') AS c
    WHERE pipeline_executions.id = c.value ->> '$.id';
  UPDATE pipeline_stages SET
      status = c.value ->> '$.status', reason = c.value ->> '$.reason', started_at = c.value ->> '$.started_at',
      completed_at = c.value ->> '$.completed_at',
      duration_seconds = round((julianday(c.value ->> '$.completed_at')
        - julianday(COALESCE(c.value ->> '$.started_at', c.value ->> '$.completed_at'))) * 86400.0, 3),
      jobs_finished = c.value ->> '$.jobs_finished', jobs_failed = c.value ->> '$.jobs_failed'
    FROM json_each(NEW.change, '$.stages') AS c
    WHERE pipeline_stages.id = c.value ->> '$.id';
  -- Jobs of a whole stage that nothing was known of but that they wait: made ready, or ended, without reading them.
  UPDATE jobs SET
      status = c.value ->> '$.status', reason = c.value ->> '$.reason', ready_at = c.value ->> '$.ready_at',
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
      started_at = c.value ->> '$.started_at', completed_at = c.value ->> '$.completed_at'
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
