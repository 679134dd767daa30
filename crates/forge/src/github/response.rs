//! What an answer of GitHub's REST API means, and when to ask again.

use http::{HeaderMap, StatusCode, header};
use penstock_domain::Timestamp;
use serde::Deserialize;

use crate::outcome::{MAX_RETRY_SECONDS, Outcome, RetryCause, backoff_seconds};
use crate::text::cut_chars;

/// What GitHub asks for where a secondary limit is hit and no header names a time.
const SECONDARY_LIMIT_SECONDS: u32 = 60;
/// A reset is by another clock than ours.
const RESET_SLACK_SECONDS: i64 = 1;
/// Of GitHub's own words in a reason.
const MAX_WHY_CHARS: usize = 300;
/// An error's body is short; a longer one is not GitHub's.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;

/// Judges one answer. `attempt` counts the tries so far, from 1.
pub fn classify_response(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    attempt: u32,
    now: Timestamp,
) -> Outcome {
    match status.as_u16() {
        200..=299 => Outcome::Done,
        301 | 302 | 307 | 308 => moved(status, headers),
        401 => Outcome::Unauthorized { why: why(status, body) },
        404 | 410 => Outcome::NotFound,
        403 | 429 => rate_limit(status, headers, body, attempt, now)
            .unwrap_or_else(|| Outcome::Forbidden { why: why(status, body) }),
        408 | 500..=599 => Outcome::RetryAfter {
            seconds: retry_after(headers).unwrap_or_else(|| backoff_seconds(attempt)),
            why: RetryCause::ServerError,
        },
        _ => Outcome::Permanent { why: why(status, body) },
    }
}

fn moved(status: StatusCode, headers: &HeaderMap) -> Outcome {
    match headers.get(header::LOCATION).and_then(|value| value.to_str().ok()) {
        Some(location) => Outcome::Moved { location: location.to_owned() },
        None => Outcome::Permanent { why: format!("{status} without a location") },
    }
}

/// None where a 403 is about rights and not about a limit.
fn rate_limit(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    attempt: u32,
    now: Timestamp,
) -> Option<Outcome> {
    if let Some(seconds) = retry_after(headers) {
        return Some(Outcome::RetryAfter { seconds, why: RetryCause::SecondaryRateLimit });
    }
    if number(headers, "x-ratelimit-remaining") == Some(0) {
        let seconds =
            number(headers, "x-ratelimit-reset").map_or(SECONDARY_LIMIT_SECONDS, |reset| until(reset, now));
        return Some(Outcome::RetryAfter { seconds, why: RetryCause::RateLimit });
    }
    let limited =
        status == StatusCode::TOO_MANY_REQUESTS || message(body).to_lowercase().contains("rate limit");
    limited.then(|| Outcome::RetryAfter {
        seconds: SECONDARY_LIMIT_SECONDS.max(backoff_seconds(attempt)),
        why: RetryCause::SecondaryRateLimit,
    })
}

fn until(reset_seconds: i64, now: Timestamp) -> u32 {
    let left =
        reset_seconds.saturating_sub(now.as_millis().div_euclid(1000)).saturating_add(RESET_SLACK_SECONDS);
    bounded(left)
}

/// Seconds; GitHub sends no dates here.
fn retry_after(headers: &HeaderMap) -> Option<u32> {
    number(headers, header::RETRY_AFTER.as_str()).map(bounded)
}

/// At least a second, so that a loop of retries can't spin.
fn bounded(seconds: i64) -> u32 {
    u32::try_from(seconds.max(1)).unwrap_or(MAX_RETRY_SECONDS).min(MAX_RETRY_SECONDS)
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[derive(Deserialize)]
struct ErrorBody {
    message: String,
    #[serde(default)]
    errors: serde_json::Value,
}

fn message(body: &[u8]) -> String {
    if body.len() > MAX_ERROR_BODY_BYTES {
        return String::new();
    }
    let Ok(ErrorBody { message, errors }) = serde_json::from_slice(body) else { return String::new() };
    let details =
        errors.as_array().into_iter().flatten().filter_map(|e| e.get("message").or(Some(e))?.as_str());
    std::iter::once(message.as_str()).chain(details).collect::<Vec<_>>().join("; ")
}

fn why(status: StatusCode, body: &[u8]) -> String {
    let message = message(body);
    let said =
        if message.is_empty() { String::new() } else { format!(": {}", cut_chars(&message, MAX_WHY_CHARS)) };
    format!("the forge answered {}{said}", status.as_u16())
}
