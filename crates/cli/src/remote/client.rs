//! Talks to a server: JSON out, JSON in, and a problem becomes an error that says what to do.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use penstock_api::problem::Problem;
use serde_json::Value;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, http::Response};

use crate::terminal::tame;

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// A stream says something, be it a comment, more often than this; a silent one is dead.
const STREAM_SILENT_AT_MOST: Duration = Duration::from_secs(60);
/// The largest answers are lists of 200.
const ANSWER_MAX_BYTES: u64 = 32 * 1024 * 1024;
/// A log as plain text, whole.
pub const LOG_MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// The server was reached and said no: asking again would not help.
#[derive(Debug)]
pub struct Refused {
    status: u16,
    text: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refused {}

pub struct Client {
    agent: Agent,
    server: String,
    token: Option<String>,
}

impl Client {
    /// # Errors
    /// Where the URL is none of HTTP.
    pub fn new(server: &str, token: Option<String>) -> Result<Self> {
        ensure!(
            server.starts_with("http://") || server.starts_with("https://"),
            "the server's URL must begin with http:// or https:// (--server, or the variable PENSTOCK_URL)"
        );
        // The machine's own certificates: a company's server may have a company's.
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .tls_config(tls)
            .timeout_connect(Some(CONNECT_WITHIN))
            // A redirect could carry the token elsewhere, and this API has none.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("penstock/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Ok(Self { agent, server: server.trim_end_matches('/').to_owned(), token })
    }

    pub fn get(&self, path: &str) -> Result<Value> {
        let request = self.agent.get(self.url(path)).config().timeout_global(Some(ANSWER_WITHIN)).build();
        let answer = self.authorized(request).call();
        json(self.accepted(answer)?)
    }

    /// None where the server says that there is no such thing.
    pub fn find(&self, path: &str) -> Result<Option<Value>> {
        match self.get(path) {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.downcast_ref::<Refused>().is_some_and(|r| r.status == 404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.posting(path).header("Idempotency-Key", idempotency_key()?);
        json(self.accepted(request.content_type("application/json").send(body.to_string()))?)
    }

    /// For what is answered once and never again.
    pub fn post_without_key(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.posting(path);
        json(self.accepted(request.content_type("application/json").send(body.to_string()))?)
    }

    fn posting(&self, path: &str) -> ureq::RequestBuilder<ureq::typestate::WithBody> {
        let request = self.agent.post(self.url(path)).config().timeout_global(Some(ANSWER_WITHIN)).build();
        self.authorized(request)
    }

    pub fn delete(&self, path: &str) -> Result<Value> {
        let request = self.agent.delete(self.url(path)).config().timeout_global(Some(ANSWER_WITHIN)).build();
        let answer = self.authorized(request).call();
        json(self.accepted(answer)?)
    }

    /// An answer whose body is read as it comes.
    pub fn stream(&self, path: &str, accept: &str, after: Option<&str>) -> Result<Body> {
        let request = self.agent.get(self.url(path)).config().timeout_recv_response(Some(ANSWER_WITHIN));
        let request = request.timeout_per_read(Some(STREAM_SILENT_AT_MOST)).build();
        let mut request = self.authorized(request).header("Accept", accept);
        if let Some(after) = after {
            request = request.header("Last-Event-ID", after);
        }
        Ok(self.accepted(request.call())?.into_body())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    fn authorized<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn accepted(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>> {
        let answer = answer.map_err(|error| {
            let server = &self.server;
            anyhow!(
                "can't reach {server}: {error}; does it run there? (--server, or the variable PENSTOCK_URL)"
            )
        })?;
        if answer.status().is_success() { Ok(answer) } else { Err(self.refusal(answer)) }
    }

    fn refusal(&self, mut answer: Response<Body>) -> anyhow::Error {
        let status = answer.status();
        let body =
            answer.body_mut().with_config().limit(ANSWER_MAX_BYTES).read_to_string().unwrap_or_default();
        let Ok(problem) = serde_json::from_str::<Problem>(&body) else {
            return anyhow!(
                "{} answers {status}, not as Penstock would; is it the right server?",
                self.server
            );
        };
        let for_now = status.is_server_error() || status.as_u16() == 429;
        let mut text = format!("{}: {}", tame(&problem.title), tame(&problem.detail));
        for error in problem.errors.iter().filter(|error| error.message != problem.detail) {
            text.push_str(&format!("\n  {}: {}", tame(&error.pointer), tame(&error.message)));
        }
        if status.as_u16() == 401 {
            text.push_str("\nGive a token by --token-file or the variable PENSTOCK_TOKEN.");
        }
        if problem.code == "role_required" {
            text.push_str(
                "\nAsk somebody of that role, or give another token by --token-file or PENSTOCK_TOKEN.",
            );
        }
        if for_now { anyhow!(text) } else { Refused { status: status.as_u16(), text }.into() }
    }
}

fn json(mut answer: Response<Body>) -> Result<Value> {
    let text = answer.body_mut().with_config().limit(ANSWER_MAX_BYTES).read_to_string();
    let text = text.context("the server's answer broke off; ask again")?;
    match serde_json::from_str(&text) {
        Ok(answer) => Ok(answer),
        Err(_) => bail!("the server's answer is not JSON; is it a Penstock server?"),
    }
}

/// Should the answer get lost, what was sent is known by it.
fn idempotency_key() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).context("this system gives no random bytes")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
