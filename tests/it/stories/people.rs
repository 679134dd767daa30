//! Who may what: roles at their borders, tokens that end, and leave that people give.

use penstock_testkit::{PushedCommit, github_push_payload};
use serde_json::{Value, json};

use crate::harness::{
    Installation, Project, SOON, has_ended, one_deployment, one_job, stage, text, wait_for,
};

const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

#[test]
fn every_role_ends_at_its_border() {
    let at = Installation::start();
    let project = Project::in_database(&at, &one_job(&["true"]));
    let execute = format!("/api/v1/pipelines/{}/execute", project.pipeline);
    let approve = format!("/api/v1/approvals/{NOBODY}/approve");
    let environment = json!({ "environment_name": "uat", "environment_type": "uat" });
    let token = json!({ "token_name": "more", "role": "admin" });
    // What is within one's role is 2XX, or 404 where it asks for what is not there.
    let borders = [
        ("GET", "/api/v1/executions", None, [200, 200, 200]),
        ("GET", "/api/v1/environments", None, [200, 200, 200]),
        ("GET", "/api/v1/metrics", None, [200, 200, 200]),
        ("POST", &*execute, Some(json!({})), [403, 201, 201]),
        ("POST", &*approve, Some(json!({})), [403, 403, 404]),
        ("POST", &*format!("/api/v1/executions/{NOBODY}/approve"), None, [403, 403, 404]),
        (
            "POST",
            &*format!("/api/v1/quality-gates/{NOBODY}/override"),
            Some(json!({ "reason": "x" })),
            [403, 403, 404],
        ),
        (
            "POST",
            &*format!("/api/v1/deployments/{NOBODY}/rollback"),
            Some(json!({ "reason": "x" })),
            [403, 403, 404],
        ),
        ("POST", "/api/v1/environments", Some(environment), [403, 403, 403]),
        ("POST", "/api/v1/tokens", Some(token), [403, 403, 403]),
        ("DELETE", &*format!("/api/v1/pipelines/{}", project.pipeline), None, [403, 403, 403]),
    ];
    for (n, role) in ["viewer", "developer", "approver"].into_iter().enumerate() {
        let person = at.person(role, role);
        let who = person.api("GET", "/api/v1/whoami", None).expect(200);
        assert_eq!((&who["actor"]["name"], &who["actor"]["role"]), (&json!(role), &json!(role)));
        for (method, path, body, expected) in &borders {
            let reply = person.api(method, path, body.as_ref());
            assert_eq!(reply.status(), expected[n], "{role}: {method} {path}: {}", reply.text());
            if expected[n] == 403 {
                assert_eq!(reply.json()["code"], "role_required", "{role}: {method} {path}");
            }
        }
    }
    let started_by: Vec<_> = project.executions().iter().map(|one| text(&one["trigger_user"])).collect();
    assert_eq!(started_by, ["approver", "developer"]);
    for one in project.executions() {
        at.ended(&text(&one["id"]));
    }
    at.at_rest();
}

#[test]
fn a_revoked_token_is_worth_nothing_anywhere() {
    let at = Installation::start();
    let grace = at.person("grace", "approver");
    let everywhere = [
        ("GET", "/api/v1/pipelines".to_owned(), 200),
        ("GET", "/api/v1/whoami".to_owned(), 200),
        ("GET", format!("/api/v1/executions/{NOBODY}/test-results"), 404),
        ("GET", format!("/api/v1/executions/{NOBODY}/quality-gates"), 404),
        ("GET", "/api/v1/approvals".to_owned(), 200),
        ("GET", "/api/v1/environments".to_owned(), 200),
        ("GET", "/api/v1/deployments".to_owned(), 200),
        ("GET", "/api/v1/metrics".to_owned(), 200),
        ("GET", "/api/v1/analytics/dashboard".to_owned(), 200),
        ("GET", "/metrics".to_owned(), 200),
        ("POST", format!("/api/v1/approvals/{NOBODY}/approve"), 404),
        ("POST", format!("/api/v1/quality-gates/{NOBODY}/override"), 404),
    ];
    let ask = |method: &str, path: &str| match path.rsplit('/').next() {
        Some("approve") => grace.post(path, &json!({})),
        Some("override") => grace.post(path, &json!({ "reason": "none" })),
        _ => grace.api(method, path, None),
    };
    for (method, path, status) in &everywhere {
        let reply = ask(method, path);
        assert_eq!(reply.status(), *status, "{method} {path}: {}", reply.text());
    }
    grace.revoke();
    grace.revoke();
    for (method, path, _) in &everywhere {
        let reply = ask(method, path);
        assert_eq!(reply.status(), 401, "{method} {path}: {}", reply.text());
    }
    // Its name is free again, and the token of that name is another one.
    let heir = at.person("grace", "viewer");
    heir.api("GET", "/api/v1/metrics", None).expect(200);
    assert_eq!(ask("GET", "/metrics").status(), 401);
}

/// Two of whoever may have to agree.
fn asks_two(at: &Installation) -> String {
    at.environment(&json!({
        "approval_required": true,
        "approval": { "required_approvals": 2 },
        "environment_variables": { "GREETING": "from the environment" },
    }))
}

/// A push by `ada`, and the execution that waits for leave.
fn pushed_by_ada(at: &Installation, project: &Project<'_>) -> (String, String) {
    let sha = project.head();
    let commit = PushedCommit { author_login: "ada".to_owned(), ..project.pushed_commit(&sha) };
    at.deliver("push", &github_push_payload(&project.hosted(), "main", None, &[commit])).expect(202);
    let id = project.execution_of(&sha);
    at.wait_for_execution(&id, "to wait for leave", |seen| {
        stage(seen, "ship")["reason"] == "approval_pending"
    });
    (sha, id)
}

#[test]
fn a_push_waits_for_two_others_than_its_author_and_then_deploys_with_its_environment() {
    let at = Installation::start();
    let environment = asks_two(&at);
    let say = "echo $PENSTOCK_VERSION to $PENSTOCK_ENVIRONMENT: $GREETING";
    let project = Project::new(&at, &one_deployment(&[say]));
    let (sha, id) = pushed_by_ada(&at, &project);
    let (ada, grace, linus) = (
        at.person_at_the_forge("ada", "approver"),
        at.person("grace", "approver"),
        at.person("linus", "approver"),
    );
    let why = || stage(&at.execution(&id), "ship")["why_waiting"].clone();
    let waits = why();
    assert_eq!(waits["reason"], "approval_pending");
    let said = text(&waits["message"]);
    assert!(said.contains("live") && said.contains("0 of 2"), "{said}");
    wait_for("the forge to be told of the wait", SOON, || {
        let last = project.told(&sha).pop().filter(|told| told.state == "pending")?;
        last.description.filter(|said| said.contains("waits for an approval to deploy 1 to live"))
    });

    let approval = at.approval_of(&id);
    assert_eq!((&approval["status"], &approval["authors"]), (&json!("pending"), &json!(["ada"])));
    let path = format!("/api/v1/approvals/{}/approve", text(&approval["id"]));
    assert!(text(&ada.post(&path, &json!({})).expect(403)["detail"]).contains("your own"));
    for _ in 0..2 {
        let answer = grace.post(&path, &json!({ "notes": "seen" })).expect(200);
        assert_eq!(answer["approval"]["status"], "pending");
        assert_eq!(answer["approval"]["votes"].as_array().map(Vec::len), Some(1));
    }
    let waits = why();
    assert!(text(&waits["message"]).contains("1 of 2"), "{waits}");
    assert_eq!(linus.post(&path, &json!({})).expect(200)["approval"]["status"], "approved");
    assert_eq!(at.ended(&id)["execution"]["status"], "succeeded");
    grace.post(&path, &json!({})).expect(200);
    at.person("late", "approver").post(&path, &json!({})).expect(409);

    assert!(at.log(&id).contains("1 to live: from the environment\n"), "{}", at.log(&id));
    let deployment = at.deployment_of(&id);
    let expected = json!(["deployed", "1", "live", "grace, linus", id]);
    let shown = ["status", "version", "environment_name", "approved_by", "execution_id"];
    assert_eq!(json!(shown.map(|member| &deployment[member])), expected);
    let detail = at.get(&format!("/api/v1/deployments/{}", text(&deployment["id"])));
    assert_eq!(detail["deployment"], deployment);
    let listed = at.get(&format!("/api/v1/deployments?environment_id={environment}&status=deployed"));
    assert_eq!((&listed["summary"]["deployed"], &listed["next"]), (&json!(1), &Value::Null));
    assert_eq!(at.freed(&environment)["live"][0]["version"], "1");
    let last = project.statuses(&sha).pop().and_then(|status| status.description).unwrap_or_default();
    assert!(last.contains("deployed to live"), "{last}");
    at.at_rest();
}

#[test]
fn leave_that_comes_too_late_is_refused() {
    let at = Installation::start();
    let environment = asks_two(&at);
    let project = Project::new(&at, &one_deployment(&["true"]));
    let grace = at.person("grace", "approver");
    let (first, id) = pushed_by_ada(&at, &project);
    let path = |approval: &Value, what: &str| format!("/api/v1/approvals/{}/{what}", text(&approval["id"]));

    let rejected = at.approval_of(&id);
    grace.post(&path(&rejected, "reject"), &json!({})).expect(400);
    let answer = grace.post(&path(&rejected, "reject"), &json!({ "reason": "not on a Friday" })).expect(200);
    assert_eq!(
        (&answer["approval"]["status"], &answer["approval"]["rejected_by"]),
        (&json!("rejected"), &json!("grace"))
    );
    let ended = at.ended(&id);
    assert_eq!(ended["execution"]["reason"], "approval_rejected");
    let said = project.statuses(&first).pop().and_then(|status| status.description).unwrap_or_default();
    assert!(said.contains("rejected by grace: not on a Friday"), "{said}");
    grace.post(&path(&rejected, "approve"), &json!({})).expect(409);

    project.commit(&[], "Once more");
    let (_, id) = pushed_by_ada(&at, &project);
    let cancelled = at.approval_of(&id);
    at.api("POST", &format!("/api/v1/executions/{id}/cancel"), None).expect(200);
    at.wait_for_execution(&id, "to be cancelled", has_ended);
    grace.post(&path(&cancelled, "approve"), &json!({})).expect(409);
    grace.post(&path(&cancelled, "reject"), &json!({ "reason": "as well" })).expect(409);
    assert_eq!(at.approval_of(&id)["status"], "expired");
    assert_eq!(at.deployment_of(&id)["status"], "failed");
    assert!(at.freed(&environment)["live"].as_array().is_some_and(Vec::is_empty));
    at.at_rest();
}
