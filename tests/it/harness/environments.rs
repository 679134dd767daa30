//! Where versions go: environments, their approvals and their deployments, as the outside sees them.

use serde_json::{Value, json};

use super::installation::Installation;
use super::project::text;
use super::wait::{SOON, wait_for};

impl Installation {
    /// An environment for production named `live`, with these members beside; its id.
    #[track_caller]
    pub fn environment(&self, members: &Value) -> String {
        let mut wanted = json!({ "environment_name": "live", "environment_type": "production" });
        for (name, value) in members.as_object().expect("members of an object") {
            wanted[name] = value.clone();
        }
        text(&self.api("POST", "/api/v1/environments", Some(&wanted)).expect(201)["environment"]["id"])
    }

    #[track_caller]
    pub fn environment_now(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/environments/{id}"))["environment"].clone()
    }

    /// The one approval that an execution waits for, once it does.
    #[track_caller]
    pub fn approval_of(&self, execution: &str) -> Value {
        let path = format!("/api/v1/approvals?execution_id={execution}");
        wait_for("an approval to be asked for", SOON, || self.get(&path)["approvals"].get(0).cloned())
    }

    /// Deployments, newest first.
    #[track_caller]
    pub fn deployments(&self, query: &str) -> Vec<Value> {
        let listed = self.get(&format!("/api/v1/deployments?{query}"));
        listed["deployments"].as_array().expect("a list").clone()
    }

    /// The one deployment of an execution.
    #[track_caller]
    pub fn deployment_of(&self, execution: &str) -> Value {
        self.deployments(&format!("execution_id={execution}")).pop().expect("it deploys")
    }

    /// The execution that takes this deployment back, once it has ended.
    #[track_caller]
    pub fn taken_back(&self, deployment: &Value, environment: &str) -> Value {
        let query = format!("environment_id={environment}");
        let back = wait_for("a rollback to be started", SOON, || {
            self.deployments(&query).into_iter().find(|one| one["rollback_of"] == deployment["id"])
        });
        self.ended(&text(&back["execution_id"]))
    }

    /// The environment's members once no deployment holds it.
    #[track_caller]
    pub fn freed(&self, id: &str) -> Value {
        wait_for("the environment to be free", SOON, || {
            Some(self.environment_now(id)).filter(|now| now["held_by"].is_null())
        })
    }
}

/// A definition of one stage `ship` that deploys the parameter VERSION to `live` by these commands.
pub fn one_deployment(commands: &[&str]) -> String {
    let jobs = json!([{ "name": "app", "steps": commands }]);
    let deploy = json!({ "environment": "live", "version": "${{ variables.VERSION }}" });
    // What is shipped where nobody says.
    let variables = json!({ "VERSION": "1" });
    json!({ "variables": variables, "stages": [{ "name": "ship", "deploy": deploy, "jobs": jobs }] })
        .to_string()
}
