//! Sending a request to GitHub: the token, one redirect, and what the answer means.

use bytes::Bytes;
use penstock_forge::github::classify_response;
use penstock_forge::{Outcome, RequestSpec, backoff_seconds};
use penstock_guest::Platform;

const TIMEOUT_MS: u64 = 10_000;
/// The largest pipeline file, and room for GitHub's JSON around a commit.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The base of the REST API. Its path is a variable of its own, for Spin allows a host only without one.
pub async fn api_url(platform: &impl Platform) -> String {
    let origin =
        platform.variable("github_api_url").await.unwrap_or_else(|| "https://api.github.com".to_owned());
    let path = platform.variable("github_api_path").await.unwrap_or_default();
    let path = path.trim_matches('/');
    let slash = if path.is_empty() { "" } else { "/" };
    format!("{}{slash}{path}", origin.trim_end_matches('/'))
}

/// Sends it, following one move within the same origin. The body is that of a [`Outcome::Done`].
pub async fn send(platform: &impl Platform, request: &RequestSpec, attempt: u32) -> (Outcome, Bytes) {
    let (outcome, body) = send_once(platform, request, attempt).await;
    let moved = match &outcome {
        Outcome::Moved { location } => request.redirected(location),
        _ => return (outcome, body),
    };
    match moved {
        None => (Outcome::Permanent { why: "the forge sends us to another host".to_owned() }, Bytes::new()),
        Some(request) => match send_once(platform, &request, attempt).await {
            (Outcome::Moved { .. }, _) => (
                Outcome::Permanent { why: "the forge sends us from place to place".to_owned() },
                Bytes::new(),
            ),
            answered => answered,
        },
    }
}

async fn send_once(platform: &impl Platform, request: &RequestSpec, attempt: u32) -> (Outcome, Bytes) {
    let mut builder = http::Request::builder().method(request.method.clone()).uri(&request.url);
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    if let Some(token) = platform.variable("github_token").await {
        builder = builder.header(http::header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let Ok(sent) = builder.body(Bytes::from(request.body.clone())) else {
        return (
            Outcome::Permanent { why: "the request can't be made; check github_token".to_owned() },
            Bytes::new(),
        );
    };
    match platform.send(sent, TIMEOUT_MS, MAX_ANSWER_BYTES).await {
        Ok(answer) => {
            let (parts, body) = answer.into_parts();
            let outcome = classify_response(parts.status, &parts.headers, &body, attempt, platform.now());
            (outcome, body)
        }
        Err(_) => {
            let why = penstock_forge::RetryCause::ServerError;
            (Outcome::RetryAfter { seconds: backoff_seconds(attempt), why }, Bytes::new())
        }
    }
}

/// A sentence for a person.
pub fn why(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::NotFound => "the forge does not know it, or does not show it to this token".to_owned(),
        Outcome::Unauthorized { why } => format!("the forge refuses the token ({why}); set github_token"),
        Outcome::Moved { .. } => "it has moved".to_owned(),
        Outcome::RetryAfter { seconds, why } => {
            let why = match why {
                penstock_forge::RetryCause::RateLimit => "the token's rate limit is used up",
                penstock_forge::RetryCause::SecondaryRateLimit => "the forge asks for less at once",
                penstock_forge::RetryCause::ServerError => "the forge can't be reached or is out of order",
            };
            format!("{why}; again in {seconds} s")
        }
        Outcome::Permanent { why } => why.clone(),
    }
}
