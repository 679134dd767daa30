//! `GET /repos/{owner}/{repo}/contents/{path}?ref={sha}`: one file at one commit, as raw bytes.

use http::{HeaderMap, Method, header};

use super::API_VERSION;
use super::payload::{is_sha, split_full_name};
use crate::request::{RequestError, RequestSpec, USER_AGENT, base, encode, encode_path};

const RAW: &str = "application/vnd.github.raw+json";

/// # Errors
/// [`RequestError`], where base, repository, commit or path can't be named.
pub fn contents_request(
    api_url: &str,
    full_name: &str,
    path: &str,
    sha: &str,
) -> Result<RequestSpec, RequestError> {
    if !is_sha(sha) {
        return Err(RequestError::Commit(sha.to_owned()));
    }
    let path = encode_path(path).ok_or_else(|| RequestError::Path(path.to_owned()))?;
    let url = format!("{}/contents/{path}?ref={sha}", repository_url(api_url, full_name)?);
    Ok(with_headers(Method::GET, url, RAW))
}

/// Whether a 200 is the file itself. A directory, which has no raw form, is answered as a JSON list.
pub fn is_file(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_none_or(|kind| !kind.trim().eq_ignore_ascii_case("application/json"))
}

pub(super) fn repository_url(api_url: &str, full_name: &str) -> Result<String, RequestError> {
    let (owner, name) =
        split_full_name(full_name).ok_or_else(|| RequestError::Repository(full_name.to_owned()))?;
    Ok(format!("{}/repos/{}/{}", base(api_url)?, encode(owner), encode(name)))
}

pub(super) fn with_headers(method: Method, url: String, accept: &str) -> RequestSpec {
    let headers = vec![
        ("accept", accept.to_owned()),
        ("user-agent", USER_AGENT.to_owned()),
        ("x-github-api-version", API_VERSION.to_owned()),
    ];
    RequestSpec { method, url, headers, body: vec![] }
}
