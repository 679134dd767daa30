//! `POST /repos/{owner}/{repo}/statuses/{sha}`: a commit status.

use http::Method;
use serde_json::json;

use super::contents::{repository_url, with_headers};
use super::payload::is_sha;
use crate::request::{RequestError, RequestSpec};
use crate::status::CommitStatus;

/// # Errors
/// [`RequestError`], where base, repository or commit can't be named.
pub fn status_request(
    api_url: &str,
    full_name: &str,
    sha: &str,
    status: &CommitStatus,
) -> Result<RequestSpec, RequestError> {
    if !is_sha(sha) {
        return Err(RequestError::Commit(sha.to_owned()));
    }
    let mut body = json!({
        "state": status.state().as_str(),
        "context": status.context(),
        "description": status.description(),
    });
    if let Some(url) = status.target_url() {
        body["target_url"] = json!(url);
    }
    let url = format!("{}/statuses/{sha}", repository_url(api_url, full_name)?);
    let mut request = with_headers(Method::POST, url, "application/vnd.github+json");
    request.headers.push(("content-type", "application/json".to_owned()));
    request.body = body.to_string().into_bytes();
    Ok(request)
}
