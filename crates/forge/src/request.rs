//! A request to a forge as data. Sending it, and proving who sends it, is the caller's.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;

/// What RFC 3986 leaves unreserved stands for itself; everything else is encoded.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// GitHub refuses requests without one.
pub(crate) const USER_AGENT: &str = concat!("penstock/", env!("CARGO_PKG_VERSION"));

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSpec {
    pub method: http::Method,
    pub url: String,
    /// Names in lower case; without `authorization`.
    pub headers: Vec<(&'static str, String)>,
    /// Empty for GET.
    pub body: Vec<u8>,
}

/// Nothing was sent, because what it would be sent to can't be named safely.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    #[error("the forge's API URL is not of http or https; set it to the base of its REST API")]
    ApiUrl,
    #[error("`{0}` is not a repository's owner/name; correct the pipeline's repository_url")]
    Repository(String),
    #[error("`{0}` is not a commit's id, which has 40 or 64 hexadecimal digits")]
    Commit(String),
    #[error("`{0}` is not a path inside the repository; name the file from its top, without `.` and `..`")]
    Path(String),
}

impl RequestSpec {
    /// The same request at the address that a redirect names; None unless it is of the same scheme, host and
    /// port, since the token must not follow elsewhere.
    pub fn redirected(&self, location: &str) -> Option<Self> {
        let origin = origin(&self.url)?;
        let url = if location.starts_with('/') && !location.starts_with("//") {
            format!("{origin}{location}")
        } else {
            let rest = location.strip_prefix(origin)?;
            (rest.is_empty() || rest.starts_with(['/', '?'])).then(|| location.to_owned())?
        };
        Some(Self { url, ..self.clone() })
    }
}

/// Scheme, host and port.
fn origin(url: &str) -> Option<&str> {
    let after_scheme = url.find("://")? + 3;
    let end = url[after_scheme..].find(['/', '?', '#']).map_or(url.len(), |at| after_scheme + at);
    Some(&url[..end])
}

/// The base without its trailing slash.
pub(crate) fn base(api_url: &str) -> Result<&str, RequestError> {
    let base = api_url.trim_end_matches('/');
    let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(['?', '#', ' ']) => Ok(base),
        _ => Err(RequestError::ApiUrl),
    }
}

/// One part of a path or a query's value, percent-encoded.
pub(crate) fn encode(part: &str) -> String {
    utf8_percent_encode(part, SEGMENT).to_string()
}

/// A path of several parts, each encoded. None where a part is empty, `.` or `..`: a client would resolve those,
/// encoded or not, and ask for something else.
pub(crate) fn encode_path(path: &str) -> Option<String> {
    let good = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    path.split('/').all(good).then(|| path.split('/').map(encode).collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_encoded_and_slashes_kept() {
        for (path, want) in [
            (".penstock.yml", Some(".penstock.yml")),
            ("ci/a b.yml", Some("ci/a%20b.yml")),
            ("ü/?q#f%2F&+", Some("%C3%BC/%3Fq%23f%252F%26%2B")),
            ("a/...", Some("a/...")),
            ("", None),
            ("/a", None),
            ("a/", None),
            ("a//b", None),
            ("a/../b", None),
            ("./a", None),
            ("a\0", None),
        ] {
            assert_eq!(encode_path(path).as_deref(), want, "{path}");
        }
    }

    #[test]
    fn a_redirect_is_followed_only_to_the_same_origin() {
        let request = |url: &str| RequestSpec {
            method: http::Method::GET,
            url: url.to_owned(),
            headers: vec![],
            body: vec![],
        };
        let at = request("https://api.github.com/repos/a/b?ref=1");
        for (location, want) in [
            ("https://api.github.com/repositories/1", Some("https://api.github.com/repositories/1")),
            ("/repositories/1", Some("https://api.github.com/repositories/1")),
            ("https://api.github.com.evil.example/x", None),
            ("https://api.github.com@evil.example/x", None),
            ("https://api.github.com:444/x", None),
            ("http://api.github.com/x", None),
            ("//evil.example/x", None),
            ("https://evil.example", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(at.redirected(location).map(|r| r.url).as_deref(), want, "{location}");
        }
    }

    #[test]
    fn a_base_is_of_http_and_has_no_query() {
        assert_eq!(base("https://ghe.example/api/v3/"), Ok("https://ghe.example/api/v3"));
        for bad in ["", "https://", "ftp://x", "api.github.com", "https://x?y", "https://x#y"] {
            assert_eq!(base(bad), Err(RequestError::ApiUrl), "{bad}");
        }
    }
}
