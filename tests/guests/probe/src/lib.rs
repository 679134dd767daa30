//! A component that does whatever the host's tests ask of it: each route is one thing a guest can do.
//!
//! Answers are JSON texts that tests compare; nothing here is an example of good style for a component.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::SinkExt;
use serde_json::{Value as Json, json};
use spin_sdk::http::body::IncomingBodyExt;
use spin_sdk::http::{BoxBody, FullBody, Request, Response, box_body};
use spin_sdk::key_value::Store;
use spin_sdk::sqlite::{Connection, Value};
use spin_sdk::{http_service, variables};

type Answer = Response<BoxBody>;

static REQUESTS: AtomicUsize = AtomicUsize::new(0);

fn text(status: u16, body: impl Into<Bytes>) -> Answer {
    Response::builder().status(status).body(box_body(FullBody::new(body.into()))).unwrap()
}

fn json(value: Json) -> Answer {
    text(200, value.to_string())
}

#[http_service]
async fn handle(request: Request) -> Answer {
    let count = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
    let path = request.uri().path().trim_start_matches("/two").trim_end_matches('/').to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    match path.as_str() {
        "/plain" => text(200, "plain"),
        "/count" => json(json!(count)),
        "/headers" => json(headers(&request)),
        "/echo" => match request.into_body().bytes().await {
            Ok(body) => text(200, body),
            Err(e) => text(413, format!("{e:?}")),
        },
        "/sql" => json(sql(request).await),
        "/sql/insert" => json(insert().await),
        "/sql/unread" => json(unread().await),
        "/sql/leave" => leave().await,
        "/kv" => json(key_value(&query).await),
        "/variable" => json(json!(format!("{:?}", variables::get(&query).await))),
        "/environment" => json(json!(std::env::vars().collect::<Vec<_>>())),
        "/file" => json(json!(std::fs::read_to_string(&query).map_err(|e| e.kind().to_string()))),
        "/write" => json(json!(std::fs::write(&query, "x").map_err(|e| e.kind().to_string()))),
        "/out" => out(&query, request).await,
        "/sse" => sse(&query),
        "/busy" => loop {
            std::hint::black_box(count);
        },
        "/busy-after" => {
            spin_sdk::wasip3::spawn(async move {
                spin_sdk::time::sleep(Duration::from_millis(50)).await;
                loop {
                    std::hint::black_box(count);
                }
            });
            text(202, "")
        }
        "/panic" => panic!("on purpose"),
        "/memory" => text(200, vec![1u8; 1 << 30]),
        "/sleep" => {
            spin_sdk::time::sleep(Duration::from_millis(query.parse().unwrap_or(60_000))).await;
            text(200, "slept")
        }
        "/note-and-sleep" => {
            note("started").await;
            spin_sdk::time::sleep(Duration::from_millis(query.parse().unwrap())).await;
            text(200, "slept")
        }
        "/print" => {
            eprintln!("{}", "long ".repeat(query.parse().unwrap_or(1)));
            text(200, "")
        }
        "/tick" => tick(request).await,
        "/ticks" => json(ticks().await),
        _ => text(404, "the probe has no such route"),
    }
}

fn headers(request: &Request) -> Json {
    let headers = request.headers().iter();
    headers.map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())])).collect()
}

fn cell(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Integer(i) => json!(i),
        Value::Real(r) => json!(r),
        Value::Text(t) => json!(t),
        Value::Blob(b) => json!({ "blob": b }),
    }
}

fn parameter(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Number(n) => n.as_i64().map_or_else(|| Value::Real(n.as_f64().unwrap()), Value::Integer),
        Json::String(s) => Value::Text(s.clone()),
        other => Value::Blob(serde_json::from_value(other["blob"].clone()).unwrap()),
    }
}

/// Runs `[database, [[sql, parameter…]…]]` on one connection; what each gave, or where its error came.
async fn sql(request: Request) -> Json {
    let body = request.into_body().bytes().await.unwrap();
    let (database, statements): (String, Vec<Vec<Json>>) = serde_json::from_slice(&body).unwrap();
    let connection = match Connection::open(database).await {
        Ok(connection) => connection,
        Err(e) => return json!({ "open": format!("{e:?}") }),
    };
    let mut answers = vec![];
    for statement in statements {
        let parameters: Vec<_> = statement[1..].iter().map(parameter).collect();
        let answer = match connection.execute(statement[0].as_str().unwrap(), parameters).await {
            Err(e) => json!({ "execute": format!("{e:?}") }),
            Ok(result) => match result.collect().await {
                Err(e) => json!({ "result": format!("{e:?}") }),
                Ok(rows) => rows.iter().map(|row| row.values.iter().map(cell).collect::<Json>()).collect(),
            },
        };
        answers.push(answer);
    }
    json!({
        "answers": answers,
        "changes": connection.changes().await,
        "last_insert_rowid": connection.last_insert_rowid().await,
    })
}

async fn insert() -> Json {
    let connection = Connection::open_default().await.unwrap();
    let result = connection
        .execute("INSERT INTO bench (a, b) VALUES (?, ?)", ["acme/app".into(), "text".into()])
        .await;
    result.unwrap().result().await.unwrap();
    json!(null)
}

/// Executes again while rows are unread, then once they are dropped, then once they are read.
async fn unread() -> Json {
    const ROWS: &str = "VALUES (1), (2), (3)";
    let connection = Connection::open_default().await.unwrap();
    let mut first = connection.execute(ROWS, []).await.unwrap();
    first.next().await.unwrap();
    let while_unread = connection.execute(ROWS, []).await.map(drop).map_err(|e| format!("{e:?}"));
    drop(first);
    let mut dropped = connection.execute(ROWS, []).await.unwrap();
    let mut read = 0;
    while dropped.next().await.is_some() {
        read += 1;
    }
    let after = connection.execute(ROWS, []).await.map(drop).map_err(|e| format!("{e:?}"));
    json!({ "while_unread": while_unread, "read": read, "after": after })
}

/// Dies within a transaction.
async fn leave() -> Answer {
    let connection = Connection::open_default().await.unwrap();
    for sql in ["BEGIN IMMEDIATE", "INSERT INTO left_behind VALUES (1)"] {
        connection.execute(sql, []).await.unwrap().result().await.unwrap();
    }
    panic!("in a transaction");
}

async fn key_value(label: &str) -> Json {
    let store = match Store::open(label).await {
        Ok(store) => store,
        Err(e) => return json!(format!("{e:?}")),
    };
    store.set("a", &[0, 255]).await.unwrap();
    store.set("a", b"second").await.unwrap();
    store.set("b", b"").await.unwrap();
    let keys = store.get_keys().await.collect().await.unwrap();
    let a = store.get("a").await.unwrap().map(|v| String::from_utf8(v.into()).unwrap());
    let before = store.exists("b").await.unwrap();
    store.delete("b").await.unwrap();
    store.delete("b").await.unwrap();
    let (after, none) = (store.exists("b").await.unwrap(), store.get("b").await.unwrap().is_none());
    json!({ "keys": keys, "a": a, "before": before, "after": after, "none": none })
}

/// Sends the request's body on to the URL in the query, and answers with what came back.
async fn out(url: &str, request: Request) -> Answer {
    let method = request.method().clone();
    let body = request.into_body().bytes().await.unwrap();
    let outgoing = http::Request::builder().method(method).uri(url).body(FullBody::new(body)).unwrap();
    match spin_sdk::http::send(outgoing).await {
        Err(e) => json(json!({ "error": format!("{e:?}") })),
        Ok(response) => {
            let status = response.status().as_u16();
            match response.into_body().bytes().await {
                Ok(body) => json(json!({ "status": status, "body": String::from_utf8_lossy(&body) })),
                Err(e) => json(json!({ "status": status, "error": format!("{e:?}") })),
            }
        }
    }
}

async fn note(name: &str) {
    let connection = Connection::open_default().await.unwrap();
    let noted = connection.execute("INSERT INTO notes VALUES (?)", [name.into()]).await.unwrap();
    noted.result().await.unwrap();
}

/// Events without end. What becomes of the stream is noted in the database, under the query's name.
fn sse(name: &str) -> Answer {
    let (mut events, body) = spin_sdk::http::body::stream::<String>();
    let name = name.to_owned();
    spin_sdk::wasip3::spawn(async move {
        let mut sent = 0;
        while events.send(format!("id: {sent}\ndata: x\n\n")).await.is_ok() {
            sent += 1;
            spin_sdk::time::sleep(Duration::from_millis(5)).await;
        }
        note(&name).await;
    });
    Response::builder().header("content-type", "text/event-stream").body(box_body(body)).unwrap()
}

async fn tick(request: Request) -> Answer {
    let token =
        request.headers().get("authorization").map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    let connection = Connection::open_default().await.unwrap();
    let sql = "INSERT INTO ticks VALUES (?, ?)";
    let started = connection
        .execute(sql, [Value::Text(request.method().to_string()), Value::Text(token.unwrap_or_default())])
        .await
        .unwrap();
    match started.result().await {
        Ok(()) => text(204, ""),
        Err(_) => text(500, ""),
    }
}

async fn ticks() -> Json {
    let connection = Connection::open_default().await.unwrap();
    let rows =
        connection.execute("SELECT DISTINCT method, token FROM ticks", []).await.unwrap().collect().await;
    match rows {
        Ok(rows) => rows.iter().map(|row| row.values.iter().map(cell).collect::<Json>()).collect(),
        Err(e) => json!(format!("{e:?}")),
    }
}
