//! Who is told of a delivery.

use penstock_testkit::platform::{Answered, TestPlatform};
use penstock_testkit::{HostedRepository, PushedCommit, github_push_payload};
use penstock_webhooks::routes::handle;

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
