//! What may be written to a terminal, and in which colours.

use std::borrow::Cow;
use std::io::IsTerminal;

pub fn stdout_takes_colour() -> bool {
    std::io::stdout().is_terminal() && !colour_is_refused()
}

pub fn stderr_takes_colour() -> bool {
    std::io::stderr().is_terminal() && !colour_is_refused()
}

/// As no-color.org has it.
fn colour_is_refused() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// The text with its colours, but without what else an escape sequence can do to a terminal: a job's output may
/// not set titles, write to the clipboard or overwrite what stands above it.
pub fn tame(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c.is_control() && c != '\t') {
        return Cow::Borrowed(text);
    }
    let mut tamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && c != '\t') {
        tamed.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(length) = colour_length(rest) {
            tamed.push_str(&rest[..length]);
            rest = &rest[length..];
        } else {
            let escape = rest.chars().next().map_or(1, char::len_utf8);
            rest = &rest[escape..];
        }
    }
    tamed.push_str(rest);
    Cow::Owned(tamed)
}

/// The length of the `ESC [ … m` that the text begins with.
fn colour_length(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !(c.is_ascii_digit() || c == ';' || c == ':'))?;
    parameters[end..].starts_with('m').then_some(2 + end + 1)
}

/// A word's colour by its meaning: good, bad, or on its way.
pub fn status(word: &str, colour: bool) -> String {
    let code = match word {
        "succeeded" | "passed" | "approved" | "auto_approved" | "deployed" => 32,
        "failed" | "timeout" | "rejected" | "expired" | "health_check_failed" => 31,
        "running" | "deploying" => 36,
        "cancelled" | "skipped" | "overridden" | "rolled_back" => 33,
        _ => 2,
    };
    if colour { format!("\u{1b}[{code}m{word}\u{1b}[0m") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_pass_and_everything_else_that_a_terminal_would_obey_does_not() {
        for (text, tamed) in [
            ("plain\ttext ✓", "plain\ttext ✓"),
            ("\u{1b}[1;31mred\u{1b}[0m", "\u{1b}[1;31mred\u{1b}[0m"),
            ("\u{1b}[2Jcleared", "[2Jcleared"),
            ("\u{1b}]0;title\u{7}", "]0;title"),
            ("\u{1b}]52;c;eA==\u{1b}\\", "]52;c;eA==\\"),
            ("over\rwritten\u{8}", "overwritten"),
            ("\u{9b}31m \u{1b}", "31m "),
            ("\u{1b}[31", "[31"),
        ] {
            assert_eq!(tame(text), tamed, "{text:?}");
        }
    }
}
