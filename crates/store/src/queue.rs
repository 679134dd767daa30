//! Partial indexes as queues: executions that wait for room, and jobs that wait for a runner.

use penstock_domain::{ExecutionId, PipelineId, Timestamp};
use penstock_engine::{ReadyJob, RunnerSlots};

use crate::connection::Connection;
use crate::{Row, Store, StoreError, Value, text};

/// How many different demands (`runs_on`) are looked at in one round.
const MAX_DEMANDS: u32 = 2_000;

/// A queued execution that may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admissible {
    pub execution: ExecutionId,
    pub pipeline: PipelineId,
    pub own_limit: Option<u32>,
}

impl<C: Connection> Store<C> {
    /// The oldest queued execution of each pipeline, where that has room for it; what is held for a person's leave
    /// is no part. With its own limit of executions at once.
    ///
    /// # Errors
    /// As every read.
    pub async fn admissible(&self, limit: u32) -> Result<Vec<Admissible>, StoreError> {
        let sql = "WITH RECURSIVE waiting (pipeline_id) AS (
            SELECT (SELECT min(pipeline_id) FROM pipeline_executions
              WHERE status = 'queued' AND reason IS NOT 'fork_approval')
            UNION ALL
            SELECT (SELECT min(e.pipeline_id) FROM pipeline_executions AS e
              WHERE e.status = 'queued' AND e.reason IS NOT 'fork_approval' AND e.pipeline_id > w.pipeline_id)
            FROM waiting AS w WHERE w.pipeline_id IS NOT NULL)
          SELECT e.id, p.id, e.concurrency_limit FROM waiting AS w
            CROSS JOIN pipeline_configurations AS p ON p.id = w.pipeline_id
            CROSS JOIN pipeline_executions AS e ON e.id = (
              SELECT q.id FROM pipeline_executions AS q
              WHERE q.pipeline_id = w.pipeline_id AND q.status = 'queued' AND q.reason IS NOT 'fork_approval'
              ORDER BY q.created_at, q.id LIMIT 1)
          WHERE (SELECT count(*) FROM pipeline_executions AS r INDEXED BY executions_running
              WHERE r.pipeline_id = p.id AND r.status = 'running')
            < min(p.max_concurrent_executions, COALESCE(e.concurrency_limit, p.max_concurrent_executions))
          LIMIT ?1";
        let sql = match penstock_domain::bugs::is_on("last_come_first_served") {
            true => sql.replace("ORDER BY q.created_at, q.id", "ORDER BY q.id DESC"),
            false => sql.to_owned(),
        };
        let rows = self.connection.query(&sql, vec![limit.into()]).await?;
        let read = |r: &Row| {
            let own_limit = match r.0.get(2) {
                Some(Value::Integer(_)) => Some(r.unsigned(2)?),
                _ => None,
            };
            Ok(Admissible { execution: r.parse(0)?, pipeline: r.parse(1)?, own_limit })
        };
        rows.iter().map(read).collect()
    }

    /// Runners that can be reached and have a free slot, and what the ready jobs ask for, each demand once.
    ///
    /// # Errors
    /// As every read.
    pub async fn supply_and_demand(
        &self,
        now: Timestamp,
    ) -> Result<(Vec<RunnerSlots>, Vec<Vec<String>>), StoreError> {
        let sql = format!(
            "WITH RECURSIVE demand (runs_on, n) AS (
               SELECT (SELECT min(runs_on) FROM jobs WHERE status = 'pending' AND ready_at IS NOT NULL), 1
               UNION ALL
               SELECT (SELECT min(j.runs_on) FROM jobs AS j
                 WHERE j.status = 'pending' AND j.ready_at IS NOT NULL AND j.runs_on > d.runs_on), n + 1
               FROM demand AS d WHERE d.runs_on IS NOT NULL AND n < {MAX_DEMANDS})
             SELECT
               (SELECT json_group_array(json_object('id', id, 'labels', json(labels), 'free', free, 'failures', failures))
                 FROM (SELECT r.id, r.labels, r.failures, r.capacity
                   - (SELECT count(*) FROM jobs WHERE runner_id = r.id AND status = 'running') AS free
                 FROM runners AS r
                 WHERE r.url IS NOT NULL AND (r.unreachable_until IS NULL OR r.unreachable_until <= ?1))
                 WHERE free > 0),
               (SELECT json_group_array(json(runs_on)) FROM demand WHERE runs_on IS NOT NULL)"
        );
        let rows = self.connection.query(&sql, vec![text(now)]).await?;
        let read = |r: &Row| Ok((r.json(0)?, r.json(1)?));
        rows.first().map(read).transpose().map(Option::unwrap_or_default)
    }

    /// Ready jobs with one of these demands, the longest ready first.
    ///
    /// # Errors
    /// As every read.
    pub async fn ready_jobs(
        &self,
        demands: &[&Vec<String>],
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReadyJob>, StoreError> {
        let sql = "SELECT j.id, j.execution_id, j.runs_on FROM json_each(?1) AS d
            JOIN jobs AS j ON j.runs_on = d.value AND j.status = 'pending' AND j.ready_at IS NOT NULL
          WHERE j.ready_at <= ?2 ORDER BY j.ready_at, j.id LIMIT ?3";
        let spelled = demands.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        let parameters = vec![serde_json::to_string(&spelled)?.into(), text(now), limit.into()];
        let rows = self.connection.query(sql, parameters).await?;
        let read = |r: &Row| Ok(ReadyJob { id: r.parse(0)?, execution_id: r.parse(1)?, runs_on: r.json(2)? });
        rows.iter().map(read).collect()
    }
}
