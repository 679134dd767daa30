//! Runners: who is there, and the way in for a new one.

use http::StatusCode;
use penstock_guest::{
    Answer, MAX_BODY_BYTES, Platform, Query, Request, Response, ResponseBody, more, post_to_scheduler,
    read_bytes, success, text,
};
use serde_json::json;

pub async fn list(platform: &impl Platform, request: &Request) -> Answer {
    let query = Query::of(request.uri())?;
    let limit = query.limit()?;
    let mut found = platform.store().await?.runners(query.parse("after")?, limit + 1).await?;
    let next = more(&mut found, limit).map(|runner| runner.id);
    Ok(success(StatusCode::OK, [("runners", json!(found)), ("next", json!(next))]))
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
