//! Reading requests: whole bodies only, never more than a limit.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use penstock_api::problem::{FieldError, Problem};
use serde::de::DeserializeOwned;
use thiserror::Error;

pub type Request = http::Request<Body>;

/// A body that has not been read yet.
pub enum Body {
    Whole(Bytes),
    #[cfg(target_family = "wasm")]
    Incoming(crate::spin::Incoming),
    /// One that a test lets come when it likes.
    #[cfg(not(target_family = "wasm"))]
    Coming(std::pin::Pin<Box<dyn Future<Output = Result<Bytes, BodyError>>>>),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BodyError {
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the body ended early")]
    Broken,
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let detail = error.to_string();
        match error {
            BodyError::TooLarge(_) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "Payload too large", detail)
            }
            BodyError::Broken => Self::bad_request("body_incomplete", detail),
        }
    }
}

/// How many bytes the body says it has; the most there can be where it doesn't.
///
/// # Errors
/// A [`Problem`]: 413 where they are more than that.
pub fn announced_bytes(headers: &HeaderMap, max_bytes: usize) -> Result<usize, Problem> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    match announced {
        Some(bytes) if bytes > max_bytes => Err(BodyError::TooLarge(max_bytes).into()),
        announced => Ok(announced.unwrap_or(max_bytes)),
    }
}

/// The whole body, refused beyond `max_bytes` without being kept.
///
/// # Errors
/// A [`Problem`]: 413 when it is larger, 400 when it broke off.
pub async fn read_bytes(request: Request, max_bytes: usize) -> Result<Bytes, Problem> {
    announced_bytes(request.headers(), max_bytes)?;
    read(request, max_bytes, 0).await
}

/// As [`read_bytes`], into room that is taken at once for all of [`announced_bytes`]: what grows as it comes takes
/// several times its size. For where it is seen to that only so many do so at once.
///
/// # Errors
/// As [`read_bytes`].
pub async fn read_bytes_at_once(request: Request, max_bytes: usize) -> Result<Bytes, Problem> {
    let announced = announced_bytes(request.headers(), max_bytes)?;
    read(request, announced, announced).await
}

/// Takes `room` bytes at once, and more as it comes.
#[cfg_attr(not(target_family = "wasm"), expect(unused_variables, reason = "what is whole has its room"))]
async fn read(request: Request, max_bytes: usize, room: usize) -> Result<Bytes, Problem> {
    let bytes = match request.into_body() {
        Body::Whole(bytes) => bytes,
        #[cfg(target_family = "wasm")]
        Body::Incoming(incoming) => incoming.read(max_bytes, room).await?,
        #[cfg(not(target_family = "wasm"))]
        Body::Coming(bytes) => bytes.await?,
    };
    if bytes.len() > max_bytes { Err(BodyError::TooLarge(max_bytes).into()) } else { Ok(bytes) }
}

/// The body as JSON of a known shape.
///
/// # Errors
/// A [`Problem`]: 415 where it is said to be something else, 400 with line and column where it can't be read.
pub async fn read_json<T: DeserializeOwned>(request: Request, max_bytes: usize) -> Result<T, Problem> {
    let content_type = request.headers().get(CONTENT_TYPE).map(|v| v.to_str().unwrap_or_default());
    let essence = content_type.map(|t| t.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    if essence.is_some_and(|t| t != "application/json" && !t.ends_with("+json")) {
        let detail = "send the body as application/json";
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Unsupported media type",
            detail,
        ));
    }
    let bytes = read_bytes(request, max_bytes).await?;
    parse_json(&bytes)
}

/// Reads the body, so that it can be hashed and then read again.
///
/// # Errors
/// As [`read_bytes`].
pub(crate) async fn split(request: Request) -> Result<(http::request::Parts, Bytes), Problem> {
    let (parts, body) = request.into_parts();
    let mut reader = http::Request::new(body);
    *reader.headers_mut() = parts.headers.clone();
    let bytes = read_bytes(reader, crate::MAX_BODY_BYTES).await?;
    Ok((parts, bytes))
}

/// What was split, as it was.
pub(crate) fn join(parts: http::request::Parts, body: Bytes) -> Request {
    http::Request::from_parts(parts, Body::Whole(body))
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes: &[u8] = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    // A list would be taken for an object's members in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::bad_request("invalid_input", "send a JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let code = if error.is_data() { "invalid_input" } else { "invalid_json" };
        let position = |n: usize| u32::try_from(n).ok().filter(|n| *n > 0);
        let message = error.to_string();
        Problem::bad_request(code, message.clone()).with_errors(vec![FieldError {
            pointer: String::new(),
            line: position(error.line()),
            column: position(error.column()),
            code: code.to_owned(),
            message,
        }])
    })
}
