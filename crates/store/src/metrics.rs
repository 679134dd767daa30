//! Days of figures: computed from what ended in them when somebody asks, and kept until something changes them.

use penstock_domain::{PipelineId, Timestamp};
use penstock_metrics::{Activity, Date, DayRow, Period, Records, Slice, TimeRange, Window};

use crate::connection::Connection;
use crate::{Row, Store, StoreError, Value, text};

/// A day whose row is missing or old. The stamp is that of the mark, and new each time it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirtyDay {
    pub date: Date,
    /// None: all pipelines together.
    pub pipeline_id: Option<PipelineId>,
    stamp: i64,
}

/// An execution as `FinishedExecution` reads it, with the results of each job's last attempt.
const EXECUTION: &str = "json_array(e.status,
    iif(e.started_at IS NULL, NULL, CAST(round(e.duration_seconds * 1000.0) AS INTEGER)),
    CAST(round((julianday(e.started_at) - julianday(e.created_at)) * 86400000.0) AS INTEGER),
    json((SELECT iif(count(*) = 0, NULL,
        json_array(sum(t.passed_tests), sum(t.failed_tests), avg(t.coverage_percentage)))
      FROM test_results AS t CROSS JOIN jobs AS j ON j.id = t.job_id AND j.attempt = t.attempt
      WHERE t.execution_id = e.id)))";

/// A deployment as `FinishedDeployment` reads it, its recovery being the first success after it.
const DEPLOYMENT: &str = "json_array(
    json(iif(v.environment_type = 'production', 'true', 'false')),
    json(iif(d.rollback_of IS NULL, 'false', 'true')),
    json(iif(d.status = 'deployed' AND d.rollback_triggered IS NOT 1, 'false', 'true')),
    max(0, CAST(round((julianday(d.completed_at)
      - julianday(COALESCE(d.commit_at, x.created_at))) * 86400000.0) AS INTEGER)),
    CAST(round((julianday((
        SELECT min(g.completed_at) FROM deployments AS g
        WHERE g.pipeline_id = d.pipeline_id AND g.environment_id = d.environment_id AND g.status = 'deployed'
          AND g.completed_at > d.completed_at AND g.rollback_triggered IS NOT 1))
      - julianday(d.completed_at)) * 86400000.0) AS INTEGER))";

/// A column for each figure of the day as it is shown.
const KEEP: &str = "INSERT INTO pipeline_metrics (
    id, metric_date, pipeline_id, total_executions, successful_executions, failed_executions,
    average_duration_minutes, median_duration_minutes, success_rate, total_deployments, successful_deployments,
    rollback_count, mean_time_to_recovery_minutes, lead_time_minutes, deployment_frequency, change_failure_rate,
    figures, created_at)
  SELECT m.metric_date || ':' || iif(m.pipeline_id = '', 'all', m.pipeline_id), m.metric_date,
    nullif(m.pipeline_id, ''), ?4 ->> '$.total_executions', ?4 ->> '$.successful_executions',
    ?4 ->> '$.failed_executions', ?4 ->> '$.average_duration_minutes', ?4 ->> '$.median_duration_minutes',
    ?4 ->> '$.success_rate', ?4 ->> '$.total_deployments', ?4 ->> '$.successful_deployments',
    ?4 ->> '$.rollback_count', ?4 ->> '$.mean_time_to_recovery_minutes', ?4 ->> '$.lead_time_minutes',
    ?4 ->> '$.deployment_frequency', ?4 ->> '$.change_failure_rate', ?5, ?6
  FROM metrics_dirty AS m WHERE m.pipeline_id = ?1 AND m.metric_date = ?2 AND m.stamp = ?3
  ON CONFLICT (COALESCE(pipeline_id, ''), metric_date) DO UPDATE SET
    total_executions = excluded.total_executions, successful_executions = excluded.successful_executions,
    failed_executions = excluded.failed_executions, average_duration_minutes = excluded.average_duration_minutes,
    median_duration_minutes = excluded.median_duration_minutes, success_rate = excluded.success_rate,
    total_deployments = excluded.total_deployments, successful_deployments = excluded.successful_deployments,
    rollback_count = excluded.rollback_count,
    mean_time_to_recovery_minutes = excluded.mean_time_to_recovery_minutes,
    lead_time_minutes = excluded.lead_time_minutes, deployment_frequency = excluded.deployment_frequency,
    change_failure_rate = excluded.change_failure_rate, figures = excluded.figures
  RETURNING id";

const ACTIVITY: &str = "SELECT line FROM (
    SELECT * FROM (
      SELECT e.created_at AS at, e.id, json_object('id', e.id, 'type', 'execution',
        'title', p.pipeline_name || ' #' || e.execution_number || ' on ' || e.branch_name, 'status', e.status,
        'timestamp', e.created_at, 'user', COALESCE(e.trigger_user, e.commit_author, 'system'),
        'duration', e.duration_seconds, 'duration_seconds', e.duration_seconds) AS line
      FROM pipeline_executions AS e JOIN pipeline_configurations AS p ON p.id = e.pipeline_id
      ORDER BY e.created_at DESC LIMIT ?1)
    UNION ALL SELECT * FROM (
      SELECT d.initiated_at, d.id, json_object('id', d.id, 'type', 'deployment',
        'title', iif(d.rollback_of IS NULL, '', 'Rollback of ') || p.pipeline_name || COALESCE(' ' || d.version, '')
          || iif(d.rollback_of IS NULL, ' to ', ' in ') || v.environment_name, 'status', d.status,
        'timestamp', d.initiated_at, 'user', COALESCE(d.deployed_by, 'system'),
        'duration', d.duration_seconds, 'duration_seconds', d.duration_seconds)
      FROM deployments AS d JOIN pipeline_configurations AS p ON p.id = d.pipeline_id
        JOIN deployment_environments AS v ON v.id = d.environment_id
      ORDER BY d.initiated_at DESC LIMIT ?1))
  ORDER BY at DESC, id DESC LIMIT ?1";

/// How marks and rows spell whose they are.
fn scope(pipeline: Option<PipelineId>) -> Value {
    Value::Text(pipeline.map(|id| id.to_string()).unwrap_or_default())
}

fn day(date: Date) -> Value {
    Value::Text(date.to_string())
}

impl<C: Connection> Store<C> {
    /// The days of a range and of the one before it, of one pipeline or of all together. Days that have changed
    /// are computed again and kept; those that are not over, or not whole, are computed and not kept.
    ///
    /// # Errors
    /// As every read and write.
    pub async fn metrics_period(
        &self,
        range: TimeRange,
        pipeline: Option<PipelineId>,
        now: Timestamp,
    ) -> Result<Period, StoreError> {
        let window = range.window(now);
        Ok(Period {
            range,
            window,
            days: self.days(window, pipeline, now).await?,
            previous: self.days(range.previous(now), pipeline, now).await?,
        })
    }

    async fn days(
        &self,
        window: Window,
        pipeline: Option<PipelineId>,
        now: Timestamp,
    ) -> Result<Vec<DayRow>, StoreError> {
        let (whole, parts): (Vec<_>, Vec<_>) = window.slices().into_iter().partition(|s| s.is_whole());
        let mut days = match (whole.first(), whole.last()) {
            (Some(first), Some(last)) => self.whole_days(first.date, last.date, pipeline, now).await?,
            _ => vec![],
        };
        for Slice { date, window } in parts {
            days.push(DayRow::of(date, pipeline, &self.day_records(window, pipeline).await?));
        }
        Ok(days)
    }

    /// From the kept rows, once those that are marked are computed again.
    async fn whole_days(
        &self,
        first: Date,
        last: Date,
        pipeline: Option<PipelineId>,
        now: Timestamp,
    ) -> Result<Vec<DayRow>, StoreError> {
        let mut computed = vec![];
        for dirty in self.dirty_days(first, last, pipeline).await? {
            computed.push(self.refresh_day(&dirty, now).await?);
        }
        let sql = "SELECT figures FROM pipeline_metrics
          WHERE COALESCE(pipeline_id, '') = ?1 AND metric_date BETWEEN ?2 AND ?3";
        let rows = self.connection.query(sql, vec![scope(pipeline), day(first), day(last)]).await?;
        // What was just computed is newer, also where it could not be kept because the day changed again.
        let is_older = |row: &DayRow| computed.iter().all(|c| c.date != row.date);
        let kept = rows.iter().map(|r| r.json::<DayRow>(0)).collect::<Result<Vec<_>, _>>()?;
        let mut days: Vec<_> = kept.into_iter().filter(is_older).collect();
        days.append(&mut computed);
        Ok(days)
    }

    /// The marked days from `first` to `last`.
    ///
    /// # Errors
    /// As every read.
    pub async fn dirty_days(
        &self,
        first: Date,
        last: Date,
        pipeline: Option<PipelineId>,
    ) -> Result<Vec<DirtyDay>, StoreError> {
        let sql = "SELECT nullif(pipeline_id, ''), metric_date, stamp FROM metrics_dirty
          WHERE pipeline_id = ?1 AND metric_date BETWEEN ?2 AND ?3 ORDER BY metric_date DESC";
        let rows = self.connection.query(sql, vec![scope(pipeline), day(first), day(last)]).await?;
        rows.iter().map(dirty_day).collect()
    }

    /// Computes up to `limit` marked days that are over, whosever they are. Answers how many; for whoever has time.
    ///
    /// # Errors
    /// As every read and write.
    pub async fn refresh_metrics(&self, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let sql = "SELECT nullif(pipeline_id, ''), metric_date, stamp FROM metrics_dirty
          WHERE metric_date < ?1 LIMIT ?2";
        let rows = self.connection.query(sql, vec![day(Date::of(now)), limit.into()]).await?;
        for row in &rows {
            self.refresh_day(&dirty_day(row)?, now).await?;
        }
        Ok(rows.len())
    }

    /// Computes the day, and keeps it unless it changes meanwhile.
    async fn refresh_day(&self, dirty: &DirtyDay, now: Timestamp) -> Result<DayRow, StoreError> {
        let window = Window { from: dirty.date.start(), to: dirty.date.end() };
        let records = self.day_records(window, dirty.pipeline_id).await?;
        let row = DayRow::of(dirty.date, dirty.pipeline_id, &records);
        self.keep_day(&row, dirty, now).await?;
        Ok(row)
    }

    /// Keeps the row and takes the mark away, if the mark is still the one that was read before the records.
    /// Answers whether it was.
    ///
    /// # Errors
    /// As every write.
    pub async fn keep_day(&self, row: &DayRow, dirty: &DirtyDay, now: Timestamp) -> Result<bool, StoreError> {
        let mark = || vec![scope(dirty.pipeline_id), day(dirty.date), dirty.stamp.into()];
        let shown = serde_json::to_string(&row.metrics())?;
        let mut parameters = mark();
        parameters.extend([shown.into(), serde_json::to_string(row)?.into(), text(now)]);
        let kept = !self.connection.query(KEEP, parameters).await?.is_empty();
        if kept {
            let sql = "DELETE FROM metrics_dirty WHERE pipeline_id = ?1 AND metric_date = ?2 AND stamp = ?3";
            self.connection.query(sql, mark()).await?;
        }
        Ok(kept)
    }

    /// What ended in the window, which is a day or a part of one.
    ///
    /// # Errors
    /// As every read.
    pub async fn day_records(
        &self,
        window: Window,
        pipeline: Option<PipelineId>,
    ) -> Result<Records, StoreError> {
        // By pipeline, also for all of them: one index serves both.
        let whose = if pipeline.is_some() { "p.id = ?3" } else { "?3 = ''" };
        let sql = format!(
            "SELECT
               (SELECT json_group_array({EXECUTION})
                FROM pipeline_configurations AS p
                  CROSS JOIN pipeline_executions AS e INDEXED BY executions_finished ON e.pipeline_id = p.id
                WHERE {whose} AND e.completed_at >= ?1 AND e.completed_at < ?2),
               (SELECT json_group_array({DEPLOYMENT})
                FROM pipeline_configurations AS p
                  CROSS JOIN deployments AS d INDEXED BY deployments_finished ON d.pipeline_id = p.id
                  CROSS JOIN deployment_environments AS v ON v.id = d.environment_id
                  CROSS JOIN pipeline_executions AS x ON x.id = d.execution_id
                WHERE {whose} AND d.completed_at >= ?1 AND d.completed_at < ?2 AND d.started_at IS NOT NULL
                  AND d.status IN ('deployed', 'failed', 'rolled_back', 'health_check_failed'))"
        );
        let parameters = vec![text(window.from), text(window.to), scope(pipeline)];
        let rows = self.connection.query(&sql, parameters).await?;
        let read = |r: &Row| Ok(Records { executions: r.json(0)?, deployments: r.json(1)? });
        rows.first().map_or_else(|| Ok(Records::default()), read)
    }

    /// The executions and deployments that began last, newest first.
    ///
    /// # Errors
    /// As every read.
    pub async fn recent_activity(&self, limit: u32) -> Result<Vec<Activity>, StoreError> {
        let rows = self.connection.query(ACTIVITY, vec![limit.into()]).await?;
        rows.iter().map(|r| r.json(0)).collect()
    }
}

fn dirty_day(r: &Row) -> Result<DirtyDay, StoreError> {
    Ok(DirtyDay { pipeline_id: r.optional_parse(0)?, date: r.parse(1)?, stamp: r.integer(2)? })
}
