//! A file of a repository at a commit.

use penstock_api::internal::ReadFile;
use penstock_forge::github::contents::{contents_request, is_file};
use penstock_guest::{Answer, MAX_BODY_BYTES, Platform, Request, read_json};

use crate::reading::{Reading, Unread, told};

/// `POST /internal/files`
pub async fn read(platform: &impl Platform, request: Request) -> Answer {
    let asked: ReadFile = read_json(request, MAX_BODY_BYTES).await?;
    told(file(platform, &asked).await)
}

async fn file(platform: &impl Platform, asked: &ReadFile) -> Result<String, Unread> {
    let ReadFile { forge, repository, path, commit_sha, attempt } = asked;
    let reading = Reading::of(platform, forge, repository, *attempt).await?;
    let answered = reading.get(&contents_request(&reading.api_url, repository, path, commit_sha)?).await?;
    if !is_file(&answered.headers) {
        return Err(Unread::Failed { why: format!("`{path}` is a directory, and not a pipeline file") });
    }
    String::from_utf8(answered.body.to_vec())
        .map_err(|_| Unread::Failed { why: "the pipeline file is not UTF-8".to_owned() })
}
