//! Responses of the host's own.

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use penstock_api::problem::{CONTENT_TYPE as PROBLEM, Problem};
use wasmtime_wasi_http::WasiBody;

use crate::body::full;

pub fn text(text: &'static str) -> http::Response<WasiBody> {
    let mut response = http::Response::new(full(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

pub fn problem(problem: &Problem) -> http::Response<WasiBody> {
    let mut response = http::Response::new(full(serde_json::to_vec(problem).unwrap_or_default()));
    *response.status_mut() =
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
    if let Some(seconds) = problem.retry_after_seconds {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}
