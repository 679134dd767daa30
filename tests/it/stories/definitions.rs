//! Where a definition lies, and what becomes of a bad one.

use serde_json::json;

use crate::harness::{Installation, Project, one_job};

const BAD: &str = "\
name: web
stages:
  - name: build
    jobs:
      - name: app
        step: [make]
  - name: test
    depends_on: biuld
    jobs: [{ name: unit, steps: [make test] }]
";

#[test]
fn a_definition_in_the_database_runs_whatever_the_repository_holds() {
    let at = Installation::start();
    let project = Project::in_database(&at, &one_job(&["echo from the database"]));
    project.commit(&[(".penstock.yml", BAD)], "Add a file that nobody asks for");
    let id = project.run();
    assert_eq!(at.ended(&id)["execution"]["status"], "succeeded");
    assert!(at.log(&id).contains("from the database"));
    at.at_rest();
    let calls = at.forge.requests();
    assert!(!calls.iter().any(|call| call.path.contains("/contents/")), "{calls:?}");
}

#[test]
fn a_bad_definition_is_an_error_that_names_every_place() {
    let at = Installation::start();
    let project = Project::new(&at, BAD);
    let execution = at.ended(&project.run())["execution"].clone();
    assert_eq!((&execution["status"], &execution["reason"]), (&json!("failed"), &json!("config_error")));
    let details = execution["error_details"].as_str().unwrap_or_default();
    let places: Vec<_> = details.lines().map(|line| line.split(": ").next().unwrap_or_default()).collect();
    assert!(places.contains(&"line 6, column 9") && places.contains(&"line 8, column 17"), "{details}");

    let told = project.statuses(&project.head());
    assert_eq!(told.iter().map(|status| status.state.as_str()).collect::<Vec<_>>(), ["error"]);
    assert!(told[0].description.as_deref().is_some_and(|said| said.contains("line ")), "{told:?}");

    // Mended, it runs.
    project.commit(&[(".penstock.yml", &one_job(&["true"]))], "Mend it");
    assert_eq!(at.ended(&project.run())["execution"]["status"], "succeeded");
    at.at_rest();
}

#[test]
fn a_definition_is_read_at_the_commit_under_test() {
    let at = Installation::start();
    let project = Project::new(&at, &one_job(&["echo old way"]));
    let old = project.head();
    let new = project.commit(&[(".penstock.yml", &one_job(&["echo new way"]))], "Change the way");
    for (sha, says) in [(&new, "new way"), (&old, "old way")] {
        project.push(sha).expect(202);
        let id = project.execution_of(sha);
        at.ended(&id);
        let log = at.log(&id);
        assert!(log.contains(says), "{log}");
    }
    at.at_rest();
}

#[test]
fn a_commit_without_a_definition_starts_nothing() {
    let at = Installation::start();
    let project = Project::without_definition(&at, &json!({}));
    let sha = project.commit(&[("README", "nothing to build")], "Begin");
    project.push(&sha).expect(202);
    at.at_rest();
    assert_eq!(project.executions(), [] as [serde_json::Value; 0]);
    assert_eq!(project.told(&sha), []);
}

#[test]
fn what_validate_says_of_a_file_is_what_a_run_of_it_says() {
    let at = Installation::start();
    let asked = json!({ "definition": BAD });
    let bad = at.api("POST", "/api/v1/pipelines/validate", Some(&asked)).expect(200);
    assert_eq!((&bad["success"], &bad["valid"], &bad["plan"]), (&json!(true), &json!(false), &json!(null)));
    let errors = bad["errors"].as_array().expect("errors");
    let mut places: Vec<_> =
        errors.iter().map(|error| (error["line"].as_u64(), error["column"].as_u64())).collect();
    places.sort_unstable();
    assert!(places.contains(&(Some(6), Some(9))) && places.contains(&(Some(8), Some(17))), "{errors:?}");

    let asked = json!({ "definition": one_job(&["true"]) });
    let good = at.api("POST", "/api/v1/pipelines/validate", Some(&asked)).expect(200);
    assert_eq!((&good["valid"], &good["errors"]), (&json!(true), &json!([])));
    assert_eq!(good["plan"]["stages"][0]["name"], "build");
}
