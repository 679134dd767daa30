//! Looking at what reports say.

use serde_json::json;

use crate::platform::{EXECUTION, NOBODY, World};

fn path(query: &str) -> String {
    format!("/api/v1/executions/{EXECUTION}/test-results{query}")
}

/// A report of one suite for each name, all with one test that passed and one that failed.
fn with_reports(names: &[&str]) -> World {
    let at = World::new();
    for name in names {
        at.leased(1);
        let xml = format!(
            "<testsuite name='{name}'><testcase name='a'/><testcase name='b'><failure message='m'/></testcase></testsuite>"
        );
        let answer = at.hand_in(&format!("type=junit&path={name}"), xml);
        assert_eq!(answer.status, 201);
    }
    at
}

#[test]
fn results_are_listed_with_the_sums_of_all_of_them() {
    let at = with_reports(&["one", "two", "three"]);
    let answer = at.get(&path("?limit=2"), "viewer");
    assert_eq!(answer.status, 200);
    let shown: Vec<_> =
        answer.json["test_results"].as_array().unwrap().iter().map(|row| &row["test_suite"]).collect();
    assert_eq!(shown, ["one", "two"]);
    let first = &answer.json["test_results"][0];
    assert_eq!(first["failed_test_details"][0]["message"], "m");
    assert_eq!((&first["stage_name"], &first["job_name"]), (&json!("test"), &json!("unit")));
    let summary = json!({
        "total": 6, "passed": 3, "failed": 3, "skipped": 0, "success_rate": 50.0, "coverage_percentage": null,
        "flaky": 0,
    });
    assert_eq!(answer.json["summary"], summary, "of the page behind as well");
    let next = answer.json["next"].as_str().unwrap();
    let rest = at.get(&path(&format!("?limit=2&after={next}")), "viewer");
    assert_eq!(rest.json["test_results"][0]["test_suite"], "three");
    assert!(rest.json["next"].is_null());
}

#[test]
fn an_earlier_attempts_results_are_shown_when_asked_for() {
    let at = with_reports(&["one"]);
    at.run("UPDATE jobs SET attempt = 2");
    let count = |query: &str| at.get(&path(query), "viewer").json["test_results"].as_array().unwrap().len();
    assert_eq!((count(""), count("?superseded=false"), count("?superseded=true")), (0, 0, 1));
    let shown = at.get(&path("?superseded=true"), "viewer").json;
    assert_eq!(
        (&shown["test_results"][0]["superseded"], &shown["summary"]["total"]),
        (&json!(true), &json!(0))
    );
}

#[test]
fn who_may_look_is_asked_and_what_is_asked_for_is_checked() {
    let at = with_reports(&["one"]);
    for token in ["", "nobody"] {
        assert_eq!(at.get(&path(""), token).refusal(), (401, "unauthorized"), "{token}");
        assert_eq!(at.get("/api/v1/quality-gates/elsewhere", token).refusal(), (401, "unauthorized"));
    }
    assert_eq!(at.get("/api/v1/quality-gates/elsewhere", "viewer").refusal(), (404, "not_found"));
    let unknown = format!("/api/v1/executions/{NOBODY}/test-results");
    assert_eq!(at.get(&unknown, "viewer").refusal(), (404, "not_found"));
    for query in ["?test_type=smoke", "?limit=0", "?limit=201", "?after=x", "?superseded=perhaps"] {
        assert_eq!(at.get(&path(query), "viewer").refusal(), (400, "invalid_parameter"), "{query}");
    }
    let of = |test_type: &str| {
        at.get(&path(&format!("?test_type={test_type}")), "viewer").json["summary"]["total"].clone()
    };
    assert_eq!((of("unit"), of("e2e")), (json!(2), json!(0)));
}
