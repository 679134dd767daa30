//! Calls to the control plane: one keep-alive client, and what each kind of answer means for the caller.
//!
//! Does not try again: who calls knows how long trying makes sense.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use penstock_api::problem::{FieldError, Problem};
use serde::de::DeserializeOwned;
use thiserror::Error;

/// The longest answer that is read: a claimed job.
pub const MAX_ANSWER_BYTES: usize = crate::intake::MAX_JOB_BYTES;
/// A server that takes longer to connect to is as good as away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A call other than a long poll that takes longer is given up and made again.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// Less than what servers commonly allow, so that a reused connection is seldom one that just closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

pub const JSON: &str = "application/json";
pub const NDJSON: &str = "application/x-ndjson";
pub const YAML: &str = "application/yaml";

/// Why a call had no success, by what the caller can do.
#[derive(Debug, Error)]
pub enum CallError {
    /// Nothing was answered, or "not now": the same call may succeed later.
    #[error("the control plane can't be reached or is busy: {cause}")]
    Later { cause: String, retry_after: Option<Duration> },
    /// Its machine answered that nothing listens there: it does not run, and its clock stands still.
    #[error("the control plane does not run: {cause}")]
    Down { cause: String },
    /// The control plane understood and said no; the same call will fail again.
    #[error("the control plane answered {status} {code}: {detail}")]
    Refused { status: u16, code: String, detail: String, errors: Vec<FieldError> },
}

impl CallError {
    fn later(cause: impl std::fmt::Display) -> Self {
        Self::Later { cause: cause.to_string(), retry_after: None }
    }

    /// How long it asked to be left alone.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Later { retry_after, .. } => retry_after.unwrap_or_default(),
            Self::Down { .. } | Self::Refused { .. } => Duration::ZERO,
        }
    }
}

/// Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Control {
    plain: Client<HttpConnector, Full<Bytes>>,
    /// Made when the first https address is called: reading the machine's root certificates takes a while.
    tls: Arc<OnceLock<Result<TlsClient, String>>>,
}

type TlsClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

impl Control {
    pub fn new() -> Self {
        Self { plain: builder().build(connector(true)), tls: Arc::default() }
    }

    /// Posts JSON (or NDJSON) and reads the answer; None where there is no content.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        url: &str,
        token: &str,
        content_type: &'static str,
        body: impl Into<Bytes>,
        patience: Duration,
    ) -> Result<Option<T>, CallError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, content_type)
            .body(Full::new(body.into()))
            .map_err(|error| refused(StatusCode::BAD_REQUEST, "bad_url", &error.to_string()))?;
        let exchange = async {
            let (parts, body) = self.send(request).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(CallError::later)?;
            Ok((parts, body.to_bytes()))
        };
        let answer = tokio::time::timeout(patience, exchange).await;
        let (parts, body) = answer.map_err(|_| CallError::later("no answer in time"))??;
        match parts.status {
            StatusCode::NO_CONTENT => Ok(None),
            status if status.is_success() => serde_json::from_slice(&body).map(Some).map_err(|error| {
                refused(
                    status,
                    "unreadable_answer",
                    &format!("{error}; are runner and server of one version?"),
                )
            }),
            status => Err(failure(status, &parts.headers, &body)),
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<http::Response<Incoming>, CallError> {
        let sent = if request.uri().scheme_str() == Some("https") {
            let client = self.tls.get_or_init(tls).as_ref();
            client.map_err(|cause| refused(StatusCode::BAD_GATEWAY, "no_tls", cause))?.request(request).await
        } else {
            self.plain.request(request).await
        };
        sent.map_err(|error| {
            let cause = with_sources(&error);
            if is_refused(&error) { CallError::Down { cause } } else { CallError::later(cause) }
        })
    }
}

fn builder() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_idle_timeout(IDLE_TIMEOUT).pool_timer(TokioTimer::new());
    builder
}

fn connector(plain_only: bool) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_nodelay(true);
    connector.enforce_http(plain_only);
    connector
}

fn tls() -> Result<TlsClient, String> {
    // Named, because a program that links two providers has no default one.
    let provider = rustls::crypto::ring::default_provider();
    let with_roots = hyper_rustls::HttpsConnectorBuilder::new().with_provider_and_native_roots(provider);
    let secured = with_roots.map_err(|error| {
        format!("the root certificates of this machine can't be read ({error}); install ca-certificates")
    })?;
    Ok(builder().build(secured.https_only().enable_http1().wrap_connector(connector(false))))
}

fn is_refused(error: &dyn std::error::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused) {
            return true;
        }
        source = error.source();
    }
    false
}

/// hyper's own message names the layer; what went wrong stands in its sources.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// Only an answer that is the control plane's own (problem+json with a code) is its last word. Proxies answer 404
/// and the like in its name while it restarts.
fn failure(status: StatusCode, headers: &http::HeaderMap, body: &[u8]) -> CallError {
    let retry_after = || {
        let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    };
    // What a server of this version can't do, it will not do at the next try either.
    let busy = (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY
        );
    match serde_json::from_slice::<Problem>(body) {
        Ok(Problem { code, detail, errors, .. }) if !busy => {
            CallError::Refused { status: status.as_u16(), code, detail, errors }
        }
        _ => CallError::Later { cause: format!("it answered {status}"), retry_after: retry_after() },
    }
}

fn refused(status: StatusCode, code: &str, detail: &str) -> CallError {
    CallError::Refused {
        status: status.as_u16(),
        code: code.to_owned(),
        detail: detail.to_owned(),
        errors: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn final_status(error: &CallError) -> Option<u16> {
        match error {
            CallError::Later { .. } | CallError::Down { .. } => None,
            CallError::Refused { status, .. } => Some(*status),
        }
    }

    #[test]
    fn only_the_control_planes_own_no_is_final() {
        let problem = serde_json::to_vec(&Problem::conflict("lease_expired", "too late")).unwrap();
        let none = http::HeaderMap::new();
        assert_eq!(final_status(&failure(StatusCode::CONFLICT, &none, &problem)), Some(409));
        for (status, body) in
            [(404, &b"<html>"[..]), (401, b""), (502, &problem), (429, &problem), (409, b"{}")]
        {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(final_status(&failure(status, &none, body)), None, "{status}");
        }
    }

    #[test]
    fn the_server_may_say_how_long_to_wait() {
        let headers =
            http::HeaderMap::from_iter([(header::RETRY_AFTER, http::HeaderValue::from_static("7"))]);
        let CallError::Later { retry_after, .. } = failure(StatusCode::SERVICE_UNAVAILABLE, &headers, b"")
        else {
            panic!("busy is not final")
        };
        assert_eq!(retry_after, Some(Duration::from_secs(7)));
    }
}
