//! `GET /repos/{owner}/{repo}`: whether the token is shown the repository, and which branch is its default.

use http::Method;
use serde::Deserialize;

use super::contents::{repository_url, with_headers};
use super::payload::name;
use crate::parsed::ParseError;
use crate::request::{RequestError, RequestSpec};

/// # Errors
/// [`RequestError`], where base or repository can't be named.
pub fn repository_request(api_url: &str, full_name: &str) -> Result<RequestSpec, RequestError> {
    Ok(with_headers(Method::GET, repository_url(api_url, full_name)?, "application/vnd.github+json"))
}

/// # Errors
/// [`ParseError`], where the answer names no such branch.
pub fn parse_default_branch(body: &[u8]) -> Result<String, ParseError> {
    let answer: RepositoryAnswer =
        serde_json::from_slice(body).map_err(|e| ParseError::Malformed(e.to_string()))?;
    name(answer.default_branch, "default_branch")
}

#[derive(Deserialize)]
struct RepositoryAnswer {
    default_branch: Option<String>,
}
