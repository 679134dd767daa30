//! What `GET /api/v1/metrics` answers of a range.

use penstock_domain::{PipelineId, Timestamp};
use serde::Serialize;

use crate::Period;
use crate::compare::{Comparison, compare};
use crate::day::{DailyMetrics, DayRow};
use crate::figures::Figures;
use crate::health::health_score;
use crate::insight::{Insight, insights};
use crate::range::TimeRange;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// One for each day of the range, oldest first.
    pub metrics: Vec<DailyMetrics>,
    /// Against the range before.
    pub trends: Vec<Comparison>,
    pub insights: Vec<Insight>,
    pub summary: Summary,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub time_range: TimeRange,
    pub from: Timestamp,
    pub to: Timestamp,
    /// None: all pipelines together.
    pub pipeline_id: Option<PipelineId>,
    #[serde(flatten)]
    pub figures: Figures,
    /// From 0 to 100.
    pub health_score: Option<u8>,
}

impl Report {
    pub fn of(period: &Period, pipeline_id: Option<PipelineId>) -> Self {
        let (now, then) = (period.current(), period.before());
        let shown = |day: DayRow| DailyMetrics { pipeline_id, ..day.metrics() };
        Self {
            metrics: period.calendar().into_iter().map(shown).collect(),
            trends: compare(&now, &then),
            insights: insights(&now, &then),
            summary: Summary {
                time_range: period.range,
                from: period.window.from,
                to: period.window.to,
                pipeline_id,
                health_score: health_score(&now),
                figures: now,
            },
        }
    }
}
