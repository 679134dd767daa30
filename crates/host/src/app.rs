//! The running application: its components, its routes, and the ways into them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{CONTENT_LENGTH, HOST};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use penstock_api::problem::Problem;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::answer;
use crate::client::Client;
use crate::component::{Component, Failure};
use crate::limits::Limits;
use crate::request_id::RequestIds;
use crate::routes::{Match, RESERVED_PREFIX, Router};

pub struct App {
    pub name: String,
    pub router: Router,
    pub components: Vec<Component>,
    pub client: Client,
    pub limits: Arc<Limits>,
    pub request_ids: RequestIds,
    /// Requests from the outside, ever.
    pub served: AtomicU64,
}

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SPIN_PREFIX: &str = "spin-";
/// Where a call from within comes from, as Spin says it.
const CHAINED_CLIENT: &str = "0.0.0.0:0";

impl App {
    /// Answers a request from the outside. `client` is its address with the port.
    pub(crate) async fn serve(
        &self,
        mut request: http::Request<WasiBody>,
        client: &str,
    ) -> http::Response<WasiBody> {
        self.served.fetch_add(1, Ordering::Relaxed);
        let id = self.request_ids.of(request.headers());
        request.headers_mut().insert(REQUEST_ID, id.clone());
        let mut response = match self.answer(request, client).await {
            Ok(response) => response,
            Err(problem) => answer::problem(&problem),
        };
        response.headers_mut().insert(REQUEST_ID, id);
        response
    }

    async fn answer(
        &self,
        request: http::Request<WasiBody>,
        client: &str,
    ) -> Result<http::Response<WasiBody>, Box<Problem>> {
        let path = request.uri().path().to_owned();
        if let Some(own) = path.strip_prefix(RESERVED_PREFIX) {
            return if own == "health" {
                Ok(answer::text("OK"))
            } else {
                Err(Problem::not_found("page").into())
            };
        }
        let found = self.router.find(&path).ok_or_else(|| Problem::not_found("page"))?;
        self.check_length(request.headers())?;
        let authority = authority(&request)?;
        let request = prepare(request, &found, Some(&authority), client)?;
        let component = &self.components[found.target];
        let id = request.headers().get(REQUEST_ID).cloned();
        component.call(request).await.map_err(|failure| {
            let request_id = id.as_ref().and_then(|id| id.to_str().ok());
            tracing::warn!(component = component.id, request_id, path, "{failure}");
            failure_problem(failure).into()
        })
    }

    fn check_length(&self, headers: &HeaderMap) -> Result<(), Box<Problem>> {
        let length = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > self.limits.body_bytes) {
            return Err(Box::new(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "Content too large",
                format!("a body may have {} bytes; send less", self.limits.body_bytes),
            )));
        }
        Ok(())
    }

    /// Answers `http://<id>.spin.internal/…` from within. The caller has checked that it is allowed.
    pub(crate) async fn chain(
        &self,
        id: &str,
        mut request: http::Request<WasiBody>,
    ) -> Result<http::Response<WasiBody>, Error> {
        let Some(target) = self.components.iter().position(|c| c.id == id && c.triggered) else {
            tracing::warn!("a component called {id}.spin.internal, which no trigger names");
            return Err(Error::DestinationNotFound);
        };
        let request_id = self.request_ids.of(request.headers());
        request.headers_mut().insert(REQUEST_ID, request_id);
        let path = request.uri().path().to_owned();
        let found = Match { target, route: "/...", rest: &path, names: vec![] };
        let request =
            prepare(request, &found, None, CHAINED_CLIENT).map_err(|_| Error::HttpRequestUriInvalid)?;
        self.components[target].call(request).await.map_err(|failure| match failure {
            Failure::TimedOut => Error::HttpResponseTimeout,
            Failure::QueueFull | Failure::QueueTimeout | Failure::TooManyStreams => {
                Error::ConnectionLimitReached
            }
            Failure::Failed => Error::InternalError(Some(failure.to_string())),
        })
    }
}

fn failure_problem(failure: Failure) -> Problem {
    let busy = |detail: &str, seconds| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Service unavailable", detail)
            .with_retry_after(seconds)
    };
    match failure {
        Failure::QueueFull | Failure::QueueTimeout => {
            busy("too much is asked at once; try again in a moment", 1)
        }
        Failure::TooManyStreams => {
            busy("too many event streams are open; try again later, or close some", 10)
        }
        Failure::TimedOut => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "timed_out",
            "Service unavailable",
            "no answer in time; try again",
        )
        .with_retry_after(1),
        Failure::Failed => Problem::internal(),
    }
}

/// The one authority that the request names, in its target or its Host header.
fn authority(request: &http::Request<WasiBody>) -> Result<Authority, Box<Problem>> {
    let wrong = |detail: &str| Box::new(Problem::bad_request("invalid_host", detail));
    let mut hosts = request.headers().get_all(HOST).iter();
    let header = match (hosts.next(), hosts.next()) {
        (None, _) => None,
        (Some(host), None) => {
            let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
            Some(host.ok_or_else(|| wrong("the Host header is not a host; correct it"))?)
        }
        (Some(_), Some(_)) => return Err(wrong("there is more than one Host header; send one")),
    };
    match (header, request.uri().authority()) {
        (None, None) => Err(wrong("there is no Host header; send one")),
        (Some(header), Some(target)) if header != *target => {
            Err(wrong("the Host header and the request's target name different hosts; send one of them"))
        }
        (Some(authority), _) => Ok(authority),
        (None, Some(target)) => Ok(target.clone()),
    }
}

/// Sets the URI and the headers that a component is given, as Spin does. What a client sent under those names goes.
fn prepare(
    mut request: http::Request<WasiBody>,
    found: &Match<'_, '_>,
    authority: Option<&Authority>,
    client: &str,
) -> Result<http::Request<WasiBody>, Box<Problem>> {
    let wrong =
        || Box::new(Problem::bad_request("invalid_target", "the request's target is not a path; correct it"));
    let path_and_query = request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let host = authority.map_or("localhost", Authority::as_str);
    let full_url = format!("http://{host}{path_and_query}");
    if let Some(authority) = authority {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(authority.clone());
        parts.path_and_query = Some(path_and_query.parse().map_err(|_| wrong())?);
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| wrong())?;
    }
    let headers = request.headers_mut();
    let sent: Vec<_> =
        headers.keys().filter(|name| name.as_str().starts_with(SPIN_PREFIX)).cloned().collect();
    for name in sent {
        headers.remove(name);
    }
    headers.remove(http::header::CONNECTION);
    let based_route = found.route.strip_suffix('/').unwrap_or(found.route);
    let plain_route = found.route.strip_suffix("/...").unwrap_or(found.route);
    for (name, value) in [
        ("spin-path-info", found.rest),
        ("spin-full-url", &full_url),
        ("spin-matched-route", based_route),
        ("spin-base-path", "/"),
        ("spin-raw-component-route", found.route),
        ("spin-component-route", plain_route),
        ("spin-client-addr", client),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).map_err(|_| wrong())?);
    }
    for (name, value) in &found.names {
        let name = format!("spin-path-match-{}", name.to_ascii_lowercase().replace('_', "-"));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        headers.insert(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::full;
    use crate::routes::Route;

    fn headers_of(route: &str, target: &str, host: &str) -> Vec<(String, String)> {
        let router = Router::new([(Route::parse(route).unwrap(), 0)]);
        let request = http::Request::get(target)
            .header("host", host)
            .header("spin-path-info", "/forged")
            .header("spin-path-match-id", "forged")
            .body(full(""))
            .unwrap();
        let path = request.uri().path().to_owned();
        let authority = authority(&request).unwrap();
        let request = prepare(request, &router.find(&path).unwrap(), Some(&authority), "1.2.3.4:5").unwrap();
        let mut headers: Vec<_> = request
            .headers()
            .iter()
            .filter(|(name, _)| name.as_str().starts_with(SPIN_PREFIX))
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        headers.sort();
        headers
    }

    #[test]
    fn a_component_is_told_of_its_route_as_in_spin() {
        let headers = headers_of("/a/:user_id/...", "/a/7/b/?q=1", "x.com:8");
        let want = [
            ("spin-base-path", "/"),
            ("spin-client-addr", "1.2.3.4:5"),
            ("spin-component-route", "/a/:user_id"),
            ("spin-full-url", "http://x.com:8/a/7/b/?q=1"),
            ("spin-matched-route", "/a/:user_id/..."),
            ("spin-path-info", "/b/"),
            ("spin-path-match-user-id", "7"),
            ("spin-raw-component-route", "/a/:user_id/..."),
        ];
        assert_eq!(headers, want.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_a_client_forged_is_gone() {
        let headers = headers_of("/a", "/a", "x");
        assert!(headers.iter().all(|(_, value)| value != "forged"), "{headers:?}");
        assert!(headers.contains(&("spin-path-info".to_owned(), String::new())));
    }

    #[test]
    fn the_host_is_one_or_the_request_is_refused() {
        let of = |target: &str, hosts: &[&str]| {
            let mut request = http::Request::get(target);
            for host in hosts {
                request = request.header("host", *host);
            }
            authority(&request.body(full("")).unwrap()).map(|a| a.to_string()).map_err(|p| p.detail)
        };
        assert_eq!(of("/", &["a:1"]), Ok("a:1".to_owned()));
        assert_eq!(of("http://a/", &[]), Ok("a".to_owned()));
        assert_eq!(of("http://a/", &["a"]), Ok("a".to_owned()));
        for (target, hosts) in [("/", &[][..]), ("/", &["a", "a"]), ("/", &["a b"]), ("http://a/", &["b"])] {
            assert!(of(target, hosts).is_err(), "{target} {hosts:?}");
        }
    }
}
