//! A repository that someone pushes to, and the pipeline that is made for it.

use penstock_testkit::{GitRepository, HostedRepository, PushedCommit, StoredStatus, github_push_payload};
use serde_json::{Value, json};

use super::http::Reply;
use super::installation::Installation;
use super::wait::{SOON, wait_for};

pub const DEFINITION: &str = ".penstock.yml";

pub struct Project<'a> {
    at: &'a Installation,
    pub git: GitRepository,
    /// `owner/name` at the forge.
    pub full_name: String,
    pub pipeline: String,
    pub pipeline_name: String,
}

impl<'a> Project<'a> {
    /// A project whose definition lies in its repository, in a first commit on `main`.
    pub fn new(at: &'a Installation, definition: &str) -> Self {
        let project = Self::without_definition(at, &json!({}));
        project.commit(&[(DEFINITION, definition)], "Begin");
        project
    }

    /// A project whose definition lies in the database, with an empty first commit on `main`.
    pub fn in_database(at: &'a Installation, definition: &str) -> Self {
        let project = Self::without_definition(at, &json!({ "definition": definition }));
        project.commit(&[], "Begin");
        project
    }

    /// `members` are those of the new pipeline, beside its name and its repository.
    pub fn without_definition(at: &'a Installation, members: &Value) -> Self {
        let number = at.number();
        let (full_name, pipeline_name) = (format!("acme/project-{number}"), format!("project-{number}"));
        let git = GitRepository::new().expect("git makes repositories");
        at.forge.add_repository(&full_name);
        let mut wanted = json!({ "pipeline_name": pipeline_name, "repository_url": git.url() });
        for (name, value) in members.as_object().expect("members of an object") {
            wanted[name] = value.clone();
        }
        let made = at.api("POST", "/api/v1/pipelines", Some(&wanted)).expect(201);
        let pipeline = text(&made["pipeline"]["id"]);
        Self { at, git, full_name, pipeline, pipeline_name }
    }

    /// As payloads name it.
    pub fn hosted(&self) -> HostedRepository {
        HostedRepository::new(&self.full_name).cloned_from(&self.git.url())
    }

    /// A commit on the current branch, which the forge knows too.
    pub fn commit(&self, files: &[(&str, &str)], message: &str) -> String {
        let sha = self.git.commit(files, message).expect("git commits");
        self.publish();
        sha
    }

    /// Lets the forge know all that the repository has.
    pub fn publish(&self) {
        self.at.forge.import(&self.full_name, &self.git).expect("the forge takes the repository over");
    }

    pub fn head(&self) -> String {
        self.git.head().expect("there is a commit")
    }

    pub fn pushed_commit(&self, sha: &str) -> PushedCommit {
        self.git.pushed_commit(sha).expect("the commit can be read")
    }

    /// What the forge sends when `sha` is pushed to `branch`.
    pub fn push_payload(&self, branch: &str, sha: &str) -> Vec<u8> {
        let before = self.git.git(&["rev-parse", "--quiet", "--verify", &format!("{sha}^")]).ok();
        github_push_payload(&self.hosted(), branch, before.as_deref(), &[self.pushed_commit(sha)])
    }

    /// Delivers the push of `sha` to `main`.
    #[track_caller]
    pub fn push(&self, sha: &str) -> Reply {
        self.at.deliver("push", &self.push_payload("main", sha))
    }

    /// Delivers the push of the head, and names the execution that it becomes.
    #[track_caller]
    pub fn run(&self) -> String {
        let sha = self.head();
        assert_eq!(self.push(&sha).expect(202)["status"], "received");
        self.execution_of(&sha)
    }

    /// Starts the pipeline by hand, of no commit: its definition lies in the database.
    #[track_caller]
    pub fn start(&self) -> String {
        self.execute(&json!({}))
    }

    /// Starts the pipeline by hand.
    #[track_caller]
    pub fn execute(&self, wanted: &Value) -> String {
        let path = format!("/api/v1/pipelines/{}/execute", self.pipeline);
        text(&self.at.api("POST", &path, Some(wanted)).expect(201)["execution"]["id"])
    }

    /// The pipeline's executions, newest first.
    pub fn executions(&self) -> Vec<Value> {
        let listed = self.at.get(&format!("/api/v1/pipelines/{}/executions", self.pipeline));
        listed["executions"].as_array().expect("a list").clone()
    }

    /// The one execution of a commit, once it is there.
    #[track_caller]
    pub fn execution_of(&self, sha: &str) -> String {
        let path = format!("/api/v1/executions?pipeline_id={}&commit_sha={sha}", self.pipeline);
        wait_for(&format!("an execution of {sha}"), SOON, || {
            let listed = self.at.get(&path);
            listed["executions"].as_array()?.first().map(|execution| text(&execution["id"]))
        })
    }

    /// Once the forge was told of the commit what is final, all that it was told: state and description.
    #[track_caller]
    pub fn statuses(&self, sha: &str) -> Vec<StoredStatus> {
        let is_final = |told: &[StoredStatus]| told.last().is_some_and(|last| last.state != "pending");
        let told = self.at.forge.wait_for_statuses(&self.full_name, sha, SOON, is_final);
        told.unwrap_or_else(|| panic!("the forge was told {:?}", self.told(sha)))
    }

    /// What the forge was told of the commit so far.
    pub fn told(&self, sha: &str) -> Vec<StoredStatus> {
        self.at.forge.statuses(&self.full_name, sha)
    }
}

impl Installation {
    /// An execution with its stages, jobs and steps.
    #[track_caller]
    pub fn execution(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/executions/{id}"))
    }

    /// The execution once `condition` holds of it.
    #[track_caller]
    pub fn wait_for_execution(&self, id: &str, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        self.wait_long_for_execution(id, what, SOON, condition)
    }

    #[track_caller]
    pub fn wait_long_for_execution(
        &self,
        id: &str,
        what: &str,
        within: std::time::Duration,
        condition: impl Fn(&Value) -> bool,
    ) -> Value {
        let last = std::cell::RefCell::new(Value::Null);
        let watch = Told(&last);
        let seen = wait_for(&format!("the execution {what}"), within, || {
            last.replace(self.execution(id));
            condition(&last.borrow()).then(|| last.borrow().clone())
        });
        drop(watch);
        seen
    }

    /// The execution once it has ended.
    #[track_caller]
    pub fn ended(&self, id: &str) -> Value {
        self.wait_for_execution(id, "to end", has_ended)
    }

    /// What the execution's jobs said, each line with the name of its job.
    #[track_caller]
    pub fn log(&self, id: &str) -> String {
        let reply = self.api("GET", &format!("/api/v1/executions/{id}/logs"), None);
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply.text()
    }
}

/// Tells the last that was seen, should the wait be in vain.
struct Told<'a>(&'a std::cell::RefCell<Value>);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("it was last seen as {:#}", self.0.borrow());
        }
    }
}

pub fn has_ended(seen: &Value) -> bool {
    !["queued", "running"].contains(&seen["execution"]["status"].as_str().unwrap_or_default())
}

/// A job of an execution's answer.
#[track_caller]
pub fn job<'v>(execution: &'v Value, stage: &str, job: &str) -> &'v Value {
    let of = |list: &'v Value, member: &str, name: &str| {
        list.as_array().and_then(|list| list.iter().find(|one| one[member] == name))
    };
    let found =
        of(&execution["stages"], "stage_name", stage).and_then(|stage| of(&stage["jobs"], "name", job));
    found.unwrap_or_else(|| panic!("there is no job {stage} / {job} in {execution:#}"))
}

/// A stage of an execution's answer.
#[track_caller]
pub fn stage<'v>(execution: &'v Value, name: &str) -> &'v Value {
    let mut stages = execution["stages"].as_array().expect("stages").iter();
    stages.find(|stage| stage["stage_name"] == name).unwrap_or_else(|| panic!("no stage {name}"))
}

#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// A definition of one stage `build` with one job `app` of these commands, and more members of that job.
pub fn one_job_with(commands: &[&str], members: &Value) -> String {
    let mut job = json!({ "name": "app", "steps": commands });
    for (name, value) in members.as_object().expect("members of an object") {
        job[name] = value.clone();
    }
    json!({ "stages": [{ "name": "build", "jobs": [job] }] }).to_string()
}

/// A definition of one stage `build` with one job `app` of these commands.
pub fn one_job(commands: &[&str]) -> String {
    one_job_with(commands, &json!({}))
}
