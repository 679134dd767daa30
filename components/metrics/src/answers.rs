//! Answers that were just given: kept in key-value, so that many who ask cost as much as one.

use http::{HeaderValue, StatusCode, header};
use penstock_domain::Timestamp;
use penstock_guest::{Platform, Response, ResponseBody, text};

/// An answer is good for so long.
const FRESH_MS: i64 = 1_000;

/// The answer that was given to the same question within the last second: the time in milliseconds, a line's end, and
/// the body.
pub async fn recall(platform: &impl Platform, key: &str, now: Timestamp) -> Option<String> {
    let kept = String::from_utf8(platform.get(key).await?).ok()?;
    let (at, body) = kept.split_once('\n')?;
    let age_ms = now.as_millis() - at.parse::<i64>().ok()?;
    (0..FRESH_MS).contains(&age_ms).then(|| body.to_owned())
}

pub async fn keep(platform: &impl Platform, key: &str, now: Timestamp, body: &str) {
    platform.set(key, format!("{}\n{body}", now.as_millis()).as_bytes()).await;
}

pub fn respond(content_type: &'static str, body: String) -> Response {
    let mut response = text(StatusCode::OK, "");
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=1"));
    *response.body_mut() = ResponseBody::Whole(body.into());
    response
}
