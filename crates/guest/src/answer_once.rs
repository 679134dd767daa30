//! `Idempotency-Key`: the same key gives the same answer for 24 hours.

use std::future::Future;

use bytes::Bytes;
use http::StatusCode;
use penstock_api::problem::Problem;
use penstock_store::Remembered;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::MAX_BODY_BYTES;
use crate::body::{Request, join, read_json, split};
use crate::failure::{Answer, Failure};
use crate::ports::Platform;
use crate::respond::{Response, ResponseBody, text};

const HEADER: &str = "idempotency-key";
const MAX_KEY_BYTES: usize = 255;
/// A request that took a key and has not answered by then has died.
const ABANDONED_MS: i64 = 60_000;

/// What a request is known by that bears a key.
pub struct Once {
    /// What the work may keep of the key.
    pub key: String,
    /// Whether the same request has come before and was not answered: its work may be done.
    pub again: bool,
}

/// Does the work that the request's JSON asks for, once for each key. Answers below 500 are kept.
///
/// # Errors
/// Those of the work, and of [`read_json`], which leave the key free; 409 while the first request with the key is under
/// way, 422 where the key was another request's.
pub async fn answer_once<T: DeserializeOwned, F: Future<Output = Answer>>(
    platform: &impl Platform,
    request: Request,
    work: impl FnOnce(T, Option<Once>) -> F,
) -> Answer {
    let (parts, body) = split(request).await?;
    let (headers, route) = (parts.headers.clone(), format!("{} {}", parts.method, parts.uri.path()));
    let work =
        async move |body: Bytes, once| work(read_json(join(parts, body), MAX_BODY_BYTES).await?, once).await;
    let Some(value) = headers.get(HEADER) else { return work(body, None).await };
    let key = value.to_str().ok().filter(|k| !k.is_empty() && k.len() <= MAX_KEY_BYTES);
    let key = key.ok_or_else(|| {
        let detail = format!("an Idempotency-Key has 1 to {MAX_KEY_BYTES} visible ASCII characters");
        Problem::bad_request("invalid_idempotency_key", detail)
    })?;
    let store = platform.store().await?;
    let hash = hex(&Sha256::new().chain_update(&route).chain_update([0]).chain_update(&body).finalize());
    let again = match store.take_key(key, &hash, platform.now(), ABANDONED_MS).await? {
        Remembered::New { again } => again,
        Remembered::Answered { status, body } => return Ok(again(status, body)),
        Remembered::UnderWay => {
            let detail = "the same request is under way; ask again in a moment";
            return Err(Problem::conflict("request_under_way", detail).with_retry_after(1).into());
        }
        Remembered::OtherRequest => {
            let detail = "this Idempotency-Key was used for another request; take a new one";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(
                Problem::new(status, "idempotency_key_reused", "Idempotency key reused", detail).into()
            );
        }
    };
    let answer = work(body, Some(Once { key: hash_of(key, &route), again })).await;
    match &answer {
        Ok(response) => {
            let body = whole(response);
            store.remember(key, response.status().as_u16(), &body).await?;
        }
        // A refusal has changed nothing: the request may be mended and sent again under its key.
        Err(Failure::Told(problem)) if problem.status < 500 => store.forget_key(key).await?,
        // What failed may still have come about: the key stays taken until it is known to be abandoned, and what
        // it started bears it.
        Err(_) => {}
    }
    answer
}

/// What the work may keep of the key.
fn hash_of(key: &str, route: &str) -> String {
    hex(&Sha256::new().chain_update(key).chain_update([0]).chain_update(route).finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn whole(response: &Response) -> String {
    match response.body() {
        ResponseBody::Whole(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ResponseBody::Stream(_) => String::new(),
    }
}

fn again(status: u16, body: String) -> Response {
    let mut response = text(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), body);
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response.headers_mut().insert("idempotent-replayed", http::HeaderValue::from_static("true"));
    response
}
