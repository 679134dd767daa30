//! How the demo speaks: lines with the time since the push, in colour on a terminal.

use std::io::IsTerminal;
use std::time::Instant;

use serde_json::Value;

/// A part of the story begins.
pub fn heading(words: &str) {
    println!("\n{}", painted("1", words));
}

pub fn say(sent: Instant, line: &str) {
    println!("{:>7.2} s  {line}", sent.elapsed().as_secs_f64());
}

/// Padded, and on a terminal in the colour of what the status means.
pub fn coloured(status: &str, words: &str) -> String {
    let code = match status {
        "succeeded" | "success" | "passed" | "deployed" => "32",
        "failed" | "failure" | "error" | "cancelled" | "health_check_failed" | "rolled_back" => "31",
        _ => "36",
    };
    painted(code, &format!("{words:<12}"))
}

fn painted(code: &str, words: &str) -> String {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if refused || !std::io::stdout().is_terminal() {
        words.to_owned()
    } else {
        format!("\u{1b}[{code}m{words}\u{1b}[0m")
    }
}

/// A member's text, or nothing.
pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

/// A member's list, or nothing.
pub fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value[member].as_array().map(Vec::as_slice).unwrap_or_default()
}
