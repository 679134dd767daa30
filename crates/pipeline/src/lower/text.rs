//! Texts with expressions, conditions, and variables: what is read here is checked word by word.

use super::input::objection_to as objection_to_input;
use super::read::{At, Path, Reader};
use super::scope::Scope;
use crate::definition::{Condition, Place, Variable};
use crate::diagnostic::{Severity, code};
use crate::expression::names::{self, Finding, Site};
use crate::expression::uses::Uses;
use crate::expression::{ExpressionError, Unanswerable, syntax};
use crate::limits::{
    MAX_EXPRESSIONS, MAX_EXPRESSIONS_IN_TEXT, MAX_NAME_CHARS, MAX_VALUE_BYTES, MAX_VARIABLES,
};
use crate::template::{Asks, Piece, Template, split};
use crate::tree::{Scalar, Span, shown};

/// What the runner tells every step; a variable of that name would lie.
pub(crate) const RESERVED_PREFIX: &str = "PENSTOCK";

/// `variables`, which `scope` knows from then on.
pub(super) fn variables(reader: &mut Reader<'_>, at: Option<At<'_>>, scope: &mut Scope<'_>) -> Vec<Variable> {
    let Some(at) = at else { return vec![] };
    let Some(entries) = at.entries() else {
        // `env`, as some write it.
        let name = if let Path::Field(_, name) = at.path { name } else { "variables" };
        reader
            .wrong_type(&at, &format!("`{name}`"), "a mapping")
            .hint(format!("write `{name}: {{ NAME: value }}`"));
        return vec![];
    };
    if entries.len() > MAX_VARIABLES {
        let message =
            format!("there can be at most {MAX_VARIABLES} variables, and these are {}", entries.len());
        reader
            .error(&at, code::LIMIT, message)
            .hint("put what belongs together into a file of the repository");
    }
    let mut variables = vec![];
    scope.below = entries.iter().map(|(key, _)| (key.text.clone(), key.span.line)).collect();
    for (key, node) in entries.iter().take(MAX_VARIABLES) {
        let at = At { node, path: Path::Field(&at.path, &key.text) };
        let value = value(reader, &at, scope);
        if let Err(message) = check_variable_name(&key.text) {
            reader.out.error(key.span, at.path.pointer(), code::BAD_NAME, message).done();
            continue;
        }
        let Some(value) = value else {
            scope.set(&key.text, false);
            continue;
        };
        scope.set(&key.text, value.is_late(&scope.late));
        reader.usage.set(&key.text, &value, key.span, &at.path, &mut reader.out);
        variables.push(Variable { name: key.text.clone(), value });
    }
    scope.below.clear();
    variables
}

/// What another pipeline is given: of these values none sees another.
pub(super) fn parameters(reader: &mut Reader<'_>, at: At<'_>, scope: &Scope<'_>) -> Vec<Variable> {
    let Some(entries) = at.entries() else {
        reader.wrong_type(&at, "`parameters`", "a mapping").hint("write `parameters: { NAME: value }`");
        return vec![];
    };
    if entries.len() > MAX_VARIABLES {
        let message =
            format!("there can be at most {MAX_VARIABLES} parameters, and these are {}", entries.len());
        reader.error(&at, code::LIMIT, message).hint("put what belongs together into one");
    }
    let mut parameters = vec![];
    for (key, node) in entries.iter().take(MAX_VARIABLES) {
        let at = At { node, path: Path::Field(&at.path, &key.text) };
        if let Some(message) = objection_to_input(&key.text) {
            reader.out.error(key.span, at.path.pointer(), code::BAD_NAME, message).done();
            continue;
        }
        parameters.extend(value(reader, &at, scope).map(|value| Variable { name: key.text.clone(), value }));
    }
    parameters
}

/// # Errors
/// Why it can't be the name of a variable, and what can.
pub fn check_variable_name(name: &str) -> Result<(), String> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        Err(format!(
            "`{}` can't be a variable: letters, digits and `_` can, not beginning with a digit",
            shown(name)
        ))
    } else if name.len() > MAX_NAME_CHARS {
        Err(format!("the name of a variable can have at most {MAX_NAME_CHARS} characters"))
    } else if name.starts_with(RESERVED_PREFIX) {
        Err(format!("`{name}`: variables that begin with `{RESERVED_PREFIX}` are set by the runner"))
    } else {
        Ok(())
    }
}

fn value(reader: &mut Reader<'_>, at: &At<'_>, scope: &Scope<'_>) -> Option<Template> {
    if at.node.is_null() {
        return Some(Template::default());
    }
    let text = reader.text(at, "a variable's value")?;
    if text.len() > MAX_VALUE_BYTES {
        let message = format!("a variable can hold at most {} KiB", MAX_VALUE_BYTES / 1024);
        reader.error(at, code::LIMIT, message).hint("put it into a file of the repository");
        return None;
    }
    if text.contains('\0') {
        reader.error(at, code::BAD_VALUE, "a variable can't hold a zero byte").done();
        return None;
    }
    Some(template(reader, at, Site::Value, scope))
}

/// A text whose expressions are looked at one by one.
pub(super) fn template(reader: &mut Reader<'_>, at: &At<'_>, site: Site, scope: &Scope<'_>) -> Template {
    let mut template = Template::default();
    let Some(scalar) = at.scalar() else { return template };
    let mut locator = Locator::new(reader.source, scalar, at.node.span);
    for piece in split(&scalar.text) {
        match piece {
            Piece::Text(text) => template.push_text(text),
            Piece::Expression { source, offset } => {
                let span = locator.span(offset + leading_blanks(source), source.trim().chars().count());
                let place = place(at, span);
                let asks = check(reader, at, source, offset, &mut locator, site, scope);
                template.push_expression(source, place, asks);
            }
            Piece::Unclosed { offset } => {
                let span = locator.span(offset, 3);
                let message = "`${{` is never closed".to_owned();
                reader
                    .out
                    .error(span, at.path.pointer(), code::EXPRESSION_SYNTAX, message)
                    .hint("end it with `}}`; for the three characters themselves write `${{ \"${{\" }}`");
            }
            Piece::TooMany { offset } => {
                let span = locator.span(offset, 3);
                let message = format!("a text can hold at most {MAX_EXPRESSIONS_IN_TEXT} expressions");
                reader.out.error(span, at.path.pointer(), code::LIMIT, message).hint("split it");
            }
        }
    }
    template
}

/// An `if`. `${{ … }}` around the whole of it is taken off.
pub(super) fn condition(
    reader: &mut Reader<'_>,
    at: Option<At<'_>>,
    site: Site,
    scope: &Scope<'_>,
) -> Option<Condition> {
    let at = at?;
    let text = reader.text(&at, "`if`")?;
    let (expression, offset) = match split(text.trim()).as_slice() {
        [Piece::Expression { source, offset }] => (*source, leading_blanks(text) + offset),
        _ => (text, 0),
    };
    let (expression, offset) = (expression.trim(), offset + leading_blanks(expression));
    let mut locator = Locator::new(reader.source, at.scalar()?, at.node.span);
    let place = place(&at, locator.span(offset, expression.chars().count()));
    check(reader, &at, expression, offset, &mut locator, site, scope);
    Some(Condition { expression: expression.to_owned(), place })
}

/// Whether the expression that begins at `offset` of the text could ever be answered.
fn check(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    source: &str,
    offset: usize,
    locator: &mut Locator<'_>,
    site: Site,
    scope: &Scope<'_>,
) -> Asks {
    reader.expressions += 1;
    if reader.expressions > MAX_EXPRESSIONS {
        if reader.expressions == MAX_EXPRESSIONS + 1 {
            let message = format!("a pipeline can hold at most {MAX_EXPRESSIONS} expressions");
            reader.error(at, code::LIMIT, message).hint("set a variable once, and use it everywhere");
        }
        return Asks::default();
    }
    let (findings, asks) = findings(reader, source, site, scope);
    for finding in findings {
        let Finding { severity, code, offset: within, chars, message, hint } = finding;
        let span = locator.span(offset + within, chars);
        let pointer = at.path.pointer();
        match severity {
            Severity::Error => reader.out.error(span, pointer, code, message).hint_if_any(hint),
            Severity::Warning => reader.out.warn(span, pointer, code, message).hint_if_any(hint),
        }
    }
    asks
}

fn findings(reader: &mut Reader<'_>, source: &str, site: Site, scope: &Scope<'_>) -> (Vec<Finding>, Asks) {
    let (expression, words) = match syntax::parse_words(source) {
        Ok(parsed) => parsed,
        Err(error) => return (vec![unanswerable(&error, leading_blanks(source), 1)], Asks::default()),
    };
    let uses = Uses::of(&expression);
    reader.usage.expression(&uses);
    let offered = scope.offered();
    let mut findings = names::check(&expression, &uses, &words, site, &offered);
    let is_sound = findings.iter().all(|finding| finding.severity == Severity::Warning);
    if is_sound && !offered.asks_for_refused(&uses) {
        for Unanswerable { offset, bytes, error } in scope.rehearse(&expression, &words, &uses, site) {
            let chars = source.get(offset..offset + bytes).unwrap_or("").chars().count();
            findings.push(unanswerable(&error, offset, chars));
        }
    }
    (findings, Asks::of(&uses))
}

fn unanswerable(error: &ExpressionError, offset: usize, chars: usize) -> Finding {
    let (code, offset) = match error {
        ExpressionError::Syntax { offset, .. } => (code::EXPRESSION_SYNTAX, *offset),
        ExpressionError::Fails { .. } => (code::EXPRESSION_FAILS, offset),
        _ => (code::EXPRESSION_TYPE, offset),
    };
    let compares =
        matches!(error, ExpressionError::NotACondition { .. } | ExpressionError::NotAnOperand { .. });
    let hint = compares.then(|| "compare it with something: `… == \"…\"`".to_owned());
    Finding { severity: Severity::Error, code, offset, chars, message: error.to_string(), hint }
}

fn leading_blanks(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

fn place(at: &At<'_>, span: Span) -> Place {
    Place { pointer: at.path.pointer(), line: span.line, column: span.column }
}

/// Finds the place in the file of a byte of a scalar's value, through quotes, indentation and folding.
///
/// It walks through both side by side, and remembers how far it came: what is asked for mostly comes in order.
struct Locator<'s> {
    raw: &'s str,
    value: &'s str,
    escapes: bool,
    start: Span,
    /// Bytes of `value` and `raw` that belong to each other.
    reached: (usize, usize),
}

impl<'s> Locator<'s> {
    fn new(source: &'s str, scalar: &'s Scalar, start: Span) -> Self {
        let raw = source.get(scalar.bytes.clone()).unwrap_or("");
        Self { raw, value: &scalar.text, escapes: scalar.escapes, start, reached: (0, 0) }
    }

    fn span(&mut self, offset: usize, chars: usize) -> Span {
        self.find(offset).map_or(self.start, |at| {
            let before = &self.raw[..at];
            let newlines = before.matches('\n').count();
            let column = match before.rfind('\n') {
                Some(newline) => 1 + before[newline + 1..].chars().count(),
                None => self.start.column as usize + before.chars().count(),
            };
            let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            let line = self.start.line.saturating_add(narrow(newlines));
            Span { line, column: narrow(column), length: narrow(chars) }
        })
    }

    fn find(&mut self, offset: usize) -> Option<usize> {
        if offset < self.reached.0 {
            self.reached = (0, 0);
        }
        let (mut in_value, mut in_raw) = self.reached;
        let wanted = self.value.get(in_value..)?.chars();
        for c in wanted {
            let begins;
            loop {
                let rest = &self.raw[in_raw..];
                let (length, fits) = unit(rest, c, self.escapes)?;
                in_raw += length;
                if fits {
                    begins = in_raw - length;
                    break;
                }
            }
            if in_value >= offset {
                self.reached = (in_value, begins);
                return Some(begins);
            }
            in_value += c.len_utf8();
        }
        // Past the last character, as where an expression ends too early.
        Some(in_raw)
    }
}

/// Bytes of the next character of `raw`, or of an escape, and whether it can stand for `c`.
fn unit(raw: &str, c: char, escapes: bool) -> Option<(usize, bool)> {
    let first = raw.chars().next()?;
    if !escapes || first != '\\' {
        return Some((first.len_utf8(), first == c));
    }
    let escaped = raw[1..].chars().next()?;
    let digits = match escaped {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => 0,
    };
    let length = 1 + escaped.len_utf8() + digits;
    // An escaped end of line stands for nothing, and the first half of a surrogate pair for nothing alone.
    let surrogate =
        raw.get(2..4).is_some_and(|hex| matches!(hex, "d8" | "d9" | "da" | "db" | "D8" | "D9" | "DA" | "DB"));
    let stands_for_one = escaped != '\n' && !(escaped == 'u' && surrogate);
    raw.is_char_boundary(length).then_some((length, stands_for_one))
}
