//! Filters of branches, tags and paths.
//!
//! `*` and `?` don't cross a `/`, a segment `**` does. `!pattern` takes out what earlier patterns let in; a later
//! pattern may let it in again, so the order matters.

use fast_glob::{ErrorKind, glob_match, validate};
use thiserror::Error;

use crate::limits::{MAX_PATTERN_CHARS, MAX_PATTERN_GROUPS};

/// Patterns in the order of the file. `*` and `?` don't cross a `/`, a segment `**` does, `{a,b}` is either, `[0-9]`
/// one of; `!pattern` takes out what earlier ones let in, and a later one may let it in again. None at all let nothing in: the absence of a filter is an `Option`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patterns(Vec<String>);

/// Why a pattern can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadPattern {
    #[error("a pattern can't be empty")]
    Empty,
    #[error("a pattern can have at most {MAX_PATTERN_CHARS} characters")]
    TooLong,
    #[error("`{{` is never closed; write `\\{{` if the character is meant")]
    UnclosedBrace,
    #[error("`[` is never closed; write `\\[` if the character is meant")]
    UnclosedBracket,
    #[error("a `\\` at the end stands for nothing")]
    TrailingBackslash,
    #[error("a pattern can have at most {MAX_PATTERN_GROUPS} groups `{{…}}`; write several patterns instead")]
    TooManyGroups,
    #[error("`**` has to be a whole segment, such as `release/**` or `**/*.md`")]
    PartialGlobstar,
    #[error("a pattern that begins or ends with `/` matches nothing; write `{0}`")]
    Slash(String),
}

impl Patterns {
    /// Takes a further pattern, if it can be one.
    ///
    /// # Errors
    /// [`BadPattern`], whose text says how to mend it.
    pub fn push(&mut self, pattern: &str) -> Result<(), BadPattern> {
        let plain = pattern.strip_prefix('!').unwrap_or(pattern);
        if plain.chars().count() > MAX_PATTERN_CHARS {
            return Err(BadPattern::TooLong);
        }
        check(plain)?;
        self.0.push(pattern.to_owned());
        Ok(())
    }

    pub fn matches(&self, text: &str) -> bool {
        self.0.iter().fold(false, |selected, pattern| match pattern.strip_prefix('!') {
            Some(excluded) => selected && !glob_match(excluded, text),
            None => selected || glob_match(pattern, text),
        })
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is nothing to take out of.
    pub fn only_exclude(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|pattern| pattern.starts_with('!'))
    }

    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// Whether a pattern could match anything; how long it may be is for the caller to say.
pub(crate) fn check(pattern: &str) -> Result<(), BadPattern> {
    if pattern.is_empty() {
        return Err(BadPattern::Empty);
    }
    validate(pattern).map_err(|error| match error.kind {
        ErrorKind::UnclosedBrace => BadPattern::UnclosedBrace,
        ErrorKind::UnclosedBracket => BadPattern::UnclosedBracket,
        ErrorKind::TrailingBackslash => BadPattern::TrailingBackslash,
        _ => BadPattern::TooManyGroups,
    })?;
    if pattern.matches('{').count() > MAX_PATTERN_GROUPS {
        return Err(BadPattern::TooManyGroups);
    }
    let bare = |segment: &str| segment.trim_matches(['{', '}', ',']).len();
    if pattern.split(['/', ',', '{', '}']).any(|segment| segment.contains("**") && bare(segment) != 2) {
        return Err(BadPattern::PartialGlobstar);
    }
    if pattern.starts_with('/') || pattern.ends_with('/') {
        let trimmed = pattern.trim_matches('/');
        return Err(BadPattern::Slash(if pattern.ends_with('/') && !trimmed.is_empty() {
            format!("{trimmed}/**")
        } else if trimmed.is_empty() {
            "**".to_owned()
        } else {
            trimmed.to_owned()
        }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(list: &[&str]) -> Patterns {
        let mut patterns = Patterns::default();
        for pattern in list {
            patterns.push(pattern).unwrap();
        }
        patterns
    }

    #[test]
    fn a_star_stays_within_its_segment_and_two_stars_do_not() {
        for (list, text, selected) in [
            (&["main"][..], "main", true),
            (&["main"], "maintenance", false),
            (&["*"], "main", true),
            (&["*"], "feature/login", false),
            (&["**"], "feature/login/form", true),
            (&["release/*"], "release/1.2", true),
            (&["release/*"], "release/1/2", false),
            (&["release/**"], "release/1/2", true),
            (&["release/**"], "release", false),
            (&["**/*.md"], "README.md", true),
            (&["**/*.md"], "docs/a/b.md", true),
            (&["src/**"], "src/a/b.rs", true),
            (&["v?.*"], "v1.2", true),
            (&["v[0-9]*"], "v10", true),
            (&["v[0-9]*"], "vx", false),
            (&["{main,develop}"], "develop", true),
            (&["{main,release/**}"], "release/1/2", true),
            (&["Main"], "main", false),
            (&["größe/*"], "größe/ä", true),
        ] {
            assert_eq!(patterns(list).matches(text), selected, "{list:?} against {text}");
        }
    }

    #[test]
    fn a_later_pattern_decides_over_an_earlier_one() {
        let list = patterns(&["src/**", "!src/docs/**", "src/docs/api.md"]);
        for (path, selected) in [("src/a.rs", true), ("src/docs/b.md", false), ("src/docs/api.md", true)] {
            assert_eq!(list.matches(path), selected, "{path}");
        }
        assert!(!Patterns::default().matches("anything"));
        assert!(patterns(&["!main"]).only_exclude());
        assert!(!patterns(&["!main"]).matches("develop"));
    }

    #[test]
    fn a_pattern_that_could_not_match_as_meant_is_refused() {
        for (pattern, error) in [
            ("", BadPattern::Empty),
            ("!", BadPattern::Empty),
            ("a{b", BadPattern::UnclosedBrace),
            ("a[b", BadPattern::UnclosedBracket),
            ("a\\", BadPattern::TrailingBackslash),
            ("{a,b}{a,b}{a,b}{a,b}", BadPattern::TooManyGroups),
            ("feature**", BadPattern::PartialGlobstar),
            ("**.js", BadPattern::PartialGlobstar),
            ("a/***/b", BadPattern::PartialGlobstar),
            ("src/", BadPattern::Slash("src/**".to_owned())),
            ("/src", BadPattern::Slash("src".to_owned())),
            ("/", BadPattern::Slash("**".to_owned())),
        ] {
            assert_eq!(Patterns::default().push(pattern), Err(error), "{pattern}");
        }
        assert_eq!(Patterns::default().push(&"a".repeat(256)), Err(BadPattern::TooLong));
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let stars = "*a".repeat(127);
        assert!(!patterns(&[&stars]).matches(&"a".repeat(100)));
        let groups = "{a,*a*a*a}{a,*a*a*a}{a,*a*a*a}**/b".replace("**/", "/**/");
        assert!(!patterns(&[&groups]).matches(&"a".repeat(2_000)));
    }
}
