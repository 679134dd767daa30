//! Every refusal is a problem of one shape, and says what to do next.

use serde_json::{Value, json};

use crate::harness::http::{Call, Reply};
use crate::harness::{Installation, Settings, WEBHOOK_SECRET, one_job};

const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

fn installation() -> Installation {
    Installation::with(Settings { runner_slots: 0, webhook_secret: Some(WEBHOOK_SECRET) })
}

/// RFC 9457 with this project's members, and nothing from inside.
#[track_caller]
fn problem(reply: &Reply, status: u16, code: &str) -> Value {
    let problem = reply.expect(status);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{problem}");
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["success"], false);
    assert_eq!(problem["status"], status);
    assert_eq!(problem["error"], problem["title"]);
    for member in ["type", "title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
    }
    let text = problem.to_string();
    for inside in ["SELECT", "sqlite", "panicked", ".rs:", "RUST_BACKTRACE"] {
        assert!(!text.contains(inside), "{inside}: {text}");
    }
    problem
}

#[test]
fn nothing_of_the_api_is_told_to_whoever_has_no_token() {
    let at = installation();
    let wrong = ["", "Bearer", "Bearer ", "Bearer x", "Basic YWRtaW46YWRtaW4=", "bearer\tx"];
    for (method, path) in [
        ("GET", "/api/v1/pipelines"),
        ("POST", "/api/v1/pipelines"),
        ("GET", "/api/v1/executions"),
        ("GET", &*format!("/api/v1/executions/{NOBODY}")),
        ("POST", &*format!("/api/v1/executions/{NOBODY}/cancel")),
        ("GET", &*format!("/api/v1/executions/{NOBODY}/logs?follow=true")),
        ("GET", "/api/v1/runners"),
        // Not even what there is.
        ("GET", "/api/v1/nothing/of/the/kind"),
        ("DELETE", "/api/v1/executions"),
    ] {
        let none = at.send(&Call { method, path, headers: vec![], body: &[] });
        problem(&none, 401, "unauthorized");
        assert_eq!(none.header("www-authenticate"), Some("Bearer"));
        for given in wrong {
            let headers = vec![("authorization", given.to_owned())];
            problem(&at.send(&Call { method, path, headers, body: &[] }), 401, "unauthorized");
        }
    }
    for path in ["/api/v1/runners", &format!("/api/v1/jobs/{NOBODY}/heartbeat"), "/internal/tick"] {
        let headers = vec![("authorization", "Bearer x".to_owned())];
        problem(&at.send(&Call { method: "POST", path, headers, body: b"{}" }), 401, "unauthorized");
    }
}

#[test]
fn what_is_not_there_is_404_and_what_takes_another_method_is_405() {
    let at = installation();
    let by_id = ["", "/status", "/logs", "/events"].map(|more| format!("/api/v1/executions/{NOBODY}{more}"));
    for path in by_id.iter().map(String::as_str).chain([
        "/api/v1/executions/not-an-id",
        &format!("/api/v1/pipelines/{NOBODY}"),
        &format!("/api/v1/pipelines/{NOBODY}/executions"),
        "/api/v1/nothing",
        &format!("/executions/{NOBODY}"),
        "/status/no/body",
        "/badge/no/body.svg",
        "/hooks/nowhere",
        "/hooks",
    ]) {
        problem(&at.api("GET", path, None), 404, "not_found");
    }
    for action in ["cancel", "retry", "approve"] {
        let path = format!("/api/v1/executions/{NOBODY}/{action}");
        problem(&at.api("POST", &path, Some(&json!({}))), 404, "not_found");
    }
    for (method, path) in [
        ("DELETE", "/api/v1/executions"),
        ("PATCH", "/api/v1/pipelines"),
        ("POST", "/healthz"),
        ("GET", "/hooks/github"),
        ("GET", "/internal/tick"),
    ] {
        problem(&at.api(method, path, None), 405, "method_not_allowed");
    }
}

#[test]
fn no_internal_route_but_the_tick_is_reached_from_outside() {
    let at = installation();
    for path in [
        "/internal/executions",
        "/internal/runners",
        "/internal/statuses",
        "/internal/files",
        "/internal/deliveries",
        &format!("/internal/executions/{NOBODY}/release"),
        "/internal/tick/",
        "/api/v1/../../internal/executions",
    ] {
        for host in ["", "scheduler.spin.internal", "forge.spin.internal"] {
            let headers = if host.is_empty() { vec![] } else { vec![("x-forwarded-host", host.to_owned())] };
            let reply = at.send(&Call { method: "POST", path, headers, body: b"{}" });
            assert!(matches!(reply.status(), 400 | 401 | 404), "{path}: {} {}", reply.status(), reply.text());
        }
    }
}

#[test]
fn a_body_that_is_no_json_or_not_the_right_one_is_refused_with_its_place() {
    let at = installation();
    let post = |kind: &str, body: &str| {
        at.call("POST", "/api/v1/pipelines", &[("content-type", kind)], body.as_bytes())
    };
    let bad = problem(&post("application/json", "{\n  \"pipeline_name\": }"), 400, "invalid_json");
    assert_eq!((&bad["errors"][0]["line"], &bad["errors"][0]["column"]), (&json!(2), &json!(20)), "{bad}");
    problem(&post("application/json", "{\"pipeline_name\": 7}"), 400, "invalid_input");
    problem(&post("application/json", "{\"no_such_member\": 7}"), 400, "invalid_input");
    problem(&post("application/json", ""), 400, "invalid_input");
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml"] {
        problem(&post(kind, "{}"), 415, "unsupported_media_type");
    }
    let large = format!("{{\"definition\": \"{}\"}}", "x".repeat(1024 * 1024));
    problem(&post("application/json", &large), 413, "body_too_large");
}

#[test]
fn everything_wrong_with_a_pipeline_is_told_at_once_each_with_its_pointer() {
    let at = installation();
    let wanted = json!({
        "pipeline_name": " ",
        "repository_url": "/etc/passwd",
        "branch_patterns": ["main", "[z-a"],
        "max_concurrent_executions": 0,
        "definition": "stages: []",
    });
    let refused = problem(&at.api("POST", "/api/v1/pipelines", Some(&wanted)), 400, "invalid_input");
    let errors = refused["errors"].as_array().expect("errors");
    let mut pointers: Vec<_> = errors.iter().filter_map(|error| error["pointer"].as_str()).collect();
    pointers.sort_unstable();
    pointers.dedup();
    let expected = [
        "/branch_patterns/1",
        "/definition",
        "/max_concurrent_executions",
        "/pipeline_name",
        "/repository_url",
    ];
    assert_eq!(pointers, expected, "{refused:#}");

    let good = json!({
        "pipeline_name": "one",
        "repository_url": "https://example.com/a/b.git",
        "definition": one_job(&["true"]),
    });
    let mut none = good.clone();
    none["branch_patterns"] = json!(["!main"]);
    let refused = problem(&at.api("POST", "/api/v1/pipelines", Some(&none)), 400, "invalid_input");
    assert_eq!(refused["errors"][0]["pointer"], "/branch_patterns", "nothing would ever fit");
    at.api("POST", "/api/v1/pipelines", Some(&good)).expect(201);
    problem(&at.api("POST", "/api/v1/pipelines", Some(&good)), 409, "pipeline_name_taken");
    let listed = at.get("/api/v1/pipelines");
    assert_eq!((&listed["summary"]["total"], &listed["next"]), (&json!(1), &json!(null)));
}

#[test]
fn a_run_that_can_not_be_started_by_hand_says_why() {
    let at = installation();
    let wanted = json!({ "pipeline_name": "one", "repository_url": "https://example.com/a/b.git" });
    let made = at.api("POST", "/api/v1/pipelines", Some(&wanted)).expect(201);
    let path = format!("/api/v1/pipelines/{}/execute", made["pipeline"]["id"].as_str().expect("an id"));
    let execute = |body: Value| at.api("POST", &path, Some(&body));
    // Its file lies in a repository of which no forge is known.
    problem(&execute(json!({ "commit_sha": "a".repeat(40) })), 422, "execution_refused");
    problem(&execute(json!({ "commit_sha": "main" })), 400, "invalid_input");
    problem(&execute(json!({ "branch": "" })), 400, "invalid_input");
    let wrong = problem(&execute(json!({ "parameters": { "A B": 1, "C": {} } })), 400, "invalid_input");
    assert_eq!(wrong["errors"].as_array().map(Vec::len), Some(2), "{wrong}");
    assert_eq!(at.database().count("pipeline_executions"), 0);
}

#[test]
fn what_this_version_does_not_do_yet_is_refused_by_name() {
    let at = installation();
    for (method, path) in [
        ("GET", &*format!("/api/v1/executions/{NOBODY}/artifacts")),
        ("GET", "/api/v1/pipelines/templates"),
        ("POST", "/api/v1/pipelines/import"),
    ] {
        problem(&at.api(method, path, None), 501, "not_supported_yet");
    }
}
