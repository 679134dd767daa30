//! People with tokens, an environment, and a deployment that waits for leave.

use http::StatusCode;
use penstock_domain::{Role, Timestamp, TokenId, id::uuid_v7};
use penstock_guest::{Body, Clock as _, ResponseBody, token_hash};
use penstock_store::{Cause, Token};
use penstock_testkit::database::now_or_never;
use serde_json::{Value, json};

use crate::platform::TestPlatform;

pub const PIPELINE: &str = "00000000-0000-7000-8000-000000000001";
pub const EXECUTION: &str = "00000000-0000-7000-8000-000000000002";
pub const STAGE: &str = "00000000-0000-7000-8000-000000000003";
pub const DEPLOYMENT: &str = "00000000-0000-7000-8000-000000000004";
pub const APPROVAL: &str = "00000000-0000-7000-8000-000000000005";
pub const NOTHING: &str = "00000000-0000-7000-8000-00000000000f";

pub struct World {
    pub platform: TestPlatform,
}

#[derive(Debug)]
pub struct Answered {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: Value,
}

impl Answered {
    pub fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().unwrap();
        errors.iter().map(|e| e["pointer"].as_str().unwrap()).collect()
    }

    pub fn code(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or_default())
    }
}

impl World {
    pub fn new() -> Self {
        let platform = TestPlatform::new();
        for (n, role) in (1_u8..).zip(Role::ALL) {
            let now = platform.now();
            let token = Token {
                id: TokenId(uuid_v7(Timestamp::from_millis(1), [n; 10])),
                token_name: role.to_string(),
                role: *role,
                forge_login: Some(format!("{role}-at-forge")),
                token_hash: token_hash(role.as_str()),
                created_by: "test".into(),
                created_at: now,
                expires_at: None,
                revoked_at: None,
            };
            now_or_never(platform.store_now().save_token(&token, 0, &Cause::new("test", "test"), now))
                .unwrap();
        }
        Self { platform }
    }

    /// Asks with the token of this role, which is its name; empty: with none.
    pub fn ask(&self, role: &str, method: &str, path: &str, body: &Value) -> Answered {
        self.ask_with(role, method, path, body, &[])
    }

    pub fn ask_with(
        &self,
        role: &str,
        method: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Answered {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut request = http::Request::builder().method(method).uri(path);
        if !role.is_empty() {
            request = request.header("authorization", format!("Bearer {role}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::Whole(body.into())).unwrap();
        let handled = now_or_never(penstock_approvals::routes::handle(self.platform.clone(), request));
        let response = handled.unwrap_or_else(|failure| failure.respond("test"));
        let (parts, body) = response.into_parts();
        let ResponseBody::Whole(bytes) = body else { panic!("a stream") };
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answered { status: parts.status, headers: parts.headers, body }
    }

    pub fn get(&self, path: &str) -> Answered {
        self.ask("viewer", "GET", path, &Value::Null)
    }

    /// A new environment's id.
    pub fn environment(&self, name: &str) -> String {
        let body = json!({ "environment_name": name, "environment_type": "staging" });
        let made = self.ask("admin", "POST", "/api/v1/environments", &body);
        assert_eq!(made.status, 201, "{made:?}");
        made.body["environment"]["id"].as_str().unwrap().to_owned()
    }

    /// A deployment of version 1.2 to the environment, and the approval that it waits for.
    pub fn deployment(&self, environment: &str) {
        let at = self.platform.now().to_string();
        self.platform
            .raw()
            .execute_batch(&format!(
                "INSERT INTO pipeline_configurations (id, pipeline_name, pipeline_type, repository_url,
                   repository_key, definition_path, created_by, created_at, updated_at)
                 VALUES ('{PIPELINE}', 'web', 'deploy', 'https://git.example/a/b', 'git.example/a/b', 'p.yml', 'ada',
                   '{at}', '{at}');
                 INSERT INTO pipeline_executions (id, pipeline_id, execution_number, branch_name, trigger_event,
                   context, status, timeout_ms, created_at)
                 VALUES ('{EXECUTION}', '{PIPELINE}', 7, 'main', 'push', '{{}}', 'running', 1000, '{at}');
                 INSERT INTO pipeline_stages (id, execution_id, stage_name, stage_type, stage_order, status,
                   jobs_total, created_at)
                 VALUES ('{STAGE}', '{EXECUTION}', 'ship', 'deploy', 0, 'pending', 1, '{at}');
                 INSERT INTO deployments (id, execution_id, stage_id, pipeline_id, environment_id,
                   deployment_strategy, version, previous_version, status, initiated_at, created_at)
                 VALUES ('{DEPLOYMENT}', '{EXECUTION}', '{STAGE}', '{PIPELINE}', '{environment}', 'rolling', '1.2',
                   '1.1', 'deploying', '{at}', '{at}');
                 INSERT INTO pipeline_approvals (id, execution_id, stage_id, deployment_id, environment_id,
                   approval_type, status, requested_at, approval_criteria, created_at)
                 VALUES ('{APPROVAL}', '{EXECUTION}', '{STAGE}', '{DEPLOYMENT}', '{environment}', 'manual', 'pending',
                   '{at}', '{{\"required\":1,\"approvers\":[],\"authors\":[\"ada\"]}}', '{at}');"
            ))
            .unwrap();
    }
}
