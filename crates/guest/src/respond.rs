//! Building answers.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use penstock_api::problem::{CONTENT_TYPE as PROBLEM, Problem};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::stream::Producer;

pub type Response = http::Response<ResponseBody>;

pub enum ResponseBody {
    Whole(Bytes),
    /// Written piece by piece after the answer has begun.
    Stream(Producer),
}

fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(ResponseBody::Whole(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Response {
    whole(status, "text/plain; charset=utf-8", body)
}

pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(ResponseBody::Whole(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// Any value as JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => whole(status, "application/json", body),
        Err(_) => into_problem(&Problem::internal()),
    }
}

/// `{"success": true, <members>}`.
pub fn success<const N: usize>(status: StatusCode, members: [(&str, Value); N]) -> Response {
    let mut object = Map::new();
    object.insert("success".to_owned(), Value::Bool(true));
    object.extend(members.map(|(name, value)| (name.to_owned(), value)));
    json(status, &object)
}

pub fn into_problem(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = whole(status, PROBLEM, serde_json::to_vec(problem).unwrap_or_default());
    let headers = response.headers_mut();
    if let Some(seconds) = problem.retry_after_seconds {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(allow) = problem.allow.as_deref().and_then(|a| HeaderValue::from_str(a).ok()) {
        headers.insert(header::ALLOW, allow);
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
