//! The figures of what happened: those of DORA, and the health that they come to.

use anyhow::Result;
use serde_json::Value;

use crate::api::Api;

const PATH: &str = "/api/v1/analytics/dashboard?time_range=24h";

/// Shows them, and gives what is not as it should be after one change that stayed and one that was taken back.
///
/// # Errors
/// Where the server does not tell them.
pub fn show(api: &Api) -> Result<Vec<String>> {
    let dashboard = api.get(PATH)?["dashboard"].take();
    let (dora, deployments) = (&dashboard["dora"], &dashboard["deployment_metrics"]);
    let changes = format!(
        "{} ({} succeeded), and {} rolled back",
        dora["changes"], deployments["successful_deployments"], deployments["rollbacks"]
    );
    line("deployments", &changes);
    line("lead time for changes", &minutes(&dora["lead_time_for_changes_minutes"]));
    line("change failure rate", &with_unit(&dora["change_failure_rate"], "%"));
    line("time to recovery", &minutes(&dora["mean_time_to_recovery_minutes"]));
    line("coverage", &with_unit(&dashboard["quality_metrics"]["average_coverage"], "%"));
    line("health score", &with_unit(&dashboard["health_score"], "of 100"));
    let expected = [("changes", 2.0), ("change_failure_rate", 50.0), ("unrecovered_failures", 0.0)];
    let wrong = expected.iter().filter(|(name, value)| dora[name].as_f64() != Some(*value));
    Ok(wrong.map(|(name, value)| format!("{name} should be {value} and is {}", dora[name])).collect())
}

fn line(name: &str, value: &str) {
    println!("  {name:<22} {value}");
}

/// The server tells hundredths of a minute.
fn minutes(value: &Value) -> String {
    match value.as_f64() {
        None => "not known".to_owned(),
        Some(minutes) if minutes < 0.01 => "less than 0.01 minutes".to_owned(),
        Some(minutes) => format!("{minutes:.2} minutes"),
    }
}

fn with_unit(value: &Value, unit: &str) -> String {
    value.as_f64().map_or_else(|| "not known".to_owned(), |value| format!("{value:.0} {unit}"))
}
