//! What is wrong with a file: where, what, and what to do about it.
//!
//! Only the shape, the collecting and the drawing; what is wrong is decided elsewhere.

use std::fmt::Write as _;

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::definition::{Definition, Job};
use crate::limits::MAX_DIAGNOSTICS;
use crate::tree::Span;

/// Stable and snake_case: what a program may match on.
pub mod code {
    /// The file is no text in UTF-8.
    pub const NOT_UTF8: &str = "not_utf8";
    /// The text is no YAML.
    pub const YAML: &str = "yaml_syntax";
    /// The file is empty, or has nothing but comments.
    pub const EMPTY: &str = "empty";
    /// Something is longer, deeper or more than its limit.
    pub const LIMIT: &str = "limit_exceeded";
    pub const DUPLICATE_KEY: &str = "duplicate_key";
    pub const UNKNOWN_ANCHOR: &str = "unknown_anchor";
    pub const UNKNOWN_FIELD: &str = "unknown_field";
    /// Known by name, and not there yet.
    pub const NOT_SUPPORTED_YET: &str = "not_supported_yet";
    pub const MISSING_FIELD: &str = "missing_field";
    pub const WRONG_TYPE: &str = "wrong_type";
    /// Not one of a closed list.
    pub const UNKNOWN_VALUE: &str = "unknown_value";
    pub const OUT_OF_RANGE: &str = "out_of_range";
    pub const BAD_NAME: &str = "bad_name";
    pub const DUPLICATE_NAME: &str = "duplicate_name";
    /// Two members that can't stand side by side.
    pub const CONFLICT: &str = "conflicting_fields";
    pub const BAD_DURATION: &str = "bad_duration";
    pub const BAD_PATTERN: &str = "bad_pattern";
    pub const BAD_PATH: &str = "bad_path";
    pub const BAD_VALUE: &str = "bad_value";
    pub const UNKNOWN_STAGE: &str = "unknown_stage";
    pub const UNKNOWN_STEP: &str = "unknown_step";
    pub const UNKNOWN_OUTPUT: &str = "unknown_output";
    pub const UNKNOWN_INPUT: &str = "unknown_input";
    pub const DEPENDENCY_CYCLE: &str = "dependency_cycle";
    pub const EXPRESSION_SYNTAX: &str = "expression_syntax";
    /// The expression parses, and can't be answered.
    pub const EXPRESSION_FAILS: &str = "expression_fails";
    pub const EXPRESSION_TYPE: &str = "expression_type";
    pub const UNKNOWN_NAME: &str = "unknown_name";
    pub const UNKNOWN_FUNCTION: &str = "unknown_function";
    pub const INTERPOLATION_NOT_ALLOWED: &str = "interpolation_not_allowed";
    /// Text that a stranger may have written, inside a script.
    pub const UNTRUSTED_IN_RUN: &str = "untrusted_in_run";

    /// Warning: a variable that nothing in the file sets.
    pub const UNSET_VARIABLE: &str = "unset_variable";
    /// Warning: said twice.
    pub const REDUNDANT: &str = "redundant";
    /// Asks for what a stage hands on that may still run then; a warning where it is only about its status.
    pub const NOT_AWAITED: &str = "not_awaited";
    /// An action of another system.
    pub const FOREIGN_ACTION: &str = "foreign_action";
    pub const BAD_CRON: &str = "bad_cron";
    pub const UNKNOWN_TIME_ZONE: &str = "unknown_time_zone";
    /// Warning: it never runs, or waits for what never runs.
    pub const UNREACHABLE: &str = "unreachable";
    /// Warning: nothing in the file uses it.
    pub const UNUSED: &str = "unused";
    /// Warning: the same name means something else further out.
    pub const SHADOWED: &str = "shadowed";
    /// Warning: selects nothing.
    pub const MATCHES_NOTHING: &str = "matches_nothing";
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
}

/// One thing that is wrong, or looks wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// One of [`code`].
    pub code: &'static str,
    pub message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// JSON pointer; empty for the whole file.
    pub pointer: String,
    /// From 1; 0 where it isn't in the file.
    pub line: u32,
    /// From 1, in characters; 0 where it isn't in the file.
    pub column: u32,
    /// Characters of that line that are meant, at least 1.
    pub length: u32,
}

/// What [`crate::parse`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// There exactly if no diagnostic is an error.
    pub definition: Option<Definition>,
    /// Errors and warnings in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// What [`crate::parse_jobs`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedJobs {
    /// There exactly if no diagnostic is an error.
    pub jobs: Option<Vec<Job>>,
    /// Errors and warnings in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Error)
    }

    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Warning)
    }
}

/// A text, and what to call it.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub text: &'a str,
    /// Such as `.penstock.yml`.
    pub origin: &'a str,
}

/// Characters of a source line that are drawn; a longer one is not worth the screen.
const MAX_DRAWN_CHARS: usize = 160;
/// Of a longer line, characters before those that are meant.
const DRAWN_BEFORE_CHARS: usize = 60;

/// What is drawn of a line, and how far into that the character is which is `before` others in the line.
fn window(line: &str, before: usize) -> (String, usize) {
    // A tab would draw wider than the one mark below it; other control characters draw anything.
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let first = if before < MAX_DRAWN_CHARS { 0 } else { before - DRAWN_BEFORE_CHARS };
    let mut rest = line.chars().skip(first).map(plain);
    let mut drawn: String = if first > 0 { "…" } else { "" }.to_owned();
    drawn.extend(rest.by_ref().take(MAX_DRAWN_CHARS));
    if rest.next().is_some() {
        drawn.push('…');
    }
    (drawn, before - first + usize::from(first > 0))
}

/// Where the character after `count` others begins.
fn nth(text: &str, count: usize) -> usize {
    text.char_indices().nth(count).map_or(text.len(), |(at, _)| at)
}

impl Diagnostic {
    /// For a terminal: the message, the line that it is about with a mark below it, and what to do.
    pub fn render(&self, source: &Source<'_>) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut out = format!("{severity}[{}]: {}\n", self.code, self.message);
        let margin = self.line.to_string().len();
        if self.line > 0 {
            let _ = writeln!(out, "{:margin$}--> {}:{}:{}", "", source.origin, self.line, self.column);
            let line = source.text.lines().nth(self.line as usize - 1).unwrap_or("");
            let (drawn, indent) = window(line, self.column.max(1) as usize - 1);
            let (before, meant) = drawn.split_at(nth(&drawn, indent));
            let meant = &meant[..nth(meant, self.length as usize)];
            let (indent, marks) = (before.width(), "^".repeat(meant.width().max(1)));
            let _ = writeln!(out, "{} | {drawn}", self.line);
            let _ = writeln!(out, "{:margin$} | {:indent$}{marks}", "", "");
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(out, "{:margin$} = {hint}", "");
        }
        out
    }
}

/// Collects what is wrong; the order and the limit come at the end.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    found: Vec<Diagnostic>,
    /// Also of those that are too many to be kept.
    errors: usize,
}

/// Kept while collecting, so that what comes first in the file isn't lost to what was looked at first.
const MAX_COLLECTED: usize = 20 * MAX_DIAGNOSTICS;

impl Diagnostics {
    pub fn error(&mut self, span: Span, pointer: String, code: &'static str, message: String) -> Hint<'_> {
        self.add(Severity::Error, span, pointer, code, message)
    }

    pub fn warn(&mut self, span: Span, pointer: String, code: &'static str, message: String) -> Hint<'_> {
        self.add(Severity::Warning, span, pointer, code, message)
    }

    fn add(
        &mut self,
        severity: Severity,
        span: Span,
        pointer: String,
        code: &'static str,
        message: String,
    ) -> Hint<'_> {
        self.errors += usize::from(severity == Severity::Error);
        if self.found.len() >= MAX_COLLECTED {
            return Hint(None);
        }
        let Span { line, column, length } = span;
        self.found.push(Diagnostic {
            severity,
            code,
            message,
            hint: None,
            pointer,
            line,
            column,
            length: length.max(1),
        });
        Hint(self.found.last_mut())
    }

    /// Whether each error is of one of `codes`.
    pub fn errors_are_all_of(&self, codes: &[&str]) -> bool {
        self.found.len() < MAX_COLLECTED
            && self.found.iter().all(|d| d.severity == Severity::Warning || codes.contains(&d.code))
    }

    /// How many there are so far.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    pub const fn error_count(&self) -> usize {
        self.errors
    }

    pub const fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// In the order of the file. Where there are too many, errors go before warnings, and early ones before late.
    pub fn finish(self) -> Vec<Diagnostic> {
        let mut all = self.found;
        all.sort_by_key(|d| (d.line, d.column));
        // An alias brings the same mistake to every place that it is used in.
        all.dedup_by(|a, b| (a.line, a.column, a.code, &a.message) == (b.line, b.column, b.code, &b.message));
        if all.len() > MAX_DIAGNOSTICS {
            all.sort_by_key(|d| (d.severity == Severity::Warning, d.line, d.column));
            let left_out = all.split_off(MAX_DIAGNOSTICS - 1);
            all.extend(how_many(left_out));
            all.sort_by_key(|d| (d.line, d.column));
        }
        all
    }
}

/// In the place of the first of those that are not told.
fn how_many(left_out: Vec<Diagnostic>) -> Option<Diagnostic> {
    let message = format!("there are {} more, which are not told", left_out.len());
    let hint = Some("they show when these are mended".to_owned());
    let first = left_out.into_iter().next()?;
    Some(Diagnostic { code: code::LIMIT, message, hint, ..first })
}

/// The diagnostic just added, to say what to do next.
#[must_use = "say what to do next, or that there is nothing more to say"]
pub(crate) struct Hint<'a>(Option<&'a mut Diagnostic>);

impl Hint<'_> {
    /// Nothing was added.
    pub const NONE: Self = Self(None);

    pub fn hint(self, hint: impl Into<String>) {
        if let Some(diagnostic) = self.0 {
            diagnostic.hint = Some(hint.into());
        }
    }

    pub fn hint_if_any(self, hint: Option<String>) {
        if let Some(hint) = hint {
            self.hint(hint);
        }
    }

    /// The message says it all.
    pub fn done(self) {}
}
