//! The check that a person sees on a commit, in words that every forge knows.

use crate::text::cut_chars;

/// GitHub's limit; the other forges' are not below it.
pub const MAX_DESCRIPTION_CHARS: usize = 140;
/// GitHub's limit.
pub const MAX_CONTEXT_CHARS: usize = 255;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommitState {
    Pending,
    Success,
    /// The work failed.
    Failure,
    /// The work could not be done.
    Error,
}

impl CommitState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
        }
    }
}

/// One status of one commit. A later one with the same context takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatus {
    state: CommitState,
    context: String,
    description: String,
    target_url: Option<String>,
}

impl CommitStatus {
    /// Makes both texts fit: one line, and cut to what the forges take. A `target_url` that is not of http or
    /// https is left out, since a forge would refuse the whole status for it.
    pub fn new(state: CommitState, context: &str, description: &str, target_url: Option<&str>) -> Self {
        Self {
            state,
            context: cut_chars(&one_line(context), MAX_CONTEXT_CHARS),
            description: cut_chars(&one_line(description), MAX_DESCRIPTION_CHARS),
            target_url: target_url.filter(|url| is_http(url)).map(str::to_owned),
        }
    }

    pub const fn state(&self) -> CommitState {
        self.state
    }

    pub fn context(&self) -> &str {
        &self.context
    }

    pub fn description(&self) -> &str {
        &self.description
    }

    pub fn target_url(&self) -> Option<&str> {
        self.target_url.as_deref()
    }
}

fn is_http(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, rest)| {
        !rest.is_empty() && (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
    })
}

fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_always_fits_the_forges_limits() {
        let long = "é".repeat(300);
        let status = CommitStatus::new(CommitState::Success, &long, &long, Some("https://x/1"));
        assert_eq!(status.description().chars().count(), MAX_DESCRIPTION_CHARS);
        assert_eq!(status.context().chars().count(), MAX_CONTEXT_CHARS);
        assert!(status.description().ends_with("é…"));

        let exact = "a".repeat(MAX_DESCRIPTION_CHARS);
        assert_eq!(CommitStatus::new(CommitState::Success, "c", &exact, None).description(), exact);
    }

    #[test]
    fn a_description_is_one_line() {
        let status = CommitStatus::new(CommitState::Failure, "a\tb", " one\r\n\ntwo\u{0}three ", None);
        assert_eq!((status.context(), status.description()), ("a b", "one two three"));
    }

    #[test]
    fn only_a_web_address_is_linked() {
        for (url, want) in [
            ("http://127.0.0.1:3000/e/1", true),
            ("HTTPS://x", true),
            ("file:///x", false),
            ("javascript:alert(1)", false),
            ("https://", false),
            ("/e/1", false),
            ("", false),
        ] {
            let status = CommitStatus::new(CommitState::Pending, "c", "d", Some(url));
            assert_eq!(status.target_url().is_some(), want, "{url}");
        }
    }
}
