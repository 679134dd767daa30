//! The subcommands by which people decide, and those by which they are known, as a person runs them.

#![allow(clippy::unwrap_used, reason = "a helper of a test is a part of it")]

#[allow(dead_code, reason = "nothing here is a stream")]
mod scripted_server;

use std::process::{Command, Output};

use expect_test::expect;
use scripted_server::{ScriptedServer, json, penstock, stderr, stdout};
use serde_json::Value;

const EXECUTION: &str = "01900000-0000-7000-8000-00000000000e";
const APPROVAL: &str = "01900000-0000-7000-8000-00000000000a";
const GATE: &str = "01900000-0000-7000-8000-00000000000c";
const NOT_FOUND: &str = r#"{"type": "urn:x", "title": "Not found", "status": 404, "detail": "there is no such thing",
    "success": false, "code": "not_found", "error": "Not found"}"#;

fn first_line(request: &str) -> &str {
    request.lines().next().unwrap().trim_end_matches(" HTTP/1.1")
}

fn body(request: &str) -> Value {
    serde_json::from_str(request.rsplit("\r\n\r\n").next().unwrap()).unwrap()
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", stderr(output));
}

fn refused(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(1), "{}", stdout(output));
    stderr(output)
}

fn execution(status: &str, reason: &str) -> String {
    format!(
        r#"{{"execution": {{"id": "{EXECUTION}", "execution_number": 3, "status": "{status}", "reason": {reason},
            "branch_name": "main", "commit_sha": null, "trigger_event": "push"}}, "stages": [
            {{"stage_name": "build", "status": "{status}", "reason": null}}],
            "progress": {{"percent": 0, "jobs_total": 1, "jobs_finished": 0}}}}"#
    )
}

fn approval(status: &str, votes: &str) -> String {
    format!(
        r#"{{"id": "{APPROVAL}", "execution_id": "{EXECUTION}", "pipeline_name": "web", "execution_number": 3,
            "environment_name": "production", "version": "1.2", "status": "{status}", "approval_type": "manual",
            "required_approvals": 2, "votes": [{votes}], "expires_at": "2030-01-01T00:00:00.000Z"}}"#
    )
}

fn approvals(list: &[String]) -> String {
    json(200, &format!(r#"{{"approvals": [{}], "next": null}}"#, list.join(", ")))
}

#[test]
fn a_new_tokens_secret_is_alone_on_the_standard_output() {
    let token = r#"{"id": "t1", "token_name": "ada", "role": "approver", "forge_login": "ada-l",
        "expires_at": "2030-01-01T00:00:00.000Z"}"#;
    let server =
        ScriptedServer::start(vec![json(201, &format!(r#"{{"token": {token}, "secret": "pst_x"}}"#))]);
    let asked = ["--name", "ada", "--role", "approver", "--forge-login", "ada-l", "--expires-in-days", "30"];
    let output = penstock(&server, &[["token", "create"].as_slice(), &asked].concat());
    succeeded(&output);
    assert_eq!(stdout(&output), "pst_x\n");
    expect![[r#"
        t1  approver   ada  ada-l at the forge  until 2030-01-01T00:00:00.000Z
        Its secret is kept nowhere else:
    "#]]
    .assert_eq(stderr(&output));

    let requests = server.requests();
    assert_eq!(first_line(&requests[0]), "POST /api/v1/tokens");
    assert!(!requests[0].to_lowercase().contains("idempotency-key"), "{}", requests[0]);
    let wanted = serde_json::json!({"token_name": "ada", "role": "approver", "forge_login": "ada-l",
        "expires_in_days": 30});
    assert_eq!(body(&requests[0]), wanted);
}

#[test]
fn a_token_is_revoked_by_its_name_however_long_the_list_is() {
    let token =
        |id: &str, name: &str| format!(r#"{{"id": "{id}", "token_name": "{name}", "role": "viewer"}}"#);
    let page = |token: String, next: &str| json(200, &format!(r#"{{"tokens": [{token}], "next": {next}}}"#));
    let server = ScriptedServer::start(vec![
        page(token("t2", "bob"), r#""t2""#),
        page(token("t1", "ada"), "null"),
        json(200, &format!(r#"{{"token": {}}}"#, token("t1", "ada"))),
    ]);
    let output = penstock(&server, &["token", "revoke", "ada"]);
    succeeded(&output);
    assert_eq!(stdout(&output), "revoked t1  viewer     ada\n");
    let requests = server.requests();
    assert_eq!(first_line(&requests[1]), "GET /api/v1/tokens?limit=200&after=t2");
    assert_eq!(first_line(&requests[2]), "DELETE /api/v1/tokens/t1");
}

#[test]
fn a_role_that_is_too_small_is_told_with_what_to_do() {
    let problem = r#"{"type": "urn:x", "title": "Forbidden", "status": 403, "success": false, "error": "Forbidden",
        "code": "role_required", "detail": "this needs the role admin or more, and the token `ada` is a viewer"}"#;
    let server = ScriptedServer::start(vec![json(403, problem)]);
    let output = penstock(&server, &["token", "list"]);
    expect![[r#"
        error: Forbidden: this needs the role admin or more, and the token `ada` is a viewer
        Ask somebody of that role, or give another token by --token-file or PENSTOCK_TOKEN.
    "#]]
    .assert_eq(refused(&output));
}

#[test]
fn what_waits_for_leave_is_listed() {
    let server = ScriptedServer::start(vec![approvals(&[approval("pending", r#"{"by": "bob"}"#)])]);
    let output = penstock(&server, &["approvals", "--execution", EXECUTION]);
    succeeded(&output);
    expect![[r#"
        01900000-0000-7000-8000-00000000000a  web #3  1.2 to production  pending  1 of 2 (bob)  until 2030-01-01T00:00:00.000Z
    "#]]
    .assert_eq(stdout(&output));
    let path = format!("GET /api/v1/approvals?status=pending&limit=200&execution_id={EXECUTION}");
    assert_eq!(first_line(&server.requests()[0]), path);
}

#[test]
fn an_execution_stands_for_the_one_approval_that_it_waits_for() {
    let decided = format!(r#"{{"approval": {}}}"#, approval("approved", r#"{"by": "bob"}, {"by": "ada"}"#));
    let server = ScriptedServer::start(vec![approvals(&[approval("pending", "")]), json(200, &decided)]);
    let output = penstock(&server, &["approve", EXECUTION, "--notes", "looks well"]);
    succeeded(&output);
    expect![[r#"
        01900000-0000-7000-8000-00000000000a  web #3  1.2 to production  approved  2 of 2 (bob, ada)
    "#]]
    .assert_eq(stdout(&output));
    let requests = server.requests();
    assert_eq!(first_line(&requests[1]), format!("POST /api/v1/approvals/{APPROVAL}/approve"));
    assert_eq!(body(&requests[1]), serde_json::json!({"notes": "looks well"}));
}

#[test]
fn an_approvals_own_id_is_taken_as_it_is() {
    let decided = format!(r#"{{"approval": {}}}"#, approval("rejected", ""));
    let server = ScriptedServer::start(vec![approvals(&[]), json(404, NOT_FOUND), json(200, &decided)]);
    succeeded(&penstock(&server, &["reject", APPROVAL, "--reason", "not on a Friday"]));
    let requests = server.requests();
    assert_eq!(first_line(&requests[2]), format!("POST /api/v1/approvals/{APPROVAL}/reject"));
    assert_eq!(body(&requests[2]), serde_json::json!({"reason": "not on a Friday"}));
}

#[test]
fn a_forks_change_is_let_run_by_the_same_word() {
    let waiting = execution("queued", r#""fork_approval""#);
    let server = ScriptedServer::start(vec![
        approvals(&[]),
        json(200, &waiting),
        json(200, &execution("running", "null")),
    ]);
    succeeded(&penstock(&server, &["approve", EXECUTION]));
    assert_eq!(first_line(&server.requests()[2]), format!("POST /api/v1/executions/{EXECUTION}/approve"));
}

#[test]
fn nobody_decides_by_accident() {
    let server = ScriptedServer::start(vec![approvals(&[]), json(200, &execution("running", "null"))]);
    let output = penstock(&server, &["approve", EXECUTION]);
    assert!(refused(&output).contains("waits for no approval"), "{}", stderr(&output));

    let two = [approval("pending", ""), approval("pending", "")];
    let server = ScriptedServer::start(vec![approvals(&two)]);
    let output = penstock(&server, &["approve", EXECUTION]);
    assert!(refused(&output).contains("several approvals; give the id of one"), "{}", stderr(&output));
}

fn gate(name: &str, status: &str) -> String {
    format!(
        r#"{{"id": "{GATE}", "stage_name": "quality", "gate_name": "{name}", "status": "{status}",
            "actual_value": 72.5, "threshold_value": 80, "comparison_operator": ">=", "reasons": []}}"#
    )
}

#[test]
fn the_gate_that_has_failed_is_overridden_and_what_follows_is_told() {
    let gates =
        format!(r#"{{"evaluations": [{}, {}]}}"#, gate("tests", "passed"), gate("coverage", "failed"));
    let answer = format!(r#"{{"evaluation": {}, "continued_in": "e2"}}"#, gate("coverage", "overridden"));
    for arguments in [vec!["override", EXECUTION], vec!["override", EXECUTION, "--gate", "coverage"]] {
        let server = ScriptedServer::start(vec![json(200, &gates), json(200, &answer)]);
        let output = penstock(&server, &[arguments.as_slice(), &["--reason", "flaky"]].concat());
        succeeded(&output);
        expect![[r#"
            01900000-0000-7000-8000-00000000000c  quality / coverage  overridden  72.5 >= 80
            goes on in e2
        "#]]
        .assert_eq(stdout(&output));
        let requests = server.requests();
        assert_eq!(first_line(&requests[1]), format!("POST /api/v1/quality-gates/{GATE}/override"));
        assert_eq!(body(&requests[1]), serde_json::json!({"reason": "flaky"}));
    }
    let server = ScriptedServer::start(vec![json(200, &gates)]);
    let output = penstock(&server, &["override", EXECUTION, "--gate", "tests", "--reason", "flaky"]);
    assert!(refused(&output).contains("no such gate of this execution has failed"), "{}", stderr(&output));
}

fn environments() -> String {
    json(200, r#"{"environments": [{"id": "v1", "environment_name": "production"}], "next": null}"#)
}

fn deployments(pipelines: &[&str]) -> String {
    let one = |(index, pipeline): (usize, &&str)| {
        format!(r#"{{"id": "d{index}", "pipeline_id": "{pipeline}", "version": "{index}"}}"#)
    };
    let list: Vec<_> = pipelines.iter().enumerate().map(one).collect();
    json(200, &format!(r#"{{"deployments": [{}], "next": null}}"#, list.join(", ")))
}

#[test]
fn an_environment_stands_for_the_newest_deployment_that_stayed() {
    let answer =
        r#"{"rollback": {"deployment_id": "d0", "version": "0", "to_version": "1", "status": "deployed"}}"#;
    let server = ScriptedServer::start(vec![environments(), deployments(&["p", "p"]), json(200, answer)]);
    let output = penstock(&server, &["rollback", "--environment", "production", "--reason", "errors"]);
    succeeded(&output);
    assert_eq!(stdout(&output), "0 goes back to 1  deployed\n");
    let requests = server.requests();
    let path = "GET /api/v1/deployments?environment_id=v1&status=deployed&limit=200";
    assert_eq!(first_line(&requests[1]), path);
    assert_eq!(first_line(&requests[2]), "POST /api/v1/deployments/d0/rollback");
    assert_eq!(body(&requests[2]), serde_json::json!({"reason": "errors"}));
}

#[test]
fn where_several_pipelines_deploy_somebody_has_to_say_which_is_meant() {
    let server = ScriptedServer::start(vec![environments(), deployments(&["p", "q", "p"])]);
    let output = penstock(&server, &["rollback", "--environment", "production", "--reason", "errors"]);
    expect![[r#"
        error: several pipelines deploy to `production`; give the id of one:
          d0  p  0
          d1  q  1
    "#]]
    .assert_eq(refused(&output));
}

#[test]
fn a_followed_execution_is_plain_lines_and_its_end_is_the_exit_code() {
    for (status, code) in [("succeeded", 0), ("failed", 1), ("timeout", 1)] {
        let server = ScriptedServer::start(vec![
            json(200, &execution("running", "null")),
            json(503, "{}"),
            json(200, &execution(status, "null")),
        ]);
        let output = penstock(&server, &["status", EXECUTION, "--follow"]);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        let lines: Vec<_> = stdout(&output).lines().collect();
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert_eq!(lines[1], "  build                    running");
        assert_eq!(lines[2], format!("  build                    {status}"));
        assert!(!stdout(&output).contains('\u{1b}'));
        assert!(server.requests()[0].starts_with(&format!("GET /api/v1/executions/{EXECUTION}/status ")));
    }
}

#[test]
fn a_waited_for_trigger_fails_with_its_execution() {
    for (status, code) in [("succeeded", 0), ("cancelled", 1)] {
        let server = ScriptedServer::start(vec![
            json(201, &execution("queued", "null")),
            json(200, &execution(status, "null")),
        ]);
        assert_eq!(penstock(&server, &["trigger", EXECUTION, "--wait"]).status.code(), Some(code));
    }
}

#[test]
fn a_command_line_that_is_not_understood_is_told_by_the_exit_code() {
    for arguments in [
        vec!["rollback", "--reason", "none is named"],
        vec!["rollback", "d1", "--environment", "both", "--reason", "x"],
        vec!["reject", APPROVAL],
        vec!["override", GATE],
        vec!["token", "create", "--name", "a", "--role", "owner"],
        vec!["status", "--follow"],
        vec!["completion", "tcsh"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_penstock")).args(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_shell_gets_its_completions() {
    let output = Command::new(env!("CARGO_BIN_EXE_penstock")).args(["completion", "bash"]).output().unwrap();
    assert!(output.status.success() && stdout(&output).contains("_penstock()"));
}
