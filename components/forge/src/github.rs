//! Sending a request to GitHub: the token, one redirect, and what the answer means.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use penstock_forge::github::classify_response;
use penstock_forge::{Outcome, RequestSpec, RetryCause, backoff_seconds};
use penstock_guest::{Platform, SendError};

use crate::pause;

const TIMEOUT_MS: u64 = 10_000;
/// The largest pipeline file, and room for GitHub's JSON around a commit.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// What a person does about a token that is not enough.
pub const TO_READ: &str = "set github_token to one that may read the repository (`contents:read`; of a classic \
                           token `repo`)";
pub const TO_TELL: &str = "set github_token to one that may write commit statuses (`statuses:write`; of a classic \
                           token `repo:status`)";

/// What came of a request.
pub struct Answered {
    pub outcome: Outcome,
    /// None where nothing came.
    pub status: Option<StatusCode>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl From<Outcome> for Answered {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, status: None, headers: HeaderMap::new(), body: Bytes::new() }
    }
}

/// The base of the REST API. Its path is a variable of its own, for Spin allows a host only without one.
pub async fn api_url(platform: &impl Platform) -> String {
    let origin =
        platform.variable("github_api_url").await.unwrap_or_else(|| "https://api.github.com".to_owned());
    let path = platform.variable("github_api_path").await.unwrap_or_default();
    let path = path.trim_matches('/');
    let slash = if path.is_empty() { "" } else { "/" };
    format!("{}{slash}{path}", origin.trim_end_matches('/'))
}

/// Sends it, unless GitHub asked for patience before. `attempt` counts from 1.
pub async fn send(platform: &impl Platform, request: &RequestSpec, attempt: u32) -> Answered {
    if let Some(outcome) = pause::present(platform).await {
        return outcome.into();
    }
    let answered = send_and_follow(platform, request, attempt).await;
    pause::keep(platform, &answered.outcome).await;
    answered
}

/// Follows one move within the same origin.
async fn send_and_follow(platform: &impl Platform, request: &RequestSpec, attempt: u32) -> Answered {
    let answered = send_once(platform, request, attempt).await;
    let moved = match &answered.outcome {
        Outcome::Moved { location } => request.redirected(location),
        _ => return answered,
    };
    match moved {
        None => permanent("the forge sends us to another host").into(),
        Some(request) => match send_once(platform, &request, attempt).await {
            Answered { outcome: Outcome::Moved { .. }, .. } => {
                permanent("the forge sends us from place to place").into()
            }
            answered => answered,
        },
    }
}

async fn send_once(platform: &impl Platform, request: &RequestSpec, attempt: u32) -> Answered {
    let mut builder = http::Request::builder().method(request.method.clone()).uri(&request.url);
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    if let Some(token) = platform.variable("github_token").await {
        builder = builder.header(http::header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let Ok(sent) = builder.body(Bytes::from(request.body.clone())) else {
        return permanent("the request can't be made; check github_token").into();
    };
    match platform.send(sent, TIMEOUT_MS, MAX_ANSWER_BYTES).await {
        Ok(answer) => {
            let (http::response::Parts { status, headers, .. }, body) = answer.into_parts();
            let outcome = classify_response(status, &headers, &body, attempt, platform.now());
            Answered { outcome, status: Some(status), headers, body }
        }
        Err(SendError::TooLarge(..)) => {
            let why = format!("the forge's answer has more than {} KiB", MAX_ANSWER_BYTES / 1024);
            permanent(&why).into()
        }
        Err(SendError::Unreachable(..) | SendError::NoAnswer(..)) => {
            let seconds = backoff_seconds(attempt);
            Outcome::RetryAfter { seconds, why: RetryCause::ServerError }.into()
        }
    }
}

fn permanent(why: &str) -> Outcome {
    Outcome::Permanent { why: why.to_owned() }
}

/// A sentence for a person.
pub fn why(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::NotFound => "the forge does not know it, or does not show it to this token".to_owned(),
        Outcome::Moved { .. } => "it has moved".to_owned(),
        Outcome::RetryAfter { seconds, why } => {
            let why = match why {
                RetryCause::RateLimit => "the token's rate limit is used up",
                RetryCause::SecondaryRateLimit => "the forge asks for less at once",
                RetryCause::ServerError => "the forge can't be reached or is out of order",
            };
            format!("{why}; again in {seconds} s")
        }
        Outcome::Unauthorized { why } | Outcome::Forbidden { why } | Outcome::Permanent { why } => {
            why.clone()
        }
    }
}
