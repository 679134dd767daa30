//! Handing on to the scheduler, which alone decides.

use bytes::Bytes;
use http::StatusCode;
use penstock_api::problem::Problem;
use serde::Serialize;

use crate::SCHEDULER;
use crate::failure::Failure;
use crate::internal::internal_post;
use crate::log::{Level, log};
use crate::ports::{Background, Outbound};

const TIMEOUT_MS: u64 = 45_000;
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Posts a value as JSON to one of the scheduler's internal routes.
///
/// # Errors
/// The scheduler's own problem, or 503 where it does not answer.
pub async fn ask_scheduler(
    platform: &impl Outbound,
    path: &str,
    body: &impl Serialize,
) -> Result<http::Response<Bytes>, Failure> {
    let body = serde_json::to_vec(body).map_err(|e| Failure::Internal(Box::new(e)))?;
    post_to_scheduler(platform, path, Bytes::from(body), None).await
}

/// Posts JSON to one of the scheduler's internal routes.
///
/// # Errors
/// As [`ask_scheduler`].
pub async fn post_to_scheduler(
    platform: &impl Outbound,
    path: &str,
    body: Bytes,
    authorization: Option<http::HeaderValue>,
) -> Result<http::Response<Bytes>, Failure> {
    let url = format!("{SCHEDULER}{path}");
    let mut request = internal_post(platform, &url, body).map_err(|_| Problem::not_found("route"))?;
    if let Some(value) = authorization {
        request.headers_mut().insert(http::header::AUTHORIZATION, value);
    }
    let answer = platform.send(request, TIMEOUT_MS, MAX_ANSWER_BYTES).await.map_err(|error| {
        log(Level::Error, platform.request_id(), &format!("the scheduler did not answer: {error}"));
        let detail = "the scheduler did not answer; ask for the state before you try again";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "scheduler_unavailable", "Service unavailable", detail)
            .with_retry_after(1)
    })?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    let seconds = answer.headers().get(http::header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok());
    let mut problem: Problem =
        serde_json::from_slice(answer.body()).map_err(|e| Failure::Internal(Box::new(e)))?;
    problem.retry_after_seconds = seconds;
    Err(problem.into())
}

/// Has the scheduler see what may go on now, after the answer. Nothing depends on it: the clock sees to it as well.
pub fn wake_scheduler<P: Outbound + Background + Clone + 'static>(platform: &P) {
    let to_wake = platform.clone();
    platform.spawn(async move {
        if let Err(failure) =
            post_to_scheduler(&to_wake, "/internal/settle", Bytes::from_static(b"{}"), None).await
        {
            let id = to_wake.request_id();
            failure.log(id, "the scheduler was not woken");
        }
    });
}
