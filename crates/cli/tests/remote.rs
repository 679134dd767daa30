//! The subcommands that ask a server, as a person runs them.

#![allow(clippy::unwrap_used, reason = "a helper of a test is a part of it")]

mod scripted_server;

use std::process::Command;

use expect_test::expect;
use scripted_server::{ScriptedServer, events, json, penstock, stderr, stdout};

fn execution(status: &str) -> String {
    format!(
        r#"{{"success": true, "execution": {{"id": "e1", "execution_number": 3, "status": "{status}",
            "reason": null, "branch_name": "main", "commit_sha": "0123456789", "trigger_event": "manual"}}}}"#
    )
}

#[test]
fn a_named_pipeline_is_looked_up_and_started() {
    let server = ScriptedServer::start(vec![
        json(200, r#"{"pipelines": [{"id": "p0", "pipeline_name": "api"}], "next": "c/1"}"#),
        json(200, r#"{"pipelines": [{"id": "p1", "pipeline_name": "web"}], "next": null}"#),
        json(201, &execution("queued")),
    ]);
    let output = penstock(&server, &["trigger", "web", "--branch", "main", "-p", "tag=a=b"]);
    assert!(output.status.success(), "{}", stderr(&output));
    expect![[r#"
        #3     queued  main  01234567  manual  e1
    "#]]
    .assert_eq(stdout(&output));

    let requests = server.requests();
    assert!(requests[1].starts_with("GET /api/v1/pipelines?limit=200&after=c%2F1 "), "{}", requests[1]);
    assert!(requests[2].starts_with("POST /api/v1/pipelines/p1/execute "), "{}", requests[2]);
    assert!(requests[2].to_lowercase().contains("authorization: bearer s3cret\r\n"));
    assert!(requests[2].to_lowercase().contains("idempotency-key: "));
    let body: serde_json::Value =
        serde_json::from_str(requests[2].rsplit("\r\n\r\n").next().unwrap()).unwrap();
    let asked =
        serde_json::json!({"trigger_event": "manual", "branch": "main", "parameters": {"tag": "a=b"}});
    assert_eq!(body, asked);
}

fn line(id: &str, text: &str) -> String {
    format!(
        "id: {id}\nevent: log\ndata: {{\"stage\": \"build\", \"job\": \"app\", \"text\": \"{text}\"}}\n\n"
    )
}

fn end(status: &str) -> String {
    format!("event: end\ndata: {{\"status\": \"{status}\"}}\n\n")
}

#[test]
fn a_followed_log_goes_on_after_every_loss_and_ends_with_the_execution() {
    for ends_properly in [true, false] {
        let server = ScriptedServer::start(vec![
            events(&format!("retry: 1000\n\n{}{}", line("1.1", "one"), line("1.2", "two")), ends_properly),
            json(503, "{}"),
            events(&format!("{}: still here\n\n{}", line("2.1", "three"), end("succeeded")), true),
            json(200, &execution("succeeded")),
        ]);
        let output = penstock(&server, &["logs", "-f", "e1"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(stdout(&output), "build / app | one\nbuild / app | two\nbuild / app | three\n");

        let requests = server.requests();
        assert!(requests[0].starts_with("GET /api/v1/executions/e1/logs?follow=true "), "{}", requests[0]);
        assert!(!requests[0].to_lowercase().contains("last-event-id"));
        for again in &requests[1..3] {
            assert!(again.to_lowercase().contains("last-event-id: 1.2\r\n"), "{again}");
        }
    }
}

#[test]
fn one_jobs_log_is_its_lines_alone() {
    let server = ScriptedServer::start(vec![
        events(&format!("{}{}", line("1.1", "one"), end("failed")), true),
        json(200, &execution("failed")),
    ]);
    let output = penstock(&server, &["logs", "-f", "e1", "--stage", "build", "--job", "unit tests"]);
    assert_eq!(stdout(&output), "one\n");
    let requests = server.requests();
    assert!(requests[0].contains("/logs?follow=true&stage=build&job=unit%20tests "), "{}", requests[0]);
}

#[test]
fn a_followed_trigger_fails_with_its_execution() {
    for (status, succeeds) in [("succeeded", true), ("failed", false), ("cancelled", false)] {
        let server = ScriptedServer::start(vec![
            json(201, &execution("queued")),
            events(&end(status), true),
            json(200, &execution(status)),
        ]);
        let id = "01900000-0000-7000-8000-000000000000";
        assert_eq!(penstock(&server, &["trigger", id, "--follow"]).status.success(), succeeds, "{status}");
    }
}

#[test]
fn a_problem_is_told_with_all_of_its_errors_and_what_to_do() {
    let problem = r#"{"type": "urn:x", "title": "Unauthorized", "status": 401, "detail": "no such token",
        "success": false, "code": "unauthorized", "error": "Unauthorized",
        "errors": [{"pointer": "/branch", "code": "x", "message": "not\u001b]0;a branch"}]}"#;
    let server = ScriptedServer::start(vec![json(401, problem)]);
    let output = penstock(&server, &["cancel", "e/1"]);
    assert_eq!(output.status.code(), Some(1));
    expect![[r#"
        error: Unauthorized: no such token
          /branch: not]0;a branch
        Give a token by --token-file or the variable PENSTOCK_TOKEN.
    "#]]
    .assert_eq(stderr(&output));
    assert!(server.requests()[0].starts_with("POST /api/v1/executions/e%2F1/cancel "));
}

#[test]
fn what_is_not_a_penstock_server_is_told_so() {
    let server = ScriptedServer::start(vec![json(200, "<html>")]);
    let output = penstock(&server, &["status"]);
    assert_eq!(stderr(&output), "error: the server's answer is not JSON; is it a Penstock server?\n");
    let moved = "HTTP/1.1 302 Found\r\nLocation: http://example.com/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let server = ScriptedServer::start(vec![moved.to_owned()]);
    let output = penstock(&server, &["status"]);
    assert!(stderr(&output).contains("not as Penstock would"), "{}", stderr(&output));
}

#[test]
fn a_server_that_is_not_there_is_told_with_what_to_do() {
    let output = Command::new(env!("CARGO_BIN_EXE_penstock"))
        .args(["status", "--server", "http://127.0.0.1:1"])
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("does it run there? (--server, or the variable PENSTOCK_URL)"));
}
