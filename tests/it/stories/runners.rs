//! Who runs a job: a runner that has what the job asks for, here or elsewhere.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::json;

use crate::harness::http::Call;
use crate::harness::processes::is_alive;
use crate::harness::{Installation, Project, SOON, Settings, job, one_job, one_job_with, text, wait_for};

#[test]
fn a_job_waits_for_a_runner_with_its_labels_and_runs_when_one_registers() {
    let at = Installation::start();
    let project =
        Project::new(&at, &one_job_with(&["echo on $(pwd)"], &json!({ "runs_on": ["linux", "gpu"] })));
    let id = project.run();
    let waiting = at.wait_for_execution(&id, "to wait", |seen| seen["why_waiting"].is_object());
    let app = job(&waiting, "build", "app");
    for why in [&waiting["why_waiting"], &app["why_waiting"]] {
        assert_eq!(
            (&why["reason"], &why["waits_for"]),
            (&json!("no_matching_runner"), &json!(["gpu", "linux"]))
        );
        assert!(text(&why["message"]).contains("gpu"), "{why}");
    }
    assert_eq!((&app["status"], &app["reason"]), (&json!("pending"), &json!("no_matching_runner")));
    // It holds up nothing that the local runner can do.
    let other = Project::in_database(&at, &one_job(&["true"]));
    assert_eq!(at.ended(&other.start())["execution"]["status"], "succeeded");

    let runner = at.start_runner("big", "gpu");
    let ended = at.ended(&id);
    assert_eq!(ended["execution"]["status"], "succeeded");
    assert_eq!(job(&ended, "build", "app")["runner"], "big");
    assert!(at.log(&id).contains("runner-big"), "{}", at.log(&id));
    at.at_rest();
    assert_eq!(runner.terminate(), Some(0));
}

#[test]
fn a_runner_that_claims_runs_what_it_is_given_and_can_be_cancelled() {
    let at = Installation::with(Settings { runner_slots: 0, ..Settings::default() });
    let runner = at.start_runner("claims", "any");
    let begun = at.note("begun");
    let project = Project::new(&at, &one_job(&[&format!("echo $$ > {}; exec sleep 1000", begun.display())]));
    let id = project.run();
    let seen = at.wait_for_execution(&id, "to begin", |seen| {
        job(seen, "build", "app")["steps"][0]["status"] == "running"
    });
    assert_eq!(job(&seen, "build", "app")["runner"], "claims");
    let step = || std::fs::read_to_string(&begun).ok()?.trim().parse::<i32>().ok();
    let step = wait_for("the step's process", SOON, step);
    at.api("POST", &format!("/api/v1/executions/{id}/cancel"), None).expect(200);
    wait_for("the end of the step", SOON, || (!is_alive(step)).then_some(()));
    // The next job is claimed by the slot that became free.
    let next = Project::in_database(&at, &one_job(&["true"]));
    assert_eq!(at.ended(&next.start())["execution"]["status"], "succeeded");
    at.at_rest();
    drop(runner);
}

#[test]
fn a_job_that_its_runner_takes_for_impossible_fails_with_what_the_runner_said() {
    let at = Installation::with(Settings { runner_slots: 0, ..Settings::default() });
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let form = json!({ "name": "small", "labels": ["any"], "capacity": 1, "url": url });
    let headers = vec![
        ("authorization", format!("Bearer {}", runner_token(&at))),
        ("content-type", "application/json".to_owned()),
    ];
    let body = form.to_string();
    at.send(&Call { method: "POST", path: "/api/v1/runners", headers, body: body.as_bytes() }).expect(201);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let problem = json!({
                "type": "about:blank", "title": "Content too large", "status": 413, "success": false,
                "code": "body_too_large", "error": "Content too large", "detail": "it has more than I can hold",
            });
            let _ = stream.read(&mut [0; 64 * 1024]);
            let body = problem.to_string();
            let _ = write!(
                stream,
                "HTTP/1.1 413 Content Too Large\r\ncontent-type: application/problem+json\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    let project = Project::in_database(&at, &one_job(&["true"]));
    let ended = at.ended(&project.start());
    let app = job(&ended, "build", "app");
    assert_eq!((&app["status"], &app["reason"]), (&json!("failed"), &json!("config_error")), "{ended:#}");
    let said = text(&ended["execution"]["error_details"]);
    assert!(said.contains("it has more than I can hold"), "{said}");
    at.at_rest();
}

/// What its runners register with.
fn runner_token(at: &Installation) -> String {
    let secrets = std::fs::read_to_string(at.data().join("secrets.env")).expect("it keeps its secrets");
    let token = secrets.lines().find_map(|line| line.strip_prefix("SPIN_VARIABLE_RUNNER_TOKEN="));
    token.expect("a token").to_owned()
}

#[test]
fn a_runner_registers_with_the_runners_token_alone_and_a_token_of_one_job_is_of_no_other() {
    let at = Installation::with(Settings { runner_slots: 0, ..Settings::default() });
    let token = &*runner_token(&at);
    let post = |path: &str, token: &str, body: &str| {
        let headers = vec![
            ("authorization", format!("Bearer {token}")),
            ("content-type", "application/json".to_owned()),
        ];
        let call = Call { method: "POST", path, headers, body: body.as_bytes() };
        at.send(&call)
    };
    let form = json!({ "name": "mine", "labels": ["a"], "capacity": 1 }).to_string();
    // The administrator's is another token.
    assert_eq!(at.call("POST", "/api/v1/runners", &[], form.as_bytes()).status(), 401);
    let registered = post("/api/v1/runners", token, &form).expect(201);
    let (id, own) = (text(&registered["runner"]["id"]), text(&registered["token"]));
    assert!(registered["lease_seconds"].as_u64() > registered["heartbeat_seconds"].as_u64());
    for bad in [json!({ "name": "", "capacity": 1 }), json!({ "name": "x", "capacity": 0 })] {
        assert_eq!(post("/api/v1/runners", token, &bad.to_string()).expect(400)["code"], "invalid_input");
    }

    let pushed =
        json!({ "name": "pushed", "labels": ["other"], "capacity": 1, "url": "http://127.0.0.1:1/" });
    let pushed = post("/api/v1/runners", token, &pushed.to_string()).expect(201);
    let known = format!("/api/v1/runners/{}/claim?wait=0&url=http", text(&pushed["runner"]["id"]));
    let of_pushed = text(&pushed["token"]);
    assert_eq!(post(&format!("{known}%3A%2F%2F127.0.0.1%3A1%2F"), &of_pushed, "").status(), 204);
    // Whoever has another address learns that it has to register again.
    assert_eq!(post(&format!("{known}%3A%2F%2F127.0.0.1%3A2"), &of_pushed, "").status(), 401);

    let project = Project::in_database(&at, &one_job(&["true"]));
    project.start();
    project.start();
    let claim_path = format!("/api/v1/runners/{id}/claim?wait=5");
    assert_eq!(post(&claim_path, token, "").status(), 401);
    let claimed = post(&claim_path, &own, "").expect(200);
    // It has one slot, and that is taken.
    assert_eq!(post(&format!("/api/v1/runners/{id}/claim?wait=0"), &own, "").status(), 204);
    let (claimed_id, lease) = (text(&claimed["job"]["id"]), text(&claimed["job"]["lease"]["token"]));
    let beat = |job: &str, token: &str| post(&format!("/api/v1/jobs/{job}/heartbeat"), token, "");
    assert_eq!(beat(&claimed_id, &lease).expect(200)["cancel"], false);
    let ids = at.database().texts("SELECT id FROM jobs ORDER BY id");
    let other = ids.iter().find(|id| **id != claimed_id).expect("the other job");
    for (job, token) in [(other, &lease), (&claimed_id, &own)] {
        assert_eq!(beat(job, token).expect(401)["code"], "unauthorized");
    }

    let execution = text(&claimed["execution"]["id"]);
    at.api("POST", &format!("/api/v1/executions/{execution}/cancel"), None).expect(200);
    assert_eq!(beat(&claimed_id, &lease).expect(200)["cancel"], true);
    let late = json!({ "events": [{ "type": "job_finished", "at": "2026-01-01T00:00:00.000Z", "status": "succeeded" }] });
    let late = post(&format!("/api/v1/jobs/{claimed_id}/events"), &lease, &late.to_string());
    assert_eq!(late.expect(409)["code"], "lease_expired");
    assert_eq!(at.execution(&execution)["execution"]["status"], "cancelled");
}
