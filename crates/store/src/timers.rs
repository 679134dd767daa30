//! Timers that fell due, and heartbeats, which put a lease off.

use penstock_domain::{ExecutionId, JobId, StageId, TimerId, Timestamp};
use penstock_engine::TimerKind;

use crate::connection::Connection;
use crate::{Row, Store, StoreError, id, text};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueTimer {
    pub id: TimerId,
    pub kind: TimerKind,
    pub execution_id: ExecutionId,
    pub stage_id: Option<StageId>,
    pub job_id: Option<JobId>,
    pub attempt: Option<u32>,
    /// The lease of a runner that asked for the job and was never heard of since.
    pub unheard_claim: bool,
}

fn due(r: &Row) -> Result<DueTimer, StoreError> {
    Ok(DueTimer {
        id: r.parse(0)?,
        kind: serde_json::from_value(r.text(1)?.into())?,
        execution_id: r.parse(2)?,
        stage_id: r.optional_parse(3)?,
        job_id: r.optional_parse(4)?,
        attempt: r.optional_json(5)?,
        unheard_claim: r.integer(6)? != 0,
    })
}

impl<C: Connection> Store<C> {
    /// # Errors
    /// As every read.
    pub async fn due_timers(&self, now: Timestamp, limit: u32) -> Result<Vec<DueTimer>, StoreError> {
        let sql = "SELECT id, kind, execution_id, stage_id, job_id, CAST(attempt AS TEXT),
            kind = 'lease' AND heard = 0 AND EXISTS (SELECT 1 FROM jobs AS j JOIN runners AS r ON r.id = j.runner_id
              WHERE j.id = timers.job_id AND r.url IS NULL)
          FROM timers WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2";
        let rows = self.connection.query(sql, vec![text(now), limit.into()]).await?;
        rows.iter().map(due).collect()
    }

    /// A timer could not be worked off: others go first. One that a heartbeat has put off further meanwhile stays so.
    ///
    /// # Errors
    /// As every write.
    pub async fn postpone_timer(&self, timer: TimerId, due_at: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE timers SET due_at = ?2 WHERE id = ?1 AND due_at < ?2";
        self.connection.query(sql, vec![id(timer), text(due_at)]).await?;
        Ok(())
    }

    /// Marks that the clock looked, and after a silence of more than `silence_ms` gives every lease its whole length
    /// again, once: nobody could have prolonged them, and runners wait longer between two tries the longer nobody
    /// answers. Deadlines that passed in the silence are put off as long, for what has ended in time may not have
    /// been told yet.
    ///
    /// # Errors
    /// As every write.
    pub async fn spare_leases(
        &self,
        now: Timestamp,
        silence_ms: i64,
        lease_ms: i64,
    ) -> Result<(), StoreError> {
        let rows = self.connection.query("SELECT ticked_at FROM clock WHERE id = 1", vec![]).await?;
        let last: Option<Timestamp> = rows.first().map(|r| r.parse(0)).transpose()?;
        if last.is_none_or(|last| now.since_ms(last) > silence_ms) {
            let sql = "UPDATE timers SET due_at = ?2, spared = 1
              WHERE spared = 0 AND (kind = 'lease' AND due_at < ?2
                OR kind IN ('job_deadline', 'stage_deadline', 'execution_deadline') AND due_at <= ?1)";
            self.connection.query(sql, vec![text(now), text(now.plus_ms(lease_ms))]).await?;
        }
        let sql = "INSERT INTO clock (id, ticked_at) VALUES (1, ?1)
          ON CONFLICT (id) DO UPDATE SET ticked_at = excluded.ticked_at";
        self.connection.query(sql, vec![text(now)]).await?;
        Ok(())
    }

    /// Removes a timer that decided nothing, because what it was set for had already ended.
    ///
    /// # Errors
    /// As every write.
    pub async fn drop_timer(&self, timer: TimerId) -> Result<(), StoreError> {
        self.connection.query("DELETE FROM timers WHERE id = ?1", vec![id(timer)]).await?;
        Ok(())
    }

    /// A heartbeat: the attempt's lease lives until `due_at`. False: there is none to prolong.
    ///
    /// # Errors
    /// As every write.
    pub async fn prolong_lease(
        &self,
        job: JobId,
        attempt: u32,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE timers SET due_at = ?3, spared = 0, heard = 1
          WHERE job_id = ?1 AND attempt = ?2 AND kind = 'lease' RETURNING id";
        if penstock_domain::bugs::is_on("heartbeat_not_written") {
            return Ok(true);
        }
        let rows = self.connection.query(sql, vec![id(job), attempt.into(), text(due_at)]).await?;
        Ok(!rows.is_empty())
    }
}
