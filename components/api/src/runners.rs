//! Runners: who is there, and the way in for a new one.

use http::StatusCode;
use penstock_guest::{
    Answer, MAX_BODY_BYTES, Platform, Request, Response, ResponseBody, post_to_scheduler, read_bytes,
    success, text,
};
use serde_json::json;

const MAX_RUNNERS: u32 = 1_000;

pub async fn list(platform: &impl Platform) -> Answer {
    let runners = platform.store().await?.runners(MAX_RUNNERS).await?;
    Ok(success(StatusCode::OK, [("runners", json!(runners))]))
}

/// The scheduler holds the runners' token, and answers.
pub async fn register(platform: &impl Platform, request: Request) -> Answer {
    let authorization = request.headers().get(http::header::AUTHORIZATION).cloned();
    let body = read_bytes(request, MAX_BODY_BYTES).await?;
    let answer = post_to_scheduler(platform, "/internal/runners", body, authorization).await?;
    let mut response: Response = text(answer.status(), "");
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    *response.body_mut() = ResponseBody::Whole(answer.into_body());
    Ok(response)
}
