//! The shapes of figures, which have their types in a crate that knows nothing of schemas.
//!
//! Descriptions only: nothing is ever made of them. A test of the component that answers figures holds its answers
//! against them.
#![expect(dead_code, reason = "their fields are read by the derive alone")]

use schemars::JsonSchema;

use crate::schema::{Id, Time};

/// One day. Rates are percent, from 0 to 100; null is: no data.
#[derive(JsonSchema)]
pub struct DailyMetrics {
    #[schemars(extend("format" = "date"))]
    metric_date: String,
    /// Null: all pipelines together.
    pipeline_id: Option<Id>,
    total_executions: u64,
    successful_executions: u64,
    failed_executions: u64,
    cancelled_executions: u64,
    average_duration_minutes: Option<f64>,
    median_duration_minutes: Option<f64>,
    success_rate: Option<f64>,
    total_deployments: u64,
    successful_deployments: u64,
    rollback_count: u64,
    mean_time_to_recovery_minutes: Option<f64>,
    lead_time_minutes: Option<f64>,
    deployment_frequency: f64,
    change_failure_rate: Option<f64>,
    test_automation_rate: Option<f64>,
    average_coverage: Option<f64>,
    code_quality_score: Option<f64>,
}

/// One figure in this range and in the one before it.
#[derive(JsonSchema)]
pub struct Comparison {
    /// As it is spelled in the summary.
    metric: String,
    current: Option<f64>,
    previous: Option<f64>,
    /// Of the previous value; null where there is none, or it is 0.
    change_percent: Option<f64>,
    /// Null where one of the two has no data, and for what is neither good nor bad.
    verdict: Option<Verdict>,
}

#[derive(JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Better,
    Worse,
    Same,
}

/// What stands out, in a sentence.
#[derive(JsonSchema)]
pub struct Insight {
    /// Stable and snake_case.
    rule: String,
    severity: Severity,
    text: String,
}

#[derive(JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
enum Severity {
    Warning,
    Info,
    Good,
}

/// The figures of a range. Rates are percent, from 0 to 100; null is: no data.
#[derive(JsonSchema)]
pub struct Summary {
    time_range: TimeRange,
    from: Time,
    to: Time,
    /// Null: all pipelines together.
    pipeline_id: Option<Id>,
    total_executions: u64,
    successful_executions: u64,
    failed_executions: u64,
    cancelled_executions: u64,
    success_rate: Option<f64>,
    average_duration_seconds: Option<f64>,
    median_duration_seconds: Option<f64>,
    p95_duration_seconds: Option<f64>,
    /// On average, from an execution's creation to its start.
    queue_time_seconds: Option<f64>,
    total_deployments: u64,
    successful_deployments: u64,
    rollbacks: u64,
    test_automation_rate: Option<f64>,
    average_coverage: Option<f64>,
    code_quality_score: Option<f64>,
    dora: Dora,
    /// From 0 to 100.
    health_score: Option<u8>,
}

#[derive(JsonSchema)]
#[schemars(inline)]
enum TimeRange {
    #[serde(rename = "24h")]
    Hours24,
    #[serde(rename = "7d")]
    Days7,
    #[serde(rename = "30d")]
    Days30,
    #[serde(rename = "90d")]
    Days90,
}

/// Of deployments to production. Members without a unit in their name are in the unit of the one beside them.
#[derive(JsonSchema)]
pub struct Dora {
    /// Deployments to production that have ended and are no rollbacks: what the rate of failures is of.
    changes: u64,
    /// Changes that did not fail, a day.
    deployment_frequency: f64,
    lead_time_for_changes: Option<f64>,
    lead_time_for_changes_minutes: Option<f64>,
    change_failure_rate: Option<f64>,
    mean_time_to_recovery: Option<f64>,
    mean_time_to_recovery_minutes: Option<f64>,
    /// Failed changes that nothing has succeeded after; they are not in the mean.
    unrecovered_failures: u64,
    test_automation_rate: Option<f64>,
}

#[derive(JsonSchema)]
pub struct Dashboard {
    time_range: TimeRange,
    from: Time,
    to: Time,
    execution_metrics: ExecutionMetrics,
    deployment_metrics: DeploymentMetrics,
    quality_metrics: QualityMetrics,
    performance_metrics: PerformanceMetrics,
    /// At most 20, newest first.
    recent_activity: Vec<Activity>,
    dora: Dora,
    /// From 0 to 100.
    health_score: Option<u8>,
    /// Against the range before.
    comparisons: Vec<Comparison>,
    /// Warnings first.
    insights: Vec<Insight>,
}

#[derive(JsonSchema)]
pub struct ExecutionMetrics {
    total_executions: u64,
    successful_executions: u64,
    failed_executions: u64,
    cancelled_executions: u64,
    success_rate: Option<f64>,
    /// In seconds, as the one beside it.
    average_duration: Option<f64>,
    average_duration_seconds: Option<f64>,
    test_automation_rate: Option<f64>,
    /// One for each day, oldest first.
    trends: Vec<ExecutionTrend>,
}

#[derive(JsonSchema)]
pub struct ExecutionTrend {
    #[schemars(extend("format" = "date"))]
    date: String,
    executions: u64,
    success_rate: Option<f64>,
    /// In seconds, as the one beside it.
    avg_duration: Option<f64>,
    average_duration_seconds: Option<f64>,
}

#[derive(JsonSchema)]
pub struct DeploymentMetrics {
    total_deployments: u64,
    successful_deployments: u64,
    rollbacks: u64,
    /// Successful ones to production, a day.
    deployment_frequency: f64,
    /// In minutes, as the one beside it.
    lead_time: Option<f64>,
    lead_time_minutes: Option<f64>,
    /// One for each day, oldest first.
    trends: Vec<DeploymentTrend>,
}

#[derive(JsonSchema)]
pub struct DeploymentTrend {
    #[schemars(extend("format" = "date"))]
    date: String,
    deployments: u64,
    rollbacks: u64,
}

#[derive(JsonSchema)]
pub struct QualityMetrics {
    average_coverage: Option<f64>,
    code_quality_score: Option<f64>,
    /// Null until scans report what they find.
    security_issues: Option<u64>,
    /// One for each day, oldest first.
    quality_trends: Vec<QualityTrend>,
}

#[derive(JsonSchema)]
pub struct QualityTrend {
    #[schemars(extend("format" = "date"))]
    date: String,
    coverage: Option<f64>,
    quality_score: Option<f64>,
}

#[derive(JsonSchema)]
pub struct PerformanceMetrics {
    median_duration_seconds: Option<f64>,
    p95_duration_seconds: Option<f64>,
    /// On average, from an execution's creation to its start.
    queue_time_seconds: Option<f64>,
}

/// One line of what happened last.
#[derive(JsonSchema)]
pub struct Activity {
    id: Id,
    r#type: ActivityType,
    title: String,
    /// The execution's or the deployment's.
    status: String,
    /// When it began.
    timestamp: Time,
    user: String,
    /// In seconds, as the one beside it; left out until it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<f64>,
}

#[derive(JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
enum ActivityType {
    Execution,
    Deployment,
}
