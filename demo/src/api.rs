//! The server's API, as far as the demo needs it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use ureq::{Agent, Body, http::Response};

use crate::world::Delivery;

const ANSWER_WITHIN: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct Api {
    agent: Agent,
    pub url: String,
    pub token: String,
    /// Where the token is kept.
    pub secrets: PathBuf,
}

impl Api {
    pub fn new(url: &str, token: Option<&str>) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_WITHIN))
            // Everything is on this machine; a proxy could only be in the way.
            .proxy(None)
            .build()
            .into();
        let token = token.unwrap_or_default().to_owned();
        Self { agent, url: url.to_owned(), token, secrets: PathBuf::new() }
    }

    #[must_use]
    pub fn with_secrets(mut self, secrets: &Path) -> Self {
        self.secrets = secrets.to_path_buf();
        self
    }

    /// The same server, asked by somebody else.
    #[must_use]
    pub fn by(&self, token: &str) -> Self {
        Self::new(&self.url, Some(token))
    }

    pub fn is_ready(&self) -> bool {
        let answer = self.agent.get(format!("{}/readyz", self.url)).call();
        answer.is_ok_and(|answer| answer.status().as_u16() == 200)
    }

    pub fn get(&self, path: &str) -> Result<Value> {
        let request = self.agent.get(format!("{}{path}", self.url)).header("Authorization", self.bearer());
        accepted(request.call().with_context(|| format!("GET {path}"))?, path)
    }

    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.agent.post(format!("{}{path}", self.url)).header("Authorization", self.bearer());
        let answer = request.content_type("application/json").send(body.to_string());
        accepted(answer.with_context(|| format!("POST {path}"))?, path)
    }

    /// What is refused, and why.
    pub fn refusal(&self, path: &str, body: &Value) -> Result<String> {
        let request = self.agent.post(format!("{}{path}", self.url)).header("Authorization", self.bearer());
        let answer = request.content_type("application/json").send(body.to_string());
        let mut answer = answer.with_context(|| format!("POST {path}"))?;
        let status = answer.status();
        let text = answer.body_mut().read_to_string().with_context(|| format!("{path} broke off"))?;
        ensure!(status.is_client_error(), "{path} should be refused, and answers {status}: {text}");
        let problem: Value =
            serde_json::from_str(&text).with_context(|| format!("{path} answers no JSON"))?;
        Ok(problem["detail"].as_str().unwrap_or_default().to_owned())
    }

    /// What a service beside the server says, whatever its status.
    pub fn read(&self, url: &str) -> Result<String> {
        let mut answer = self.agent.get(url).call().with_context(|| format!("GET {url}"))?;
        let text = answer.body_mut().read_to_string().with_context(|| format!("{url} broke off"))?;
        Ok(text.trim().to_owned())
    }

    /// Sends a webhook; the answer says what became of it.
    pub fn deliver(&self, delivery: &Delivery) -> Result<Value> {
        let path = "/hooks/github";
        let mut request = self.agent.post(format!("{}{path}", self.url));
        for (name, value) in &delivery.headers {
            request = request.header(*name, value);
        }
        accepted(request.send(&delivery.body[..]).with_context(|| format!("POST {path}"))?, path)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

fn accepted(mut answer: Response<Body>, path: &str) -> Result<Value> {
    let status = answer.status();
    let text = answer.body_mut().read_to_string().with_context(|| format!("{path} broke off"))?;
    ensure!(status.is_success(), "{path} answers {status}: {text}");
    serde_json::from_str(&text).with_context(|| format!("{path} does not answer JSON"))
}
