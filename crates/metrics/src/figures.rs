//! The figures of any sum of days. What has no data has no value: never 0 in its place.

use serde::Serialize;

use crate::day::mean;
use crate::tally::Tally;

/// Rates are percent, from 0 to 100.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    pub total_executions: u64,
    pub successful_executions: u64,
    pub failed_executions: u64,
    pub cancelled_executions: u64,
    pub success_rate: Option<f64>,
    pub average_duration_seconds: Option<f64>,
    pub median_duration_seconds: Option<f64>,
    pub p95_duration_seconds: Option<f64>,
    pub queue_time_seconds: Option<f64>,
    pub total_deployments: u64,
    pub successful_deployments: u64,
    pub rollbacks: u64,
    pub test_automation_rate: Option<f64>,
    pub average_coverage: Option<f64>,
    pub code_quality_score: Option<f64>,
    pub dora: Dora,
}

/// Of deployments to production. Members without a unit in their name are in the unit of the one beside them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dora {
    /// Deployments to production that have ended and are no rollbacks: what the rate of failures is of.
    pub changes: u64,
    /// A day.
    pub deployment_frequency: f64,
    pub lead_time_for_changes: Option<f64>,
    pub lead_time_for_changes_minutes: Option<f64>,
    pub change_failure_rate: Option<f64>,
    pub mean_time_to_recovery: Option<f64>,
    pub mean_time_to_recovery_minutes: Option<f64>,
    /// Failed changes that nothing has succeeded after; they are not in the mean.
    pub unrecovered_failures: u64,
    pub test_automation_rate: Option<f64>,
}

impl Figures {
    pub fn of(tally: &Tally, days: u32) -> Self {
        let decided = tally.succeeded + tally.failed;
        Self {
            total_executions: decided + tally.cancelled,
            successful_executions: tally.succeeded,
            failed_executions: tally.failed,
            cancelled_executions: tally.cancelled,
            success_rate: percent(tally.succeeded, decided),
            average_duration_seconds: seconds(mean(tally.duration_ms_sum, tally.durations.count())),
            median_duration_seconds: seconds(tally.durations.median_ms()),
            p95_duration_seconds: seconds(tally.durations.percentile_ms(95)),
            queue_time_seconds: seconds(mean(tally.queue_ms_sum, tally.started)),
            total_deployments: tally.deployments,
            successful_deployments: tally.deployments_succeeded,
            rollbacks: tally.rollbacks,
            test_automation_rate: percent(tally.tested, decided),
            average_coverage: mean(tally.coverage_hundredths_sum, tally.covered)
                .map(|hundredths| rounded(hundredths / 100.0, 2)),
            code_quality_score: percent(tally.tests_passed, tally.tests_passed + tally.tests_failed),
            dora: Dora::of(tally, days),
        }
    }
}

impl Dora {
    pub fn of(tally: &Tally, days: u32) -> Self {
        let lead = minutes(tally.lead_times.median_ms());
        let recovery = minutes(mean(tally.recovery_ms_sum, tally.recovered));
        let successes = tally.changes.saturating_sub(tally.change_failures);
        Self {
            changes: tally.changes,
            deployment_frequency: rounded(successes as f64 / f64::from(days.max(1)), 4),
            lead_time_for_changes: lead,
            lead_time_for_changes_minutes: lead,
            change_failure_rate: percent(tally.change_failures, tally.changes),
            mean_time_to_recovery: recovery,
            mean_time_to_recovery_minutes: recovery,
            unrecovered_failures: tally.unrecovered,
            test_automation_rate: percent(tally.tested, tally.succeeded + tally.failed),
        }
    }
}

/// None of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> Option<f64> {
    mean(part, whole).map(|ratio| rounded(ratio * 100.0, 2))
}

pub(crate) fn seconds(ms: Option<f64>) -> Option<f64> {
    ms.map(|ms| rounded(ms / 1_000.0, 3))
}

pub(crate) fn minutes(ms: Option<f64>) -> Option<f64> {
    ms.map(|ms| rounded(ms / 60_000.0, 2))
}

pub(crate) fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}
