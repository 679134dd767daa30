//! Environments are made, changed and refused.

use serde_json::{Value, json};

use crate::world::{NOTHING, World};

const PATH: &str = "/api/v1/environments";

fn create(world: &World, body: &Value) -> crate::world::Answered {
    world.ask("admin", "POST", PATH, body)
}

fn put(world: &World, id: &str, body: &Value) -> crate::world::Answered {
    world.ask("admin", "PUT", &format!("{PATH}/{id}"), body)
}

#[test]
fn an_environment_is_made_with_defaults_and_read_back() {
    let world = World::new();
    let body = json!({
        "environment_name": "staging", "environment_type": "staging",
        "health_check": { "url": "http://127.0.0.1:8080/healthz", "attempts": 1 },
        "approval": { "approvers": ["grace"] }, "monitoring_config": { "a": [1, null] },
    });
    let made = create(&world, &body);
    assert_eq!(made.status, 201, "{made:?}");
    let made = &made.body["environment"];
    assert_eq!(
        (&made["is_active"], &made["rollback_enabled"], &made["approval_required"]),
        (&json!(true), &json!(true), &json!(false))
    );
    let check = json!({
        "url": "http://127.0.0.1:8080/healthz", "expect_status": 200, "timeout_seconds": 5.0, "interval_seconds": 2.0,
        "attempts": 1, "successes": 1,
    });
    assert_eq!(made["health_check"], check);
    let rules = json!({
        "approval_type": "manual", "required_approvals": 1, "approvers": ["grace"], "expires_in_seconds": 604_800,
    });
    assert_eq!(made["approval"], rules);
    assert_eq!(
        (&made["created_by"], &made["monitoring_config"]),
        (&json!("admin"), &json!({ "a": [1, null] }))
    );
    let id = made["id"].as_str().unwrap();
    assert_eq!(world.get(&format!("{PATH}/{id}")).body["environment"], *made);
    assert_eq!(world.get(PATH).body["environments"], json!([made]));
    assert_eq!(world.get(&format!("{PATH}/{NOTHING}")).code(), (404, "not_found"));
    assert_eq!(create(&world, &body).code(), (409, "environment_name_taken"));
}

#[test]
fn the_same_key_makes_one_environment() {
    let world = World::new();
    let body = json!({ "environment_name": "staging", "environment_type": "staging" });
    let again = || world.ask_with("admin", "POST", PATH, &body, &[("idempotency-key", "k")]);
    let (first, second) = (again(), again());
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201));
    assert_eq!(first.body, second.body);
    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert_eq!(world.get(PATH).body["environments"].as_array().unwrap().len(), 1);
}

#[test]
fn a_change_replaces_what_it_names_and_null_empties() {
    let world = World::new();
    let id = world.environment("staging");
    let first = put(
        &world,
        &id,
        &json!({
            "deployment_url": "https://app.example", "environment_variables": { "A": "1" },
            "health_check": { "url": "https://app.example/healthz" }, "approval_required": true,
            "approval": { "required_approvals": 2 },
        }),
    );
    assert_eq!(first.status, 200, "{first:?}");
    world.platform.pass(1000);
    let second = put(
        &world,
        &id,
        &json!({
            "deployment_url": null, "health_check": null, "approval": { "expires_in_seconds": 60 }, "is_active": false,
        }),
    );
    let (before, after) = (&first.body["environment"], &second.body["environment"]);
    assert_eq!((&after["deployment_url"], &after["health_check"]), (&Value::Null, &Value::Null));
    assert_eq!(after["approval"]["required_approvals"], 1, "what is named is replaced as a whole");
    assert_eq!(after["approval"]["expires_in_seconds"], 60);
    for kept in ["environment_variables", "approval_required", "environment_name", "created_at"] {
        assert_eq!(before[kept], after[kept], "{kept}");
    }
    assert!(after["updated_at"].as_str() > before["updated_at"].as_str());
    assert_eq!(world.get(&format!("{PATH}/{id}")).body["environment"], *after);
    assert_eq!(put(&world, NOTHING, &json!({})).code(), (404, "not_found"));
}

#[test]
fn the_scheduler_is_woken_after_a_change_and_it_does_not_matter_if_it_is_not_there() {
    let world = World::new();
    let id = world.environment("staging");
    world.platform.run_spawned();
    world.platform.take_sent();
    world.platform.scheduler_answers([crate::platform::Reply::Refused]);
    assert_eq!(put(&world, &id, &json!({ "is_active": true })).status, 200);
    assert!(world.platform.take_sent().is_empty(), "after the answer");
    world.platform.run_spawned();
    let urls: Vec<_> = world.platform.take_sent().into_iter().map(|s| (s.method, s.url)).collect();
    assert_eq!(urls, [("POST".to_owned(), "http://scheduler.spin.internal/internal/settle".to_owned())]);
    // A refused change wakes nobody.
    assert_eq!(put(&world, &id, &json!({ "environment_name": "" })).status, 400);
    world.platform.run_spawned();
    assert!(world.platform.take_sent().is_empty());
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let world = World::new();
    let variables: serde_json::Map<_, _> = [
        ("1A".to_owned(), json!("x")),
        ("A/B".to_owned(), json!("x")),
        ("C".to_owned(), json!("x".repeat(32_769))),
    ]
    .into_iter()
    .collect();
    let refused = create(
        &world,
        &json!({
            "environment_name": "no blanks", "environment_type": "staging",
            "deployment_url": "ftp://h", "environment_variables": variables,
            "resource_limits": { "x": "y".repeat(70_000) },
            "approval": {
                "approvers": ["grace", "Grace"], "required_approvals": 3, "expires_in_seconds": 59,
            },
            "auto_promote_from": ["nowhere", "no blanks"],
            "health_check": {
                "url": "https://user:pw@h/", "expect_status": 99, "timeout_seconds": 0.5, "interval_seconds": 60.5,
                "attempts": 101, "successes": 11,
            },
        }),
    );
    assert_eq!(refused.code(), (400, "invalid_input"));
    let want = [
        "/environment_name",
        "/deployment_url",
        "/environment_variables/1A",
        "/environment_variables/A~1B",
        "/environment_variables/C",
        "/resource_limits",
        "/approval/approvers/1",
        "/approval/required_approvals",
        "/approval/expires_in_seconds",
        "/auto_promote_from/0",
        "/auto_promote_from/1",
        "/health_check/url",
        "/health_check/expect_status",
        "/health_check/timeout_seconds",
        "/health_check/interval_seconds",
        "/health_check/attempts",
        "/health_check/successes",
    ];
    assert_eq!(refused.pointers(), want);
    assert!(world.get(PATH).body["environments"].as_array().unwrap().is_empty(), "nothing was kept");
    let unknown = json!({ "environment_name": "a", "environment_type": "staging", "aproval": {} });
    assert_eq!(create(&world, &unknown).code(), (400, "invalid_input"));
}

#[test]
fn the_bounds_themselves_are_within() {
    let world = World::new();
    let name = "x".repeat(100);
    let made = create(
        &world,
        &json!({
            "environment_name": name, "environment_type": "uat",
            "approval": { "required_approvals": 10, "expires_in_seconds": 7_776_000 },
            "health_check": {
                "url": "http://[::1]:1/", "timeout_seconds": 60, "interval_seconds": 0.1, "attempts": 100, "successes": 10,
            },
        }),
    );
    assert_eq!(made.status, 201, "{made:?}");
    let few = json!({ "health_check": { "url": "http://h", "attempts": 2, "successes": 3 } });
    let id = made.body["environment"]["id"].as_str().unwrap();
    assert_eq!(put(&world, id, &few).pointers(), ["/health_check/successes"]);
}

#[test]
fn environments_take_over_from_each_other_without_a_circle() {
    let world = World::new();
    let [dev, staging, production] = ["dev", "staging", "production"].map(|name| world.environment(name));
    let from = |id: &str, names: &[&str]| put(&world, id, &json!({ "auto_promote_from": names }));
    assert_eq!(from(&staging, &["dev"]).status, 200);
    assert_eq!(from(&production, &["staging", "dev"]).status, 200);
    let circle = from(&dev, &["production"]);
    assert_eq!((circle.code(), circle.pointers()), ((400, "invalid_input"), vec!["/auto_promote_from/0"]));
    assert_eq!(from(&dev, &["dev"]).pointers(), ["/auto_promote_from/0"]);
    // Under a new name it is still itself.
    let renamed = put(&world, &production, &json!({ "environment_name": "live" }));
    assert_eq!(renamed.status, 200, "{renamed:?}");
    let gone =
        put(&world, &production, &json!({ "environment_name": "prod", "auto_promote_from": ["live"] }));
    assert_eq!(gone.pointers(), ["/auto_promote_from/0"], "its own name of before is nobody's then");
    let named = put(&world, &dev, &json!({ "environment_name": "development" }));
    assert_eq!(named.code(), (409, "environment_name_in_use"), "others take over from it");
}

#[test]
fn a_name_stays_once_something_was_deployed() {
    let world = World::new();
    let id = world.environment("production");
    world.environment("other");
    assert_eq!(
        put(&world, &id, &json!({ "environment_name": "other" })).code(),
        (409, "environment_name_taken")
    );
    assert_eq!(put(&world, &id, &json!({ "environment_name": "live" })).status, 200);
    world.deployment(&id);
    assert_eq!(
        put(&world, &id, &json!({ "environment_name": "prod" })).code(),
        (409, "environment_name_in_use")
    );
    let kept = put(&world, &id, &json!({ "environment_name": "live", "is_active": false }));
    assert_eq!(kept.status, 200, "its own name is no change");
}
