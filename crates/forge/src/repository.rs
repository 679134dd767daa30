//! A repository as a forge names it, and the one form in which two URLs of it are compared.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::parsed::MAX_NAME_BYTES;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// `owner/name`.
    pub full_name: String,
    pub owner: String,
    pub name: String,
    /// Every URL by which the payload lets one reach it; never empty.
    pub clone_urls: Vec<String>,
    pub default_branch: Option<String>,
    /// True where the forge does not tell.
    pub private: bool,
}

impl Repository {
    /// What a pipeline's `repository_url`, normalised alike, is looked up in.
    pub fn keys(&self) -> BTreeSet<String> {
        self.clone_urls.iter().filter_map(|url| repository_key(url)).collect()
    }
}

/// The form in which two URLs of one repository are equal: `host/path`, or `/path` for one on this machine.
///
/// Scheme, user, port, the case of the host, doubled slashes and a trailing `.git` or slash don't matter;
/// `git@host:owner/name.git` and `file:///srv/name.git` are understood. The case of the path matters but at forges that
/// are known to take any.
/// None for what names no repository.
pub fn repository_key(url: &str) -> Option<String> {
    let url = url.trim();
    if url.len() > MAX_NAME_BYTES || url.chars().any(char::is_control) {
        return None;
    }
    if let Some((scheme, rest)) = url.split_once("://") {
        return with_scheme(scheme, rest);
    }
    // As git reads it: a colon before the first slash makes the scp form, else it is a path.
    let (host, path) = match url.split_once('/') {
        Some(("", _)) => return key("", url),
        _ if url.contains("]:") => url.split_once("]:").map(|(host, path)| (format!("{host}]"), path))?,
        _ => url.split_once(':').map(|(host, path)| (host.to_owned(), path))?,
    };
    if host.contains('/') { None } else { key(&host, path) }
}

fn with_scheme(scheme: &str, rest: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if scheme.is_empty() || !scheme.chars().all(plain) {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find('/')?);
    let path = percent_decode_str(path).decode_utf8().ok()?;
    if scheme.eq_ignore_ascii_case("file") {
        let local = authority.is_empty() || authority.eq_ignore_ascii_case("localhost");
        return key(if local { "" } else { authority }, &path);
    }
    if authority.is_empty() { None } else { key(authority, &path) }
}

/// Where `Owner/Name` and `owner/name` are one repository, so that people write either.
const ANY_CASE: [&str; 3] = ["github.com", "gitlab.com", "bitbucket.org"];

fn key(authority: &str, path: &str) -> Option<String> {
    let host = host(authority)?;
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let name = parts.pop()?;
    let name = name.strip_suffix(".git").filter(|name| !name.is_empty()).unwrap_or(name);
    parts.push(name);
    if parts.iter().any(|part| *part == ".." || part.chars().any(char::is_control)) {
        return None;
    }
    let path = parts.join("/");
    let takes_any_case = ANY_CASE.contains(&host.as_str());
    Some(format!("{host}/{}", if takes_any_case { path.to_ascii_lowercase() } else { path }))
}

/// The host of `user:password@Host:port`, in lower case; empty stays empty.
fn host(authority: &str) -> Option<String> {
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host_and_port.find(']') {
        Some(end) if host_and_port.starts_with('[') => &host_and_port[..=end],
        Some(_) => return None,
        None if host_and_port.contains('[') => return None,
        None => host_and_port.split_once(':').map_or(host_and_port, |(host, _)| host),
    };
    if host.is_empty() != authority.is_empty() || host.contains(char::is_whitespace) {
        return None;
    }
    Some(host.strip_suffix('.').unwrap_or(host).to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_one_repository_have_one_key() {
        let same: &[(&str, &[&str])] = &[
            (
                "github.com/octo/hello-world",
                &[
                    "https://github.com/octo/hello-world",
                    "https://github.com/OCTO/Hello-World",
                    "https://github.com/Octo/Hello-World",
                    "https://github.com/Octo/Hello-World.git",
                    "https://github.com/Octo/Hello-World.git/",
                    "https://github.com/Octo/Hello-World///",
                    "https://github.com//Octo//Hello-World",
                    "http://GitHub.COM/Octo/Hello-World",
                    "HTTPS://github.com:443/Octo/Hello-World.git",
                    "https://user@github.com/Octo/Hello-World",
                    "https://x-access-token:se@cret@github.com:8443/Octo/Hello-World.git",
                    "git://github.com/Octo/Hello-World.git",
                    "git+ssh://git@github.com/Octo/Hello-World",
                    "ssh://git@github.com:22/Octo/Hello-World.git",
                    "git@github.com:Octo/Hello-World.git",
                    "git@GITHUB.com:/Octo/Hello-World",
                    "github.com:Octo/Hello-World",
                    "https://github.com./Octo/Hello-World",
                    "  https://github.com/Octo/Hello-World\n",
                    "https://github.com/Octo/Hello%2DWorld",
                ],
            ),
            (
                "/srv/git/repo",
                &[
                    "file:///srv/git/repo.git",
                    "file://localhost/srv/git/repo",
                    "FILE:///srv//git/./repo.git/",
                    "/srv/git/repo.git",
                    "/srv/git/repo",
                ],
            ),
            ("/a b/é", &["file:///a%20b/%C3%A9.git", "/a b/é"]),
            ("127.0.0.1/repo", &["http://127.0.0.1:3000/repo.git", "http://127.0.0.1:41233/repo"]),
            (
                "[::1]/o/r",
                &["ssh://git@[::1]:22/o/r.git", "http://[::1]/o/r", "[::1]:o/r", "git@[::1]:o/r.git"],
            ),
            ("host/a/b/c/d", &["https://host/a/b/c/d.git"]),
            ("host/.git", &["https://host/.git"]),
            ("host/r.git", &["https://host/r.git.git"]),
        ];
        for (want, urls) in same {
            for url in *urls {
                assert_eq!(repository_key(url).as_deref(), Some(*want), "{url}");
            }
        }
    }

    #[test]
    fn different_repositories_have_different_keys() {
        let keys: BTreeSet<_> = [
            "https://github.com/octo/hello",
            "https://github.example/octo/hello",
            "https://github.example/Octo/hello",
            "https://github.com/octo/hello.github",
            "https://gitlab.com/octo/hello",
            "https://github.com/octo",
            "file:///octo/hello",
            "file://github.org/octo/hello",
            "https://github.com/octo/hello/world",
            "https://sub.github.com/octo/hello",
        ]
        .map(|url| repository_key(url).unwrap())
        .into();
        assert_eq!(keys.len(), 10);
    }

    #[test]
    fn what_names_no_repository_has_no_key() {
        for url in [
            "",
            " ",
            "https://",
            "https://github.com",
            "https://github.com/",
            "https:///octo/hello",
            "https://:80/octo",
            "https://user@/octo",
            "://host/x",
            "1 2://host/x",
            "octo/hello",
            "hello",
            "/",
            "file:///",
            "git@:octo/hello",
            "github.com:",
            "https://host/a/../b",
            "https://host/a/%2e%2e/b",
            "https://ho st/a",
            "https://host/a%00b",
            "https://host/a\u{7}b",
            "https://host/%ff",
            "[::1/x",
            "octo/hello:world",
            "a/b]:c",
            "https://a]b/x",
            &format!("https://host/{}", "x".repeat(MAX_NAME_BYTES)),
        ] {
            assert_eq!(repository_key(url), None, "{url}");
        }
    }

    #[test]
    fn a_key_is_its_own_key_where_it_is_a_path() {
        for url in ["/srv/git/repo", "/a b/c"] {
            assert_eq!(repository_key(url).as_deref(), Some(url));
        }
    }
}
