//! Addresses of repositories: which are allowed, and what of them may be shown.

use url::Url;

/// What git may speak. `ext::` runs commands, and `git://` is neither private nor authentic.
pub const ALLOWED_PROTOCOLS: &str = "file:http:https:ssh";

/// Why an address is not fetched from.
pub fn objection(url: &str) -> Option<&'static str> {
    const FORMS: &str = "it has to be an https, http, ssh or file URL, or user@host:path";
    if url.starts_with('-') || url.chars().any(char::is_control) || url.is_empty() {
        return Some(FORMS);
    }
    if let Some((scheme, rest)) = url.split_once("://") {
        let known = ["file", "http", "https", "ssh"].contains(&scheme.to_ascii_lowercase().as_str());
        // What can't be parsed may have a password in it, which nobody would know from the rest.
        let can_be_shown = Url::parse(url).is_ok();
        return (!known || rest.is_empty() || rest.starts_with('-') || !can_be_shown).then_some(FORMS);
    }
    // What git's own short form is: a colon before the first slash, and not the two of a transport helper.
    let Some((host, path)) = url.split_once(':') else { return Some(FORMS) };
    let name = host.rsplit_once('@').map_or(host, |(_, name)| name);
    let fits = !host.contains('/') && !name.is_empty() && !name.starts_with('-') && !path.is_empty();
    (!fits || path.starts_with([':', '-'])).then_some(FORMS)
}

/// The address as it may be shown: without a password, and for http without a user too, as that is often a token.
pub fn without_credentials(url: &str) -> String {
    if url.contains("://") && Url::parse(url).is_err() {
        return "a repository whose address can't be read".to_owned();
    }
    let Some(mut parsed) = with_credentials(url) else { return url.to_owned() };
    // Setting what has no host fails, and then there was nothing to hide either.
    let _ = parsed.set_password(None);
    if parsed.scheme() != "ssh" {
        let _ = parsed.set_username("");
    }
    parsed.into()
}

/// What in the address must be masked, as written and as meant.
pub fn credentials(url: &str) -> Vec<String> {
    let Some(parsed) = with_credentials(url) else { return vec![] };
    let user = (parsed.scheme() != "ssh" && parsed.password().is_none()).then(|| parsed.username());
    let written: Vec<&str> =
        parsed.password().into_iter().chain(user).filter(|text| !text.is_empty()).collect();
    written.into_iter().flat_map(|text| [text.to_owned(), decoded(text)]).collect()
}

/// The parsed address, only where it has credentials: all others stay exactly as they were written.
fn with_credentials(url: &str) -> Option<Url> {
    let parsed = Url::parse(url).ok().filter(|_| url.contains("://"))?;
    let has = parsed.password().is_some() || (parsed.scheme() != "ssh" && !parsed.username().is_empty());
    has.then_some(parsed)
}

fn decoded(text: &str) -> String {
    // A form's value is decoded as this is, but for its plus signs.
    let pair = format!("v={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_run_nothing_and_are_no_option_are_fetched_from() {
        for fine in [
            "https://example.org/a.git",
            "http://127.0.0.1:3000/a.git",
            "file:///srv/a.git",
            "ssh://git@example.org:22/a.git",
            "git@example.org:team/a.git",
            "example.org:a.git",
        ] {
            assert_eq!(objection(fine), None, "{fine}");
        }
        for refused in [
            "",
            "-uhttps://example.org/a",
            "--upload-pack=touch x",
            "ext::sh -c touch% x",
            "git://example.org/a.git",
            "ftp://example.org/a",
            "ssh://-oProxyCommand=x/a",
            "git@-oProxyCommand=x:a",
            "host:-a",
            "/srv/a.git",
            "../a",
            "./a:b",
            "https://example.org/a\nb",
            "https://",
            "https://user:pa/ss@example.org/a.git",
        ] {
            assert!(objection(refused).is_some(), "{refused}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        for (url, shown, secret) in [
            ("https://u:p%40ss@example.org/a.git", "https://example.org/a.git", &["p%40ss", "p@ss"][..]),
            ("https://t+ken@example.org/a.git", "https://example.org/a.git", &["t+ken", "t+ken"]),
            ("ssh://git@example.org/a.git", "ssh://git@example.org/a.git", &[]),
            ("ssh://git:pw@example.org/a.git", "ssh://git@example.org/a.git", &["pw", "pw"]),
            ("git@example.org:team/a.git", "git@example.org:team/a.git", &[]),
            ("file:///srv/a.git", "file:///srv/a.git", &[]),
        ] {
            assert_eq!(without_credentials(url), shown);
            assert_eq!(credentials(url), secret);
        }
    }
}
