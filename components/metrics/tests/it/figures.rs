//! What is answered, and to whom.

use serde_json::json;

use crate::platform::{Native, VIEWER};

const NOW: &str = "2024-07-20T12:00:00.000Z";
pub const WEB: &str = "01900000-0000-7000-8000-000000000001";
const API: &str = "01900000-0000-7000-8000-000000000002";

/// Two pipelines: `web` with executions today, yesterday and twelve days ago, and a rollback in production; `api`
/// with none but one that is running.
pub fn installation() -> Native {
    let native = Native::new(NOW.parse().unwrap());
    let sql = format!(
        "INSERT INTO pipeline_configurations (id, pipeline_name, pipeline_type, repository_url, repository_key,
           created_by, created_at, updated_at)
         VALUES ('{WEB}', 'web', 'deploy', '', '', 'ada', '{NOW}', '{NOW}'), ('{API}', 'api', 'build', '', '', 'ada', '{NOW}', '{NOW}');
         INSERT INTO pipeline_executions (id, pipeline_id, execution_number, branch_name, trigger_event, context,
           timeout_ms, commit_author, status, reason, created_at, started_at, completed_at, duration_seconds) VALUES
           ('x1', '{WEB}', 1, 'main', 'push', '{{}}', 1, 'ada', 'succeeded', NULL, '2024-07-08T09:00:00.000Z', '2024-07-08T09:00:10.000Z', '2024-07-08T09:01:10.000Z', 60.0),
           ('x2', '{WEB}', 2, 'main', 'push', '{{}}', 1, 'ada', 'succeeded', NULL, '2024-07-19T09:00:00.000Z', '2024-07-19T09:00:00.000Z', '2024-07-19T09:01:00.000Z', 60.0),
           ('x3', '{WEB}', 3, 'main', 'push', '{{}}', 1, 'ada', 'failed', 'exit_code', '2024-07-20T09:00:00.000Z', '2024-07-20T09:00:00.000Z', '2024-07-20T09:00:30.000Z', 30.0),
           ('x4', '{API}', 1, 'main', 'push', '{{}}', 1, 'ada', 'running', NULL, '2024-07-20T11:00:00.000Z', '2024-07-20T11:00:00.000Z', NULL, NULL);
         INSERT INTO pipeline_stages (id, execution_id, stage_name, stage_type, stage_order, status, jobs_total, created_at)
         SELECT 's' || value, 'x2', 's' || value, 'deploy', value, 'succeeded', 1, '{NOW}' FROM json_each('[0, 1, 2, 3]');
         INSERT INTO jobs (id, execution_id, stage_id, job_name, job_order, runs_on, spec, status, attempt, created_at)
         VALUES ('j', 'x2', 's0', 'j', 0, '[]', '{{}}', 'succeeded', 2, '{NOW}');
         INSERT INTO test_results (id, execution_id, stage_id, job_id, attempt, format, report_path, suite_order,
           test_suite, test_type, total_tests, passed_tests, failed_tests, skipped_tests, coverage_percentage, created_at) VALUES
           ('t1', 'x2', 's0', 'j', 1, 'junit', 'r', 0, 's', 'unit', 10, 0, 10, 0, NULL, '{NOW}'),
           ('t2', 'x2', 's0', 'j', 2, 'junit', 'r', 0, 's', 'unit', 10, 9, 1, 0, NULL, '{NOW}'),
           ('t3', 'x2', 's0', 'j', 2, 'lcov', 'c', 0, 's', 'unit', 0, 0, 0, 0, 81.5, '{NOW}');
         INSERT INTO deployment_environments (id, environment_name, environment_type, created_by, created_at, updated_at)
         VALUES ('e', 'live', 'production', 'ada', '{NOW}', '{NOW}');
         INSERT INTO deployments (id, execution_id, stage_id, pipeline_id, environment_id, deployment_strategy, version,
           commit_at, rollback_of, status, initiated_at, started_at, completed_at, duration_seconds, deployed_by, created_at) VALUES
           ('d1', 'x2', 's1', '{WEB}', 'e', 'rolling', '1.1', '2024-07-19T08:00:00.000Z', NULL, 'deployed', '2024-07-19T10:00:00.000Z', '2024-07-19T10:00:00.000Z', '2024-07-19T10:00:00.000Z', 5.0, 'ada', '{NOW}'),
           ('d2', 'x2', 's2', '{WEB}', 'e', 'rolling', '1.2', NULL, NULL, 'rolled_back', '2024-07-20T10:00:00.000Z', '2024-07-20T10:00:00.000Z', '2024-07-20T10:00:00.000Z', 5.0, 'ada', '{NOW}'),
           ('d3', 'x2', 's3', '{WEB}', 'e', 'rolling', '1.1', NULL, 'd2', 'deployed', '2024-07-20T10:30:00.000Z', '2024-07-20T10:30:00.000Z', '2024-07-20T10:30:00.000Z', 5.0, NULL, '{NOW}');"
    );
    native.database.raw().execute_batch(&sql).unwrap();
    native
}

#[test]
fn the_dashboard_has_every_member_that_a_page_asks_for() {
    let answer = installation().get("/api/v1/analytics/dashboard");
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"));
    let body = answer.json();
    assert_eq!(body["success"], true);
    let dashboard = &body["dashboard"];
    assert_eq!(dashboard["time_range"], "7d");
    let executions = &dashboard["execution_metrics"];
    assert_eq!((&executions["total_executions"], &executions["success_rate"]), (&json!(2), &json!(50.0)));
    assert_eq!(
        (&executions["average_duration"], &executions["average_duration_seconds"]),
        (&json!(45.0), &json!(45.0))
    );
    assert_eq!(executions["trends"].as_array().unwrap().len(), 7);
    assert_eq!(executions["trends"][6]["date"], "2024-07-20");
    let deployments = &dashboard["deployment_metrics"];
    assert_eq!((&deployments["total_deployments"], &deployments["rollbacks"]), (&json!(2), &json!(1)));
    let dora = &dashboard["dora"];
    assert_eq!((&dora["lead_time_for_changes"], &dora["change_failure_rate"]), (&json!(120.0), &json!(50.0)));
    assert_eq!((&dora["mean_time_to_recovery"], &dora["unrecovered_failures"]), (&json!(30.0), &json!(0)));
    let quality = &dashboard["quality_metrics"];
    assert_eq!((&quality["average_coverage"], &quality["code_quality_score"]), (&json!(81.5), &json!(90.0)));
    assert!(quality["security_issues"].is_null() && quality["quality_trends"].is_array());
    let recent = &dashboard["recent_activity"];
    assert_eq!((recent.as_array().unwrap().len(), &recent[0]["title"]), (7, &json!("api #1 on main")));
    assert_eq!(recent[1]["title"], "Rollback of web 1.1 in live");
    assert_eq!((&recent[1]["user"], &recent[1]["duration"]), (&json!("system"), &json!(5.0)));
    assert!(recent[0].get("duration").is_none(), "it still runs");
    assert_eq!(dashboard["health_score"], 61);
}

#[test]
fn a_pipeline_s_metrics_are_its_own() {
    let native = installation();
    let web = native.get(&format!("/api/v1/metrics?pipeline_id={WEB}&time_range=30d")).json();
    assert_eq!(
        (web["metrics"].as_array().unwrap().len(), &web["metrics"][29]["metric_date"]),
        (30, &json!("2024-07-20"))
    );
    assert!(web["metrics"].as_array().unwrap().iter().all(|day| day["pipeline_id"] == WEB));
    assert_eq!(web["metrics"][17]["median_duration_minutes"], 1.0);
    assert_eq!(
        (&web["summary"]["total_executions"], &web["summary"]["time_range"]),
        (&json!(3), &json!("30d"))
    );
    assert!(web["trends"].as_array().unwrap().iter().any(|t| t["metric"] == "success_rate"));
    assert!(web["insights"].is_array());
    let api = native.get(&format!("/api/v1/metrics?pipeline_id={API}")).json();
    assert_eq!(
        (&api["summary"]["total_executions"], &api["insights"][0]["rule"]),
        (&json!(0), &json!("nothing_finished"))
    );
    let all = native.get("/api/v1/metrics?time_range=24h").json();
    assert_eq!(
        (&all["summary"]["total_executions"], &all["summary"]["success_rate"]),
        (&json!(1), &json!(0.0))
    );
}

#[test]
fn a_scrape_tells_what_ended_and_what_runs() {
    let answer = installation().get("/metrics");
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "text/plain; version=0.0.4"));
    for line in [
        "cicd_pipeline_run_duration_seconds_count{cicd_pipeline_name=\"web\",cicd_pipeline_run_state=\"executing\",cicd_pipeline_result=\"success\"} 2",
        "cicd_pipeline_run_duration_seconds_sum{cicd_pipeline_name=\"web\",cicd_pipeline_run_state=\"executing\",cicd_pipeline_result=\"success\"} 120",
        "cicd_pipeline_run_active{cicd_pipeline_name=\"api\",cicd_pipeline_run_state=\"executing\"} 1",
        "cicd_pipeline_run_errors_total{cicd_pipeline_name=\"web\",error_type=\"exit_code\"} 1",
        "cicd_worker_count{cicd_worker_state=\"available\"} 0",
    ] {
        assert!(answer.text.lines().any(|l| l == line), "{line}\nis not in\n{}", answer.text);
    }
}

#[test]
fn an_answer_is_good_for_a_second_and_no_longer() {
    let native = installation();
    let total = || {
        native.get("/api/v1/analytics/dashboard?time_range=24h").json()["dashboard"]["execution_metrics"]["total_executions"].clone()
    };
    assert_eq!(total(), 1);
    let sql =
        "UPDATE pipeline_executions SET status = 'succeeded', completed_at = '2024-07-20T12:00:00.000Z',
      duration_seconds = 1.0 WHERE id = 'x4'";
    native.database.raw().execute(sql, []).unwrap();
    native.now.set(native.now.get() + 999);
    assert_eq!(total(), 1);
    native.now.set(native.now.get() + 1);
    assert_eq!(total(), 2);
}

#[test]
fn what_cannot_be_answered_is_refused_with_what_to_do() {
    let native = installation();
    for (path, status, code) in [
        ("/api/v1/metrics?time_range=1y", 400, "invalid_parameter"),
        ("/api/v1/analytics/dashboard?time_range=7D", 400, "invalid_parameter"),
        ("/api/v1/metrics?pipeline_id=web", 404, "not_found"),
        ("/api/v1/metrics?pipeline_id=01900000-0000-7000-8000-000000000009", 404, "not_found"),
        ("/api/v1/analytics/nothing", 404, "not_found"),
    ] {
        let answer = native.get(path);
        assert_eq!((answer.status, answer.json()["code"].as_str().unwrap()), (status, code), "{path}");
        assert_eq!(answer.content_type, "application/problem+json");
    }
    assert!(native.get("/api/v1/metrics?time_range=1y").text.contains("24h, 7d, 30d, 90d"));
    assert_eq!(native.ask("POST", "/metrics", Some(VIEWER)).status, 405);
}

#[test]
fn nobody_reads_figures_without_a_token_that_is_good_now() {
    let native = installation();
    native.admit("was", Some("revoked_at"));
    native.admit("then", Some("expires_at"));
    for path in [
        "/api/v1/metrics",
        "/api/v1/analytics/dashboard",
        "/metrics",
        "/api/v1/metrics?time_range=1y",
        "/other",
    ] {
        let unknown = ["Basic YTpi", "Bearer ", "Bearer unknown", "Bearer was", "Bearer then"];
        for authorization in unknown.into_iter().map(Some).chain([None]) {
            assert_eq!(native.ask("GET", path, authorization).status, 401, "{path} by {authorization:?}");
        }
    }
}
