//! Schedules: which are due, and which a pipeline has.

use penstock_domain::{PipelineId, Timestamp};
use penstock_engine::ScheduleRow;

use crate::connection::Connection;
use crate::{Row, Store, StoreError, id, text};

/// A schedule whose time has come, with the version that its next change must expect.
#[derive(Debug, Clone, PartialEq)]
pub struct DueSchedule {
    pub row: ScheduleRow,
    pub version: i64,
}

const ROW: &str =
    "json_object('id', s.id, 'pipeline_id', s.pipeline_id, 'cron', s.cron, 'timezone', s.timezone,
  'branch', s.branch, 'parameters', json(s.parameters), 'next_at', s.next_at, 'last_at', s.last_at)";

/// What asks whether anything is due looks at the same rows.
pub(crate) const DUE: &str =
    "FROM schedules AS s CROSS JOIN pipeline_configurations AS p ON p.id = s.pipeline_id
  WHERE s.next_at <= ?1 AND p.is_active = 1 AND p.deleted_at IS NULL";

impl<C: Connection> Store<C> {
    /// The longest due first; those of pipelines that are not active wait until they are.
    ///
    /// # Errors
    /// As every read.
    pub async fn due_schedules(&self, now: Timestamp, limit: u32) -> Result<Vec<DueSchedule>, StoreError> {
        let sql = format!(
            "SELECT {ROW}, COALESCE((SELECT version FROM subjects WHERE subject = 'schedule:' || s.id), 0)
             {DUE} ORDER BY s.next_at LIMIT ?2"
        );
        let rows = self.connection.query(&sql, vec![text(now), limit.into()]).await?;
        let read = |r: &Row| Ok(DueSchedule { row: r.json(0)?, version: r.integer(1)? });
        rows.iter().map(read).collect()
    }

    /// # Errors
    /// As every read.
    pub async fn schedules_of(&self, pipeline: PipelineId) -> Result<Vec<ScheduleRow>, StoreError> {
        let sql = format!("SELECT {ROW} FROM schedules AS s WHERE s.pipeline_id = ?1 ORDER BY s.id");
        let rows = self.connection.query(&sql, vec![id(pipeline)]).await?;
        rows.iter().map(|r| r.json(0)).collect()
    }
}
