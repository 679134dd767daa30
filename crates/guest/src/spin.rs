//! The ports on spin-sdk. The traps of its SQLite interface are met here, once.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::StatusCode;
use http_body_util::BodyExt;
use penstock_domain::Timestamp;
use penstock_store::{Connection, DbError, Row, Store, StoreError, Value, migrate};
use spin_sdk::http::body::IncomingBodyExt;
use spin_sdk::http::{BoxBody, FullBody, box_body};
use spin_sdk::sqlite;
use spin_sdk::wasip3::http::types::ErrorCode;

use crate::body::{Body, BodyError, Request};
use crate::failure::Answer;
use crate::internal::{NO_REQUEST_ID, REQUEST_ID};
use crate::ports::{Background, Clock, Database, KeyValue, Outbound, Random, SendError, Variables};
use crate::respond::{Response, ResponseBody};
use crate::stream::Sink;

/// The platform that this component runs on, as one request sees it.
#[derive(Debug, Clone)]
pub struct Spin {
    request_id: Rc<str>,
}

/// Answers one request: the whole of a component but for its handler.
pub async fn serve<F: Future<Output = Answer>>(
    request: spin_sdk::http::Request,
    handle: impl FnOnce(Spin, Request) -> F,
) -> http::Response<BoxBody> {
    let request_id = request.headers().get(REQUEST_ID).and_then(|v| v.to_str().ok()).unwrap_or(NO_REQUEST_ID);
    let platform = Spin { request_id: request_id.into() };
    let request_id = platform.request_id.clone();
    let is_head = request.method() == http::Method::HEAD;
    let request = request.map(|body| Body::Incoming(Incoming(body)));
    let response = handle(platform, request).await.unwrap_or_else(|failure| failure.respond(&request_id));
    into_spin(response, is_head)
}

fn into_spin(response: Response, is_head: bool) -> http::Response<BoxBody> {
    let (mut parts, body) = response.into_parts();
    let body = match body {
        ResponseBody::Whole(bytes) => {
            // The length of a 304 would be that of the body which it stands for.
            if !matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
                parts.headers.insert(http::header::CONTENT_LENGTH, http::HeaderValue::from(bytes.len()));
            }
            box_body(FullBody::new(if is_head { Bytes::new() } else { bytes }))
        }
        ResponseBody::Stream(producer) => {
            let (sender, body) = spin_sdk::http::body::stream::<String>();
            spin_sdk::wasip3::spawn(producer.run(Sink { sender }));
            box_body(body)
        }
    };
    http::Response::from_parts(parts, body)
}

type SpinBody = <spin_sdk::http::Request as Split>::Body;

/// Names the body type of the SDK's request, which it does not export.
trait Split {
    type Body;
}
impl<B> Split for http::Request<B> {
    type Body = B;
}

/// A request's body, as it comes in.
pub struct Incoming(SpinBody);

impl Incoming {
    /// Takes `room` bytes at once, and more as it comes.
    ///
    /// # Errors
    /// [`BodyError`]: larger than `max_bytes`, or broken off.
    pub async fn read(self, max_bytes: usize, room: usize) -> Result<Bytes, BodyError> {
        let mut stream = self.0.stream();
        let mut whole = BytesMut::with_capacity(room);
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|_| BodyError::Broken)?;
            if whole.len() + piece.len() > max_bytes {
                return Err(BodyError::TooLarge(max_bytes));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}

impl Clock for Spin {
    #[allow(clippy::disallowed_methods, reason = "this is the adapter that the rule is about")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Random for Spin {
    fn random(&self) -> [u8; 16] {
        let drawn = spin_sdk::wasip3::random::random::get_random_bytes(16);
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(drawn) {
            *to = from;
        }
        bytes
    }
}

impl Variables for Spin {
    async fn variable(&self, name: &str) -> Option<String> {
        spin_sdk::variables::get(name).await.ok().filter(|v| !v.is_empty())
    }
}

impl KeyValue for Spin {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let store = spin_sdk::key_value::Store::open_default().await.ok()?;
        store.get(key).await.ok().flatten()
    }

    async fn set(&self, key: &str, value: &[u8]) {
        if let Ok(store) = spin_sdk::key_value::Store::open_default().await {
            // What may be lost may also not be written.
            let _ = store.set(key, value).await;
        }
    }
}

impl Background for Spin {
    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        spin_sdk::wasip3::spawn(task);
    }

    async fn sleep(&self, ms: u64) {
        polled_again(spin_sdk::time::sleep(Duration::from_millis(ms))).await;
    }
}

/// Has the executor poll once more when `work` begins to wait.
///
/// wit-bindgen takes up what was spawned only when it polls the next time, and for that it waits for an event. A
/// request's body is written by a spawned task: without this it would stay behind until something else happens, such
/// as the answer to another request.
async fn polled_again<T>(work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut is_first = true;
    std::future::poll_fn(|context| {
        let polled = work.as_mut().poll(context);
        if polled.is_pending() && std::mem::take(&mut is_first) {
            context.waker().wake_by_ref();
        }
        polled
    })
    .await
}

impl Outbound for Spin {
    fn request_id(&self) -> &str {
        &self.request_id
    }

    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeout_ms: u64,
        max_bytes: usize,
    ) -> Result<http::Response<Bytes>, SendError> {
        let host = host_of(&request);
        let (whole, answer) = in_time(timeout_ms, request, &host, max_bytes).await?;
        if whole == Whole::No {
            return Err(SendError::TooLarge(host, max_bytes));
        }
        Ok(answer)
    }

    async fn status_of(
        &self,
        request: http::Request<Bytes>,
        timeout_ms: u64,
        max_bytes: usize,
    ) -> Result<http::StatusCode, SendError> {
        let host = host_of(&request);
        in_time(timeout_ms, request, &host, max_bytes).await.map(|(_, answer)| answer.status())
    }
}

fn host_of(request: &http::Request<Bytes>) -> String {
    request.uri().authority().map(ToString::to_string).unwrap_or_default()
}

/// Whether a body was read to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    No,
}

async fn in_time(
    timeout_ms: u64,
    mut request: http::Request<Bytes>,
    host: &str,
    max_bytes: usize,
) -> Result<(Whole, http::Response<Bytes>), SendError> {
    let length = http::HeaderValue::from(request.body().len());
    request.headers_mut().insert(http::header::CONTENT_LENGTH, length);
    let exchange = std::pin::pin!(exchange(request.map(FullBody::new), host, max_bytes));
    let timeout = std::pin::pin!(spin_sdk::time::sleep(Duration::from_millis(timeout_ms)));
    match futures::future::select(exchange, timeout).await {
        futures::future::Either::Left((answer, _)) => answer,
        futures::future::Either::Right(_) => {
            Err(SendError::NoAnswer(host.to_owned(), format!("nothing came within {timeout_ms} ms")))
        }
    }
}

/// The answer, with as much of its body as there may be.
async fn exchange(
    request: http::Request<FullBody<Bytes>>,
    host: &str,
    max_bytes: usize,
) -> Result<(Whole, http::Response<Bytes>), SendError> {
    let response = polled_again(spin_sdk::http::send(request)).await.map_err(|e| send_error(host, &e))?;
    let (parts, mut body) = response.into_parts();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| SendError::NoAnswer(host.to_owned(), e.to_string()))?;
        let piece = frame.into_data().unwrap_or_default();
        if whole.len() + piece.len() > max_bytes {
            return Ok((Whole::No, http::Response::from_parts(parts, Bytes::new())));
        }
        whole.extend_from_slice(&piece);
    }
    Ok((Whole::Yes, http::Response::from_parts(parts, whole.freeze())))
}

fn send_error(host: &str, error: &ErrorCode) -> SendError {
    let never_sent = matches!(
        error,
        ErrorCode::ConnectionRefused
            | ErrorCode::ConnectionTimeout
            | ErrorCode::DestinationNotFound
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpProhibited
            | ErrorCode::DestinationIpUnroutable
            | ErrorCode::DnsError(_)
            | ErrorCode::DnsTimeout
            | ErrorCode::HttpRequestDenied
            | ErrorCode::HttpRequestUriInvalid
            | ErrorCode::ConnectionLimitReached
            | ErrorCode::TlsProtocolError
            | ErrorCode::TlsCertificateError
            | ErrorCode::TlsAlertReceived(_)
    );
    let (host, why) = (host.to_owned(), error.to_string());
    if never_sent { SendError::Unreachable(host, why) } else { SendError::NoAnswer(host, why) }
}

/// The default SQLite database.
pub struct Sqlite(sqlite::Connection);

impl Connection for Sqlite {
    /// Always reads to the end: an error shows only in the statement's result, and unread rows block the connection.
    async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, DbError> {
        let parameters: Vec<sqlite::Value> = parameters.into_iter().map(to_spin).collect();
        let running = self.0.execute(sql, parameters).await.map_err(|e| db_error(&e))?;
        let rows = running.collect().await.map_err(|e| db_error(&e))?;
        Ok(rows.into_iter().map(|row| Row(row.values.into_iter().map(from_spin).collect())).collect())
    }
}

fn db_error(error: &sqlite::Error) -> DbError {
    match error {
        sqlite::Error::Io(message) => DbError::from_message(message),
        other => DbError::Other(other.to_string()),
    }
}

fn to_spin(value: Value) -> sqlite::Value {
    match value {
        Value::Null => sqlite::Value::Null,
        Value::Integer(n) => sqlite::Value::Integer(n),
        Value::Real(r) => sqlite::Value::Real(r),
        Value::Text(t) => sqlite::Value::Text(t),
        Value::Blob(b) => sqlite::Value::Blob(b),
    }
}

fn from_spin(value: sqlite::Value) -> Value {
    match value {
        sqlite::Value::Null => Value::Null,
        sqlite::Value::Integer(n) => Value::Integer(n),
        sqlite::Value::Real(r) => Value::Real(r),
        sqlite::Value::Text(t) => Value::Text(t),
        sqlite::Value::Blob(b) => Value::Blob(b),
    }
}

thread_local! {
    /// Whether this instance has seen the database at the newest version; forgotten with the instance.
    static MIGRATED: Cell<bool> = const { Cell::new(false) };
}

impl Database for Spin {
    type Connection = Sqlite;

    async fn store(&self) -> Result<Store<Sqlite>, StoreError> {
        let connection =
            sqlite::Connection::open_default().await.map_err(|e| StoreError::from(db_error(&e)))?;
        let connection = Sqlite(connection);
        if !MIGRATED.get() {
            migrate(&connection).await?;
            MIGRATED.set(true);
        }
        Ok(Store::new(connection))
    }
}
