//! What the figures say is what happened.

use serde_json::json;

use crate::harness::{Installation, Project, one_deployment, one_job, text};

/// What the samples of these pages add up to, of one name and with this label.
fn sum(page: &str, name: &str, label: &str) -> u64 {
    let samples = page.lines().filter(|line| line.starts_with(&format!("{name}{{")) && line.contains(label));
    samples.map(|line| line.rsplit(' ').next().and_then(|n| n.parse::<u64>().ok()).expect("a count")).sum()
}

#[test]
fn every_view_of_the_figures_agrees_with_what_happened() {
    let at = Installation::start();
    let environment = at.environment(&json!({}));
    let fails = Project::in_database(&at, &one_job(&["test \"$FINE\" = yes"]));
    for fine in ["yes", "no"] {
        at.ended(&fails.execute(&json!({ "parameters": { "FINE": fine } })));
    }
    let ships = Project::in_database(&at, &one_deployment(&["test $PENSTOCK_VERSION != bad"]));
    for version in ["1", "bad", "2"] {
        at.ended(&ships.execute(&json!({ "parameters": { "VERSION": version } })));
    }
    let second = at.deployments(&format!("environment_id={environment}&status=deployed"))[0].clone();
    assert_eq!(second["version"], "2");
    let path = format!("/api/v1/deployments/{}/rollback", text(&second["id"]));
    at.api("POST", &path, Some(&json!({ "reason": "it is slow" }))).expect(202);
    assert_eq!(at.taken_back(&second, &environment)["execution"]["status"], "succeeded");
    at.at_rest();

    // Two runs, three deployments, and one that brought the first back.
    let executions = [("total_executions", 6), ("successful_executions", 4), ("failed_executions", 2)];
    let deployments = [("total_deployments", 3), ("successful_deployments", 1), ("rollbacks", 1)];
    let metrics = at.get("/api/v1/metrics?time_range=7d");
    let dashboard = at.get("/api/v1/analytics/dashboard?time_range=7d")["dashboard"].clone();
    for (member, expected) in executions {
        assert_eq!(metrics["summary"][member], expected, "{member}: {:#}", metrics["summary"]);
        assert_eq!(dashboard["execution_metrics"][member], expected, "{member}");
    }
    for (member, expected) in deployments {
        assert_eq!(metrics["summary"][member], expected, "{member}: {:#}", metrics["summary"]);
        assert_eq!(dashboard["deployment_metrics"][member], expected, "{member}");
    }
    let dora = &dashboard["dora"];
    assert_eq!((&dora["changes"], &dora["unrecovered_failures"]), (&json!(3), &json!(0)), "{dora:#}");
    assert_eq!(&metrics["summary"]["dora"], dora);
    assert!(
        dora["change_failure_rate"].as_f64().is_some_and(|rate| (66.0..67.0).contains(&rate)),
        "{dora:#}"
    );
    let one = at.get(&format!("/api/v1/metrics?time_range=24h&pipeline_id={}", fails.pipeline));
    assert_eq!(
        (&one["summary"]["total_executions"], &one["summary"]["total_deployments"]),
        (&json!(2), &json!(0))
    );
    let activity = dashboard["recent_activity"].as_array().expect("activity");
    let of = |kind: &str| activity.iter().filter(|one| one["type"] == kind).count();
    assert_eq!((of("execution"), of("deployment")), (6, 4), "{activity:#?}");

    let page = at.api("GET", "/metrics", None).text();
    let runs = "cicd_pipeline_run_duration_seconds_count";
    assert_eq!(sum(&page, runs, "cicd_pipeline_result=\"success\""), 4, "{page}");
    assert_eq!(sum(&page, runs, "cicd_pipeline_result=\"failure\""), 2, "{page}");
    assert_eq!(sum(&page, runs, &format!("cicd_pipeline_name=\"{}\"", fails.pipeline_name)), 2, "{page}");
    assert_eq!(sum(&page, "cicd_pipeline_run_errors_total", "error_type=\"exit_code\""), 2, "{page}");
    assert_eq!(sum(&page, "cicd_pipeline_run_active", ""), 0, "{page}");
}
