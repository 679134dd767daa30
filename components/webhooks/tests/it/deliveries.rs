//! What is kept of a delivery, and who is told of it.

use penstock_testkit::platform::{Answered, TestPlatform, request};
use penstock_testkit::{HostedRepository, PushedCommit, github_push_payload};
use penstock_webhooks::routes::handle;
use serde_json::json;

use crate::asking::{deliver, receiver, signed};

/// A component that knows a pipeline of `acme/web`.
fn with_pipeline() -> TestPlatform {
    let platform = receiver();
    let sql = "INSERT INTO pipeline_configurations (id, pipeline_name, pipeline_type, repository_url, repository_key,
        branch_patterns, trigger_events, max_concurrent_executions, public_status, is_active, created_by, created_at,
        updated_at)
      VALUES ('p', 'web', 'test', 'u', 'github.com/acme/web', '[]', '[]', 5, 0, 1, 'ada', 'now', 'now')";
    platform.database.raw().execute_batch(sql).unwrap();
    platform
}

fn push() -> Vec<u8> {
    let commit = PushedCommit { sha: "a".repeat(40), ..PushedCommit::default() };
    github_push_payload(&HostedRepository::new("acme/web"), "main", None, &[commit])
}

fn text(platform: &TestPlatform, sql: &str) -> String {
    platform.database.raw().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_delivery_that_had_failed_is_taken_up_when_it_comes_again_and_any_other_is_a_duplicate() {
    let platform = with_pipeline();
    let deliver = || deliver(&platform, "push", "one", &push()).expect(202)["status"].clone();
    assert_eq!((deliver(), deliver()), (json!("received"), json!("duplicate")));
    platform.run_tasks();
    platform.sent();
    let id = text(&platform, "SELECT id FROM deliveries");
    let fail =
        "UPDATE deliveries SET status = 'failed', reason = 'the forge was out of order', attempts = 100,
      outcome = '[]', completed_at = received_at";
    platform.database.raw().execute_batch(fail).unwrap();

    assert_eq!(deliver(), "received");
    platform.run_tasks();
    assert_eq!(platform.sent()[0].json(), json!({ "deliveries": [id] }), "it is told by the id that it has");
    let is_anew = "SELECT status || attempts || (reason IS NULL) || (completed_at IS NULL) FROM deliveries";
    assert_eq!(text(&platform, is_anew), "received011");
    assert_eq!(deliver(), "duplicate");
    for (ended, answer) in [
        ("'processed', reason = NULL", "duplicate"),
        ("'ignored', reason = 'skip_ci'", "duplicate"),
        ("'ignored', reason = 'no_pipeline'", "received"),
        ("'rejected', reason = 'malformed_payload'", "received"),
    ] {
        let sql = format!("UPDATE deliveries SET status = {ended}");
        platform.database.raw().execute_batch(&sql).unwrap();
        assert_eq!(deliver(), answer, "{ended}");
    }
}

#[test]
fn what_came_to_nothing_is_a_duplicate_as_long_as_nothing_is_mended() {
    let platform = receiver();
    let status = |body: &[u8]| deliver(&platform, "push", "one", body).json()["status"].clone();
    assert_eq!((status(&push()), status(&push())), (json!("ignored"), json!("duplicate")));
    let platform = with_pipeline();
    deliver(&platform, "push", "one", b"{").expect(400);
    deliver(&platform, "push", "one", b"{").expect(400);
    assert_eq!(text(&platform, "SELECT status FROM deliveries"), "rejected");
    assert_eq!(deliver(&platform, "push", "one", &push()).expect(202)["status"], "received");
    assert_eq!(text(&platform, "SELECT status || (reason IS NULL) FROM deliveries"), "received1");
}

#[test]
fn a_forge_that_is_not_served_yet_says_so_once_its_secret_is_set() {
    for (forge, secret) in [
        ("gitlab", "gitlab_webhook_token"),
        ("gitea", "gitea_webhook_secret"),
        ("bitbucket", "bitbucket_webhook_secret"),
    ] {
        let platform = receiver();
        let deliver = || {
            let request = request("POST", &format!("/hooks/{forge}"), None, &json!({}));
            Answered::of(handle(platform.clone(), request))
        };
        assert_eq!(deliver().expect(503)["code"], "webhook_secret_not_configured");
        platform.set_variable(secret, "a secret");
        assert_eq!(deliver().expect(501)["code"], "not_supported_yet");
    }
}

#[test]
fn the_scheduler_is_woken_for_the_request_that_brought_the_delivery() {
    let platform = with_pipeline();
    let request = signed("push", "one", &push());
    Answered::of(handle(platform.of_request("request-1"), request)).expect(202);
    platform.run_tasks();
    assert_eq!(platform.sent()[0].headers["x-request-id"], "request-1");

    deliver(&platform, "push", "two", &push()).expect(202);
    platform.run_tasks();
    assert!(!platform.sent()[0].headers.contains_key("x-request-id"), "who has none makes none up");
}
