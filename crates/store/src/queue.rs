//! Partial indexes as queues: executions that wait for room, and jobs that wait for a runner.

use penstock_domain::{ExecutionId, PipelineId, Timestamp};
use penstock_engine::{Admission, Group, ReadyJob, RunnerSlots};

use serde::Deserialize;

use crate::connection::Connection;
use crate::{Row, Store, StoreError, text};

/// How many different demands (`runs_on`) are looked at in one round.
const MAX_DEMANDS: u32 = 2_000;

/// A runner that can't be reached, and has not said anything for so long, is gone until it does.
const GONE_MS: i64 = 3_600_000;

/// A queued execution that may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admissible {
    pub execution: ExecutionId,
    pub pipeline: PipelineId,
    pub admission: Admission,
}

const ADMISSIBLE: &str = "
WITH RECURSIVE waiting (pipeline_id) AS (
  SELECT (SELECT min(pipeline_id) FROM pipeline_executions INDEXED BY executions_queued
    WHERE status = 'queued' AND reason IS NOT 'fork_approval' AND concurrency_key IS NULL)
  UNION ALL
  SELECT (SELECT min(e.pipeline_id) FROM pipeline_executions AS e INDEXED BY executions_queued
    WHERE e.status = 'queued' AND e.reason IS NOT 'fork_approval' AND e.concurrency_key IS NULL
      AND e.pipeline_id > w.pipeline_id)
  FROM waiting AS w WHERE w.pipeline_id IS NOT NULL),
groups (concurrency_key) AS (
  SELECT (SELECT min(concurrency_key) FROM pipeline_executions INDEXED BY executions_queued_in_group
    WHERE status = 'queued' AND reason IS NOT 'fork_approval' AND concurrency_key IS NOT NULL)
  UNION ALL
  SELECT (SELECT min(e.concurrency_key) FROM pipeline_executions AS e INDEXED BY executions_queued_in_group
    WHERE e.status = 'queued' AND e.reason IS NOT 'fork_approval' AND e.concurrency_key > g.concurrency_key)
  FROM groups AS g WHERE g.concurrency_key IS NOT NULL),
first (id) AS (
  SELECT (SELECT q.id FROM pipeline_executions AS q INDEXED BY executions_queued
    WHERE q.pipeline_id = w.pipeline_id AND q.status = 'queued' AND q.reason IS NOT 'fork_approval'
      AND q.concurrency_key IS NULL
    ORDER BY q.priority DESC, q.created_at, q.id LIMIT 1)
  FROM waiting AS w WHERE w.pipeline_id IS NOT NULL
  UNION ALL
  SELECT (SELECT q.id FROM pipeline_executions AS q INDEXED BY executions_queued_in_group
    WHERE q.concurrency_key = g.concurrency_key AND q.status = 'queued' AND q.reason IS NOT 'fork_approval'
    ORDER BY q.priority DESC, q.created_at, q.id LIMIT 1)
  FROM groups AS g WHERE g.concurrency_key IS NOT NULL)
SELECT e.id, e.pipeline_id, json_object('own_limit', e.concurrency_limit, 'priority', e.priority,
    'group', e.concurrency_group, 'key', e.concurrency_key, 'group_limit', e.group_limit)
  FROM first AS f CROSS JOIN pipeline_executions AS e ON e.id = f.id
    CROSS JOIN pipeline_configurations AS p ON p.id = e.pipeline_id
  WHERE (SELECT count(*) FROM pipeline_executions AS r INDEXED BY executions_running
      WHERE r.pipeline_id = p.id AND r.status = 'running')
    < min(p.max_concurrent_executions, COALESCE(e.concurrency_limit, p.max_concurrent_executions))
    AND (e.concurrency_key IS NULL OR (SELECT count(*) FROM pipeline_executions AS r INDEXED BY executions_running_in_group
      WHERE r.concurrency_key = e.concurrency_key AND r.status = 'running') < e.group_limit)
  ORDER BY e.priority DESC, e.created_at, e.id LIMIT ?1";

fn admissible(r: &Row) -> Result<Admissible, StoreError> {
    Ok(Admissible { execution: r.parse(0)?, pipeline: r.parse(1)?, admission: r.json::<Asked>(2)?.into() })
}

/// What an execution asks of its pipeline and of its group, as the table has it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    own_limit: Option<u32>,
    priority: i32,
    group: Option<String>,
    key: Option<String>,
    group_limit: Option<u32>,
    /// Of no interest to one that is there already: nothing is superseded later.
    #[serde(default)]
    cancels: bool,
}

impl From<Asked> for Admission {
    fn from(asked: Asked) -> Self {
        let Asked { own_limit, priority, group, key, group_limit, cancels } = asked;
        let group = group.zip(key).map(|(name, key)| Group {
            name,
            key,
            limit: group_limit.unwrap_or(1),
            cancel_in_progress: cancels,
        });
        Self { own_limit, group, priority }
    }
}

impl<C: Connection> Store<C> {
    /// The first queued execution of each pipeline and of each concurrency group, where both have room for it: by
    /// priority, then by age. What is held for a person's leave is no part.
    ///
    /// # Errors
    /// As every read.
    pub async fn admissible(&self, limit: u32) -> Result<Vec<Admissible>, StoreError> {
        let sql = match penstock_domain::bugs::is_on("last_come_first_served") {
            true => &ADMISSIBLE.replace("ORDER BY q.priority DESC, q.created_at, q.id", "ORDER BY q.id DESC"),
            false => ADMISSIBLE,
        };
        let rows = self.connection.query(sql, vec![limit.into()]).await?;
        rows.iter().map(admissible).collect()
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
                 WHERE r.url IS NOT NULL AND (r.unreachable_until IS NULL OR r.unreachable_until <= ?1)
                   AND (r.failures = 0 OR r.last_seen_at > ?2))
                 WHERE free > 0),
               (SELECT json_group_array(json(runs_on)) FROM demand WHERE runs_on IS NOT NULL)"
        );
        let seen_since = now.plus_ms(-GONE_MS);
        let rows = self.connection.query(&sql, vec![text(now), text(seen_since)]).await?;
        let read = |r: &Row| Ok((r.json(0)?, r.json(1)?));
        rows.first().map(read).transpose().map(Option::unwrap_or_default)
    }

    /// Ready jobs with one of these demands: by priority, then the longest ready first.
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
          WHERE j.ready_at <= ?2 ORDER BY j.priority DESC, j.ready_at, j.id LIMIT ?3";
        let sql = match penstock_domain::bugs::is_on("urgent_jobs_last") {
            true => &sql.replace("j.priority DESC", "j.priority"),
            false => sql,
        };
        let spelled = demands.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        let parameters = vec![serde_json::to_string(&spelled)?.into(), text(now), limit.into()];
        let rows = self.connection.query(sql, parameters).await?;
        let read = |r: &Row| Ok(ReadyJob { id: r.parse(0)?, execution_id: r.parse(1)?, runs_on: r.json(2)? });
        rows.iter().map(read).collect()
    }
}
