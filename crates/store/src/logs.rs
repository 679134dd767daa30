//! Log lines, in the chunks in which they came; only ever added.

use penstock_api::runner::LogLine;
use penstock_domain::{ExecutionId, JobId, Timestamp};

use crate::connection::Connection;
use crate::{Row, Store, StoreError, Value, id, text};

/// Of lines read at once; the chunk that goes beyond it is still whole.
const MAX_READ_BYTES: u32 = 1024 * 1024;

/// What became of lines that a runner sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// Every line is kept now, whether it was before or not.
    Kept,
    /// Lines before these are missing; send from `next_seq`.
    Gap { next_seq: u64 },
}

/// Chunks of an execution to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    pub stage: Option<String>,
    /// A job's name or its id.
    pub job: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StoredChunk {
    /// Grows with time over all executions.
    pub id: i64,
    pub job_id: JobId,
    pub job_name: String,
    pub stage_name: String,
    pub attempt: u32,
    pub lines: Vec<LogLine>,
}

impl<C: Connection> Store<C> {
    /// Keeps the lines of an attempt once each, whatever is sent again. `lines` are in order and without gaps.
    ///
    /// # Errors
    /// As every write.
    pub async fn append_log(
        &self,
        execution: ExecutionId,
        job: JobId,
        attempt: u32,
        lines: &[LogLine],
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        let sql = "SELECT COALESCE(max(last_seq), 0) FROM log_chunks WHERE job_id = ?1 AND attempt = ?2";
        let rows = self.connection.query(sql, vec![id(job), attempt.into()]).await?;
        let last: u64 = rows.first().map(|r| r.unsigned(0)).transpose()?.unwrap_or(0);
        let new: Vec<&LogLine> = lines.iter().filter(|l| l.seq > last).collect();
        let (Some(first), Some(end)) = (new.first(), new.last()) else { return Ok(Appended::Kept) };
        if first.seq != last + 1 {
            return Ok(Appended::Gap { next_seq: last + 1 });
        }
        // Of two that append at once, the unique index lets the one through; the other was a repetition.
        let sql =
            "INSERT INTO log_chunks (execution_id, job_id, attempt, first_seq, last_seq, lines, received_at)
          SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE ?4 = 1 + COALESCE(
            (SELECT max(last_seq) FROM log_chunks WHERE job_id = ?2 AND attempt = ?3), 0)
          ON CONFLICT (job_id, attempt, last_seq) DO NOTHING RETURNING id";
        let seq = |n: u64| Value::Integer(i64::try_from(n).unwrap_or(i64::MAX));
        let parameters = vec![
            id(execution),
            id(job),
            attempt.into(),
            seq(first.seq),
            seq(end.seq),
            serde_json::to_string(&new)?.into(),
            text(now),
        ];
        let kept = self.connection.query(sql, parameters).await?;
        Ok(if kept.is_empty() { Appended::Gap { next_seq: last + 1 } } else { Appended::Kept })
    }

    /// Chunks of an execution after chunk `after`, in the order in which they came.
    ///
    /// # Errors
    /// As every read.
    pub async fn log_chunks(
        &self,
        execution: ExecutionId,
        filter: &LogFilter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredChunk>, StoreError> {
        let sql = format!(
            "SELECT id, job_id, job_name, stage_name, attempt, lines FROM (
               SELECT *, sum(length(lines)) OVER (ORDER BY id) - length(lines) AS bytes_before FROM (
                 SELECT c.id, c.job_id, j.job_name, s.stage_name, c.attempt, c.lines FROM log_chunks AS c
                   CROSS JOIN jobs AS j ON j.id = c.job_id CROSS JOIN pipeline_stages AS s ON s.id = j.stage_id
                 WHERE c.execution_id = ?1 AND c.id > ?2 AND (?3 IS NULL OR s.stage_name = ?3)
                   AND (?4 IS NULL OR j.job_name = ?4 OR j.id = ?4)
                 ORDER BY c.id LIMIT ?5))
             WHERE bytes_before < {MAX_READ_BYTES} ORDER BY id"
        );
        let parameters = vec![
            id(execution),
            after.into(),
            crate::optional(filter.stage.clone()),
            crate::optional(filter.job.clone()),
            limit.into(),
        ];
        let rows = self.connection.query(&sql, parameters).await?;
        let read = |r: &Row| {
            Ok(StoredChunk {
                id: r.integer(0)?,
                job_id: r.parse(1)?,
                job_name: r.text(2)?.to_owned(),
                stage_name: r.text(3)?.to_owned(),
                attempt: r.unsigned(4)?,
                lines: r.json(5)?,
            })
        };
        rows.iter().map(read).collect()
    }
}
