//! What is live is well, or it is taken back: by itself where its health check fails, and by hand.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Installation, Project, Says, Service, one_deployment, stage, text};

/// How a service answers, by how often it was asked before.
type Script = fn(usize) -> Says;

/// A project whose deployments leave their version in the note `live`.
fn project(at: &Installation) -> Project<'_> {
    let step =
        format!("echo $PENSTOCK_VERSION > {}; echo \"back: $PENSTOCK_ROLLBACK\"", at.note("live").display());
    Project::in_database(at, &one_deployment(&[&step]))
}

/// A check that comes to something within moments.
fn check(service: &Service, attempts: u32) -> Value {
    json!({ "health_check": {
        "url": service.url(), "interval_seconds": 0.1, "timeout_seconds": 1, "attempts": attempts, "successes": 2,
    }})
}

fn start(project: &Project<'_>, version: &str) -> String {
    project.execute(&json!({ "parameters": { "VERSION": version } }))
}

#[track_caller]
fn deployed(at: &Installation, project: &Project<'_>, version: &str) -> Value {
    let id = start(project, version);
    let ended = at.ended(&id);
    assert_eq!(ended["execution"]["status"], "succeeded", "{ended:#}");
    let deployment = at.deployment_of(&id);
    assert_eq!((&deployment["status"], &deployment["version"]), (&json!("deployed"), &json!(version)));
    deployment
}

fn live(at: &Installation) -> String {
    fs::read_to_string(at.note("live")).expect("something was deployed")
}

#[test]
fn what_is_not_well_is_taken_back_by_itself_and_held_until_that_is_lifted() {
    let at = Installation::start();
    let (file, mended) = (at.note("live"), at.note("mended"));
    let is_mended = mended.clone();
    let service = Service::start(move |_| {
        let is_bad = fs::read_to_string(&file).is_ok_and(|live| live == "2\n") && !is_mended.exists();
        Says::Status(if is_bad { 503 } else { 200 })
    });
    let environment = at.environment(&check(&service, 3));
    let project = project(&at);
    assert_eq!(deployed(&at, &project, "1")["health_check_passed"], true);

    let id = start(&project, "2");
    let ended = at.ended(&id);
    let execution = &ended["execution"];
    assert_eq!(
        (&execution["status"], &execution["reason"]),
        (&json!("failed"), &json!("health_check_failed"))
    );
    let why = text(&execution["error_details"]);
    assert!(why.contains("answered 503 (expected 200), 3 of 3 tries"), "{why}");
    let back = at.taken_back(&at.deployment_of(&id), &environment);
    assert_eq!(back["execution"]["status"], "succeeded", "{back:#}");
    assert_eq!(live(&at), "1\n");
    let now = at.freed(&environment);
    assert_eq!(now["live"][0]["version"], "1");
    assert_eq!(
        json!([now["quarantined"][0]["version"], now["quarantined"][0]["pinned_version"]]),
        json!(["2", "1"])
    );
    let bad = at.deployment_of(&id);
    let shown = ["status", "health_check_passed", "rollback_triggered", "previous_version"];
    assert_eq!(json!(shown.map(|member| &bad[member])), json!(["health_check_failed", false, true, "1"]));

    let again = start(&project, "2");
    let held = at.wait_for_execution(&again, "to be held", |seen| {
        stage(seen, "ship")["reason"] == "version_quarantined"
    });
    let waits = &stage(&held, "ship")["why_waiting"];
    assert!(text(&waits["message"]).contains("2 was rolled back from live"), "{waits}");
    deployed(&at, &project, "3");
    fs::write(mended, "").expect("it can be mended");
    let lift = format!("/api/v1/environments/{environment}/lift");
    at.person("dev", "developer").post(&lift, &json!({ "version": "2" })).expect(403);
    at.person("grace", "approver").post(&lift, &json!({ "version": "2" })).expect(200);
    assert_eq!(at.ended(&again)["execution"]["status"], "succeeded");
    assert_eq!(live(&at), "2\n");
    assert_eq!(at.freed(&environment)["quarantined"], json!([]));
    at.at_rest();
}

#[test]
fn a_service_that_hangs_redirects_or_flaps_is_not_well() {
    let at = Installation::start();
    let environment = at.environment(&json!({}));
    let project = project(&at);
    let flaps = |before| Says::Status(if before % 2 == 0 { 200 } else { 503 });
    let scripts: [(&str, Script, u32, &str); 3] = [
        ("hangs", |_| Says::Nothing, 2, "gave no answer"),
        // Where it leads all would be well, and nobody looks.
        (
            "redirects",
            |before| if before < 2 { Says::Redirect("/well") } else { Says::Status(200) },
            2,
            "not followed",
        ),
        ("flaps", flaps, 5, "answered 200, but not 2 times in a row"),
    ];
    for (what, script, attempts, said) in scripts {
        let service = Service::start(script);
        let path = format!("/api/v1/environments/{environment}");
        at.api("PUT", &path, Some(&check(&service, attempts))).expect(200);
        let id = start(&project, what);
        let ended = at.ended(&id);
        assert_eq!(ended["execution"]["reason"], "health_check_failed", "{what}: {ended:#}");
        let why = text(&ended["execution"]["error_details"]);
        assert!(why.contains(said), "{what}: {why}");
        assert_eq!(service.asked(), vec!["/healthz"; attempts as usize], "{what}");
        assert_eq!(at.deployment_of(&id)["status"], "health_check_failed", "{what}");
        // Nothing was there before that could come back.
        let now = at.freed(&environment);
        assert_eq!((&now["live"], &now["quarantined"]), (&json!([]), &json!([])), "{what}");
    }
    assert_eq!(project.executions().len(), 3, "nothing was taken back");
    at.at_rest();
}

#[test]
fn what_is_live_is_taken_back_by_hand_once_and_never_to_nothing() {
    let at = Installation::start();
    let environment = at.environment(&json!({}));
    let project = project(&at);
    let (dev, grace) = (at.person("dev", "developer"), at.person("grace", "approver"));
    let path = |deployment: &Value| format!("/api/v1/deployments/{}/rollback", text(&deployment["id"]));
    let because = json!({ "reason": "the basket is empty" });
    let first = deployed(&at, &project, "1");
    grace.post(&path(&first), &because).expect(409);
    let second = deployed(&at, &project, "2");
    assert_eq!(second["previous_version"], "1");
    dev.post(&path(&second), &because).expect(403);
    grace.post(&path(&second), &json!({ "reason": " " })).expect(400);
    grace.post(&path(&first), &because).expect(409);
    assert_eq!(live(&at), "2\n");

    let rollback = &grace.post(&path(&second), &because).expect(202)["rollback"];
    let shown = ["deployment_id", "version", "to_version", "reason"];
    let expected = json!([second["id"], "2", "1", "the basket is empty"]);
    assert_eq!(json!(shown.map(|member| &rollback[member])), expected, "{rollback}");
    let back = at.taken_back(&second, &environment);
    assert_eq!(back["execution"]["status"], "succeeded", "{back:#}");
    assert_eq!(live(&at), "1\n");
    assert!(at.log(&text(&back["execution"]["id"])).contains("back: true\n"));

    let now = at.freed(&environment);
    assert_eq!((&now["live"][0]["version"], &now["quarantined"][0]["version"]), (&json!("1"), &json!("2")));
    let path_of_second = format!("/api/v1/deployments/{}", text(&second["id"]));
    let second = &at.get(&path_of_second)["deployment"];
    assert_eq!(second["status"], "rolled_back");
    assert!(second["rollback_completed_at"].is_string(), "{second}");
    grace.post(&path(second), &because).expect(409);
    // There is no earlier one that was well.
    grace.post(&path(&at.deployment_of(&text(&back["execution"]["id"]))), &because).expect(409);
    grace.post(&path(&first), &because).expect(409);
    assert_eq!(project.executions().len(), 3);
    at.at_rest();
}
