-- Figures: a row for each day, marks for the days that have changed, and the totals that a scrape reads.
--
-- What ends marks its day and adds to the totals; everything else is computed when somebody asks. The triggers here
-- fire within the journal's: a mark is set in the same statement as what it is for.

-- All of a day in `figures`; the other columns are for reading. The id is derived, so that the same records give the
-- same row. `pipeline_id` NULL is all pipelines together.
CREATE TABLE pipeline_metrics (
  id TEXT PRIMARY KEY,
  metric_date TEXT NOT NULL,
  pipeline_id TEXT REFERENCES pipeline_configurations (id),
  total_executions INTEGER NOT NULL,
  successful_executions INTEGER NOT NULL,
  failed_executions INTEGER NOT NULL,
  average_duration_minutes REAL,
  median_duration_minutes REAL,
  success_rate REAL,
  total_deployments INTEGER NOT NULL,
  successful_deployments INTEGER NOT NULL,
  rollback_count INTEGER NOT NULL,
  mean_time_to_recovery_minutes REAL,
  lead_time_minutes REAL,
  deployment_frequency REAL NOT NULL,
  change_failure_rate REAL,
  figures TEXT NOT NULL CHECK (json_valid(figures)),
  created_at TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX metrics_of_day ON pipeline_metrics (COALESCE(pipeline_id, ''), metric_date);

CREATE INDEX metrics_by_date ON pipeline_metrics (metric_date DESC);

CREATE INDEX metrics_by_pipeline ON pipeline_metrics (pipeline_id);

-- Days whose row is missing or old; `pipeline_id` '' is all together. A mark that is set again, or anew, is another.
CREATE TABLE metrics_dirty (
  pipeline_id TEXT NOT NULL,
  metric_date TEXT NOT NULL,
  stamp INTEGER NOT NULL DEFAULT (random()),
  PRIMARY KEY (pipeline_id, metric_date)
) STRICT, WITHOUT ROWID;

-- The upper bounds of the durations' buckets; the last holds whatever is longer.
CREATE TABLE run_buckets (
  up_to_seconds INTEGER PRIMARY KEY
) STRICT;

INSERT INTO run_buckets (up_to_seconds)
  VALUES (1), (5), (10), (30), (60), (120), (300), (600), (1800), (3600), (7200), (2147483647);

-- Executions that ended, ever. `up_to_seconds` 0: it never started; `reason` '': it has none.
CREATE TABLE run_totals (
  pipeline_id TEXT NOT NULL REFERENCES pipeline_configurations (id),
  status TEXT NOT NULL,
  reason TEXT NOT NULL,
  up_to_seconds INTEGER NOT NULL,
  runs INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  PRIMARY KEY (pipeline_id, status, reason, up_to_seconds)
) STRICT, WITHOUT ROWID;

-- Covers all that a day asks of an execution.
CREATE INDEX executions_finished ON pipeline_executions
  (pipeline_id, completed_at, status, duration_seconds, started_at, created_at, id) WHERE completed_at IS NOT NULL;

CREATE INDEX deployments_finished ON deployments (pipeline_id, completed_at) WHERE completed_at IS NOT NULL;

CREATE INDEX deployments_in_environment ON deployments (pipeline_id, environment_id, completed_at)
  WHERE completed_at IS NOT NULL;

CREATE TRIGGER execution_ended AFTER UPDATE OF completed_at ON pipeline_executions
WHEN OLD.completed_at IS NULL AND NEW.completed_at IS NOT NULL
BEGIN
  INSERT INTO metrics_dirty (pipeline_id, metric_date)
    VALUES (NEW.pipeline_id, substr(NEW.completed_at, 1, 10)), ('', substr(NEW.completed_at, 1, 10))
    ON CONFLICT (pipeline_id, metric_date) DO UPDATE SET stamp = random();
  INSERT INTO run_totals (pipeline_id, status, reason, up_to_seconds, runs, duration_ms)
    VALUES (NEW.pipeline_id, NEW.status, COALESCE(NEW.reason, ''),
      CASE WHEN NEW.started_at IS NULL THEN 0
        ELSE (SELECT min(up_to_seconds) FROM run_buckets WHERE up_to_seconds >= NEW.duration_seconds) END,
      1, CAST(round(NEW.duration_seconds * 1000.0) AS INTEGER))
    ON CONFLICT (pipeline_id, status, reason, up_to_seconds)
    DO UPDATE SET runs = runs + 1, duration_ms = duration_ms + excluded.duration_ms;
END;

-- What can't be planned ends as it is created.
CREATE TRIGGER execution_ended_at_once AFTER INSERT ON pipeline_executions
WHEN NEW.completed_at IS NOT NULL
BEGIN
  INSERT INTO metrics_dirty (pipeline_id, metric_date)
    VALUES (NEW.pipeline_id, substr(NEW.completed_at, 1, 10)), ('', substr(NEW.completed_at, 1, 10))
    ON CONFLICT (pipeline_id, metric_date) DO UPDATE SET stamp = random();
  INSERT INTO run_totals (pipeline_id, status, reason, up_to_seconds, runs, duration_ms)
    VALUES (NEW.pipeline_id, NEW.status, COALESCE(NEW.reason, ''),
      CASE WHEN NEW.started_at IS NULL THEN 0
        ELSE (SELECT min(up_to_seconds) FROM run_buckets WHERE up_to_seconds >= NEW.duration_seconds) END,
      1, CAST(round(NEW.duration_seconds * 1000.0) AS INTEGER))
    ON CONFLICT (pipeline_id, status, reason, up_to_seconds)
    DO UPDATE SET runs = runs + 1, duration_ms = duration_ms + excluded.duration_ms;
END;

-- Results mostly come before the execution's end, which marks the day; these come after it.
CREATE TRIGGER test_results_late AFTER INSERT ON test_results
BEGIN
  INSERT INTO metrics_dirty (pipeline_id, metric_date)
    SELECT s.value, substr(e.completed_at, 1, 10)
    FROM pipeline_executions AS e JOIN json_each(json_array(e.pipeline_id, '')) AS s
    WHERE e.id = NEW.execution_id AND e.completed_at IS NOT NULL
    ON CONFLICT (pipeline_id, metric_date) DO UPDATE SET stamp = random();
END;

CREATE TRIGGER test_results_corrected
AFTER UPDATE OF passed_tests, failed_tests, coverage_percentage ON test_results
BEGIN
  INSERT INTO metrics_dirty (pipeline_id, metric_date)
    SELECT s.value, substr(e.completed_at, 1, 10)
    FROM pipeline_executions AS e JOIN json_each(json_array(e.pipeline_id, '')) AS s
    WHERE e.id = NEW.execution_id AND e.completed_at IS NOT NULL
    ON CONFLICT (pipeline_id, metric_date) DO UPDATE SET stamp = random();
END;

-- The day of the deployment, and those of the failures since the last success before it: if it is a success they
-- have recovered, and if it was one they no longer have.
CREATE TRIGGER deployment_ended_at_once AFTER INSERT ON deployments
WHEN NEW.completed_at IS NOT NULL
BEGIN
  INSERT INTO metrics_dirty (pipeline_id, metric_date)
    SELECT DISTINCT s.value, substr(d.completed_at, 1, 10)
    FROM deployments AS d JOIN json_each(json_array(NEW.pipeline_id, '')) AS s
    WHERE d.pipeline_id = NEW.pipeline_id AND d.environment_id = NEW.environment_id
      AND d.completed_at <= NEW.completed_at
      AND d.completed_at >= COALESCE((
        SELECT max(g.completed_at) FROM deployments AS g
        WHERE g.pipeline_id = NEW.pipeline_id AND g.environment_id = NEW.environment_id
          AND g.status = 'deployed' AND g.rollback_triggered IS NOT 1 AND g.completed_at < NEW.completed_at), '')
    ON CONFLICT (pipeline_id, metric_date) DO UPDATE SET stamp = random();
END;

CREATE TRIGGER deployment_changed AFTER UPDATE OF status, completed_at, rollback_triggered ON deployments
WHEN NEW.completed_at IS NOT NULL AND (OLD.completed_at IS NOT NEW.completed_at OR OLD.status <> NEW.status
  OR OLD.rollback_triggered IS NOT NEW.rollback_triggered)
BEGIN
  INSERT INTO metrics_dirty (pipeline_id, metric_date)
    SELECT s.value, substr(OLD.completed_at, 1, 10) FROM json_each(json_array(OLD.pipeline_id, '')) AS s
    WHERE OLD.completed_at IS NOT NULL
    ON CONFLICT (pipeline_id, metric_date) DO UPDATE SET stamp = random();
  INSERT INTO metrics_dirty (pipeline_id, metric_date)
    SELECT DISTINCT s.value, substr(d.completed_at, 1, 10)
    FROM deployments AS d JOIN json_each(json_array(NEW.pipeline_id, '')) AS s
    WHERE d.pipeline_id = NEW.pipeline_id AND d.environment_id = NEW.environment_id
      AND d.completed_at <= NEW.completed_at
      AND d.completed_at >= COALESCE((
        SELECT max(g.completed_at) FROM deployments AS g
        WHERE g.pipeline_id = NEW.pipeline_id AND g.environment_id = NEW.environment_id
          AND g.status = 'deployed' AND g.rollback_triggered IS NOT 1 AND g.completed_at < NEW.completed_at), '')
    ON CONFLICT (pipeline_id, metric_date) DO UPDATE SET stamp = random();
END;

-- What is production decides on what is a change.
CREATE TRIGGER environment_type_changed AFTER UPDATE OF environment_type ON deployment_environments
WHEN NEW.environment_type <> OLD.environment_type
BEGIN
  INSERT INTO metrics_dirty (pipeline_id, metric_date)
    SELECT DISTINCT s.value, substr(d.completed_at, 1, 10)
    FROM deployments AS d JOIN json_each(json_array(d.pipeline_id, '')) AS s
    WHERE d.environment_id = NEW.id AND d.completed_at IS NOT NULL
    ON CONFLICT (pipeline_id, metric_date) DO UPDATE SET stamp = random();
END;

-- What has ended before this version.
INSERT INTO metrics_dirty (pipeline_id, metric_date)
  SELECT DISTINCT s.value, substr(e.completed_at, 1, 10)
  FROM pipeline_executions AS e JOIN json_each(json_array(e.pipeline_id, '')) AS s
  WHERE e.completed_at IS NOT NULL;

INSERT INTO metrics_dirty (pipeline_id, metric_date)
  SELECT DISTINCT s.value, substr(d.completed_at, 1, 10)
  FROM deployments AS d JOIN json_each(json_array(d.pipeline_id, '')) AS s
  WHERE d.completed_at IS NOT NULL
  ON CONFLICT (pipeline_id, metric_date) DO NOTHING;

INSERT INTO run_totals (pipeline_id, status, reason, up_to_seconds, runs, duration_ms)
  SELECT pipeline_id, status, COALESCE(reason, ''),
    CASE WHEN started_at IS NULL THEN 0
      ELSE (SELECT min(up_to_seconds) FROM run_buckets WHERE up_to_seconds >= duration_seconds) END AS bucket,
    count(*), CAST(round(sum(duration_seconds) * 1000.0) AS INTEGER)
  FROM pipeline_executions WHERE completed_at IS NOT NULL
  GROUP BY pipeline_id, status, COALESCE(reason, ''), bucket;
