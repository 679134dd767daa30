//! What a guest can reach: allowed hosts, other components, and nothing else.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

use crate::harness::{App, Setup};

/// A server that says what it was sent, on one connection or more.
struct Upstream {
    addr: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn upstream() -> Upstream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let server = hyper::server::conn::http1::Builder::new();
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service_fn(upstream_answer)));
        }
    });
    Upstream { addr, connections, task }
}

async fn upstream_answer(
    request: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let response = match head.uri.path() {
        "/redirect" => http::Response::builder().status(302).header("location", "/elsewhere"),
        "/never" => std::future::pending().await,
        _ => http::Response::builder(),
    };
    let host = head.headers.get("host").map_or("", |h| h.to_str().unwrap());
    let said = format!("{} {} at {host}: {}", head.method, head.uri, String::from_utf8_lossy(&body));
    Ok(response.body(Full::new(said.into())).unwrap())
}

async fn out(app: &App, url: &str) -> serde_json::Value {
    app.post(&format!("/out?{url}"), "body").await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_host_is_reached_over_kept_connections() {
    let upstream = upstream().await;
    let more = format!(
        "allowed_outbound_hosts = ['http://{{{{ host }}}}']\n[variables]\nhost = {{ default = '{}' }}",
        upstream.addr
    );
    let app = Setup::new(&more).start().await;
    let url = format!("http://{}/x?y=1", upstream.addr);
    for _ in 0..5 {
        let want = json!({ "status": 200, "body": format!("POST /x?y=1 at {}: body", upstream.addr) });
        assert_eq!(out(&app, &url).await, want);
    }
    assert_eq!(upstream.connections.load(Ordering::Relaxed), 1);
    let answer = out(&app, &format!("http://{}/redirect", upstream.addr)).await;
    assert_eq!(answer["status"], 302, "a redirect is the guest's to follow");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_host_is_denied() {
    let upstream = upstream().await;
    let app =
        Setup::new("allowed_outbound_hosts = ['https://127.0.0.1:*', 'http://*.example.com']").start().await;
    for url in [
        format!("http://{}/", upstream.addr),
        format!("http://2130706433:{}/", upstream.addr.port()),
        "http://probe.spin.internal/plain".to_owned(),
        format!("http://user@{}/", upstream.addr),
    ] {
        let answer = out(&app, &url).await;
        assert!(answer["error"].as_str().unwrap().contains("HttpRequestDenied"), "{url}: {answer}");
    }
    assert_eq!(upstream.connections.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_reached_has_its_own_error() {
    let upstream = upstream().await;
    let setup = Setup::new("allowed_outbound_hosts = ['*://*:*']");
    let app = setup.limits(|l| l.outbound_time = std::time::Duration::from_millis(200)).start().await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (url, want) in [
        (format!("http://{free}/"), "ConnectionRefused"),
        (format!("http://{}/never", upstream.addr), "ConnectionReadTimeout"),
        (format!("https://{}/", upstream.addr), "TlsProtocolError"),
        ("http://no-such-host.invalid/".to_owned(), "DnsError"),
        ("http://nobody.spin.internal/".to_owned(), "DestinationNotFound"),
    ] {
        let answer = out(&app, &url).await;
        assert!(answer["error"].as_str().unwrap().contains(want), "{url}: {answer}");
    }
}

const INNER: &str = "[component.inner]\nsource = 'PROBE'\n[component.unused]\nsource = 'PROBE'\n\
                     [[trigger.http]]\nroute = { private = true }\ncomponent = 'inner'";

#[tokio::test(flavor = "multi_thread")]
async fn a_private_component_is_reached_from_within_only() {
    let more =
        format!("allowed_outbound_hosts = ['http://inner.spin.internal', 'http://*.spin.internal']\n{INNER}");
    let app = Setup::new(&more).start().await;
    let answer = out(&app, "http://inner.spin.internal/echo").await;
    assert_eq!(answer, json!({ "status": 200, "body": "body" }));
    let answer = out(&app, "http://inner.spin.internal/headers?q=1").await;
    let headers: Vec<(String, String)> = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    for (name, want) in [
        ("spin-path-info", "/headers"),
        ("spin-full-url", "http://localhost/headers?q=1"),
        ("spin-matched-route", "/..."),
        ("spin-raw-component-route", "/..."),
        ("spin-component-route", ""),
        ("spin-base-path", "/"),
        ("spin-client-addr", "0.0.0.0:0"),
    ] {
        let found = headers.iter().find(|(n, _)| n == name);
        assert_eq!(found.map(|(_, value)| value.as_str()), Some(want), "{name}");
    }
    let answer = out(&app, "http://unused.spin.internal/echo").await;
    assert!(
        answer["error"].as_str().unwrap().contains("DestinationNotFound"),
        "no trigger names it: {answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_fails_within_is_an_error_to_its_caller() {
    let app = Setup::new(&format!("allowed_outbound_hosts = ['http://inner.spin.internal']\n{INNER}"))
        .start()
        .await;
    let answer = out(&app, "http://inner.spin.internal/panic").await;
    assert!(answer["error"].as_str().unwrap().contains("InternalError"), "{answer}");
    assert_eq!(out(&app, "http://inner.spin.internal/plain").await["body"], "plain");
}
