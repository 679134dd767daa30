//! Requests in, responses out: routing, headers, ids, limits of a body.

use http::Method;
use http_body_util::Full;
use serde_json::json;

use crate::harness::Setup;

#[tokio::test(flavor = "multi_thread")]
async fn a_component_answers() {
    let app = Setup::new("").start().await;
    let answer = app.get("/plain").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "plain"));
    assert_eq!(app.get("/.well-known/spin/health").await.text(), "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_request_reaches_the_component_with_the_headers_of_spin() {
    let app = Setup::new("[[trigger.http]]\nroute = '/two/:part/...'\ncomponent = 'probe'").start().await;
    let request =
        app.request(Method::GET, "/two/headers/?q=1").header("spin-path-info", "forged").header("x-own", "1");
    let headers = app.send(request.header("x-request-id", "mine-1").body(Full::default()).unwrap()).await;
    assert_eq!(headers.header("x-request-id"), Some("mine-1"));
    let sent = headers.json();
    let value = |name: &str| {
        let all = sent.as_array().unwrap().iter().filter(|pair| pair[0] == name);
        all.map(|pair| pair[1].as_str().unwrap()).collect::<Vec<_>>().join("|")
    };
    assert_eq!(value("spin-path-info"), "/");
    assert_eq!(value("spin-path-match-part"), "headers");
    assert_eq!(value("spin-full-url"), format!("http://{}/two/headers/?q=1", app.addr));
    assert_eq!(value("spin-component-route"), "/two/:part");
    assert!(value("spin-client-addr").starts_with("127.0.0.1:"));
    assert_eq!((value("x-own"), value("x-request-id")), ("1".to_owned(), "mine-1".to_owned()));
    assert_eq!(value("host") + &value("connection"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_problems_with_the_requests_id() {
    let app = Setup::new("").limits(|l| l.body_bytes = 1000).start().await;
    let answer = app.get("/.well-known/spin/info").await;
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(
        (answer.json()["status"].clone(), answer.json()["code"].clone()),
        (json!(404), json!("not_found"))
    );
    assert!(answer.header("x-request-id").is_some());
    assert_eq!(app.post("/echo", vec![b'x'; 1000]).await.body.len(), 1000);
    let answer = app.post("/echo", vec![b'x'; 1001]).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (413, json!("body_too_large")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_component_answers_500_and_hurts_no_other() {
    let app = Setup::new("").start().await;
    for path in ["/panic", "/memory"] {
        let answer = app.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["code"].clone()),
            (500, json!("internal_error")),
            "{path}"
        );
        assert_eq!(app.get("/plain").await.text(), "plain");
    }
}
