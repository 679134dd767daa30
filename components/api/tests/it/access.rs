//! Who may do what.

use penstock_api_component::routes::handle;
use penstock_testkit::database::Database;
use penstock_testkit::platform::{Answered, TestPlatform, request};
use serde_json::{Value, json};

use crate::asking::{ADMIN, ask, create, get, server, token_of};

const ROLES: [&str; 4] = ["viewer", "developer", "approver", "admin-2"];
/// An id of nothing: who may do what it names is told 404, or something else that comes after the role.
const NOBODY: &str = "01900000-0000-7000-8000-000000000000";

/// Routes with the first of [`ROLES`] that they let in.
fn routes() -> Vec<(&'static str, String, usize)> {
    let of = |method, path: &str, least| (method, path.replace(":id", NOBODY), least);
    vec![
        of("GET", "/api/v1/pipelines", 0),
        of("GET", "/api/v1/pipelines/:id", 0),
        of("GET", "/api/v1/executions", 0),
        of("GET", "/api/v1/executions/:id", 0),
        of("GET", "/api/v1/executions/:id/status", 0),
        of("GET", "/api/v1/executions/:id/logs", 0),
        of("GET", "/api/v1/executions/:id/events", 0),
        of("GET", "/api/v1/runners", 0),
        of("GET", "/api/v1/whoami", 0),
        of("GET", "/api/v1/nothing", 0),
        of("POST", "/api/v1/pipelines", 1),
        of("POST", "/api/v1/pipelines/validate", 1),
        of("PUT", "/api/v1/pipelines/:id", 1),
        of("POST", "/api/v1/pipelines/:id/execute", 1),
        of("POST", "/api/v1/executions/:id/cancel", 1),
        of("POST", "/api/v1/executions/:id/retry", 1),
        of("POST", "/api/v1/executions/:id/approve", 2),
        of("DELETE", "/api/v1/pipelines/:id", 3),
        of("GET", "/api/v1/tokens", 3),
        of("POST", "/api/v1/tokens", 3),
        of("DELETE", "/api/v1/tokens/:id", 3),
    ]
}

#[test]
fn each_role_may_do_what_those_before_it_may_and_no_more_than_its_own() {
    let platform = server();
    let mut secrets: Vec<_> = ROLES[..3].iter().map(|role| token_of(&platform, role)).collect();
    secrets.push(create(&platform, &json!({ "token_name": "admin-2", "role": "admin" })).1);
    for (method, path, least) in routes() {
        for (rank, secret) in secrets.iter().enumerate() {
            let answer = ask(&platform, secret, method, &path, &json!({}));
            let who = ROLES[rank];
            if rank < least {
                assert_eq!(answer.expect(403)["code"], "role_required", "{who}: {method} {path}");
            } else {
                assert!(![401, 403].contains(&answer.status), "{who}: {method} {path}: {}", answer.text);
            }
        }
    }
}

#[test]
fn a_refusal_says_which_role_it_takes_and_which_one_the_token_has() {
    let platform = server();
    let viewer = token_of(&platform, "viewer");
    let refused = ask(&platform, &viewer, "DELETE", &format!("/api/v1/pipelines/{NOBODY}"), &Value::Null);
    let told = "this needs the role admin or more, and the token `viewer` is a viewer";
    assert_eq!(refused.expect(403)["detail"], told);
}

#[test]
fn without_a_good_token_nobody_learns_what_there_is() {
    let platform = server();
    for path in ["/api/v1/pipelines", "/api/v1/nothing", "/api/nothing", "/api/v1/approvals"] {
        for token in [None, Some("no token"), Some(""), Some("pst_AAAA")] {
            let answer = Answered::of(handle(platform.clone(), request("GET", path, token, &Value::Null)));
            assert_eq!(answer.expect(401)["code"], "unauthorized", "{path} {token:?}");
        }
    }
    assert_eq!(get(&platform, &token_of(&platform, "viewer"), "/api/nothing").status, 404);
}

#[test]
fn where_nobody_has_a_token_that_is_told_and_where_somebody_has_one_it_still_counts() {
    let platform = TestPlatform::new(Database::in_memory());
    assert_eq!(get(&platform, "any", "/api/v1/pipelines").expect(503)["code"], "token_not_configured");
    platform.set_variable("admin_token", ADMIN);
    let viewer = token_of(&platform, "viewer");
    platform.set_variable("admin_token", "");
    get(&platform, &viewer, "/api/v1/pipelines").expect(200);
    assert_eq!(get(&platform, "any", "/api/v1/pipelines").expect(401)["code"], "unauthorized");
}

#[test]
fn whoever_asks_is_told_who_they_are() {
    let platform = server();
    let admin = json!({ "name": "admin", "role": "admin", "forge_login": null });
    assert_eq!(get(&platform, ADMIN, "/api/v1/whoami").expect(200)["actor"], admin);
    let wanted = json!({ "token_name": "ada", "role": "approver", "forge_login": "ada-l" });
    let (_, secret) = create(&platform, &wanted);
    let ada = json!({ "name": "ada", "role": "approver", "forge_login": "ada-l" });
    assert_eq!(get(&platform, &secret, "/api/v1/whoami").expect(200)["actor"], ada);
}

#[test]
fn what_is_done_bears_the_name_of_the_token() {
    let platform = server();
    let (_, secret) = create(&platform, &json!({ "token_name": "ada@acme", "role": "developer" }));
    let pipeline = json!({ "pipeline_name": "web", "repository_url": "https://git.example/a/b.git" });
    let made = ask(&platform, &secret, "POST", "/api/v1/pipelines", &pipeline).expect(201);
    assert_eq!(made["pipeline"]["created_by"], "ada@acme");
    let actors = "SELECT group_concat(actor, ' ') FROM journal WHERE cause = 'create_pipeline'";
    let actors: String = platform.database.raw().query_row(actors, [], |row| row.get(0)).unwrap();
    assert_eq!(actors, "user:ada@acme");

    let path = format!("/api/v1/pipelines/{}/execute", made["pipeline"]["id"].as_str().unwrap());
    ask(&platform.of_request("request-1"), &secret, "POST", &path, &json!({})).expect(503);
    let handed_on = &platform.sent()[0];
    assert_eq!(handed_on.json()["actor"], "ada@acme");
    assert_eq!(handed_on.headers["x-request-id"], "request-1", "it is one request in every log");
}

#[test]
fn what_a_pipeline_file_may_hold_is_for_everybody_and_may_be_kept() {
    let answered =
        Answered::of(handle(server(), request("GET", "/schema/pipeline.json", None, &Value::Null)));
    assert_eq!(answered.expect(200)["$id"], "/schema/pipeline.json");
    assert_eq!(answered.headers["content-type"], "application/json");
    assert_eq!(answered.headers["cache-control"], "public, max-age=3600");
}
