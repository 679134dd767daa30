//! Executions that ended, ever, and those that are there now: what a scrape reads.

use std::collections::BTreeMap;

use penstock_domain::{ExecutionStatus, PipelineId, Reason};
use serde::Deserialize;

use crate::connection::Connection;
use crate::{Store, StoreError};

/// What there is to tell of one pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineRuns {
    pub pipeline_name: String,
    pub queued: u64,
    pub running: u64,
    pub totals: Vec<RunTotal>,
}

/// Executions that ended in the same way and took about as long.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RunTotal {
    pub status: ExecutionStatus,
    pub reason: Option<Reason>,
    /// One of [`Store::run_buckets`]; 0 where they never started.
    pub up_to_seconds: u32,
    pub runs: u64,
    /// Of all of them together.
    pub duration_ms: u64,
}

impl<C: Connection> Store<C> {
    /// The upper bounds of the durations' buckets, the last one holding whatever is longer.
    ///
    /// # Errors
    /// As every read.
    pub async fn run_buckets(&self) -> Result<Vec<u32>, StoreError> {
        let sql = "SELECT up_to_seconds FROM run_buckets ORDER BY up_to_seconds";
        let rows = self.connection.query(sql, vec![]).await?;
        Ok(rows.iter().map(|r| r.unsigned(0)).collect::<Result<_, _>>()?)
    }

    /// The first `limit` pipelines that are not deleted, each once.
    ///
    /// # Errors
    /// As every read.
    pub async fn pipeline_runs(&self, limit: u32) -> Result<Vec<PipelineRuns>, StoreError> {
        let mut active = self.active_runs().await?;
        let sql = "SELECT p.id, p.pipeline_name, (
            SELECT json_group_array(json_array(t.status, nullif(t.reason, ''), t.up_to_seconds, t.runs, t.duration_ms))
            FROM run_totals AS t WHERE t.pipeline_id = p.id)
          FROM pipeline_configurations AS p WHERE p.deleted_at IS NULL ORDER BY p.id LIMIT ?1";
        let rows = self.connection.query(sql, vec![limit.into()]).await?;
        let mut found = vec![];
        for row in &rows {
            let id: PipelineId = row.parse(0)?;
            let mut count = |status| active.remove(&(id, status)).unwrap_or(0);
            found.push(PipelineRuns {
                queued: count(ExecutionStatus::Queued),
                running: count(ExecutionStatus::Running),
                pipeline_name: row.text(1)?.to_owned(),
                totals: row.json(2)?,
            });
        }
        Ok(found)
    }

    async fn active_runs(&self) -> Result<BTreeMap<(PipelineId, ExecutionStatus), u64>, StoreError> {
        let sql = "SELECT pipeline_id, status, count(*) FROM pipeline_executions
          WHERE status IN ('queued', 'running') GROUP BY pipeline_id, status";
        let rows = self.connection.query(sql, vec![]).await?;
        rows.iter().map(|r| Ok(((r.parse(0)?, r.parse(1)?), r.unsigned(2)?))).collect()
    }
}
