//! `GET /status/:owner/:repo`: how a repository stands, from key-value, for whoever asks often.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use penstock_api::problem::Problem;
use penstock_api::view::{PipelineStatus, RepositoryStatus};
use penstock_domain::{ExecutionStatus, Role};
use penstock_guest::{Answer, Params, Platform, Query, Request, Response, ResponseBody, empty, text};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::access;

/// What is kept in key-value is good for so long; the database is asked once in that while, however many ask us.
const FRESH_MS: i64 = 1_000;

/// What is kept: the answer, and who may see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    at_ms: i64,
    is_known: bool,
    is_public: bool,
    status: RepositoryStatus,
}

pub async fn show(platform: &impl Platform, request: &Request, params: &Params) -> Answer {
    let status = status_of(platform, request, params.get("owner"), params.get("repo")).await?;
    let body = serde_json::to_string(&status).unwrap_or_default();
    Ok(cacheable(request.headers(), "application/json", body))
}

/// The status, where the asker may see it.
pub async fn status_of(
    platform: &impl Platform,
    request: &Request,
    owner: &str,
    repo: &str,
) -> Result<RepositoryStatus, penstock_guest::Failure> {
    let query = Query::of(request.uri())?;
    let kept = look_up(platform, &format!("{owner}/{repo}"), query.get("branch")).await?;
    if !kept.is_public {
        access::actor(platform, request.headers(), Role::Viewer).await?;
    }
    if !kept.is_known {
        return Err(Problem::not_found("repository").into());
    }
    Ok(kept.status)
}

async fn look_up(
    platform: &impl Platform,
    repository: &str,
    branch: Option<&str>,
) -> Result<Kept, penstock_guest::Failure> {
    let key = format!("status:{repository}:{}", branch.unwrap_or_default());
    let now = platform.now().as_millis();
    let kept = platform.get(&key).await.and_then(|v| serde_json::from_slice::<Kept>(&v).ok());
    if let Some(kept) = kept.filter(|kept| (0..FRESH_MS).contains(&(now - kept.at_ms))) {
        return Ok(kept);
    }
    let found = platform.store().await?.repository_status(repository, branch).await?;
    let status = RepositoryStatus {
        repository: repository.to_owned(),
        branch: branch.map(str::to_owned),
        status: worst(&found.pipelines).to_owned(),
        pipelines: found.pipelines,
    };
    let kept = Kept { at_ms: now, is_known: found.is_known, is_public: found.is_public, status };
    // What nobody knows is not kept: the asker chooses the key.
    if !kept.status.pipelines.is_empty() {
        platform.set(&key, &serde_json::to_vec(&kept).unwrap_or_default()).await;
    }
    Ok(kept)
}

fn worst(pipelines: &[PipelineStatus]) -> &'static str {
    let has = |wanted: &[ExecutionStatus]| {
        pipelines.iter().find(|p| wanted.contains(&p.status)).map(|p| p.status.as_str())
    };
    has(&[ExecutionStatus::Failed, ExecutionStatus::Timeout])
        .or_else(|| has(&[ExecutionStatus::Cancelled]))
        .or_else(|| has(&[ExecutionStatus::Running, ExecutionStatus::Queued]))
        .or_else(|| has(&[ExecutionStatus::Succeeded]))
        .unwrap_or("none")
}

/// The body with its ETag, or 304 for who has it.
pub fn cacheable(headers: &HeaderMap, content_type: &'static str, body: String) -> Response {
    let hash: String = Sha256::digest(&body).iter().take(16).map(|b| format!("{b:02x}")).collect();
    let etag = format!("\"{hash}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let is_known = known.split(',').any(|e| e.trim().trim_start_matches("W/") == etag || e.trim() == "*");
    let mut response = if is_known { empty(StatusCode::NOT_MODIFIED) } else { text(StatusCode::OK, "") };
    if !is_known {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        *response.body_mut() = ResponseBody::Whole(body.into());
    }
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=1"));
    response
}
