//! Yes, no and back: what people decide is handed to the scheduler, and shown as it is then.

use serde_json::{Value, json};

use crate::platform::Reply;
use crate::world::{APPROVAL, DEPLOYMENT, EXECUTION, NOTHING, World};

fn world() -> (World, String) {
    let world = World::new();
    let environment = world.environment("production");
    world.deployment(&environment);
    world.platform.drop_spawned();
    world.platform.take_sent();
    (world, environment)
}

/// What the scheduler was asked: the path and the body.
fn asked(world: &World) -> Vec<(String, Value)> {
    let sent = world.platform.take_sent().into_iter();
    sent.map(|s| {
        let path = s.url.strip_prefix("http://scheduler.spin.internal").unwrap().to_owned();
        (path, serde_json::from_str(&s.body).unwrap())
    })
    .collect()
}

#[test]
fn a_yes_bears_who_said_it_and_answers_the_approval_as_it_is_then() {
    let (world, _) = world();
    world
        .platform
        .scheduler_does("UPDATE pipeline_approvals SET status = 'approved', approved_by = 'approver'");
    let path = format!("/api/v1/approvals/{APPROVAL}/approve");
    let answer = world.ask("approver", "POST", &path, &json!({ "notes": " looks fine " }));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["approval"]["status"], "approved");
    assert_eq!(answer.body["approval"]["environment_name"], "production");
    let body = json!({
        "actor": "approver", "forge_login": "approver-at-forge", "approve": true, "text": "looks fine",
    });
    assert_eq!(asked(&world), [(format!("/internal/approvals/{APPROVAL}"), body)]);
    // Without a body as well.
    assert_eq!(world.ask("admin", "POST", &path, &Value::Null).status, 200);
    assert_eq!(asked(&world)[0].1["text"], Value::Null);
}

#[test]
fn a_no_needs_its_reason() {
    let (world, _) = world();
    let path = format!("/api/v1/approvals/{APPROVAL}/reject");
    for bad in
        [json!({ "reason": " " }), json!({ "reason": "x".repeat(2001) }), json!({ "reason": "a\u{0}b" })]
    {
        let answer = world.ask("approver", "POST", &path, &bad);
        assert_eq!((answer.code(), answer.pointers()), ((400, "invalid_input"), vec!["/reason"]));
    }
    assert_eq!(world.ask("approver", "POST", &path, &json!({})).code(), (400, "invalid_input"));
    assert!(asked(&world).is_empty());
    let answer = world.ask("approver", "POST", &path, &json!({ "reason": "not on a Friday" }));
    assert_eq!(answer.status, 200);
    let (_, body) = asked(&world).remove(0);
    assert_eq!((&body["approve"], &body["text"]), (&json!(false), &json!("not on a Friday")));
}

#[test]
fn what_the_scheduler_refuses_is_refused_in_its_words() {
    let (world, environment) = world();
    let routes = [
        (format!("/api/v1/approvals/{APPROVAL}/approve"), json!({})),
        (format!("/api/v1/deployments/{DEPLOYMENT}/rollback"), json!({ "reason": "bad" })),
        (format!("/api/v1/environments/{environment}/lift"), json!({ "version": "1" })),
    ];
    for (path, body) in routes {
        world.platform.scheduler_answers([Reply::Problem(409, "already_ended")]);
        assert_eq!(world.ask("approver", "POST", &path, &body).code(), (409, "already_ended"), "{path}");
        world.platform.scheduler_answers([Reply::Hang]);
        assert_eq!(
            world.ask("approver", "POST", &path, &body).code(),
            (503, "scheduler_unavailable"),
            "{path}"
        );
    }
}

#[test]
fn a_rollback_tells_what_is_gone_back_to() {
    let (world, _) = world();
    world
        .platform
        .scheduler_does("UPDATE deployments SET rollback_triggered = 1, rollback_reason = 'it is slow'");
    let path = format!("/api/v1/deployments/{DEPLOYMENT}/rollback");
    let answer = world.ask("approver", "POST", &path, &json!({ "reason": "it is slow" }));
    assert_eq!(answer.status, 202, "{answer:?}");
    let rollback = json!({
        "deployment_id": DEPLOYMENT, "version": "1.2", "to_version": "1.1", "status": "deploying",
        "reason": "it is slow",
    });
    assert_eq!(answer.body["rollback"], rollback);
    let body = json!({ "actor": "approver", "reason": "it is slow" });
    assert_eq!(asked(&world), [(format!("/internal/deployments/{DEPLOYMENT}/rollback"), body)]);
    let none = world.ask("approver", "POST", &path, &json!({ "reason": "" }));
    assert_eq!((none.code(), none.pointers()), ((400, "invalid_input"), vec!["/reason"]));
}

#[test]
fn a_lift_names_its_version_and_answers_the_environment() {
    let (world, environment) = world();
    let path = format!("/api/v1/environments/{environment}/lift");
    let answer = world.ask("approver", "POST", &path, &json!({ "version": "1.2" }));
    assert_eq!((answer.status.as_u16(), &answer.body["environment"]["id"]), (200, &json!(environment)));
    let body = json!({ "actor": "approver", "version": "1.2" });
    assert_eq!(asked(&world), [(format!("/internal/environments/{environment}/lift"), body)]);
    for bad in [json!({ "version": "" }), json!({ "version": "x".repeat(101) })] {
        assert_eq!(world.ask("approver", "POST", &path, &bad).pointers(), ["/version"]);
    }
}

#[test]
fn lists_are_narrowed_and_paged() {
    let (world, environment) = world();
    let ids = |path: &str, member: &str| -> Vec<String> {
        let answer = world.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let found = answer.body[member].as_array().unwrap().clone();
        found.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    for (query, want) in [
        (String::new(), 1),
        ("?status=pending".to_owned(), 1),
        ("?status=rejected".to_owned(), 0),
        (format!("?execution_id={EXECUTION}"), 1),
        (format!("?execution_id={NOTHING}"), 0),
        (format!("?after={APPROVAL}"), 0),
    ] {
        assert_eq!(ids(&format!("/api/v1/approvals{query}"), "approvals").len(), want, "{query}");
    }
    for (query, want) in [
        (String::new(), 1),
        (format!("?environment_id={environment}&status=deploying"), 1),
        ("?status=failed".to_owned(), 0),
        (format!("?pipeline_id={NOTHING}"), 0),
        (format!("?execution_id={EXECUTION}"), 1),
    ] {
        assert_eq!(ids(&format!("/api/v1/deployments{query}"), "deployments").len(), want, "{query}");
    }
    let summary = world.get("/api/v1/deployments").body["summary"].clone();
    assert_eq!((&summary["counted"], &summary["deploying"]), (&json!(1), &json!(1)));
    for bad in
        ["/api/v1/approvals?status=no", "/api/v1/deployments?environment_id=1", "/api/v1/approvals?limit=0"]
    {
        assert_eq!(world.get(bad).code(), (400, "invalid_parameter"), "{bad}");
    }
    let one = world.get(&format!("/api/v1/deployments/{DEPLOYMENT}"));
    assert_eq!(one.body["deployment"]["execution_number"], 7);
    assert_eq!(world.get(&format!("/api/v1/deployments/{NOTHING}")).code(), (404, "not_found"));
}

#[test]
fn every_route_asks_for_its_role() {
    let (world, environment) = world();
    let environment = format!("/api/v1/environments/{environment}");
    let routes = [
        ("GET", "/api/v1/environments".to_owned(), "viewer"),
        ("POST", "/api/v1/environments".to_owned(), "admin"),
        ("GET", environment.clone(), "viewer"),
        ("PUT", environment.clone(), "admin"),
        ("POST", format!("{environment}/lift"), "approver"),
        ("GET", "/api/v1/approvals".to_owned(), "viewer"),
        ("POST", format!("/api/v1/approvals/{APPROVAL}/approve"), "approver"),
        ("POST", format!("/api/v1/approvals/{APPROVAL}/reject"), "approver"),
        ("GET", "/api/v1/deployments".to_owned(), "viewer"),
        ("GET", format!("/api/v1/deployments/{DEPLOYMENT}"), "viewer"),
        ("POST", format!("/api/v1/deployments/{DEPLOYMENT}/rollback"), "approver"),
    ];
    let roles = ["viewer", "developer", "approver", "admin"];
    for (method, path, least) in routes {
        for nobody in ["", "unheard-of"] {
            assert_eq!(
                world.ask(nobody, method, &path, &Value::Null).code(),
                (401, "unauthorized"),
                "{path}"
            );
        }
        let from = roles.iter().position(|role| *role == least).unwrap();
        for (index, role) in roles.iter().enumerate() {
            let is_refused = world.ask(role, method, &path, &Value::Null).code() == (403, "role_required");
            assert_eq!(is_refused, index < from, "{role} {method} {path}");
        }
    }
    for unknown in ["/api/v1/approvals/x", "/api/v1/deployments/x/y"] {
        assert_eq!(
            world.ask("", "GET", unknown, &Value::Null).status,
            401,
            "who may not look learns nothing"
        );
        assert_eq!(world.get(unknown).status, 404);
    }
    assert_eq!(world.ask("viewer", "DELETE", &environment, &Value::Null).status, 405);
}
