//! When the clock starts a pipeline: which times are due, and which were missed for good.
//!
//! A time that nobody looked at in time is made up for once, if it is not too long ago, and never once for each time
//! that was missed: what a nightly run would have found out yesterday, tonight's finds out as well.

use penstock_domain::{IdSource as _, PipelineId, ScheduleId, Timestamp};
use penstock_pipeline::{Missed, Schedule, missed, next_run};
use serde::{Deserialize, Serialize};

use crate::change::{Changes, Guard};
use crate::moment::Moment;

/// One schedule of a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleRow {
    pub id: ScheduleId,
    pub pipeline_id: PipelineId,
    #[serde(flatten)]
    pub schedule: Schedule,
    /// When it is due; None where it never is again.
    pub next_at: Option<Timestamp>,
    /// When it last was.
    pub last_at: Option<Timestamp>,
}

impl ScheduleRow {
    pub fn subject(&self) -> String {
        format!("schedule:{}", self.id)
    }

    pub fn guard(&self, version: i64) -> Guard {
        Guard { subject: self.subject(), expect: version }
    }

    /// Whether what was due is still done at `now`.
    pub fn is_worth_running(&self, now: Timestamp) -> bool {
        self.next_at.is_some_and(|due| missed(&self.schedule, due, now) == Missed::Run)
    }

    /// The schedule once what was due has been done, or given up.
    pub fn advanced(&self, now: Timestamp) -> Self {
        let each = penstock_domain::bugs::is_on("every_missed_time_made_up_for");
        let next_at = next_run(&self.schedule, self.next_at.filter(|_| each).unwrap_or(now));
        Self { next_at, last_at: self.next_at, ..self.clone() }
    }
}

/// A pipeline has these schedules, and no others. Those that are `present` stay as they are, so that a time which is due
/// is not lost; None where all of them are.
pub fn schedules(
    pipeline_id: PipelineId,
    wanted: &[Schedule],
    present: &[ScheduleRow],
    at: &Moment,
) -> Option<Changes> {
    let known = |schedule: &Schedule| present.iter().find(|row| row.schedule == *schedule);
    if present.len() == wanted.len() && wanted.iter().all(|schedule| known(schedule).is_some()) {
        return None;
    }
    let mut ids = at.ids();
    let new = |schedule: &Schedule, id: ScheduleId| ScheduleRow {
        id,
        pipeline_id,
        schedule: schedule.clone(),
        next_at: next_run(schedule, at.now),
        last_at: None,
    };
    let mut rows: Vec<ScheduleRow> = vec![];
    for schedule in wanted {
        let kept = known(schedule).filter(|row| !rows.iter().any(|taken| taken.id == row.id));
        rows.push(kept.cloned().unwrap_or_else(|| new(schedule, ScheduleId(ids.uuid()))));
    }
    Some(Changes { schedules_of: vec![pipeline_id], schedules: rows, ..Changes::default() })
}
