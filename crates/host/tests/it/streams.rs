//! Event streams: their number, clients that leave, and the end of the host.

use http::Method;
use http_body_util::{BodyExt, Full};
use serde_json::json;

use crate::harness::{App, Setup, eventually};

const GRANTS: &str = "sqlite_databases = ['default']";

async fn open(app: &App, name: &str) -> hyper::body::Incoming {
    let request = app.request(Method::GET, &format!("/sse?{name}")).body(Full::default()).unwrap();
    let response = app.open(request).await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.starts_with(b"id: 0\n"), "{first:?}");
    body
}

async fn noted(app: &App, name: &str) -> bool {
    app.sql(&[&format!("SELECT count(*) FROM notes WHERE name = '{name}'")]).await[0] == json!([[1]])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guest_notices_a_client_that_left() {
    let app = Setup::new(GRANTS).start().await;
    app.sql(&["CREATE TABLE notes(name)"]).await;
    let (left, stays) = (open(&app, "left").await, open(&app, "stays").await);
    drop(left);
    eventually(async || noted(&app, "left").await).await;
    assert!(!noted(&app, "stays").await);
    drop(stays);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_streams_than_allowed_and_other_requests_go_on() {
    let app = Setup::new(GRANTS).limits(|l| l.streams_per_component = 1).start().await;
    app.sql(&["CREATE TABLE notes(name)"]).await;
    let one = open(&app, "one").await;
    let refused = app.get("/sse?two").await;
    assert_eq!((refused.status.as_u16(), refused.json()["code"].clone()), (503, json!("overloaded")));
    assert_eq!(refused.header("retry-after"), Some("10"));
    assert_eq!(app.get("/plain").await.text(), "plain");
    drop(one);
    eventually(async || {
        let request = app.request(Method::GET, "/sse?three").body(Full::default()).unwrap();
        app.open(request).await.status() == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_streams_as_if_they_were_complete_and_lets_the_guest_finish() {
    let app = Setup::new(GRANTS).start().await;
    app.sql(&["CREATE TABLE notes(name)"]).await;
    let stream = open(&app, "stopped").await;
    let (setup, rest) = futures::future::join(app.stop(), stream.collect()).await;
    assert!(rest.is_ok(), "the stream was cut off: {rest:?}");
    let app = setup.start().await;
    assert!(noted(&app, "stopped").await, "the guest did not get to note the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_running_requests() {
    let app = Setup::new("").start().await;
    let request = app.request(Method::GET, "/sleep?300").body(Full::default()).unwrap();
    let addr = app.addr;
    let slow = tokio::spawn({
        let client: hyper_util::client::legacy::Client<_, Full<bytes::Bytes>> =
            hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
        async move { client.request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes() }
    });
    // A second connection that is answered was accepted after the first.
    while !slow.is_finished() && app.get("/count").await.json() == json!(1) {}
    app.stop().await;
    assert_eq!(slow.await.unwrap(), "slept");
    assert!(tokio::net::TcpStream::connect(addr).await.is_err(), "it still listens");
}
