//! What jobs report, what gates make of it, and who lets through what failed.

use serde_json::{Value, json};

use crate::harness::database::Database;
use crate::harness::{Installation, Project, job, one_job_with, stage, text};

/// One of its four tests fails.
const REPORT: &str = r#"<testsuite name="basket" tests="4" failures="1">
  <testcase classname="Basket" name="begins empty" time="0.1"/>
  <testcase classname="Basket" name="keeps its sum" time="0.1"><failure message="2 is not 3">at basket.js:7</failure></testcase>
  <testcase classname="Basket" name="forgets" time="0.1"/>
  <testcase classname="Basket" name="is paid" time="0.1"/>
</testsuite>"#;

/// Tests that fail, what must be true of them, and what follows if it is.
fn definition() -> String {
    let gates = json!({
        "most": { "type": "code_quality", "metric": "test_success_rate", "threshold": 95 },
        "some": { "type": "code_quality", "metric": "test_success_rate", "threshold": 50 },
        "none": { "type": "code_quality", "metric": "failed_tests", "blocker": false },
    });
    let unit = json!({
        "name": "unit",
        "steps": [{ "run": "exit 1", "continue_on_error": true }],
        "reports": { "junit": "report.xml" },
    });
    json!({ "stages": [
        { "name": "test", "jobs": [unit] },
        { "name": "quality", "depends_on": ["test"], "gates": gates },
        { "name": "ship", "depends_on": ["quality"], "jobs": [{ "name": "it", "steps": ["true"] }] },
    ]})
    .to_string()
}

fn gate(at: &Installation, execution: &str, name: &str) -> Value {
    let told = at.get(&format!("/api/v1/executions/{execution}/quality-gates"));
    let all = told["evaluations"].as_array().expect("evaluations");
    all.iter().find(|gate| gate["gate_name"] == name).unwrap_or_else(|| panic!("no gate {name}")).clone()
}

#[test]
fn a_job_that_fails_hands_in_its_report_all_the_same() {
    let at = Installation::start();
    let reports = json!({ "reports": { "junit": "*.xml" } });
    let project = Project::in_database(&at, &one_job_with(&["exit 7"], &reports));
    project.commit(&[("report.xml", REPORT)], "Report what is to come");
    let id = project.execute(&json!({ "commit_sha": project.head() }));
    let ended = at.ended(&id);
    assert_eq!(job(&ended, "build", "app")["reason"], "exit_code");

    let told = at.get(&format!("/api/v1/executions/{id}/test-results"));
    let result = &told["test_results"][0];
    assert_eq!(
        (&result["test_suite"], &result["job_name"], &result["report_path"]),
        (&json!("basket"), &json!("app"), &json!("report.xml"))
    );
    let failed = &result["failed_test_details"][0];
    assert_eq!((&failed["name"], &failed["message"]), (&json!("keeps its sum"), &json!("2 is not 3")));
    let summary = &told["summary"];
    for (member, expected) in
        [("total", json!(4)), ("passed", json!(3)), ("failed", json!(1)), ("success_rate", json!(75.0))]
    {
        assert_eq!(summary[member], expected, "{member}");
    }
    at.at_rest();
}

#[test]
fn a_blocker_ends_the_run_and_the_forge_is_told_by_which_gate_and_why() {
    let at = Installation::start();
    let project = Project::new(&at, &definition());
    let sha = project.commit(&[("report.xml", REPORT)], "Break the basket");
    let id = project.run();
    let ended = at.ended(&id);
    let execution = &ended["execution"];
    assert_eq!((&execution["status"], &execution["reason"]), (&json!("failed"), &json!("gate_failed")));
    assert_eq!(stage(&ended, "quality")["reason"], "gate_failed");
    assert_eq!(stage(&ended, "ship")["reason"], "dependency_failed");

    let told = at.get(&format!("/api/v1/executions/{id}/quality-gates"));
    assert_eq!((&told["all_passed"], &told["blockers"]), (&json!(false), &json!(["most"])));
    assert_eq!(
        told["summary"],
        json!({ "total": 3, "passed": 1, "failed": 2, "overridden": 0, "pending": 0 })
    );
    let most = gate(&at, &id, "most");
    assert_eq!((&most["actual_value"], &most["threshold_value"]), (&json!(75.0), &json!(95.0)));
    let why = text(&most["reasons"][0]);
    let status = project.statuses(&sha).pop().expect("the forge was told");
    let said = status.description.unwrap_or_default();
    assert_eq!(status.state, "failure");
    assert!(
        said.contains("gate_failed") && said.contains("gate most") && said.contains(&why),
        "{said}: {why}"
    );
    at.at_rest();
}

#[test]
fn who_may_lets_a_failed_gate_pass_once_with_a_reason_and_the_run_goes_on() {
    let at = Installation::start();
    let project = Project::new(&at, &definition());
    let sha = project.commit(&[("report.xml", REPORT)], "Break the basket");
    let id = project.run();
    at.ended(&id);
    let path = format!("/api/v1/quality-gates/{}/override", text(&gate(&at, &id, "most")["id"]));
    let (dev, grace) = (at.person("dev", "developer"), at.person("grace", "approver"));
    let because = json!({ "reason": "the sum is mended on Monday" });
    assert_eq!(dev.post(&path, &because).expect(403)["code"], "role_required");
    for no_reason in [json!({}), json!({ "reason": "" }), json!({ "reason": " \n" })] {
        grace.post(&path, &no_reason).expect(400);
    }
    assert_eq!(gate(&at, &id, "most")["status"], "failed");

    let answer = grace.post_once(&path, "lost", &because).expect(200);
    assert_eq!(grace.post_once(&path, "lost", &because).expect(200), answer);
    let evaluation = &answer["evaluation"];
    for (member, expected) in [
        ("status", "overridden"),
        ("overridden_by", "grace"),
        ("override_reason", "the sum is mended on Monday"),
    ] {
        assert_eq!(evaluation[member], expected, "{member}");
    }
    assert!(evaluation["overridden_at"].is_string(), "{evaluation}");
    let next = text(&answer["continued_in"]);
    let ended = at.ended(&next);
    assert_eq!(ended["execution"]["status"], "succeeded", "{ended:#}");
    assert_eq!(
        (&ended["execution"]["retry_of"], &stage(&ended, "ship")["status"]),
        (&json!(id), &json!("succeeded"))
    );
    assert_eq!(gate(&at, &next, "most")["overridden_by"], "grace");
    assert_eq!(at.execution(&id)["execution"]["status"], "failed", "what has ended stays ended");

    assert_eq!(grace.post(&path, &because).expect(409)["code"], "already_ended");
    assert_eq!(project.executions().len(), 2);
    let passed = format!("/api/v1/quality-gates/{}/override", text(&gate(&at, &id, "some")["id"]));
    grace.post(&passed, &because).expect(409);
    let states: Vec<_> = project.statuses(&sha).into_iter().map(|status| status.state).collect();
    assert_eq!(states.last().map(String::as_str), Some("success"), "{states:?}");
    at.at_rest();
}

#[test]
fn the_work_goes_on_though_the_server_ended_between_the_override_and_that() {
    let at = Installation::start();
    let project = Project::new(&at, &definition());
    project.commit(&[("report.xml", REPORT)], "Break the basket");
    let id = project.run();
    at.ended(&id);
    let path = format!("/api/v1/quality-gates/{}/override", text(&gate(&at, &id, "most")["id"]));
    Database::alter(
        &at.data(),
        "UPDATE quality_gate_evaluations SET status = 'overridden', overridden_by = 'ada', override_reason = 'late',
          overridden_at = evaluated_at WHERE gate_name = 'most'",
    );
    let grace = at.person("grace", "approver");
    let answer = grace.post(&path, &json!({ "reason": "again" })).expect(200);
    assert_eq!(answer["evaluation"]["overridden_by"], "ada", "it stays what it was: {answer}");
    at.ended(&text(&answer["continued_in"]));
    assert_eq!(grace.post(&path, &json!({ "reason": "again" })).expect(409)["code"], "already_ended");
    assert_eq!(project.executions().len(), 2);
    at.at_rest();
}
