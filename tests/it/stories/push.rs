//! A push becomes a run, and the run becomes a status.

use serde_json::json;

use crate::harness::http::Call;
use crate::harness::project::DEFINITION;
use crate::harness::{Installation, Project, SOON, job, one_job, stage};

const TWO_STAGES: &str = r#"
name: web
on: push
variables: { GREETING: hello }
stages:
  - name: build
    jobs:
      - name: app
        steps:
          - name: look
            run: |
              git rev-parse HEAD
              cat word.txt
              echo "$GREETING from $PENSTOCK_BRANCH at $PENSTOCK_COMMIT"
          - echo "and a complaint" >&2
  - name: test
    depends_on: [build]
    jobs:
      - name: unit
        steps: ["test -f word.txt"]
"#;

#[test]
fn a_push_becomes_a_run_of_its_exact_commit_and_the_run_becomes_a_status() {
    let at = Installation::start();
    let project = Project::new(&at, TWO_STAGES);
    let pushed = project.commit(&[("word.txt", "first\n")], "Say the first word");
    // Whatever the branch has become by the time that the runner looks.
    project.commit(&[("word.txt", "second\n")], "Say the second word");

    let answer = project.push(&pushed).expect(202);
    assert_eq!((&answer["success"], &answer["status"]), (&json!(true), &json!("received")));
    let id = project.execution_of(&pushed);
    let ended = at.ended(&id);

    let execution = &ended["execution"];
    for (member, expected) in [
        ("status", json!("succeeded")),
        ("reason", json!(null)),
        ("pipeline_id", json!(project.pipeline)),
        ("execution_number", json!(1)),
        ("branch_name", json!("main")),
        ("commit_sha", json!(pushed)),
        ("commit_message", json!("Say the first word")),
        ("trigger_event", json!("push")),
        ("stages_total", json!(2)),
        ("stages_completed", json!(2)),
        ("error_details", json!(null)),
    ] {
        assert_eq!(execution[member], expected, "{member}");
    }
    for member in ["created_at", "started_at", "completed_at"] {
        let time = execution[member].as_str().unwrap_or_default();
        assert!(time.len() == "2023-11-14T22:13:20.000Z".len() && time.ends_with('Z'), "{member}: {time}");
    }
    assert_eq!(
        (&stage(&ended, "build")["status"], &stage(&ended, "test")["status"]),
        (&json!("succeeded"), &json!("succeeded"))
    );
    let app = job(&ended, "build", "app");
    assert_eq!((&app["attempt"], &app["runner"]), (&json!(1), &json!("local")));
    assert_eq!((&app["steps"][0]["name"], &app["steps"][0]["exit_code"]), (&json!("look"), &json!(0)));

    let log = at.log(&id);
    assert!(log.contains(&format!("build / app | hello from main at {pushed}\n")), "{log}");
    assert!(log.contains(&format!("build / app | {pushed}\n")) && log.contains("| first\n"), "{log}");
    assert!(log.contains("build / app | and a complaint\n") && !log.contains("second"), "{log}");

    let told = project.statuses(&pushed);
    assert_eq!(told.iter().map(|status| status.state.as_str()).collect::<Vec<_>>(), ["pending", "success"]);
    for status in &told {
        assert_eq!(status.context, format!("penstock/{}", project.pipeline_name));
        assert_eq!(status.target_url, Some(format!("{}/executions/{id}", at.url())));
    }
    assert!(
        told[1].description.as_deref().is_some_and(|text| text.starts_with("#1 succeeded in ")),
        "{told:?}"
    );
    at.at_rest();
}

#[test]
fn the_page_that_a_status_leads_to_shows_public_pipelines_to_everyone_and_others_to_nobody() {
    let at = Installation::start();
    for (is_public, shown) in [(true, "succeeded"), (false, "not public")] {
        let definition = one_job(&["true"]);
        let members = json!({ "definition": definition, "public_status": is_public });
        let project = Project::without_definition(&at, &members);
        let sha = project.commit(&[], "Begin");
        at.ended(&project.run());
        let url = project.statuses(&sha).pop().and_then(|status| status.target_url).expect("a link");
        let path = url.strip_prefix(&at.url()).expect("it leads here");
        let call = Call { method: "GET", path, headers: vec![], body: &[] };
        let page = at.send(&call);
        assert_eq!(page.status(), 200);
        assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
        assert!(page.text().contains(shown), "{}", page.text());
        assert_eq!(page.text().contains(&project.pipeline_name), is_public);
    }
}

#[test]
fn a_failing_step_fails_the_commit_with_its_reason_and_what_depends_on_it_is_left_out() {
    let at = Installation::start();
    let definition = json!({ "stages": [
        { "name": "build", "jobs": [
            { "name": "good", "steps": ["true"] },
            { "name": "bad", "steps": ["echo before", { "name": "break", "run": "exit 7" }, "echo after"] },
            { "name": "lenient", "steps": [{ "run": "false", "continue_on_error": true }, "true"] },
        ]},
        { "name": "later", "depends_on": ["build"], "jobs": [{ "name": "never", "steps": ["true"] }] },
        { "name": "clean", "depends_on": ["build"], "if": "failure()", "jobs": [{ "name": "up", "steps": ["true"] }] },
    ]});
    let project = Project::new(&at, &definition.to_string());
    let ended = at.ended(&project.run());

    let execution = &ended["execution"];
    assert_eq!((&execution["status"], &execution["reason"]), (&json!("failed"), &json!("exit_code")));
    let details = execution["error_details"].as_str().unwrap_or_default();
    assert!(details.starts_with("build / bad: exit_code"), "{details}");
    let bad = job(&ended, "build", "bad");
    assert_eq!((&bad["status"], &bad["reason"]), (&json!("failed"), &json!("exit_code")));
    let steps: Vec<_> = (0..3).map(|n| (&bad["steps"][n]["status"], &bad["steps"][n]["exit_code"])).collect();
    let expected =
        [(json!("succeeded"), json!(0)), (json!("failed"), json!(7)), (json!("skipped"), json!(null))];
    assert!(
        steps.iter().zip(&expected).all(|(is, should)| *is.0 == should.0 && *is.1 == should.1),
        "{steps:?}"
    );
    assert_eq!(job(&ended, "build", "good")["status"], "succeeded");
    assert_eq!(job(&ended, "build", "lenient")["status"], "succeeded");
    let later = stage(&ended, "later");
    assert_eq!((&later["status"], &later["reason"]), (&json!("skipped"), &json!("dependency_failed")));
    assert_eq!(stage(&ended, "clean")["status"], "succeeded");

    let told = project.statuses(&project.head());
    assert_eq!(told.iter().map(|status| status.state.as_str()).collect::<Vec<_>>(), ["pending", "failure"]);
    let said = told[1].description.clone().unwrap_or_default();
    assert!(said.starts_with("#1 failed: build / bad: exit_code"), "{said}");
    at.at_rest();
}

#[test]
fn each_pipeline_of_a_repository_gets_its_own_run_and_its_own_status() {
    let at = Installation::start();
    let project = Project::new(&at, &one_job(&["true"]));
    let second = json!({
        "pipeline_name": "second",
        "repository_url": format!("{}/", project.git.url()),
        "definition": one_job(&["false"]),
    });
    at.api("POST", "/api/v1/pipelines", Some(&second)).expect(201);
    let sha = project.head();
    project.push(&sha).expect(202);
    let both = at.forge.wait_for_statuses(&project.full_name, &sha, SOON, |told| {
        told.iter().filter(|status| status.state != "pending").count() == 2
    });
    let both = both.expect("both pipelines tell how they ended");
    let of = |context: &str| {
        let states = both.iter().filter(|status| status.context == context);
        states.map(|status| status.state.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of(&format!("penstock/{}", project.pipeline_name)), ["pending", "success"]);
    assert_eq!(of("penstock/second"), ["pending", "failure"]);
    at.at_rest();
    assert_eq!(at.forge.requests().iter().filter(|call| call.path.contains(DEFINITION)).count(), 1);
}
