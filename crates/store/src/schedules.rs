//! Schedules: which are due, and which a pipeline has.

use penstock_domain::{PipelineId, ScheduleId, Timestamp};
use penstock_engine::ScheduleRow;

use crate::connection::Connection;
use crate::{Row, Store, StoreError, id, text};

/// A schedule whose time has come, with the version that its next change must expect.
#[derive(Debug, Clone, PartialEq)]
pub struct DueSchedule {
    pub row: ScheduleRow,
    pub version: i64,
}

const ROW: &str = "json_object('id', id, 'pipeline_id', pipeline_id, 'cron', cron, 'timezone', timezone,
  'branch', branch, 'parameters', json(parameters), 'next_at', next_at, 'last_at', last_at)";

/// What asks whether anything is due looks at the same rows.
pub(crate) const DUE: &str =
    "FROM schedules AS s CROSS JOIN pipeline_configurations AS p ON p.id = s.pipeline_id
  WHERE s.next_at <= ?1 AND (s.claimed_until IS NULL OR s.claimed_until <= ?1) AND p.is_active = 1
    AND p.deleted_at IS NULL";

impl<C: Connection> Store<C> {
    /// Takes the longest due, and puts them off to `until` should the taker die; those of pipelines that are not active
    /// wait until they are.
    ///
    /// # Errors
    /// As every write.
    pub async fn claim_schedules(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueSchedule>, StoreError> {
        let sql = format!(
            "UPDATE schedules SET claimed_until = ?2
             WHERE id IN (SELECT s.id {DUE} ORDER BY s.next_at LIMIT ?3)
             RETURNING {ROW}, COALESCE((SELECT version FROM subjects WHERE subject = 'schedule:' || schedules.id), 0)"
        );
        let rows = self.connection.query(&sql, vec![text(now), text(until), limit.into()]).await?;
        let read = |r: &Row| Ok(DueSchedule { row: r.json(0)?, version: r.integer(1)? });
        rows.iter().map(read).collect()
    }

    /// What the schedule is due for can't be started yet: again at `until`.
    ///
    /// # Errors
    /// As every write.
    pub async fn postpone_schedule(&self, schedule: ScheduleId, until: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE schedules SET claimed_until = ?2 WHERE id = ?1";
        self.connection.query(sql, vec![id(schedule), text(until)]).await?;
        Ok(())
    }

    /// # Errors
    /// As every read.
    pub async fn schedules_of(&self, pipeline: PipelineId) -> Result<Vec<ScheduleRow>, StoreError> {
        let sql = format!("SELECT {ROW} FROM schedules WHERE pipeline_id = ?1 ORDER BY id");
        let rows = self.connection.query(&sql, vec![id(pipeline)]).await?;
        rows.iter().map(|r| r.json(0)).collect()
    }
}
