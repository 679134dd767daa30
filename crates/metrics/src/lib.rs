//! Daily figures, DORA, trends, insights and health from records: numbers in, numbers out.
//!
//! A day's records become one [`DayRow`]; a range is the sum of its days, so it costs the same however much came
//! before it. Every formula is in `docs/METRICS.md`. Nothing here reads a clock or a database: who asks says when
//! it is now.

mod compare;
mod dashboard;
mod date;
mod day;
mod figures;
mod health;
mod histogram;
mod insight;
mod range;
mod record;
mod report;
mod tally;

pub use compare::{Comparison, Verdict};
pub use dashboard::{
    Activity, ActivityType, Dashboard, DeploymentMetrics, DeploymentTrend, ExecutionMetrics, ExecutionTrend,
    PerformanceMetrics, QualityMetrics, QualityTrend,
};
pub use date::{BadDate, Date};
pub use day::{DailyMetrics, DayRow};
pub use figures::{Dora, Figures};
pub use health::health_score;
pub use histogram::Histogram;
pub use insight::{Insight, Severity};
pub use range::{Slice, TimeRange, Window};
pub use record::{FinishedDeployment, FinishedExecution, Records, TestFacts};
pub use report::{Report, Summary};
pub use tally::Tally;

/// The days of a range and those of the range before it, in any order; days without anything may be missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Period {
    pub range: TimeRange,
    /// Where the range begins and ends.
    pub window: Window,
    pub days: Vec<DayRow>,
    pub previous: Vec<DayRow>,
}

impl Period {
    /// The figures of the range.
    pub fn current(&self) -> Figures {
        Figures::of(&Tally::sum(self.days.iter().map(|day| &day.tally)), self.range.days())
    }

    /// The figures of the range before.
    pub fn before(&self) -> Figures {
        Figures::of(&Tally::sum(self.previous.iter().map(|day| &day.tally)), self.range.days())
    }

    /// One row for each day of the range, oldest first, also where nothing happened.
    pub(crate) fn calendar(&self) -> Vec<DayRow> {
        let row = |slice: Slice| {
            let found = self.days.iter().find(|day| day.date == slice.date);
            found.cloned().unwrap_or_else(|| DayRow::empty(slice.date, None))
        };
        self.window.slices().into_iter().map(row).collect()
    }
}
