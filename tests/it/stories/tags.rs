//! One new tag, which GitHub tells by two events.

use penstock_testkit::{github_tag_create_payload, github_tag_push_payload};
use serde_json::json;

use crate::harness::{Installation, Project};

fn definition() -> String {
    json!({
        "on": { "tag": ["v*"] },
        "stages": [{ "name": "release", "jobs": [{
            "name": "pack",
            "steps": ["echo \"points at: $(git tag --points-at HEAD | tr '\\n' ' ')\"; git rev-parse HEAD"],
        }] }],
    })
    .to_string()
}

#[test]
fn a_new_tag_runs_once_though_two_events_tell_of_it() {
    let at = Installation::start();
    let project = Project::new(&at, &definition());
    for (tag, message) in [("v1", None), ("v2", Some("The second"))] {
        let sha = project.commit(&[("version", tag)], "Change the version");
        project.git.tag(tag, message).expect("git tags");
        project.publish();
        let object = message.map(|_| project.git.git(&["rev-parse", tag]).expect("a tag object"));
        let pushed =
            github_tag_push_payload(&project.hosted(), tag, object.as_deref(), &project.pushed_commit(&sha));
        let created = github_tag_create_payload(&project.hosted(), tag, "ada");
        std::thread::scope(|scope| {
            scope.spawn(|| at.deliver("push", &pushed).expect(202));
            scope.spawn(|| at.deliver("create", &created).expect(202));
        });
        at.at_rest();

        let executions = project.executions();
        let of_tag: Vec<_> = executions.iter().filter(|one| one["branch_name"] == tag).collect();
        assert_eq!(of_tag.len(), 1, "{tag}: {executions:#?}");
        let (event, commit) = (&of_tag[0]["trigger_event"], &of_tag[0]["commit_sha"]);
        assert_eq!((event, commit), (&json!("tag"), &json!(sha)));
        assert_eq!(of_tag[0]["status"], "succeeded");
        let log = at.log(of_tag[0]["id"].as_str().expect("an id"));
        assert!(log.contains(&format!("points at: {tag} ")) && log.contains(&sha), "{log}");
        let told = project.statuses(&sha);
        assert_eq!(
            told.iter().map(|status| status.state.as_str()).collect::<Vec<_>>(),
            ["pending", "success"]
        );
    }
}

#[test]
fn a_tag_is_run_by_hand_at_its_commit() {
    let at = Installation::start();
    let project = Project::new(&at, &definition());
    let sha = project.commit(&[("version", "v1")], "Change the version");
    project.git.tag("v1", Some("The first")).expect("git tags");
    project.commit(&[("version", "next")], "Go on");
    project.git.tag("draft", None).expect("git tags");
    project.publish();
    // Where the repository is, the forge has told by then.
    at.deliver("push", &project.push_payload("main", &project.head())).expect(202);
    at.at_rest();
    let execute = |tag: &str| {
        let asked = json!({ "trigger_event": "tag", "branch": tag });
        at.api("POST", &format!("/api/v1/pipelines/{}/execute", project.pipeline), Some(&asked))
    };
    let execution = execute("v1").expect(201)["execution"].clone();
    assert_eq!((&execution["commit_sha"], &execution["branch_name"]), (&json!(sha), &json!("v1")));
    let id = execution["id"].as_str().expect("an id");
    assert_eq!(at.ended(id)["execution"]["status"], "succeeded");
    assert!(at.log(id).contains("points at: v1 "), "{}", at.log(id));
    for (tag, why) in [("v2", "there is no tag v2"), ("draft", "does not match")] {
        let refused = execute(tag).expect(422);
        assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains(why)), "{refused}");
    }
    at.at_rest();
}

#[test]
fn a_tag_that_no_pattern_fits_and_a_tag_that_is_deleted_start_nothing() {
    let at = Installation::start();
    let project = Project::new(&at, &definition());
    let sha = project.head();
    project.git.tag("draft", None).expect("git tags");
    project.publish();
    let commit = project.pushed_commit(&sha);
    let draft = github_tag_push_payload(&project.hosted(), "draft", None, &commit);
    assert_eq!(at.deliver("push", &draft).expect(202)["status"], "received");
    // Gone again before anybody could ask for its commit.
    let gone = github_tag_create_payload(&project.hosted(), "v9", "ada");
    assert_eq!(at.deliver("create", &gone).expect(202)["status"], "received");
    at.at_rest();
    assert_eq!(project.executions(), [] as [serde_json::Value; 0]);
}
