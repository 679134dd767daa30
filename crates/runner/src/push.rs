//! The endpoint that jobs are pushed to. Answers at once; verifies before it reads meaning into anything.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use penstock_api::problem::{self, Problem};
use penstock_api::runner::{CancelRequest, JobRequest};
use penstock_api::signature;
use serde::de::DeserializeOwned;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::clock;
use crate::intake::{Intake, MAX_JOB_BYTES, Refusal};
use crate::registration::Registrar;

/// One control plane needs a handful; the rest is for whoever else knocks.
const MAX_CONNECTIONS: usize = 128;
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// When to try again on a runner that is full or about to end.
const RETRY_SECONDS: u32 = 1;
/// When to try again on a runner whose disk somebody has to look at.
const UNABLE_RETRY_SECONDS: u32 = 30;

pub struct Endpoint {
    pub intake: Arc<Intake>,
    pub registrar: Arc<Registrar>,
}

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, endpoint: Arc<Endpoint>) {
    // Dropped with this future, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= MAX_CONNECTIONS {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(stream, Arc::clone(&endpoint)));
            }
            // Out of file handles, most likely: some come back when connections end.
            Err(error) => {
                tracing::warn!(%error, "no connection accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, endpoint: Arc<Endpoint>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let endpoint = Arc::clone(&endpoint);
        async move { Ok::<_, Infallible>(endpoint.answer(request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

type Answer = Response<Full<Bytes>>;

impl Endpoint {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let answered = match (request.method(), request.uri().path()) {
            (&Method::GET, "/healthz") => Ok(self.health()),
            (&Method::POST, "/v1/jobs") => self.job(request).await,
            (&Method::POST, "/v1/cancel") => self.cancel(request).await,
            (_, "/healthz" | "/v1/jobs" | "/v1/cancel") => Err(Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Method not allowed",
                "jobs and cancels are posted, and /healthz is got",
            )),
            _ => Err(Problem::not_found("route")),
        };
        answered.unwrap_or_else(|problem| refuse(&problem))
    }

    fn health(&self) -> Answer {
        json(StatusCode::OK, &serde_json::json!({ "success": true, "attempts": self.intake.count() }))
    }

    async fn job(&self, request: Request<Incoming>) -> Result<Answer, Problem> {
        let job: JobRequest = self.verified(request).await?;
        let id = job.job.id;
        match self.intake.accept(job) {
            Ok(()) => Ok(json(StatusCode::ACCEPTED, &serde_json::json!({ "success": true }))),
            Err(refusal) => {
                tracing::debug!(job = %id, %refusal, "not taken");
                Err(as_problem(&refusal))
            }
        }
    }

    async fn cancel(&self, request: Request<Incoming>) -> Result<Answer, Problem> {
        let cancel: CancelRequest = self.verified(request).await?;
        if self.intake.cancel(&cancel) {
            Ok(json(StatusCode::ACCEPTED, &serde_json::json!({ "success": true })))
        } else {
            Err(Problem::not_found("attempt on this runner; it may have ended already"))
        }
    }

    /// The body, where it is signed with this runner's token.
    async fn verified<T: DeserializeOwned>(&self, request: Request<Incoming>) -> Result<T, Problem> {
        let (parts, body) = request.into_parts();
        let body = read(body).await?;
        let busy = || {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "not_registered",
                "Not registered",
                "this runner is registering",
            )
        };
        let known = self.registrar.current().await.ok_or_else(|| busy().with_retry_after(RETRY_SECONDS))?;
        if let Err(error) = verify(&parts.headers, known.token.as_bytes(), &body) {
            self.registrar.doubt();
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "invalid_signature",
                "Invalid signature",
                error.to_string(),
            ));
        }
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request("invalid_json", error.to_string()))
    }
}

async fn read(body: Incoming) -> Result<Bytes, Problem> {
    let late =
        |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", "Timeout", "the body did not come in time");
    let body = Limited::new(body, MAX_JOB_BYTES).collect();
    let read = tokio::time::timeout(BODY_TIMEOUT, body).await.map_err(late)?;
    read.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            let limit = format!("a job may have {MAX_JOB_BYTES} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "Too large", limit)
        } else {
            Problem::bad_request("unreadable_body", error.to_string())
        }
    })
}

fn verify(headers: &HeaderMap, token: &[u8], body: &[u8]) -> Result<(), signature::SignatureError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, at) = (text(signature::ID), text(signature::TIMESTAMP));
    signature::verify(token, id, at, text(signature::SIGNATURE), body, clock::now())
}

fn as_problem(refusal: &Refusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        Refusal::Known => Problem::conflict("attempt_known", detail),
        Refusal::Stale => Problem::conflict("attempt_stale", detail),
        Refusal::Invalid(_) => Problem::bad_request("invalid_job", detail),
        Refusal::Full => Problem::new(StatusCode::TOO_MANY_REQUESTS, "runner_full", "Runner full", detail)
            .with_retry_after(RETRY_SECONDS),
        Refusal::Closed => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "runner_ending", "Runner ending", detail)
                .with_retry_after(RETRY_SECONDS)
        }
        Refusal::Unable(error) => {
            tracing::error!(%error, "no job can be taken: the work folder can't be written to");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "runner_unable", "Runner unable", detail)
                .with_retry_after(UNABLE_RETRY_SECONDS)
        }
    }
}

fn refuse(problem: &Problem) -> Answer {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = json(status, problem);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(problem::CONTENT_TYPE));
    if let Some(seconds) = problem.retry_after_seconds {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

fn json(status: StatusCode, body: &impl serde::Serialize) -> Answer {
    let mut answer = Response::new(Full::new(serde_json::to_vec(body).unwrap_or_default().into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    answer
}
