//! Whether it lives, whether it serves, what it offers, and how it ends.

use std::os::unix::fs::PermissionsExt;

use crate::harness::http::Call;
use crate::harness::{Installation, Project, Settings, one_job};

#[test]
fn it_says_that_it_lives_that_it_serves_and_what_it_offers_to_everyone() {
    let at = Installation::with(Settings { runner_slots: 0, ..Settings::default() });
    let get = |path: &str| {
        let reply = at.send(&Call { method: "GET", path, headers: vec![], body: &[] });
        assert!(reply.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
        reply.expect(200)
    };
    assert_eq!(get("/healthz")["success"], true);
    assert_eq!(get("/readyz")["success"], true);
    let description = get("/openapi.json");
    assert!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.")));
    for path in ["/api/v1/pipelines", "/api/v1/executions", "/hooks/github", "/healthz"] {
        assert!(description["paths"][path].is_object(), "{path} is not described");
    }
    let schema = get("/schema/pipeline.json");
    assert_eq!(schema["$id"], "/schema/pipeline.json");
    assert!(schema["properties"]["stages"].is_object(), "stages are not described");
    let head = at.send(&Call { method: "HEAD", path: "/healthz", headers: vec![], body: &[] });
    assert_eq!((head.status(), head.body.len()), (200, 0));
}

#[test]
fn its_secrets_are_its_own_and_no_call_names_them() {
    let at = Installation::start();
    let secrets = at.data().join("secrets.env");
    let mode = std::fs::metadata(&secrets).expect("it keeps its secrets").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let project = Project::new(&at, &one_job(&["env", "set"]));
    let id = project.run();
    at.ended(&id);
    let told = [at.log(&id), at.execution(&id).to_string(), at.get("/api/v1/runners").to_string()].concat();
    let kept = std::fs::read_to_string(secrets).expect("secrets can be read by their owner");
    let values = kept.lines().filter_map(|line| line.split_once('=')).map(|(_, value)| value);
    for secret in values.filter(|value| !value.is_empty()) {
        assert!(!told.contains(secret), "a secret was told");
    }
    for name in ["SPIN_VARIABLE", "the-forge's-token"] {
        assert!(!told.contains(name), "{name} reached a step");
    }
}

#[test]
fn asked_to_end_it_ends_with_0_once_what_runs_has_been_told() {
    let at = Installation::start();
    let idle = at.terminate();
    assert_eq!(idle.code(), Some(0));
    at.restart();
    at.wait_for_runner("local");

    let project = Project::new(&at, &one_job(&["echo begun", "sleep 1", "echo done"]));
    let id = project.run();
    at.wait_for_execution(&id, "to begin", |seen| seen["stages"][0]["jobs"][0]["status"] == "running");
    let busy = at.terminate();
    assert_eq!(busy.code(), Some(0));
    at.restart();
    // The job had its grace.
    assert_eq!(at.ended(&id)["execution"]["status"], "succeeded");
    at.at_rest();
}
