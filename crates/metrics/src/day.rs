//! One day of one pipeline, or of all.

use penstock_domain::PipelineId;
use serde::{Deserialize, Serialize};

use crate::date::Date;
use crate::figures::{Figures, minutes};
use crate::record::Records;
use crate::tally::{Tally, counted_duration_ms, counted_lead_ms};

/// What is kept of a day: all that a range is summed of, and the day's own medians, which are exact.
///
/// The same records give the same row, in whatever order they come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DayRow {
    pub date: Date,
    /// None: all pipelines together.
    pub pipeline_id: Option<PipelineId>,
    pub median_duration_ms: Option<f64>,
    pub median_lead_ms: Option<f64>,
    pub tally: Tally,
}

/// A day as it is shown, and as the columns of `pipeline_metrics` have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DailyMetrics {
    pub metric_date: Date,
    pub pipeline_id: Option<PipelineId>,
    pub total_executions: u64,
    pub successful_executions: u64,
    pub failed_executions: u64,
    pub cancelled_executions: u64,
    pub average_duration_minutes: Option<f64>,
    pub median_duration_minutes: Option<f64>,
    pub success_rate: Option<f64>,
    pub total_deployments: u64,
    pub successful_deployments: u64,
    pub rollback_count: u64,
    pub mean_time_to_recovery_minutes: Option<f64>,
    pub lead_time_minutes: Option<f64>,
    pub deployment_frequency: f64,
    pub change_failure_rate: Option<f64>,
    pub test_automation_rate: Option<f64>,
    pub average_coverage: Option<f64>,
    pub code_quality_score: Option<f64>,
}

impl DayRow {
    pub fn of(date: Date, pipeline_id: Option<PipelineId>, records: &Records) -> Self {
        let durations = records.executions.iter().filter_map(counted_duration_ms).collect();
        let leads = records.deployments.iter().filter_map(counted_lead_ms).collect();
        Self {
            date,
            pipeline_id,
            median_duration_ms: median(durations),
            median_lead_ms: median(leads),
            tally: Tally::of(records),
        }
    }

    /// A day without anything.
    pub fn empty(date: Date, pipeline_id: Option<PipelineId>) -> Self {
        Self::of(date, pipeline_id, &Records::default())
    }

    pub fn metrics(&self) -> DailyMetrics {
        let figures = Figures::of(&self.tally, 1);
        DailyMetrics {
            metric_date: self.date,
            pipeline_id: self.pipeline_id,
            total_executions: figures.total_executions,
            successful_executions: figures.successful_executions,
            failed_executions: figures.failed_executions,
            cancelled_executions: figures.cancelled_executions,
            average_duration_minutes: minutes(mean(self.tally.duration_ms_sum, self.tally.durations.count())),
            median_duration_minutes: minutes(self.median_duration_ms),
            success_rate: figures.success_rate,
            total_deployments: figures.total_deployments,
            successful_deployments: figures.successful_deployments,
            rollback_count: figures.rollbacks,
            mean_time_to_recovery_minutes: figures.dora.mean_time_to_recovery_minutes,
            lead_time_minutes: minutes(self.median_lead_ms),
            deployment_frequency: figures.dora.deployment_frequency,
            change_failure_rate: figures.dora.change_failure_rate,
            test_automation_rate: figures.test_automation_rate,
            average_coverage: figures.average_coverage,
            code_quality_score: figures.code_quality_score,
        }
    }
}

/// None of nothing.
pub(crate) fn mean(sum: u64, count: u64) -> Option<f64> {
    (count > 0).then(|| sum as f64 / count as f64)
}

/// The middle one, or the mean of the two in the middle.
fn median(mut values: Vec<u64>) -> Option<f64> {
    values.sort_unstable();
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get(values.len().div_ceil(2).saturating_sub(1))?;
    Some(f64::midpoint(lower as f64, upper as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_what_is_sorted() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![5]), Some(5.0));
        assert_eq!(median(vec![9, 1]), Some(5.0));
        assert_eq!(median(vec![9, 1, 2]), Some(2.0));
        assert_eq!(median(vec![4, 1, 3, 2]), Some(2.5));
    }

    #[test]
    fn a_day_without_anything_has_no_rates_and_no_durations() {
        let shown = DayRow::empty("2024-01-01".parse().unwrap(), None).metrics();
        assert_eq!((shown.total_executions, shown.success_rate), (0, None));
        assert_eq!((shown.average_duration_minutes, shown.change_failure_rate), (None, None));
        assert_eq!((shown.average_coverage, shown.deployment_frequency), (None, 0.0));
    }
}
