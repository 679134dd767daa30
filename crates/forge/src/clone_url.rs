//! The address that a pipeline's repository is cloned from. Whoever may read the pipeline reads it.

use thiserror::Error;

/// What is wrong with an address, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadCloneUrl {
    #[error("a URL that git can clone: https, http, ssh, file or user@host:path")]
    Form,
    #[error("git:// is neither private nor authentic, and no runner fetches by it; use https or ssh")]
    Unproven,
    #[error(
        "a URL can't hold credentials, since whoever may read this would read them; give the user of the runner \
         access: a deploy key, or a credential helper in its git configuration"
    )]
    Credentials,
}

/// The address as it is kept: with its scheme in lower case, the one in which git takes it.
///
/// # Errors
/// [`BadCloneUrl`]. A user of https counts as credentials, for that is mostly a token; a user of ssh is none.
pub fn clone_url(text: &str) -> Result<String, BadCloneUrl> {
    if text.starts_with('-') || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(BadCloneUrl::Form);
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return if is_short_form(text) { Ok(text.to_owned()) } else { Err(BadCloneUrl::Form) };
    };
    let scheme = scheme.to_ascii_lowercase();
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, host) =
        authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    let has_host = !host.is_empty() && !host.starts_with('-') && has_a_port_if_any(host);
    match (scheme.as_str(), user) {
        ("git", _) => Err(BadCloneUrl::Unproven),
        ("http" | "https", Some(_)) => Err(BadCloneUrl::Credentials),
        ("ssh", Some(user)) if user.contains(':') => Err(BadCloneUrl::Credentials),
        ("http" | "https" | "ssh", _) if has_host => Ok(format!("{scheme}://{rest}")),
        ("file", _) if authority.is_empty() => Ok(format!("{scheme}://{rest}")),
        _ => Err(BadCloneUrl::Form),
    }
}

/// What stands behind the colon of `user:pass/word@host`, cut off at its slash, is no port.
fn has_a_port_if_any(host: &str) -> bool {
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    after.split_once(':').is_none_or(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()))
}

/// `user@host:path`, as git reads it.
fn is_short_form(text: &str) -> bool {
    let Some((at, path)) = text.split_once(':') else { return false };
    let host = at.rsplit_once('@').map_or("", |(_, host)| host);
    let has_host = !host.is_empty() && !host.starts_with('-') && !at.contains('/');
    has_host && !path.is_empty() && !path.starts_with([':', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_runner_fetches_from_is_kept_as_git_takes_it() {
        for (url, kept) in [
            ("https://example.org/a.git", "https://example.org/a.git"),
            ("HTTPS://Example.org/A@b.git", "https://Example.org/A@b.git"),
            ("http://127.0.0.1:3000/a.git", "http://127.0.0.1:3000/a.git"),
            ("FILE:///srv/A.git", "file:///srv/A.git"),
            ("ssh://git@example.org:22/a.git", "ssh://git@example.org:22/a.git"),
            ("git@example.org:team/a.git", "git@example.org:team/a.git"),
        ] {
            assert_eq!(clone_url(url).as_deref(), Ok(kept));
        }
    }

    #[test]
    fn an_address_with_a_secret_or_without_proof_is_none() {
        use BadCloneUrl::{Credentials, Form, Unproven};
        for (url, why) in [
            ("https://user:token@example.org/a", Credentials),
            ("https://token@example.org/a", Credentials),
            ("HTTP://:token@example.org/a", Credentials),
            ("https://user:to#ken@example.org/a", Credentials),
            ("ssh://git:token@example.org/a", Credentials),
            ("git://example.org/a", Unproven),
            ("GIT://token@example.org/a", Unproven),
            ("", Form),
            ("/srv/a", Form),
            ("ftp://example.org/a", Form),
            ("ext::sh -c touch% x", Form),
            ("https:///a", Form),
            ("https://user:pass/word@example.org/a", Form),
            ("file://example.org/a", Form),
            ("ssh://-oProxyCommand=x/a", Form),
            ("ssh://git@-oProxyCommand=x/a", Form),
            ("-uhttps://example.org/a", Form),
            ("git@-oProxyCommand=x:a", Form),
            ("git@example.org:-a", Form),
            ("git@example.org::a", Form),
            ("https://example.org/a\nb", Form),
        ] {
            assert_eq!(clone_url(url), Err(why), "{url}");
        }
    }
}
