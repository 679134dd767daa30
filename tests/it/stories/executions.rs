//! Executions as they are listed, read, started by hand, and run again.

use serde_json::{Value, json};

use crate::harness::{Installation, Project, Settings, job, one_job, stage};

fn ids(answer: &Value) -> Vec<String> {
    let list = answer["executions"].as_array().expect("executions");
    list.iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn a_step_is_told_the_number_of_its_own_execution() {
    let at = Installation::start();
    let project =
        Project::in_database(&at, &one_job(&["echo this is ${{ number }}, as $PENSTOCK_EXECUTION_NUMBER"]));
    for number in 1..=2 {
        let id = project.start();
        assert_eq!(at.ended(&id)["execution"]["status"], "succeeded");
        let log = at.api("GET", &format!("/api/v1/executions/{id}/logs"), None).text();
        assert!(log.contains(&format!("this is {number}, as {number}")), "{log}");
    }
}

#[test]
fn executions_are_listed_newest_first_narrowed_and_by_pages() {
    let at = Installation::start();
    let project = Project::in_database(&at, &one_job(&["test \"$FINE\" = yes"]));
    let other = Project::in_database(&at, &one_job(&["true"]));
    let path = format!("/api/v1/pipelines/{}/execute", project.pipeline);
    let start = |branch: &str, fine: &str| {
        let body = json!({ "branch": branch, "commit_sha": project.head(), "parameters": { "FINE": fine } });
        let made = at.api("POST", &path, Some(&body)).expect(201);
        assert_eq!(made["execution"]["trigger_event"], "manual");
        let id = made["execution"]["id"].as_str().expect("an id").to_owned();
        at.ended(&id);
        id
    };
    let mut all: Vec<String> = [("main", "yes"), ("main", "no"), ("topic/a b", "yes"), ("main", "yes")]
        .map(|(b, f)| start(b, f))
        .into();
    let foreign = other.start();
    at.ended(&foreign);
    all.reverse();

    let of = |query: &str| ids(&at.get(&format!("/api/v1/executions{query}")));
    assert_eq!(of(""), [std::slice::from_ref(&foreign), &all[..]].concat());
    assert_eq!(of(&format!("?pipeline_id={}", project.pipeline)), all);
    assert_eq!(ids(&at.get(&format!("/api/v1/pipelines/{}/executions", project.pipeline))), all);
    assert_eq!(of("?status=failed"), [all[2].clone()]);
    assert_eq!(of("?branch=topic%2Fa%20b"), [all[1].clone()]);
    assert_eq!(
        of(&format!("?commit_sha={}&status=succeeded", project.head())),
        [all[0].clone(), all[1].clone(), all[3].clone()]
    );
    assert_eq!(of("?status=running"), [] as [String; 0]);

    let (mut seen, mut after) = (vec![], String::new());
    for page in 0.. {
        assert!(page < 4, "the pages have no end");
        let answer = at.get(&format!("/api/v1/executions?pipeline_id={}&limit=3{after}", project.pipeline));
        let found = ids(&answer);
        assert!(found.len() <= 3 && !found.is_empty());
        seen.extend(found);
        let Some(next) = answer["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, all);
    for bad in
        ["?limit=0", "?limit=201", "?limit=x", "?status=lost", "?after=x", "?pipeline_id=x", "?branch=%ff"]
    {
        let refused = at.api("GET", &format!("/api/v1/executions{bad}"), None);
        assert_eq!(refused.expect(400)["success"], false, "{bad}");
    }
}

#[test]
fn progress_is_told_while_it_runs() {
    let at = Installation::start();
    let go = at.note("go");
    let definition = json!({ "stages": [
        { "name": "first", "jobs": [{ "name": "quick", "steps": ["true"] }] },
        { "name": "second", "depends_on": ["first"], "jobs": [
            { "name": "waits", "steps": [format!("until [ -e {} ]; do sleep 0.05; done", go.display())] },
        ]},
        { "name": "third", "depends_on": ["second"], "jobs": [{ "name": "last", "steps": ["true"] }] },
    ]});
    let project = Project::new(&at, &definition.to_string());
    let id = project.run();
    at.wait_for_execution(&id, "to reach its second stage", |seen| {
        job(seen, "second", "waits")["steps"][0]["status"] == "running"
    });
    let status = at.get(&format!("/api/v1/executions/{id}/status"));
    assert_eq!(status["execution"]["status"], "running");
    assert_eq!(status["current_stage"], "second");
    let progress = &status["progress"];
    for (member, expected) in [
        ("percent", 33),
        ("jobs_total", 3),
        ("jobs_finished", 1),
        ("stages_total", 3),
        ("stages_completed", 1),
    ] {
        assert_eq!(progress[member], expected, "{member}");
    }
    let seen = at.execution(&id);
    let last = job(&seen, "third", "last");
    assert_eq!(last["why_waiting"]["reason"], "dependency_pending", "{last}");
    assert_eq!(last["why_waiting"]["waits_for"], json!(["second"]));

    std::fs::write(go, "").expect("the step may go on");
    at.ended(&id);
    let status = at.get(&format!("/api/v1/executions/{id}/status"));
    assert_eq!((&status["progress"]["percent"], &status["current_stage"]), (&json!(100), &json!(null)));
    at.at_rest();
}

#[test]
fn a_retry_runs_again_only_what_failed_unless_all_is_asked_for() {
    let at = Installation::start();
    let (runs, mended) = (at.note("runs"), at.note("mended"));
    let note = |what: &str| format!("echo {what} >> {}", runs.display());
    let definition = json!({ "stages": [
        { "name": "build", "jobs": [{ "name": "app", "steps": [note("app")] }] },
        { "name": "test", "depends_on": ["build"], "jobs": [
            { "name": "good", "steps": [note("good")] },
            { "name": "bad", "steps": [note("bad"), format!("test -e {}", mended.display())] },
        ]},
        { "name": "ship", "depends_on": ["test"], "jobs": [{ "name": "it", "steps": [note("ship")] }] },
    ]});
    let project = Project::new(&at, &definition.to_string());
    let first = project.run();
    assert_eq!(at.ended(&first)["execution"]["status"], "failed");
    std::fs::write(&mended, "").expect("it is mended");

    let retry = |id: &str, only: &str| {
        let made = at.api("POST", &format!("/api/v1/executions/{id}/retry"), Some(&json!({ "only": only })));
        let execution = made.expect(201)["execution"].clone();
        assert_eq!((&execution["retry_of"], &execution["commit_sha"]), (&json!(id), &json!(project.head())));
        execution["id"].as_str().expect("an id").to_owned()
    };
    let lines = || {
        let text = std::fs::read_to_string(&runs).expect("jobs ran");
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(lines(), ["app", "bad", "good"]);
    std::fs::remove_file(&runs).expect("the notes can be cleared");
    let second = retry(&first, "failed");
    let ended = at.ended(&second);
    assert_eq!(ended["execution"]["status"], "succeeded");
    assert_eq!(ended["execution"]["execution_number"], 2);
    assert_eq!(lines(), ["bad", "ship"]);
    for name in ["build", "test", "ship"] {
        assert_eq!(stage(&ended, name)["status"], "succeeded");
    }

    std::fs::remove_file(&runs).expect("the notes can be cleared");
    at.api("POST", &format!("/api/v1/executions/{second}/retry"), None).expect(409);
    at.ended(&retry(&second, "all"));
    assert_eq!(lines(), ["app", "bad", "good", "ship"]);
    at.at_rest();
    let told: Vec<_> =
        at.forge.statuses(&project.full_name, &project.head()).iter().map(|one| one.state.clone()).collect();
    assert_eq!(told, ["pending", "failure", "pending", "success", "pending", "success"]);
}

#[test]
fn what_still_runs_is_not_retried() {
    let at = Installation::with(Settings { runner_slots: 0, ..Settings::default() });
    let project = Project::in_database(&at, &one_job(&["true"]));
    let id = project.start();
    let refused = at.api("POST", &format!("/api/v1/executions/{id}/retry"), None).expect(409);
    assert_eq!(refused["code"], "still_running");
}

#[test]
fn a_run_by_hand_takes_parameters_as_variables_and_its_file_from_the_commit() {
    let at = Installation::start();
    let definition = json!({
        "on": { "push": { "branches": ["never"] }, "manual": null },
        "variables": { "WHO": "nobody", "HOW": "loudly" },
        "stages": [{ "name": "say", "jobs": [{ "name": "it", "steps": ["echo $WHO $HOW $COUNT $FLAG from $PENSTOCK_BRANCH"] }] }],
    });
    let project = Project::new(&at, &definition.to_string());
    // The first webhook tells which forge it is; it starts nothing.
    project.push(&project.head()).expect(202);
    at.at_rest();
    let parameters = json!({ "WHO": "Ada $(id)", "COUNT": 3, "FLAG": true });
    let body = json!({ "branch": "topic", "commit_sha": project.head(), "parameters": parameters });
    let path = format!("/api/v1/pipelines/{}/execute", project.pipeline);
    let made = at.api("POST", &path, Some(&body)).expect(201);
    let id = made["execution"]["id"].as_str().expect("an id");
    let ended = at.ended(id);
    assert_eq!(ended["execution"]["status"], "succeeded");
    assert!(at.log(id).contains("Ada $(id) loudly 3 true from topic"), "{}", at.log(id));
    assert_eq!(
        project.statuses(&project.head()).last().map(|told| told.state.clone()).as_deref(),
        Some("success")
    );
}
