//! A pipeline's definition: from the database, or from the repository at the commit under test.

use bytes::Bytes;
use penstock_api::internal::{FromForge, ReadBranch, ReadFile, ReadTag};
use penstock_forge::{BranchHead, CommitInfo};
use penstock_guest::{FORGE, Platform};
use penstock_store::Pipeline;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Files larger than the parser takes are refused by the forge component.
const MAX_ANSWER_BYTES: usize = 2 * 1024 * 1024;
const TIMEOUT_MS: u64 = 30_000;

/// The definition's text, where it is.
pub async fn definition(
    platform: &impl Platform,
    pipeline: &Pipeline,
    forge: Option<(&str, &str)>,
    commit_sha: Option<&str>,
) -> FromForge<String> {
    if let Some(text) = &pipeline.view.definition {
        return FromForge::Found { value: text.clone() };
    }
    let path = pipeline.view.definition_path.clone().unwrap_or_else(|| ".penstock.yml".to_owned());
    let Some((forge, repository)) = forge else {
        let why = "the definition lies in the repository, and no forge is known that serves it; \
                   deliver a webhook of the repository first, or keep the definition in the database";
        return FromForge::Failed { why: why.to_owned() };
    };
    let Some(commit_sha) = commit_sha else {
        let why = "the definition lies in the repository: name the commit_sha to read it at";
        return FromForge::Failed { why: why.to_owned() };
    };
    let asked = ReadFile {
        forge: forge.to_owned(),
        repository: repository.to_owned(),
        path,
        commit_sha: commit_sha.to_owned(),
        attempt: 1,
    };
    ask(platform, "files", &asked).await
}

/// The newest commit of a branch.
pub async fn branch_head(
    platform: &impl Platform,
    forge: &str,
    repository: &str,
    branch: &str,
) -> FromForge<CommitInfo> {
    let asked = ReadBranch {
        forge: forge.to_owned(),
        repository: repository.to_owned(),
        branch: Some(branch.to_owned()),
        attempt: 1,
    };
    ask(platform, "branches", &asked).await.map(|head: BranchHead| head.commit)
}

/// The commit that a tag leads to, where the event did not tell it.
pub async fn tagged_commit(
    platform: &impl Platform,
    forge: &str,
    repository: &str,
    tag: &str,
) -> FromForge<CommitInfo> {
    let asked = ReadTag {
        forge: forge.to_owned(),
        repository: repository.to_owned(),
        tag: tag.to_owned(),
        attempt: 1,
    };
    ask(platform, "tags", &asked).await
}

async fn ask<T: DeserializeOwned>(
    platform: &impl Platform,
    what: &str,
    asked: &impl Serialize,
) -> FromForge<T> {
    let body = Bytes::from(serde_json::to_vec(asked).unwrap_or_default());
    let later = |why: String| FromForge::Later { seconds: 5, why };
    let request = http::Request::post(format!("{FORGE}/internal/{what}"))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body);
    let Ok(request) = request else { return later("the request could not be made".to_owned()) };
    match platform.send(request, TIMEOUT_MS, MAX_ANSWER_BYTES).await {
        Ok(answer) if answer.status().is_success() => serde_json::from_slice(answer.body())
            .unwrap_or_else(|e| later(format!("the forge component's answer can't be read: {e}"))),
        Ok(answer) => later(format!("the forge component answered {}", answer.status())),
        Err(error) => later(error.to_string()),
    }
}
