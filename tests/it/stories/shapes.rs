//! Pipelines of every shape, with real processes: what is written out, handed on, added, cleaned up after and followed.

use serde_json::{Value, json};

use crate::harness::database::Database;
use crate::harness::programs::penstock;
use crate::harness::{Installation, Project, SOON, job, stage, text, wait_for};

fn succeeded(at: &Installation, id: &str) -> Value {
    let ended = at.ended(id);
    assert_eq!(ended["execution"]["status"], "succeeded", "{ended:#}\n{}", at.log(id));
    ended
}

#[test]
fn a_matrix_fans_out_and_what_its_jobs_hand_on_comes_together() {
    let at = Installation::start();
    let project = Project::in_database(
        &at,
        r#"
stages:
  - name: build
    jobs:
      - name: app
        outputs: [version, kind]
        steps:
          - run: |
              echo version=1.2.3 >> "$PENSTOCK_OUTPUT"
              echo kind=release >> "$PENSTOCK_OUTPUT"
  - name: test
    depends_on: [build]
    variables: { VERSION: "${{ stages.build.outputs.version }}" }
    jobs:
      - name: unit
        matrix: { node: [18, 20], os: [linux, mac], exclude: [{ node: 18, os: mac }], max_parallel: 2 }
        steps: ['echo "unit of $VERSION on $MATRIX_NODE and $MATRIX_OS"']
  - name: ship
    depends_on: [test]
    if: stages.build.outputs.kind == "release"
    jobs: [{ name: ship, variables: { V: "v${{ stages.build.outputs.version }}" }, steps: ['echo "ships $V"'] }]
  - name: never
    depends_on: [build]
    if: stages.build.outputs.kind == "nightly"
    jobs: [{ name: never, steps: ["exit 1"] }]
"#,
    );
    let id = project.start();
    let ended = succeeded(&at, &id);
    let names: Vec<_> =
        stage(&ended, "test")["jobs"].as_array().unwrap().iter().map(|j| &j["name"]).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let log = at.log(&id);
    for line in ["unit of 1.2.3 on 18 and linux", "unit of 1.2.3 on 20 and mac", "ships v1.2.3"] {
        assert!(log.contains(line), "{line}\n{log}");
    }
    assert_eq!(stage(&ended, "never")["reason"], "condition_false");
    at.at_rest();
}

#[test]
fn a_step_adds_jobs_to_its_stage_and_what_follows_waits_for_them() {
    let at = Installation::start();
    let project = Project::in_database(
        &at,
        r#"
stages:
  - name: test
    jobs:
      - name: split
        steps:
          - run: |
              echo 'jobs:' >> "$PENSTOCK_JOBS"
              for part in one two; do
                echo "  - { name: part-$part, steps: ['echo part $part'] }" >> "$PENSTOCK_JOBS"
              done
  - name: report
    depends_on: [test]
    jobs: [{ name: report, steps: [echo reported] }]
"#,
    );
    let id = project.start();
    let ended = succeeded(&at, &id);
    assert_eq!(job(&ended, "test", "part-two")["status"], "succeeded");
    assert_eq!(stage(&ended, "test")["jobs_total"], 3);
    assert!(at.log(&id).contains("part one"));

    let wrong = Project::in_database(
        &at,
        r#"{ "stages": [{ "name": "test", "jobs": [{ "name": "split", "steps": [
            "echo 'jobs: [{ nam: a, steps: [x] }]' > \"$PENSTOCK_JOBS\"" ] }] }] }"#,
    );
    let id = wrong.start();
    let ended = at.ended(&id);
    assert_eq!(job(&ended, "test", "split")["reason"], "config_error", "{ended:#}");
    assert!(at.log(&id).contains("did you mean `name`"), "{}", at.log(&id));
    at.at_rest();
}

#[test]
fn what_cleans_up_runs_after_a_cancel_and_its_story_can_be_read() {
    let at = Installation::start();
    let swept = at.note("swept");
    let definition = json!({ "stages": [
        { "name": "build", "jobs": [{ "name": "app", "steps": ["sleep 1000"] }] },
        { "name": "sweep", "type": "cleanup", "jobs": [
            { "name": "sweep", "steps": [format!("echo swept > {}", swept.display())] }] },
    ]});
    let project = Project::in_database(&at, &definition.to_string());
    let id = project.start();
    at.wait_for_execution(&id, "the job runs", |seen| job(seen, "build", "app")["status"] == "running");
    let answer = at.api("POST", &format!("/api/v1/executions/{id}/cancel"), None).expect(200);
    assert_eq!(
        (&answer["execution"]["status"], &answer["execution"]["reason"]),
        (&json!("running"), &json!("cleaning_up"))
    );
    let ended = at.ended(&id);
    assert_eq!(ended["execution"]["status"], "cancelled");
    assert_eq!(stage(&ended, "sweep")["status"], "succeeded");
    assert!(swept.exists());

    let told = at.get(&format!("/api/v1/executions/{id}/journal"));
    let entries = told["entries"].as_array().unwrap();
    assert!(entries.iter().any(|e| e["cause"] == "cancel" && e["actor"] == "user:admin"), "{told:#}");
    assert!(
        entries.last().unwrap()["changes"].to_string().contains("the execution is cancelled"),
        "{told:#}"
    );
    let explained = std::process::Command::new(penstock())
        .args(["explain", &id, "--server", &at.url(), "--token-file"])
        .arg(at.data().join("secrets.env"))
        .output()
        .expect("the command runs");
    let text = String::from_utf8_lossy(&explained.stdout);
    assert!(explained.status.success(), "{}", String::from_utf8_lossy(&explained.stderr));
    assert!(text.contains("cancel by user:admin") && text.contains("job sweep/sweep is succeeded"), "{text}");
    at.at_rest();
}

#[test]
fn of_a_concurrency_group_the_newer_execution_takes_the_older_ones_place() {
    let at = Installation::start();
    let project = Project::in_database(
        &at,
        r#"
concurrency: { group: "web-${{ branch }}", limit: 1, cancel_in_progress: true }
stages: [{ name: build, jobs: [{ name: app, steps: ['[ "$GO" = yes ] || sleep 1000'] }] }]
"#,
    );
    let older = project.start();
    at.wait_for_execution(&older, "the job runs", |seen| job(seen, "build", "app")["status"] == "running");
    let elsewhere = project.execute(&json!({ "branch": "other", "parameters": { "GO": "yes" } }));
    succeeded(&at, &elsewhere);
    let newer = project.execute(&json!({ "parameters": { "GO": "yes" } }));
    succeeded(&at, &newer);
    let ended = at.ended(&older);
    assert_eq!(
        (&ended["execution"]["status"], &ended["execution"]["reason"]),
        (&json!("cancelled"), &json!("superseded"))
    );
    at.at_rest();
}

#[test]
fn an_execution_that_waits_for_its_group_says_who_has_it() {
    let at = Installation::start();
    let go = at.note("go");
    let wait = format!("until [ -e {} ]; do sleep 0.05; done", go.display());
    let definition = json!({
        "concurrency": { "group": "one", "limit": 1 },
        "stages": [{ "name": "build", "jobs": [{ "name": "app", "steps": [wait] }] }] });
    let project = Project::in_database(&at, &definition.to_string());
    let first = project.start();
    let second = project.start();
    let seen = at.execution(&second);
    assert_eq!(seen["execution"]["status"], "queued");
    assert_eq!(seen["why_waiting"]["held_by"], json!(["#1"]), "{seen:#}");
    assert!(seen["why_waiting"]["message"].to_string().contains("concurrency group `one`"), "{seen:#}");
    std::fs::write(&go, "").expect("the note can be written");
    succeeded(&at, &first);
    succeeded(&at, &second);
    at.at_rest();
}

#[test]
fn a_pipeline_starts_the_next_one_and_never_itself_in_a_circle() {
    let at = Installation::start();
    let first = Project::in_database(
        &at,
        r#"
stages: [{ name: build, jobs: [{ name: app, outputs: [version], steps: ['echo version=7 >> "$PENSTOCK_OUTPUT"'] }] }]
then: [{ pipeline: project-2, variables: { VERSION: "${{ stages.build.outputs.version }}" } }]
"#,
    );
    // Where the file lies in a repository, only a run tells that it leads back.
    let second = Project::new(
        &at,
        &format!(
            "stages: [{{ name: ship, jobs: [{{ name: ship, steps: ['echo \"ships $VERSION\"'] }}] }}]
then: [{{ pipeline: {} }}]",
            first.pipeline_name
        ),
    );
    assert_eq!(second.pipeline_name, "project-2", "what the first one names");
    let nth = |of: &Project<'_>, n: usize| {
        let all = wait_for("the next one", SOON, || Some(of.executions()).filter(|all| all.len() == n));
        succeeded(&at, all[0]["id"].as_str().expect("an id"))
    };
    let database = at.database();
    let refused = |n: usize| {
        let sql = "SELECT outcome FROM outbox WHERE kind = 'start_pipeline' AND outcome LIKE 'refused%'";
        let told = wait_for("the end of the circle", SOON, || {
            Some(database.texts(sql)).filter(|outcomes| outcomes.len() == n)
        });
        assert!(told.iter().all(|outcome| outcome.contains("circle")), "{told:?}");
    };
    succeeded(&at, &second.run());
    nth(&first, 1);
    refused(1);
    succeeded(&at, &first.start());
    let id = text(&nth(&second, 2)["execution"]["id"]);
    assert!(at.log(&id).contains("ships 7"), "{}", at.log(&id));
    refused(2);
    at.at_rest();
    assert_eq!((first.executions().len(), second.executions().len()), (2, 2));
}

#[test]
fn steps_go_on_after_a_failure_where_their_conditions_say_so() {
    let at = Installation::start();
    let project = Project::in_database(
        &at,
        r#"
stages:
  - name: build
    jobs:
      - name: app
        steps:
          - { id: make, run: exit 3 }
          - { name: plain, run: echo never }
          - { name: alarm, if: failure() && steps.make.exit_code == 3, run: echo alarm }
          - { name: sweep, if: always(), shell: bash, run: 'echo "sweep by $BASH_VERSION" | cut -c1-8' }
"#,
    );
    let id = project.start();
    let ended = at.ended(&id);
    let steps: Vec<_> =
        job(&ended, "build", "app")["steps"].as_array().unwrap().iter().map(|s| &s["status"]).collect();
    assert_eq!(steps, ["failed", "skipped", "succeeded", "succeeded"]);
    assert_eq!(job(&ended, "build", "app")["reason"], "exit_code");
    let log = at.log(&id);
    assert!(log.contains("alarm") && log.contains("sweep by") && !log.contains("never"), "{log}");
    at.at_rest();
}

#[test]
fn typed_inputs_are_held_and_given_to_the_run() {
    let at = Installation::start();
    let project = Project::in_database(
        &at,
        r#"
on: { manual: { inputs: { version: { type: string, required: true }, loud: { type: boolean, default: false } } } }
stages: [{ name: ship, jobs: [{ name: ship, if: inputs.loud, steps: ['echo "ships $version"'] }] }]
"#,
    );
    let path = format!("/api/v1/pipelines/{}/execute", project.pipeline);
    let refused = at.api("POST", &path, Some(&json!({ "parameters": { "versoin": "1" } }))).expect(400);
    assert!(refused["errors"].to_string().contains("did you mean `version`"), "{refused:#}");
    let id = project.execute(&json!({ "parameters": { "version": "1.2", "loud": true } }));
    succeeded(&at, &id);
    assert!(at.log(&id).contains("ships 1.2"));
    at.at_rest();
}

#[test]
fn a_push_whose_paths_leave_nothing_to_do_has_its_check_all_the_same() {
    let at = Installation::start();
    let project = Project::new(
        &at,
        "on: { push: { paths: [\"src/**\"] } }\nstages: [{ name: build, jobs: [{ name: app, steps: [\"true\"] }] }]\n",
    );
    let sha = project.commit(&[("README.md", "words")], "Only words");
    project.push(&sha).expect(202);
    let told = wait_for("the status", SOON, || project.statuses(&sha).last().cloned());
    assert_eq!(told.state, "success");
    assert!(told.description.unwrap_or_default().contains("nothing to do"));
    assert!(project.executions().is_empty());
    at.at_rest();
}

#[test]
fn a_stage_is_run_again_with_all_that_depends_on_it() {
    let at = Installation::start();
    let project = Project::in_database(
        &at,
        r#"
stages:
  - { name: build, jobs: [{ name: app, steps: [echo built] }] }
  - { name: test, depends_on: [build], jobs: [{ name: unit, steps: [echo tested] }] }
  - { name: ship, depends_on: [test], jobs: [{ name: ship, steps: [echo shipped] }] }
"#,
    );
    let id = project.start();
    succeeded(&at, &id);
    let path = format!("/api/v1/executions/{id}/retry");
    let again = at.api("POST", &path, Some(&json!({ "from_stage": "test" }))).expect(201);
    let again = again["execution"]["id"].as_str().unwrap().to_owned();
    succeeded(&at, &again);
    let log = at.log(&again);
    assert!(!log.contains("built") && log.contains("tested") && log.contains("shipped"), "{log}");
    let unknown = at.api("POST", &path, Some(&json!({ "from_stage": "tset" }))).expect(409);
    assert!(unknown["detail"].to_string().contains("its stages are build, test, ship"), "{unknown:#}");
    at.at_rest();
}

#[test]
fn stages_come_from_a_pipelines_configuration_where_it_has_no_file() {
    let at = Installation::start();
    let members = json!({
        "build_configuration": { "build_tool": "make", "build_command": "echo builds" },
        "test_configuration": { "test_command": "echo tests $TEST_TYPE", "test_types": ["unit", "e2e"], "max_retries": 0 },
    });
    let project = Project::without_definition(&at, &members);
    let made = at.get(&format!("/api/v1/pipelines/{}", project.pipeline));
    assert_eq!(made["pipeline"]["build_configuration"]["build_command"], "echo builds");
    let id = project.start();
    let ended = succeeded(&at, &id);
    assert_eq!(stage(&ended, "E2e Tests")["stage_type"], "test");
    assert!(at.log(&id).contains("tests e2e"));
    let bad = json!({
        "pipeline_name": "bad", "repository_url": "https://example.com/a/b.git",
        "test_configuration": { "coverage_threshold": 101, "max_retries": 6 } });
    let refused = at.api("POST", "/api/v1/pipelines", Some(&bad)).expect(400);
    assert_eq!(refused["errors"].as_array().map(Vec::len), Some(2), "{refused:#}");
    at.at_rest();
}

#[test]
fn the_clock_starts_what_is_due_once_and_looks_forward() {
    let at = Installation::start();
    let project = Project::in_database(
        &at,
        r#"
on: { schedule: [{ cron: "0 3 * * *", timezone: Europe/Berlin, branch: release, variables: { MODE: nightly } }] }
stages: [{ name: build, jobs: [{ name: app, steps: ['echo "mode $MODE"'] }] }]
"#,
    );
    let next = "SELECT next_at FROM schedules";
    let planned = at.database().texts(next).pop().expect("the pipeline has its schedule");
    let due = "UPDATE schedules SET next_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 second')";
    Database::alter(&at.data(), due);
    let started = wait_for("the execution", SOON, || project.executions().first().cloned());
    assert_eq!(
        (&started["trigger_event"], &started["branch_name"]),
        (&json!("schedule"), &json!("release")),
        "{started:#}"
    );
    let id = started["id"].as_str().unwrap();
    succeeded(&at, id);
    assert!(at.log(id).contains("mode nightly"));
    assert_eq!(at.database().texts(next), [planned], "its next time is the one that it had");
    assert_eq!(project.executions().len(), 1);
    at.at_rest();
}
