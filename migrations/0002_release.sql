-- Gates, environments, approvals, deployments, and tokens with a name and a role.

ALTER TABLE pipeline_stages ADD COLUMN deploy TEXT;

-- The job of the execution that this one retries, whose success and reports count here.
ALTER TABLE jobs ADD COLUMN carried_from TEXT;

CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  token_name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('viewer', 'developer', 'approver', 'admin')),
  forge_login TEXT,
  -- SHA-256 of the token, in hexadecimal: it is random and long, so that nothing slower is needed.
  token_hash TEXT NOT NULL UNIQUE,
  created_by TEXT NOT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT,
  revoked_at TEXT
) STRICT;

CREATE UNIQUE INDEX token_names ON tokens (token_name) WHERE revoked_at IS NULL;

-- Only ever added to: what an attempt's reports say. Those of its last attempt count.
CREATE TABLE test_results (
  id TEXT PRIMARY KEY,
  execution_id TEXT NOT NULL REFERENCES pipeline_executions (id),
  stage_id TEXT NOT NULL REFERENCES pipeline_stages (id),
  job_id TEXT NOT NULL REFERENCES jobs (id),
  attempt INTEGER NOT NULL,
  format TEXT NOT NULL,
  report_path TEXT NOT NULL,
  suite_order INTEGER NOT NULL,
  test_suite TEXT NOT NULL,
  test_type TEXT NOT NULL CHECK (test_type IN
    ('unit', 'integration', 'e2e', 'performance', 'security', 'accessibility', 'visual')),
  total_tests INTEGER NOT NULL DEFAULT 0,
  passed_tests INTEGER NOT NULL DEFAULT 0,
  failed_tests INTEGER NOT NULL DEFAULT 0,
  skipped_tests INTEGER NOT NULL DEFAULT 0,
  test_duration_seconds REAL,
  coverage_percentage REAL,
  coverage_details TEXT,
  test_files TEXT NOT NULL DEFAULT '[]',
  failed_test_details TEXT NOT NULL DEFAULT '[]',
  performance_metrics TEXT,
  flaky_tests TEXT NOT NULL DEFAULT '[]',
  created_at TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX test_results_once ON test_results (job_id, attempt, format, report_path, suite_order);

CREATE INDEX test_results_of_execution ON test_results (execution_id, id);

CREATE INDEX test_results_of_stage ON test_results (stage_id);

CREATE INDEX test_results_by_type ON test_results (test_type, id);

CREATE INDEX test_results_by_coverage ON test_results (coverage_percentage DESC) WHERE coverage_percentage IS NOT NULL;

CREATE TABLE quality_gate_evaluations (
  id TEXT PRIMARY KEY,
  execution_id TEXT NOT NULL REFERENCES pipeline_executions (id),
  stage_id TEXT NOT NULL REFERENCES pipeline_stages (id),
  gate_name TEXT NOT NULL,
  gate_type TEXT NOT NULL CHECK (gate_type IN
    ('test_coverage', 'code_quality', 'security_scan', 'performance', 'accessibility', 'custom')),
  threshold_config TEXT NOT NULL,
  actual_value REAL,
  threshold_value REAL NOT NULL,
  comparison_operator TEXT NOT NULL CHECK (comparison_operator IN ('>', '>=', '<', '<=', '=', '!=')),
  status TEXT NOT NULL CHECK (status IN ('pending', 'passed', 'failed', 'overridden')),
  evaluated_at TEXT,
  evaluation_details TEXT,
  blocker INTEGER NOT NULL CHECK (blocker IN (0, 1)),
  override_reason TEXT,
  overridden_by TEXT,
  overridden_at TEXT,
  created_at TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX gates_of_stage ON quality_gate_evaluations (stage_id, gate_name);

CREATE INDEX gates_of_execution ON quality_gate_evaluations (execution_id);

CREATE INDEX gates_by_status ON quality_gate_evaluations (status);

CREATE INDEX gates_by_type ON quality_gate_evaluations (gate_type);

-- `holder_deployment_id`: the one deployment that may touch the environment now.
CREATE TABLE deployment_environments (
  id TEXT PRIMARY KEY,
  environment_name TEXT NOT NULL UNIQUE,
  environment_type TEXT NOT NULL CHECK (environment_type IN
    ('development', 'staging', 'uat', 'production', 'preview', 'hotfix')),
  deployment_url TEXT,
  infrastructure_config TEXT,
  environment_variables TEXT NOT NULL DEFAULT '{}',
  resource_limits TEXT,
  monitoring_config TEXT,
  approval_required INTEGER NOT NULL DEFAULT 0 CHECK (approval_required IN (0, 1)),
  approval_config TEXT NOT NULL DEFAULT '{}',
  auto_promote_from TEXT NOT NULL DEFAULT '[]',
  rollback_enabled INTEGER NOT NULL DEFAULT 1 CHECK (rollback_enabled IN (0, 1)),
  health_check_config TEXT,
  is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
  holder_deployment_id TEXT,
  created_by TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE deployments (
  id TEXT PRIMARY KEY,
  execution_id TEXT NOT NULL REFERENCES pipeline_executions (id),
  stage_id TEXT NOT NULL REFERENCES pipeline_stages (id),
  pipeline_id TEXT NOT NULL REFERENCES pipeline_configurations (id),
  environment_id TEXT NOT NULL REFERENCES deployment_environments (id),
  deployment_strategy TEXT NOT NULL CHECK (deployment_strategy IN
    ('rolling', 'blue_green', 'canary', 'recreate', 'a_b_testing')),
  version TEXT NOT NULL,
  previous_version TEXT,
  artifact_url TEXT,
  status TEXT NOT NULL CHECK (status IN
    ('initiated', 'deploying', 'deployed', 'failed', 'rolled_back', 'health_check_failed')),
  reason TEXT,
  initiated_at TEXT NOT NULL,
  started_at TEXT,
  completed_at TEXT,
  duration_seconds REAL,
  -- The deployment that this one takes back.
  rollback_of TEXT REFERENCES deployments (id),
  rollback_triggered INTEGER NOT NULL DEFAULT 0 CHECK (rollback_triggered IN (0, 1)),
  rollback_reason TEXT,
  rollback_completed_at TEXT,
  health_check_passed INTEGER CHECK (health_check_passed IN (0, 1)),
  smoke_tests_passed INTEGER CHECK (smoke_tests_passed IN (0, 1)),
  traffic_percentage INTEGER NOT NULL DEFAULT 100 CHECK (traffic_percentage BETWEEN 0 AND 100),
  deployment_logs TEXT,
  metrics TEXT,
  deployed_by TEXT,
  approved_by TEXT,
  -- When the commit was made, where that is known: lead time begins there.
  commit_at TEXT,
  created_at TEXT NOT NULL
) STRICT;

CREATE INDEX deployments_of_execution ON deployments (execution_id);

CREATE UNIQUE INDEX deployments_of_stage ON deployments (stage_id);

CREATE INDEX deployments_by_environment ON deployments (environment_id, id DESC);

CREATE INDEX deployments_of_pipeline ON deployments (pipeline_id, id DESC);

CREATE INDEX deployments_by_status ON deployments (status, id DESC);

CREATE INDEX deployments_by_initiation ON deployments (initiated_at DESC);

CREATE INDEX deployments_live ON deployments (environment_id, pipeline_id, completed_at DESC) WHERE status = 'deployed';

CREATE INDEX deployments_rolled_back ON deployments (rollback_of) WHERE rollback_of IS NOT NULL;

-- Versions that were rolled back: held until somebody lifts that. `pinned_version` is what was gone back to.
CREATE TABLE quarantined_versions (
  environment_id TEXT NOT NULL REFERENCES deployment_environments (id),
  pipeline_id TEXT NOT NULL REFERENCES pipeline_configurations (id),
  version TEXT NOT NULL,
  deployment_id TEXT NOT NULL REFERENCES deployments (id),
  pinned_version TEXT,
  reason TEXT NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (environment_id, pipeline_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE pipeline_approvals (
  id TEXT PRIMARY KEY,
  execution_id TEXT NOT NULL REFERENCES pipeline_executions (id),
  stage_id TEXT NOT NULL REFERENCES pipeline_stages (id),
  deployment_id TEXT NOT NULL REFERENCES deployments (id),
  environment_id TEXT NOT NULL REFERENCES deployment_environments (id),
  approval_type TEXT NOT NULL CHECK (approval_type IN ('manual', 'automated', 'conditional')),
  status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'expired', 'auto_approved')),
  requested_at TEXT NOT NULL,
  requested_by TEXT,
  approved_at TEXT,
  approved_by TEXT,
  rejected_at TEXT,
  rejected_by TEXT,
  rejection_reason TEXT,
  approval_notes TEXT,
  auto_approved INTEGER NOT NULL DEFAULT 0 CHECK (auto_approved IN (0, 1)),
  approval_criteria TEXT NOT NULL,
  votes TEXT NOT NULL DEFAULT '[]',
  expires_at TEXT,
  created_at TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX approvals_of_stage ON pipeline_approvals (stage_id);

CREATE INDEX approvals_of_execution ON pipeline_approvals (execution_id);

CREATE INDEX approvals_by_status ON pipeline_approvals (status, id DESC);

CREATE INDEX approvals_of_environment ON pipeline_approvals (environment_id);

CREATE INDEX approvals_of_deployment ON pipeline_approvals (deployment_id);

-- Stages that wait for their environment, or for a quarantine to be lifted.
CREATE INDEX stages_held ON pipeline_stages (reason, id) WHERE status = 'pending' AND deploy IS NOT NULL AND reason IS NOT NULL;

-- There are more kinds of timers and effects now, and there will be more: the program knows them.
DROP TRIGGER journal_apply;

DROP TRIGGER journal_guard;

CREATE TABLE timers_of_0002 (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  execution_id TEXT NOT NULL REFERENCES pipeline_executions (id),
  stage_id TEXT REFERENCES pipeline_stages (id),
  job_id TEXT REFERENCES jobs (id),
  attempt INTEGER,
  -- A lease that fell due while the clock stood still is put off once.
  spared INTEGER NOT NULL DEFAULT 0 CHECK (spared IN (0, 1)),
  due_at TEXT NOT NULL
) STRICT;

INSERT INTO timers_of_0002 SELECT id, kind, execution_id, stage_id, job_id, attempt, spared, due_at FROM timers;

DROP TABLE timers;

ALTER TABLE timers_of_0002 RENAME TO timers;

CREATE INDEX timers_due ON timers (due_at);

CREATE INDEX timers_of_execution ON timers (execution_id);

CREATE INDEX timers_of_stage ON timers (stage_id) WHERE stage_id IS NOT NULL;

CREATE INDEX timers_of_job ON timers (job_id) WHERE job_id IS NOT NULL;

CREATE TABLE outbox_of_0002 (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
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

INSERT INTO outbox_of_0002
  SELECT seq, id, kind, topic, execution_id, payload, attempts, due_at, created_at, done_at, outcome, last_error FROM outbox;

DROP TABLE outbox;

ALTER TABLE outbox_of_0002 RENAME TO outbox;

CREATE INDEX outbox_due ON outbox (kind, due_at) WHERE done_at IS NULL;

CREATE INDEX outbox_topics ON outbox (topic, seq) WHERE done_at IS NULL;

CREATE INDEX outbox_of_execution ON outbox (execution_id);

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

-- Carries a change into the tables: as before, and gates, deployments, approvals, environments and tokens.
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
      id, execution_id, stage_name, stage_type, stage_order, depends_on, condition, stage_config, deploy,
      timeout_ms, status, reason, started_at, completed_at, jobs_total, jobs_finished, jobs_failed, created_at)
    SELECT c.value ->> '$.id', c.value ->> '$.execution_id', c.value ->> '$.name', c.value ->> '$.stage_type',
      c.value ->> '$.order', c.value ->> '$.depends_on', c.value ->> '$.condition', c.value ->> '$.variables',
      c.value ->> '$.deploy', c.value ->> '$.timeout_ms',
      c.value ->> '$.status', c.value ->> '$.reason', c.value ->> '$.started_at', c.value ->> '$.completed_at',
      c.value ->> '$.jobs_total', c.value ->> '$.jobs_finished', c.value ->> '$.jobs_failed', NEW.at
    FROM json_each(NEW.change, '$.created.stages') AS c;
  INSERT INTO jobs (
      id, execution_id, stage_id, job_name, job_order, condition, runs_on, spec, status, reason, message, attempt,
      ready_at, started_at, completed_at, carried_from, created_at)
    SELECT c.value ->> '$.id', c.value ->> '$.execution_id', c.value ->> '$.stage_id', c.value ->> '$.name',
      c.value ->> '$.order', c.value ->> '$.condition', c.value ->> '$.runs_on', c.value ->> '$.spec',
      c.value ->> '$.status', c.value ->> '$.reason', c.value ->> '$.message', c.value ->> '$.attempt',
      c.value ->> '$.ready_at', c.value ->> '$.started_at', c.value ->> '$.completed_at',
      c.value ->> '$.carried_from', NEW.at
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

-- What gates, environments, deployments and tokens change: apart, for most changes have nothing of it, and reading a
-- change once for each kind of row is most of what applying it costs. Which of the two comes first does not matter:
-- neither reads what the other writes, and references are looked at when the statement ends.
CREATE TRIGGER journal_apply_release AFTER INSERT ON journal
WHEN instr(NEW.change, '"gates":') OR instr(NEW.change, '"deployments":') OR instr(NEW.change, '"approvals":')
  OR instr(NEW.change, '"environments') OR instr(NEW.change, '"quarantine') OR instr(NEW.change, '"tokens":')
BEGIN
  INSERT INTO deployment_environments (
      id, environment_name, environment_type, deployment_url, infrastructure_config, environment_variables,
      resource_limits, monitoring_config, approval_required, approval_config, auto_promote_from, rollback_enabled,
      health_check_config, is_active, created_by, created_at, updated_at)
    SELECT c.value ->> '$.id', c.value ->> '$.environment_name', c.value ->> '$.environment_type',
      c.value ->> '$.deployment_url', c.value ->> '$.infrastructure_config', c.value ->> '$.environment_variables',
      c.value ->> '$.resource_limits', c.value ->> '$.monitoring_config', c.value ->> '$.approval_required',
      c.value ->> '$.approval_config', c.value ->> '$.auto_promote_from', c.value ->> '$.rollback_enabled',
      c.value ->> '$.health_check_config', c.value ->> '$.is_active', c.value ->> '$.created_by',
      c.value ->> '$.created_at', c.value ->> '$.updated_at'
    FROM json_each(NEW.change, '$.environments') AS c
    WHERE true
    ON CONFLICT (id) DO UPDATE SET
      environment_name = excluded.environment_name, environment_type = excluded.environment_type,
      deployment_url = excluded.deployment_url, infrastructure_config = excluded.infrastructure_config,
      environment_variables = excluded.environment_variables, resource_limits = excluded.resource_limits,
      monitoring_config = excluded.monitoring_config, approval_required = excluded.approval_required,
      approval_config = excluded.approval_config, auto_promote_from = excluded.auto_promote_from,
      rollback_enabled = excluded.rollback_enabled, health_check_config = excluded.health_check_config,
      is_active = excluded.is_active, updated_at = excluded.updated_at;
  INSERT INTO tokens (id, token_name, role, forge_login, token_hash, created_by, created_at, expires_at, revoked_at)
    SELECT c.value ->> '$.id', c.value ->> '$.token_name', c.value ->> '$.role', c.value ->> '$.forge_login',
      c.value ->> '$.token_hash', c.value ->> '$.created_by', c.value ->> '$.created_at', c.value ->> '$.expires_at',
      c.value ->> '$.revoked_at'
    FROM json_each(NEW.change, '$.tokens') AS c
    WHERE true
    ON CONFLICT (id) DO UPDATE SET token_hash = excluded.token_hash, revoked_at = excluded.revoked_at;
  INSERT INTO quality_gate_evaluations (
      id, execution_id, stage_id, gate_name, gate_type, threshold_config, threshold_value, comparison_operator,
      status, blocker, override_reason, overridden_by, overridden_at, created_at)
    SELECT c.value ->> '$.id', c.value ->> '$.execution_id', c.value ->> '$.stage_id', c.value ->> '$.gate.name',
      c.value ->> '$.gate.gate_type', c.value ->> '$.gate', c.value ->> '$.gate.threshold',
      c.value ->> '$.gate.operator', c.value ->> '$.status', c.value ->> '$.gate.blocker',
      c.value ->> '$.override_reason', c.value ->> '$.overridden_by', c.value ->> '$.overridden_at', NEW.at
    FROM json_each(NEW.change, '$.created.gates') AS c;
  UPDATE quality_gate_evaluations SET
      status = c.value ->> '$.status', actual_value = c.value ->> '$.actual', evaluated_at = c.value ->> '$.evaluated_at',
      evaluation_details = c.value ->> '$.reasons', override_reason = c.value ->> '$.override_reason',
      overridden_by = c.value ->> '$.overridden_by', overridden_at = c.value ->> '$.overridden_at'
    FROM json_each(NEW.change, '$.gates') AS c
    WHERE quality_gate_evaluations.id = c.value ->> '$.id';
  INSERT INTO deployments (
      id, execution_id, stage_id, pipeline_id, environment_id, deployment_strategy, version, previous_version,
      status, reason, initiated_at, started_at, completed_at, rollback_of, rollback_triggered, rollback_reason,
      rollback_completed_at, health_check_passed, deployed_by, approved_by, commit_at, created_at)
    SELECT c.value ->> '$.id', c.value ->> '$.execution_id', c.value ->> '$.stage_id', c.value ->> '$.pipeline_id',
      c.value ->> '$.environment_id', c.value ->> '$.strategy', c.value ->> '$.version',
      c.value ->> '$.previous_version', c.value ->> '$.status', c.value ->> '$.reason', c.value ->> '$.initiated_at',
      c.value ->> '$.started_at', c.value ->> '$.completed_at', c.value ->> '$.rollback_of',
      c.value ->> '$.rollback_triggered', c.value ->> '$.rollback_reason', c.value ->> '$.rollback_completed_at',
      c.value ->> '$.health_check_passed', c.value ->> '$.deployed_by', c.value ->> '$.approved_by',
      c.value ->> '$.commit_at', NEW.at
    FROM json_each(NEW.change, '$.deployments') AS c
    WHERE true
    ON CONFLICT (id) DO UPDATE SET
      previous_version = excluded.previous_version, status = excluded.status, reason = excluded.reason,
      started_at = excluded.started_at, completed_at = excluded.completed_at,
      duration_seconds = round((julianday(excluded.completed_at)
        - julianday(COALESCE(excluded.started_at, excluded.completed_at))) * 86400.0, 3),
      rollback_triggered = excluded.rollback_triggered, rollback_reason = excluded.rollback_reason,
      rollback_completed_at = excluded.rollback_completed_at, health_check_passed = excluded.health_check_passed,
      approved_by = excluded.approved_by;
  -- What rolled back another one has ended well: so has the other's rollback.
  UPDATE deployments SET rollback_completed_at = c.value ->> '$.completed_at',
      status = iif(deployments.status = 'deployed', 'rolled_back', deployments.status)
    FROM json_each(NEW.change, '$.deployments') AS c
    WHERE c.value ->> '$.status' = 'deployed' AND deployments.id = c.value ->> '$.rollback_of';
  INSERT INTO pipeline_approvals (
      id, execution_id, stage_id, deployment_id, environment_id, approval_type, status, requested_at, requested_by,
      approved_at, approved_by, rejected_at, rejected_by, rejection_reason, approval_notes, auto_approved,
      approval_criteria, votes, expires_at, created_at)
    SELECT c.value ->> '$.id', c.value ->> '$.execution_id', c.value ->> '$.stage_id', c.value ->> '$.deployment_id',
      c.value ->> '$.environment_id', c.value ->> '$.approval_type', c.value ->> '$.status',
      c.value ->> '$.requested_at', c.value ->> '$.requested_by', c.value ->> '$.approved_at',
      c.value ->> '$.approved_by', c.value ->> '$.rejected_at', c.value ->> '$.rejected_by',
      c.value ->> '$.rejection_reason', c.value ->> '$.notes', c.value ->> '$.status' = 'auto_approved',
      c.value ->> '$.criteria', c.value ->> '$.votes', c.value ->> '$.expires_at', NEW.at
    FROM json_each(NEW.change, '$.approvals') AS c
    WHERE true
    ON CONFLICT (id) DO UPDATE SET
      status = excluded.status, approved_at = excluded.approved_at, approved_by = excluded.approved_by,
      rejected_at = excluded.rejected_at, rejected_by = excluded.rejected_by,
      rejection_reason = excluded.rejection_reason, approval_notes = excluded.approval_notes, votes = excluded.votes;
  UPDATE deployment_environments SET holder_deployment_id = NULL
    FROM json_each(NEW.change, '$.environments_freed') AS c
    WHERE deployment_environments.id = c.value ->> '$.environment_id'
      AND holder_deployment_id = c.value ->> '$.deployment_id';
  UPDATE deployment_environments SET holder_deployment_id = c.value ->> '$.deployment_id'
    FROM json_each(NEW.change, '$.environments_taken') AS c
    WHERE deployment_environments.id = c.value ->> '$.environment_id';
  INSERT INTO quarantined_versions (environment_id, pipeline_id, version, deployment_id, pinned_version, reason, created_at)
    SELECT c.value ->> '$.environment_id', c.value ->> '$.pipeline_id', c.value ->> '$.version',
      c.value ->> '$.deployment_id', c.value ->> '$.pinned_version', c.value ->> '$.reason', NEW.at
    FROM json_each(NEW.change, '$.quarantined') AS c
    WHERE true
    ON CONFLICT DO NOTHING;
  DELETE FROM quarantined_versions WHERE (environment_id, version) IN (
    SELECT c.value ->> '$.environment_id', c.value ->> '$.version' FROM json_each(NEW.change, '$.quarantine_lifted') AS c);
END;
