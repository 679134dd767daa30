//! Commits of a repository: by id, and those that its tags and branches lead to.

use penstock_api::internal::{ReadBranch, ReadCommit, ReadTag};
use penstock_forge::github::commit::{commit_request, head_request, parse_commit, parse_id, tag_request};
use penstock_forge::github::repository::parse_default_branch;
use penstock_forge::{BranchHead, CommitInfo, RequestSpec};
use penstock_guest::{Answer, MAX_BODY_BYTES, Platform, Request, read_json};

use crate::reading::{Reading, Unread, told};

/// `POST /internal/commits`
pub async fn read(platform: &impl Platform, request: Request) -> Answer {
    let asked: ReadCommit = read_json(request, MAX_BODY_BYTES).await?;
    told(by_id(platform, &asked).await)
}

async fn by_id(platform: &impl Platform, asked: &ReadCommit) -> Result<CommitInfo, Unread> {
    let reading = Reading::of(platform, &asked.forge, &asked.repository, asked.attempt).await?;
    commit(&reading, &asked.commit_sha).await
}

/// `POST /internal/tags`
pub async fn read_tag(platform: &impl Platform, request: Request) -> Answer {
    let asked: ReadTag = read_json(request, MAX_BODY_BYTES).await?;
    told(of_tag(platform, &asked).await)
}

async fn of_tag(platform: &impl Platform, asked: &ReadTag) -> Result<CommitInfo, Unread> {
    let reading = Reading::of(platform, &asked.forge, &asked.repository, asked.attempt).await?;
    named(&reading, &tag_request(&reading.api_url, &asked.repository, &asked.tag)?).await
}

/// `POST /internal/branches`
pub async fn read_branch(platform: &impl Platform, request: Request) -> Answer {
    let asked: ReadBranch = read_json(request, MAX_BODY_BYTES).await?;
    told(of_branch(platform, &asked).await)
}

async fn of_branch(platform: &impl Platform, asked: &ReadBranch) -> Result<BranchHead, Unread> {
    let reading = Reading::of(platform, &asked.forge, &asked.repository, asked.attempt).await?;
    let branch = match &asked.branch {
        Some(branch) => branch.clone(),
        None => parse_default_branch(&reading.get_repository().await?.body)?,
    };
    let commit = named(&reading, &head_request(&reading.api_url, &asked.repository, &branch)?).await?;
    Ok(BranchHead { branch, commit })
}

/// The commit whose id is the answer to the request.
async fn named<P: Platform>(reading: &Reading<'_, P>, request: &RequestSpec) -> Result<CommitInfo, Unread> {
    let sha = parse_id(&reading.get(request).await?.body)?;
    commit(reading, &sha).await
}

async fn commit<P: Platform>(reading: &Reading<'_, P>, sha: &str) -> Result<CommitInfo, Unread> {
    let request = commit_request(&reading.api_url, reading.repository, sha)?;
    Ok(parse_commit(&reading.get(&request).await?.body, sha)?)
}
