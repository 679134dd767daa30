//! Which commit is run where nobody names one, and which is not run because it says so.

use penstock_testkit::github_pull_request_payload;
use serde_json::json;

use super::filters::pull_request;
use crate::harness::{Installation, Project, SOON, one_job, text, wait_for};

#[test]
fn a_run_by_hand_is_of_the_newest_commit_of_its_branch() {
    let at = Installation::start();
    let text = one_job(&["echo \"on $PENSTOCK_BRANCH: $(cat word)\""]);
    newest_commits_are_run(&at, &Project::new(&at, &text));
    newest_commits_are_run(&at, &Project::in_database(&at, &text));
    at.at_rest();
}

fn newest_commits_are_run(at: &Installation, project: &Project<'_>) {
    project.commit(&[("word", "first")], "Say something");
    at.ended(&project.run());
    let head = project.commit(&[("word", "second")], "Say something else");
    project.git.switch("other").expect("git switches");
    let other = project.commit(&[("word", "elsewhere")], "Say it elsewhere");
    for (wanted, sha, says) in
        [(json!({}), &head, "on main: second"), (json!({ "branch": "other" }), &other, "on other: elsewhere")]
    {
        let id = project.execute(&wanted);
        let ended = at.ended(&id);
        assert_eq!(
            (&ended["execution"]["status"], &ended["execution"]["commit_sha"]),
            (&json!("succeeded"), &json!(sha))
        );
        assert!(at.log(&id).contains(says), "{}", at.log(&id));
        assert_eq!(project.statuses(sha).last().map(|told| told.state.clone()).as_deref(), Some("success"));
    }
    let path = format!("/api/v1/pipelines/{}/execute", project.pipeline);
    let refused = at.api("POST", &path, Some(&json!({ "branch": "missing" }))).expect(422);
    assert_eq!(refused["detail"], "there is no branch missing");
}

#[test]
fn what_follows_on_another_branch_is_of_its_newest_commit() {
    let at = Installation::start();
    let first = Project::in_database(
        &at,
        r"
stages: [{ name: build, jobs: [{ name: app, steps: [make] }] }]
then: [{ pipeline: project-2, if: failure(), branch: rescue }]
",
    );
    let second = Project::new(&at, &one_job(&["cat word"]));
    assert_eq!(second.pipeline_name, "project-2", "what the first one names");
    // What tells where the repository lies.
    second.commit(&[("word", "here")], "Say something");
    at.ended(&second.run());
    second.git.switch("rescue").expect("git switches");
    let rescue = second.commit(&[("word", "to the rescue")], "Help");
    at.ended(&first.start());
    let id = second.execution_of(&rescue);
    let ended = at.ended(&id);
    assert_eq!(
        (&ended["execution"]["status"], &ended["execution"]["branch_name"]),
        (&json!("succeeded"), &json!("rescue"))
    );
    assert!(at.log(&id).contains("to the rescue"), "{}", at.log(&id));
    at.at_rest();
}

#[test]
fn a_pull_request_whose_newest_commit_wants_no_work_starts_none() {
    let at = Installation::start();
    let project = Project::in_database(
        &at,
        &one_job(&["echo \"$PENSTOCK_PULL_REQUEST: $PENSTOCK_BRANCH to $PENSTOCK_BASE_BRANCH\""]),
    );
    project.git.switch("better").expect("git switches");
    let quiet = project.commit(&[("README", "better")], "Mend a word [skip ci]");
    let payload = github_pull_request_payload(&project.hosted(), &pull_request(&quiet));
    at.deliver("pull_request", &payload).expect(202);
    let database = at.database();
    let ended = "SELECT status || ': ' || reason FROM deliveries WHERE status <> 'received'";
    let told = wait_for("the end of the delivery", SOON, || database.texts(ended).pop());
    assert_eq!(told, "ignored: skip_ci");

    let loud = project.commit(&[("README", "best")], "Mend another");
    let payload = github_pull_request_payload(&project.hosted(), &pull_request(&loud));
    at.deliver("pull_request", &payload).expect(202);
    let id = project.execution_of(&loud);
    at.ended(&id);
    assert!(at.log(&id).contains("7: better to main"), "{}", at.log(&id));
    assert_eq!(project.executions().len(), 1);

    // A forge that does not help does not hold up what needs nothing of it.
    let unknown = "00000000000000000000000000000000000000aa";
    let payload = github_pull_request_payload(&project.hosted(), &pull_request(unknown));
    at.deliver("pull_request", &payload).expect(202);
    assert_eq!(text(&at.execution(&project.execution_of(unknown))["execution"]["commit_sha"]), unknown);
}
