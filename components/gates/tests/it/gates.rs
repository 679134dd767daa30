//! Looking at gates, and overriding one.

use http::Method;
use penstock_api::problem::Problem;
use serde_json::{Value, json};

use crate::platform::{Answer, EXECUTION, GATE, NOBODY, STAGE, World};

/// With a failed gate that is in the way, and one that passed.
fn with_gates() -> World {
    let at = World::new();
    for (id, name, status, blocker) in
        [(GATE, "coverage", "failed", 1), (&NOBODY.replace('f', "e"), "no failures", "passed", 1)]
    {
        at.run(&format!(
            r#"INSERT INTO quality_gate_evaluations (id, execution_id, stage_id, gate_name, gate_type,
                 threshold_config, actual_value, threshold_value, comparison_operator, status, evaluated_at,
                 evaluation_details, blocker, created_at)
               VALUES ('{id}', '{EXECUTION}', '{STAGE}', '{name}', 'test_coverage',
                 '{{"metric": "line_coverage", "overridable": true}}', 50.0, 80.0, '>=', '{status}',
                 '2026-01-01T00:00:00.000Z', '["line coverage is 50.00 %"]', {blocker}, '2026-01-01T00:00:00.000Z')"#
        ));
    }
    at
}

fn list(at: &World) -> Value {
    let answer = at.get(&format!("/api/v1/executions/{EXECUTION}/quality-gates"), "viewer");
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

fn override_it(at: &World, token: &str, body: &Value) -> Answer {
    let path = format!("/api/v1/quality-gates/{GATE}/override");
    at.ask(Method::POST, &path, token, body.to_string())
}

#[test]
fn gates_are_listed_with_their_reasons_and_with_what_is_in_the_way() {
    let at = with_gates();
    let listed = list(&at);
    assert_eq!(
        listed["summary"],
        json!({ "total": 2, "passed": 1, "failed": 1, "overridden": 0, "pending": 0 })
    );
    assert_eq!((&listed["all_passed"], &listed["blockers"]), (&json!(false), &json!(["coverage"])));
    let gate = json!({
        "id": GATE, "execution_id": EXECUTION, "stage_id": STAGE, "stage_name": "test", "gate_name": "coverage",
        "gate_type": "test_coverage", "metric": "line_coverage", "actual_value": 50.0, "threshold_value": 80.0,
        "comparison_operator": ">=", "status": "failed", "blocker": true, "overridable": true,
        "reasons": ["line coverage is 50.00 %"], "evaluated_at": "2026-01-01T00:00:00.000Z",
        "override_reason": null, "overridden_by": null, "overridden_at": null,
    });
    assert_eq!(listed["evaluations"][0], gate);
}

#[test]
fn a_failed_gate_that_is_no_blocker_is_in_nobodys_way_and_has_not_passed() {
    let at = with_gates();
    at.run("UPDATE quality_gate_evaluations SET blocker = 0");
    let listed = list(&at);
    assert_eq!((&listed["all_passed"], &listed["blockers"]), (&json!(false), &json!([])));
}

#[test]
fn an_overridden_gate_is_let_pass_and_one_that_is_pending_is_not() {
    let at = with_gates();
    at.run("UPDATE quality_gate_evaluations SET status = 'overridden' WHERE status = 'failed'");
    let listed = list(&at);
    assert_eq!((&listed["all_passed"], &listed["blockers"]), (&json!(true), &json!([])));
    at.run("UPDATE quality_gate_evaluations SET status = 'pending' WHERE status = 'passed'");
    assert_eq!(list(&at)["all_passed"], json!(false));
}

#[test]
fn an_execution_without_gates_has_passed_all_and_one_that_is_not_there_is_not_found() {
    let at = World::new();
    let listed = list(&at);
    assert_eq!((&listed["all_passed"], &listed["evaluations"]), (&json!(true), &json!([])));
    let answer = at.get(&format!("/api/v1/executions/{NOBODY}/quality-gates"), "viewer");
    assert_eq!(answer.refusal(), (404, "not_found"));
}

#[test]
fn an_override_is_handed_on_with_who_and_why() {
    let at = with_gates();
    at.answers_with(200, &json!({ "execution_id": EXECUTION, "continued_in": NOBODY }));
    let answer = override_it(&at, "approver", &json!({ "reason": "  generated code  " }));
    assert_eq!(answer.status, 200, "{}", answer.json);
    assert_eq!(
        (&answer.json["evaluation"]["id"], &answer.json["continued_in"]),
        (&json!(GATE), &json!(NOBODY))
    );
    let [(path, token, body)] = at.sent().try_into().unwrap();
    assert_eq!(path, format!("http://scheduler.spin.internal/internal/gates/{GATE}/override"));
    assert_eq!(token, "", "a person's token goes no further");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body, json!({ "actor": "approver", "reason": "generated code" }));
}

#[test]
fn without_a_reason_or_the_role_nothing_is_handed_on() {
    let at = with_gates();
    for body in [
        json!({}),
        json!({ "reason": null }),
        json!({ "reason": " " }),
        json!({ "reason": "ä".repeat(2_001) }),
    ] {
        assert_eq!(override_it(&at, "approver", &body).refusal(), (400, "invalid_input"), "{body}");
    }
    let reason = json!({ "reason": "because" });
    for token in ["viewer", "developer"] {
        assert_eq!(override_it(&at, token, &reason).refusal(), (403, "role_required"), "{token}");
    }
    assert_eq!(override_it(&at, "", &reason).refusal(), (401, "unauthorized"));
    assert_eq!(at.sent(), []);
}

#[test]
fn what_the_scheduler_refuses_is_refused_in_its_words() {
    let at = with_gates();
    let reason = json!({ "reason": "ä".repeat(2_000) });
    at.refuses_with(&Problem::conflict("not_now", "the gate has passed"));
    let answer = override_it(&at, "approver", &reason);
    assert_eq!((answer.refusal(), &answer.json["detail"]), ((409, "not_now"), &json!("the gate has passed")));
    at.does_not_answer();
    assert_eq!(override_it(&at, "approver", &reason).refusal(), (503, "scheduler_unavailable"));
}
