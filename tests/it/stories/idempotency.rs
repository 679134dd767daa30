//! The same key gives the same answer, and does the work once.

use serde_json::{Value, json};

use crate::harness::database::Database;
use crate::harness::http::Reply;
use crate::harness::{Installation, Project, Settings, one_job};

#[test]
fn a_request_sent_again_under_its_key_is_answered_again_and_done_once() {
    let at = Installation::with(Settings { runner_slots: 0, ..Settings::default() });
    let create = |key: &str, name: &str| {
        let wanted = json!({
            "pipeline_name": name,
            "repository_url": "https://example.com/a/b.git",
            "definition": one_job(&["true"]),
        });
        at.call("POST", "/api/v1/pipelines", &[("idempotency-key", key)], wanted.to_string().as_bytes())
    };
    let first = create("key-1", "one").expect(201);
    let second = create("key-1", "one");
    assert_eq!(second.header("idempotent-replayed"), Some("true"));
    assert_eq!(second.expect(201), first);
    let other = create("key-1", "two").expect(422);
    assert_eq!(other["code"], "idempotency_key_reused");
    // A refusal has changed nothing, so the key is free for the mended request.
    create("key-2", "one").expect(409);
    create("key-2", "two").expect(201);
    for bad in ["", &"k".repeat(256)] {
        assert_eq!(create(bad, "three").expect(400)["code"], "invalid_idempotency_key");
    }
    assert_eq!(at.get("/api/v1/pipelines")["summary"]["total"], 2);

    let path = format!("/api/v1/pipelines/{}/execute", first["pipeline"]["id"].as_str().expect("an id"));
    let execute = || at.call("POST", &path, &[("idempotency-key", "key-3")], b"{}");
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..6).map(|_| scope.spawn(execute)).collect();
        all.into_iter().map(|one| one.join().expect("it is answered")).collect()
    });
    for reply in replies.iter().filter(|reply| reply.status() != 201) {
        assert_eq!(reply.expect(409)["code"], "request_under_way");
        assert!(reply.header("retry-after").is_some());
    }
    let id = execute().expect(201)["execution"]["id"].clone();
    let made = replies
        .iter()
        .filter(|reply| reply.status() == 201)
        .map(|reply| reply.json()["execution"]["id"].clone());
    assert!(made.into_iter().all(|one: Value| one == id));
    assert_eq!(at.database().count("pipeline_executions"), 1);
}

#[test]
fn a_key_is_remembered_by_a_server_that_was_killed_after_its_answer() {
    let at = Installation::with(Settings { runner_slots: 0, ..Settings::default() });
    let project = Project::in_database(&at, &one_job(&["true"]));
    let path = format!("/api/v1/pipelines/{}/execute", project.pipeline);
    let execute = || at.call("POST", &path, &[("idempotency-key", "once")], b"{}").expect(201);
    let before = execute();
    at.kill9();
    at.restart();
    assert_eq!(execute(), before);
    assert_eq!(project.executions().len(), 1);
}

#[test]
fn who_sends_again_what_was_made_and_never_answered_gets_what_was_made() {
    let at = Installation::with(Settings { runner_slots: 0, ..Settings::default() });
    let pipeline = json!({ "pipeline_name": "one", "repository_url": "https://example.com/a.git" });
    let environment = json!({ "environment_name": "staging", "environment_type": "staging" });
    for (key, path, member, wanted) in [
        ("one", "/api/v1/pipelines", "pipeline", pipeline),
        ("two", "/api/v1/environments", "environment", environment),
    ] {
        let create = |key, wanted: &Value| {
            at.call("POST", path, &[("idempotency-key", key)], wanted.to_string().as_bytes())
        };
        let made = create(key, &wanted).expect(201)[member].clone();
        // As it is where the server ended between making and answering, a minute later.
        let abandon =
            "UPDATE idempotency_keys SET status = NULL, body = NULL, created_at = '2026-01-01T00:00:00.000Z'";
        Database::alter(&at.data(), abandon);
        assert_eq!(create(key, &wanted).expect(201)[member], made);
        at.api("POST", path, Some(&wanted)).expect(409);
        create("another", &wanted).expect(409);
    }
}
