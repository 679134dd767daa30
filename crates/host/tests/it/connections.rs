//! Clients that are slow, silent or many.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{PATIENCE, Setup, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_to_its_end_closes_the_connection() {
    let app = Setup::new("").limits(|l| l.header_time = Duration::from_millis(100)).start().await;
    let mut slow = TcpStream::connect(app.addr).await.unwrap();
    slow.write_all(b"GET /plain HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut rest = vec![];
    tokio::time::timeout(PATIENCE, slow.read_to_end(&mut rest)).await.expect("it stays open").unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused() {
    let app = Setup::new("").limits(|l| l.header_bytes = 16 << 10).start().await;
    let fits =
        app.request(Method::GET, "/plain").header("x", "y".repeat(8 << 10)).body(Full::default()).unwrap();
    assert_eq!(app.send(fits).await.status, 200);
    let large =
        app.request(Method::GET, "/plain").header("x", "y".repeat(17 << 10)).body(Full::default()).unwrap();
    assert_eq!(app.send(large).await.status, 431);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_gives_its_place_up() {
    let setup = Setup::new("").limits(|l| {
        l.write_time = Duration::from_millis(200);
        l.requests_per_component = 1;
        l.queue_time = PATIENCE;
    });
    let app = setup.start().await;
    let length = 16 << 20;
    let mut silent = TcpStream::connect(app.addr).await.unwrap();
    silent
        .write_all(format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n").as_bytes())
        .await
        .unwrap();
    silent.write_all(&vec![b'x'; length]).await.unwrap();
    assert_eq!(app.get("/plain").await.text(), "plain");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_more_than_allowed_waits_for_another_to_close() {
    let app = Setup::new("").limits(|l| l.connections = 1).start().await;
    let first = TcpStream::connect(app.addr).await.unwrap();
    let answered = app.get("/plain");
    tokio::pin!(answered);
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut answered).await.is_err());
    drop(first);
    assert_eq!(answered.await.text(), "plain");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_larger_than_its_limit_is_an_error_to_the_guest_where_its_length_was_not_told() {
    let app = Setup::new("").limits(|l| l.body_bytes = 1000).start().await;
    let mut client = TcpStream::connect(app.addr).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", 1001, "x".repeat(1001));
    let head = "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    client.write_all(format!("{head}{chunk}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, client.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("HttpRequestBodySize"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_does_not_free_the_place_of_its_work() {
    let more = "sqlite_databases = ['default']\n[component.other]\nsource = 'PROBE'\n\
                sqlite_databases = ['default']\n[[trigger.http]]\nroute = '/two/...'\ncomponent = 'other'";
    let setup = Setup::new(more).limits(|l| {
        l.requests_per_component = 1;
        l.queue_per_component = 0;
        l.connections = 2;
    });
    let app = setup.start().await;
    // One connection for certain: the harness's client opens another where the first is not back yet. It asks the
    // other component, whose places are its own.
    let mut asking = Asking::open(app.addr).await;
    eventually(async || asking.sql("CREATE TABLE IF NOT EXISTS notes(name)").await.contains("[[]]")).await;
    let mut leaving = TcpStream::connect(app.addr).await.unwrap();
    leaving.write_all(b"GET /note-and-sleep?30000 HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    eventually(async || asking.sql("SELECT name FROM notes").await.contains("started")).await;
    drop(leaving);
    // A third connection is served once the host has noticed that the second is gone.
    let mut third = TcpStream::connect(app.addr).await.unwrap();
    third.write_all(b"GET /plain HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, third.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
}

/// One kept connection.
struct Asking(SendRequest<Full<Bytes>>);

impl Asking {
    async fn open(addr: SocketAddr) -> Self {
        let stream = TokioIo::new(TcpStream::connect(addr).await.unwrap());
        let (sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// What `/two/sql` answers to one statement.
    async fn sql(&mut self, sql: &str) -> String {
        let body = serde_json::json!(["default", [[sql]]]).to_string();
        let request =
            http::Request::post("/two/sql").header("host", "x").body(Full::new(body.into())).unwrap();
        self.0.ready().await.unwrap();
        let response = tokio::time::timeout(PATIENCE, self.0.send_request(request)).await.unwrap().unwrap();
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }
}
