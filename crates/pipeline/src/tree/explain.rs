//! What breaks the YAML, in the words of somebody who did not mean to write YAML: mostly a text that needs quotes.
//!
//! It looks at the line that the parser stopped in; nothing here reads on.

use std::ops::Range;

use super::{Span, shown};
use crate::diagnostic::code;
use crate::limits::MAX_DEPTH;

pub(super) struct Explained {
    pub span: Span,
    pub code: &'static str,
    pub message: String,
    pub hint: String,
}

/// What to say of `*name` where nothing is anchored as that.
pub(super) fn unknown_alias(name: &str) -> (String, String) {
    let message = format!("nothing before this is anchored as `&{}`", shown(name));
    let is_name = name.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
    let quote = format!("a text that begins with `*` needs quotes: `{}`", in_quotes(&format!("*{name}")));
    (message, if is_name { format!("put `&{name}` before what is to be repeated; {quote}") } else { quote })
}

/// What to say of a tag that means nothing. `bytes` are those of what it belongs to.
pub(super) fn tag(
    source: &str,
    written: &str,
    bytes: Range<usize>,
    value: Span,
    (is_text, is_condition): (bool, bool),
) -> Explained {
    /// A tag stands right before its value, but for an anchor and blanks.
    const NEAR: usize = 512;
    let from = source.floor_char_boundary(bytes.start.saturating_sub(NEAR));
    let before = source.get(from..bytes.start).unwrap_or("");
    let found = before.rfind(written).map(|at| from + at);
    let span = found.map_or(value, |at| span_of(source, at, written, &bytes, value));
    let whole = found.and_then(|at| source.get(at..bytes.end.max(at + written.len())));
    let whole = whole.map(str::trim).filter(|whole| !whole.contains('\n')).unwrap_or(written);
    let shown_tag = shown(written);
    let quoted = in_quotes(whole);
    let (message, hint) = if is_condition {
        (
            format!("`{shown_tag}` is a tag of YAML here, not part of the condition"),
            format!("put quotes around the whole: `if: {quoted}`"),
        )
    } else {
        let or_quoted = format!("; where it is part of a text, put quotes around the whole: `{quoted}`");
        (
            format!("`{shown_tag}` is a tag of YAML, and means nothing here"),
            format!("take it out{}", if is_text { &or_quoted } else { "" }),
        )
    };
    Explained { span, code: code::YAML, message, hint }
}

/// Where a tag stands that begins at a byte before its value.
fn span_of(source: &str, at: usize, written: &str, bytes: &Range<usize>, value: Span) -> Span {
    let between = source.get(at..bytes.start).unwrap_or("").matches('\n').count();
    let line_start = source[..at].rfind('\n').map_or(0, |newline| newline + 1);
    Span {
        line: value.line.saturating_sub(narrow(between)),
        column: narrow(source[line_start..at].chars().count() + 1),
        length: narrow(written.chars().count()),
    }
}

/// The line in which the parser stopped, and what it said.
struct Stop<'t> {
    source: &'t str,
    span: Span,
    info: &'t str,
    /// Up to where it stopped, and from there on.
    before: &'t str,
    rest: &'t str,
    is_in_flow: bool,
}

/// `unclosed` is the innermost bracket of an earlier line that is open there.
pub(super) fn syntax_error(
    source: &str,
    span: Span,
    info: &str,
    unclosed: Option<(char, Span)>,
    is_in_flow: bool,
) -> Explained {
    let line = line_of(source, span.line).unwrap_or("");
    let (before, rest) = line.split_at(byte_of(line, span.column));
    let stop = Stop { source, span, info, before, rest, is_in_flow };
    if info.contains("recursion limit") {
        let message = format!("this is nested deeper than {MAX_DEPTH} levels");
        return Explained { span, code: code::LIMIT, message, hint: "write it flatter".to_owned() };
    }
    if let Some(explained) =
        stop.first_sign().or_else(|| stop.missing_quotes()).or_else(|| stop.missing_blank())
    {
        return explained;
    }
    let hint = match unclosed {
        Some((bracket, Span { line, column, .. })) => {
            format!("the `{bracket}` of line {line}, column {column} may lack its end")
        }
        None if info.contains("tab") => "indent with blanks".to_owned(),
        None if info.contains("mapping values") => {
            "put quotes around a text that contains `: `, or check the indentation".to_owned()
        }
        None if info.contains("sequence entries") => "begin the list on a line of its own".to_owned(),
        None => "check the indentation, the quotes and the brackets up to here".to_owned(),
    };
    stop.with(format!("this is not YAML: {info}"), hint)
}

impl Stop<'_> {
    fn with(&self, message: String, hint: String) -> Explained {
        Explained { span: self.span, code: code::YAML, message, hint }
    }

    /// The value that begins at the first of `text`: to the end of the line, or of the member of a `{ }` or `[ ]`.
    fn value<'t>(&self, text: &'t str) -> &'t str {
        let end = if self.is_in_flow { text.find([',', ']', '}']) } else { text.find(" #") };
        text[..end.unwrap_or(text.len())].trim()
    }

    /// A text that begins with a sign of YAML.
    fn first_sign(&self) -> Option<Explained> {
        let sign = self.rest.chars().next()?;
        let is_meant = match sign {
            '*' => self.info.contains("alias"),
            '@' | '`' | '%' => self.info.contains("unexpected character"),
            '>' | '|' => self.info.contains("block scalar"),
            _ => false,
        };
        let quoted = in_quotes(self.value(self.rest));
        let sign = if sign == '`' { "a backtick".to_owned() } else { format!("`{sign}`") };
        is_meant.then(|| {
            self.with(
                format!("this is not YAML: a text can't begin with {sign} without quotes"),
                format!("put quotes around it: `{quoted}`"),
            )
        })
    }

    /// A value of which only a part is what YAML takes it for.
    fn missing_quotes(&self) -> Option<Explained> {
        let message = format!("this is not YAML: {}", self.info);
        if self.info.contains("unknown escape") {
            let text = self.rest.strip_prefix('"')?;
            let text = &text[..text.find('"').unwrap_or(text.len())];
            let hint = format!("within double quotes, `\\` begins an escape; write `'{}'`", shown(text));
            return Some(self.with(message, hint));
        }
        if self.before.ends_with('$') && self.rest.starts_with("{{") {
            let end = self.rest.find("}}").map_or(self.rest.len(), |end| end + 2);
            let hint = format!(
                "within `{{ }}` and `[ ]`, it needs quotes: `{}`",
                in_quotes(&format!("${}", &self.rest[..end]))
            );
            return Some(self.with("`${{` begins a mapping of YAML here".to_owned(), hint));
        }
        let before = self.before.trim_end();
        let begins = if self.info.contains("trailing content") {
            let quote = before.chars().next_back()?;
            before[..before.len() - quote.len_utf8()].rfind(quote)?
        } else if self.info.contains("expected key") && before.ends_with([']', '}']) {
            before.find(": [").or_else(|| before.find(": {")).map(|colon| colon + 2)?
        } else {
            return None;
        };
        let whole = format!("{}{}", &self.before[begins..], self.value(self.rest));
        Some(self.with(message, format!("put quotes around the whole: `{}`", in_quotes(&whole))))
    }

    /// `name:web`, which is a text to YAML, so that only what comes next breaks it.
    fn missing_blank(&self) -> Option<Explained> {
        if !self.info.contains("mapping values") && !self.info.contains("simple key") {
            return None;
        }
        let earlier = (1..self.span.line)
            .rev()
            .find(|line| line_of(self.source, *line).is_some_and(|line| !line.trim().is_empty()));
        let (line, colon) = [Some(self.span.line), earlier]
            .into_iter()
            .flatten()
            .find_map(|line| Some((line, colon_without_blank(line_of(self.source, line)?)?)))?;
        let text = line_of(self.source, line)?;
        let column = narrow(text[..colon].chars().count() + 1);
        let member = text.trim_start_matches(['-', ' ']).trim_end();
        let message = format!("`{}` is one text to YAML: a blank is missing after `:`", shown(member));
        let (name, value) = member.split_once(':')?;
        Some(Explained {
            span: Span { line, column, length: 1 },
            code: code::YAML,
            message,
            hint: format!("write `{}: {}`", shown(name), shown(value)),
        })
    }
}

/// The byte of the `:` of a line that begins with `name:value`.
fn colon_without_blank(line: &str) -> Option<usize> {
    let begins = line.len() - line.trim_start_matches(['-', ' ']).len();
    let name = line[begins..].find(|c: char| !c.is_alphanumeric() && !"_-".contains(c))?;
    let colon = begins + name;
    let value = line[colon..].strip_prefix(':')?;
    let is_meant = name > 0 && !value.starts_with("//") && value.starts_with(|c: char| !c.is_whitespace());
    is_meant.then_some(colon)
}

fn line_of(source: &str, line: u32) -> Option<&str> {
    source.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)
}

fn byte_of(line: &str, column: u32) -> usize {
    let before = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
    line.char_indices().nth(before).map_or(line.len(), |(at, _)| at)
}

/// As YAML takes a text for no more than that.
fn in_quotes(text: &str) -> String {
    let text = shown(text);
    if !text.contains(['"', '\\']) {
        format!("\"{text}\"")
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
