//! What the dashboard shows of a range.

use penstock_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Period;
use crate::compare::{Comparison, compare};
use crate::date::Date;
use crate::day::DayRow;
use crate::figures::{Dora, Figures};
use crate::health::health_score;
use crate::insight::{Insight, insights};
use crate::range::TimeRange;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dashboard {
    pub time_range: TimeRange,
    pub from: Timestamp,
    pub to: Timestamp,
    pub execution_metrics: ExecutionMetrics,
    pub deployment_metrics: DeploymentMetrics,
    pub quality_metrics: QualityMetrics,
    pub performance_metrics: PerformanceMetrics,
    pub recent_activity: Vec<Activity>,
    pub dora: Dora,
    /// From 0 to 100.
    pub health_score: Option<u8>,
    /// Against the range before.
    pub comparisons: Vec<Comparison>,
    pub insights: Vec<Insight>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExecutionMetrics {
    pub total_executions: u64,
    pub successful_executions: u64,
    pub failed_executions: u64,
    pub cancelled_executions: u64,
    pub success_rate: Option<f64>,
    /// In seconds, as the one beside it.
    pub average_duration: Option<f64>,
    pub average_duration_seconds: Option<f64>,
    pub test_automation_rate: Option<f64>,
    pub trends: Vec<ExecutionTrend>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExecutionTrend {
    pub date: Date,
    pub executions: u64,
    pub success_rate: Option<f64>,
    /// In seconds, as the one beside it.
    pub avg_duration: Option<f64>,
    pub average_duration_seconds: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeploymentMetrics {
    pub total_deployments: u64,
    pub successful_deployments: u64,
    pub rollbacks: u64,
    /// Successful ones to production, a day.
    pub deployment_frequency: f64,
    /// In minutes, as the one beside it.
    pub lead_time: Option<f64>,
    pub lead_time_minutes: Option<f64>,
    pub trends: Vec<DeploymentTrend>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeploymentTrend {
    pub date: Date,
    pub deployments: u64,
    pub rollbacks: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QualityMetrics {
    pub average_coverage: Option<f64>,
    pub code_quality_score: Option<f64>,
    /// None until scans report what they find: not having looked is not having found nothing.
    pub security_issues: Option<u64>,
    pub quality_trends: Vec<QualityTrend>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QualityTrend {
    pub date: Date,
    pub coverage: Option<f64>,
    pub quality_score: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PerformanceMetrics {
    pub median_duration_seconds: Option<f64>,
    pub p95_duration_seconds: Option<f64>,
    /// On average, from an execution's creation to its start.
    pub queue_time_seconds: Option<f64>,
}

/// One line of what happened last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    pub id: String,
    #[serde(rename = "type")]
    pub type_: ActivityType,
    pub title: String,
    /// The execution's or the deployment's.
    pub status: String,
    /// When it began.
    pub timestamp: Timestamp,
    pub user: String,
    /// In seconds, as the one beside it; left out until it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityType {
    Execution,
    Deployment,
}

impl Dashboard {
    pub fn of(period: &Period, recent_activity: Vec<Activity>) -> Self {
        let (now, then) = (period.current(), period.before());
        let calendar = period.calendar();
        Self {
            time_range: period.range,
            from: period.window.from,
            to: period.window.to,
            execution_metrics: ExecutionMetrics::of(&now, &calendar),
            deployment_metrics: DeploymentMetrics::of(&now, &calendar),
            quality_metrics: QualityMetrics::of(&now, &calendar),
            performance_metrics: PerformanceMetrics::of(&now),
            recent_activity,
            health_score: health_score(&now),
            comparisons: compare(&now, &then),
            insights: insights(&now, &then),
            dora: now.dora,
        }
    }
}

impl ExecutionMetrics {
    fn of(now: &Figures, calendar: &[DayRow]) -> Self {
        Self {
            total_executions: now.total_executions,
            successful_executions: now.successful_executions,
            failed_executions: now.failed_executions,
            cancelled_executions: now.cancelled_executions,
            success_rate: now.success_rate,
            average_duration: now.average_duration_seconds,
            average_duration_seconds: now.average_duration_seconds,
            test_automation_rate: now.test_automation_rate,
            trends: calendar.iter().map(ExecutionTrend::of).collect(),
        }
    }
}

impl ExecutionTrend {
    fn of(day: &DayRow) -> Self {
        let figures = Figures::of(&day.tally, 1);
        Self {
            date: day.date,
            executions: figures.total_executions,
            success_rate: figures.success_rate,
            avg_duration: figures.average_duration_seconds,
            average_duration_seconds: figures.average_duration_seconds,
        }
    }
}

impl DeploymentMetrics {
    fn of(now: &Figures, calendar: &[DayRow]) -> Self {
        let trend = |day: &DayRow| DeploymentTrend {
            date: day.date,
            deployments: day.tally.deployments,
            rollbacks: day.tally.rollbacks,
        };
        Self {
            total_deployments: now.total_deployments,
            successful_deployments: now.successful_deployments,
            rollbacks: now.rollbacks,
            deployment_frequency: now.dora.deployment_frequency,
            lead_time: now.dora.lead_time_for_changes_minutes,
            lead_time_minutes: now.dora.lead_time_for_changes_minutes,
            trends: calendar.iter().map(trend).collect(),
        }
    }
}

impl QualityMetrics {
    fn of(now: &Figures, calendar: &[DayRow]) -> Self {
        let trend = |day: &DayRow| {
            let figures = Figures::of(&day.tally, 1);
            let (coverage, quality_score) = (figures.average_coverage, figures.code_quality_score);
            QualityTrend { date: day.date, coverage, quality_score }
        };
        Self {
            average_coverage: now.average_coverage,
            code_quality_score: now.code_quality_score,
            security_issues: None,
            quality_trends: calendar.iter().map(trend).collect(),
        }
    }
}

impl PerformanceMetrics {
    fn of(now: &Figures) -> Self {
        Self {
            median_duration_seconds: now.median_duration_seconds,
            p95_duration_seconds: now.p95_duration_seconds,
            queue_time_seconds: now.queue_time_seconds,
        }
    }
}
