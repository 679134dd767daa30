//! Reading from a repository: a file at a commit, and the commit of a tag or a branch.

use bytes::Bytes;
use http::StatusCode;
use penstock_api::internal::{FromForge, ReadBranch, ReadFile, ReadTag};
use penstock_forge::github::{commit, contents};
use penstock_forge::{CommitInfo, Outcome, RequestError, RequestSpec};
use penstock_guest::{Answer, MAX_BODY_BYTES, Platform, Request, json, read_json};
use serde::Serialize;

use crate::github;

/// When a forge that refused the token is asked again.
const REFUSED_SECONDS: u32 = 60;

pub async fn read(platform: &impl Platform, request: Request) -> Answer {
    let asked: ReadFile = read_json(request, MAX_BODY_BYTES).await?;
    let api_url = github::api_url(platform).await;
    let spec = contents::contents_request(&api_url, &asked.repository, &asked.path, &asked.commit_sha);
    answer(platform, &asked.forge, spec, |body| {
        String::from_utf8(body.to_vec()).map_err(|_| "the pipeline file is not UTF-8".to_owned())
    })
    .await
}

pub async fn tag(platform: &impl Platform, request: Request) -> Answer {
    let asked: ReadTag = read_json(request, MAX_BODY_BYTES).await?;
    let api_url = github::api_url(platform).await;
    let spec = commit::commit_request(&api_url, &asked.repository, &asked.tag);
    answer::<CommitInfo>(platform, &asked.forge, spec, |body| {
        commit::parse_commit(body).map_err(|e| e.to_string())
    })
    .await
}

pub async fn branch(platform: &impl Platform, request: Request) -> Answer {
    let asked: ReadBranch = read_json(request, MAX_BODY_BYTES).await?;
    let api_url = github::api_url(platform).await;
    let spec = commit::head_request(&api_url, &asked.repository, &asked.branch);
    answer::<CommitInfo>(platform, &asked.forge, spec, |body| {
        commit::parse_commit(body).map_err(|e| e.to_string())
    })
    .await
}

async fn answer<T: Serialize>(
    platform: &impl Platform,
    forge: &str,
    spec: Result<RequestSpec, RequestError>,
    read: impl Fn(&Bytes) -> Result<T, String>,
) -> Answer {
    let failed = |why: String| FromForge::Failed { why };
    let told: FromForge<T> = match spec {
        _ if forge != "github" => failed(format!("{forge} is not supported yet")),
        Err(error) => failed(error.to_string()),
        Ok(spec) => {
            let (outcome, body) = github::send(platform, &spec, 1).await;
            match outcome {
                Outcome::Done => match read(&body) {
                    Ok(value) => FromForge::Found { value },
                    Err(why) => failed(why),
                },
                Outcome::NotFound => FromForge::NotFound,
                // A better token may come: nothing is lost by asking again.
                Outcome::Unauthorized { .. } => {
                    FromForge::Later { seconds: REFUSED_SECONDS, why: github::why(&outcome) }
                }
                Outcome::RetryAfter { seconds, .. } => {
                    FromForge::Later { seconds, why: github::why(&outcome) }
                }
                other => failed(github::why(&other)),
            }
        }
    };
    Ok(json(StatusCode::OK, &told))
}
