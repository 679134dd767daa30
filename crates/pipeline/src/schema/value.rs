//! Single values: texts, names, numbers, lengths of time.
//!
//! The parser takes every scalar as the text that is written. So a text may look like a number or a truth value, and
//! its pattern binds only what is a text for a reader of JSON. Patterns hold nothing that engines write differently.

use serde_json::{Value, json};

use super::kit::{Definition, map, or_null};
use crate::duration::{UNITS, write_ms};
use crate::limits::{
    MAX_CRON_CHARS, MAX_DESCRIPTION_BYTES, MAX_LABEL_CHARS, MAX_NAME_CHARS, MAX_PATH_CHARS,
    MAX_PATTERN_CHARS, MAX_PATTERNS, MAX_REPORT_PATH_BYTES, MAX_RUN_BYTES, MAX_URL_BYTES, MAX_VALUE_BYTES,
    MAX_VARIABLES,
};
use crate::lower::tables::{NAME_SIGNS, RESERVED_PREFIX, SIZES};
use crate::planner::bounds::{COMMAND_PREFIXES, COMMANDS};

/// Where something is filled in.
const FILLED_IN: &str = r"\$\{\{";
/// One line that is not empty, whatever is around it.
const LINE: &str = r"^\s*[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?\s*$";
/// One line, or nothing.
const LINE_OR_NOTHING: &str =
    r"^\s*([^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?)?\s*$";
/// What a pattern may hold and the name of a branch can't.
const PATTERN_SIGNS: &str = r"[*?\[]";
/// Minute, hour, day of the month, month, day of the week.
const CRON_FIELDS: usize = 5;
const IDENTIFIER: &str = "^[A-Za-z_][A-Za-z0-9_-]*$";
/// Parts of a path that lead out of the workspace, and what is a path nowhere else.
const LEADS_OUT: &str = r"^[/~]|^[\x00-\x7f]:|\\|(^|/)\.\.(/|$)|[\x00-\x1f\x7f-\x9f]";

pub(super) fn definitions() -> Vec<Definition> {
    vec![
        ("name", name()),
        ("identifier", identifier()),
        ("duration", duration_of_any_length()),
        ("condition", condition()),
        ("variable_name", variable_name(&[])),
        ("parameter_name", parameter_name()),
        ("variables", variables("variable_name", "Names and values; `${{ … }}` is filled in.")),
        (
            "parameters",
            variables("parameter_name", "What another pipeline is given; `${{ … }}` is filled in."),
        ),
        ("pattern", pattern()),
        ("patterns", patterns()),
        ("label", label()),
        ("script", script()),
        ("report_path", report_path()),
    ]
}

/// Any scalar but null.
pub(super) fn text() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

/// Text in which nothing is filled in.
pub(super) fn literal() -> Value {
    json!({ "type": ["string", "number", "boolean"], "not": { "type": "string", "pattern": FILLED_IN } })
}

pub(super) fn flag(default: bool) -> Value {
    json!({ "type": "boolean", "default": default })
}

pub(super) fn count(least: u32, most: u32) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

pub(super) fn whole(least: i32, most: i32, default: i32) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most, "default": default })
}

/// A pattern can't compare, so that the bounds are told to people alone.
pub(super) fn duration(least_ms: i64, most_ms: i64, default_ms: Option<i64>) -> Value {
    let mut schema = json!({
        "$ref": "#/$defs/duration",
        "$comment": format!("From {} to {}.", write_ms(least_ms), write_ms(most_ms)),
    });
    if let Some(ms) = default_ms {
        schema["default"] = json!(write_ms(ms));
    }
    schema
}

fn duration_of_any_length() -> Value {
    let parts: String = UNITS.iter().map(|(unit, _)| format!("([0-9]+{unit})?")).collect();
    json!({
        "description": "A length of time: numbers with `d`, `h`, `m`, `s` or `ms`, the largest first.",
        "type": "string",
        "pattern": format!("^{parts}$"),
        "minLength": 2,
        "examples": ["90s", "5m", "1h30m"],
    })
}

/// The bounds are told to people alone, as those of a length of time.
pub(super) fn size(least_mib: u64, most_mib: u64) -> Value {
    let units: Vec<&str> = SIZES.iter().map(|(unit, _)| *unit).collect();
    json!({
        "$comment": format!("From {least_mib}MiB to {}TiB.", most_mib >> 20),
        "type": "string",
        "pattern": format!(r"^\s*[0-9]+({})\s*$", units.join("|")),
        "examples": ["512MiB", "2GiB", "500MB"],
    })
}

fn name() -> Value {
    let (first, last) = (letter_or(""), letter_or(NAME_SIGNS));
    let inner = letter_or(&format!("{NAME_SIGNS} "));
    json!({
        "description": "Letters, digits, blanks and a few signs, beginning with a letter or a digit.",
        "type": ["string", "number", "boolean"],
        "pattern": format!("^{first}({inner}*{last})?$"),
        "maxLength": MAX_NAME_CHARS,
        "minimum": 0,
    })
}

/// A letter, a digit or one of `signs`. What is a letter beyond ASCII every engine writes in its own way, so that
/// everything there counts as one.
fn letter_or(signs: &str) -> String {
    let mut ranges: Vec<(char, char)> = vec![];
    for none in ('\0'..='\u{9f}').filter(|c| !c.is_ascii_alphanumeric() && !signs.contains(*c)) {
        match ranges.last_mut() {
            Some((_, end)) if u32::from(*end) + 1 == u32::from(none) => *end = none,
            _ => ranges.push((none, none)),
        }
    }
    let written =
        |(start, end): (char, char)| format!(r"\x{:02x}-\x{:02x}", u32::from(start), u32::from(end));
    format!("[^{}]", ranges.into_iter().map(written).collect::<String>())
}

/// A job of a matrix may say which one it is.
pub(super) fn name_of_job() -> Value {
    json!({ "anyOf": [{ "$ref": "#/$defs/name" }, { "type": "string", "pattern": FILLED_IN }] })
}

/// Only shown, so that it may be any line.
pub(super) fn title() -> Value {
    let within = MAX_NAME_CHARS - 2;
    json!({
        "type": ["string", "number", "boolean"],
        "pattern": format!(r"^\s*[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]{{0,{within}}}[^\s\x00-\x1f\x7f-\x9f])?\s*$"),
        "not": { "type": "string", "pattern": FILLED_IN },
    })
}

fn identifier() -> Value {
    json!({
        "description": "Letters, digits, `_` and `-`, not beginning with a digit.",
        "type": ["string", "boolean"],
        "pattern": IDENTIFIER,
        "maxLength": MAX_NAME_CHARS,
    })
}

fn variable_name(further: &[String]) -> Value {
    let reserved: Vec<Value> = std::iter::once(format!("^{RESERVED_PREFIX}"))
        .chain(further.iter().cloned())
        .map(|pattern| json!({ "pattern": pattern }))
        .collect();
    json!({
        "description": format!(
            "Letters, digits and `_`, not beginning with a digit or with `{RESERVED_PREFIX}`."
        ),
        "type": "string",
        "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
        "maxLength": MAX_NAME_CHARS,
        "not": { "anyOf": reserved },
    })
}

/// Through these a value would become a command.
fn parameter_name() -> Value {
    variable_name(&[format!("^({})$", COMMANDS.join("|")), format!("^({})", COMMAND_PREFIXES.join("|"))])
}

fn variables(names: &str, about: &str) -> Value {
    let value = json!({ "type": ["string", "number", "boolean", "null"], "maxLength": MAX_VALUE_BYTES });
    let mut schema = map(json!({ "$ref": format!("#/$defs/{names}") }), value, 0, MAX_VARIABLES);
    schema["description"] = json!(about);
    schema
}

/// What an action is given.
pub(super) fn with() -> Value {
    let value = json!({ "type": ["string", "number", "boolean", "null"], "maxLength": MAX_VALUE_BYTES });
    map(
        json!({ "type": "string", "pattern": IDENTIFIER, "maxLength": MAX_NAME_CHARS }),
        value,
        0,
        MAX_VARIABLES,
    )
}

/// What a run by the clock is given: written out, since nobody is there to ask.
pub(super) fn written_out() -> Value {
    let mut value = literal();
    value["maxLength"] = json!(MAX_VALUE_BYTES);
    map(json!({ "$ref": "#/$defs/parameter_name" }), value, 0, MAX_VARIABLES)
}

fn condition() -> Value {
    json!({
        "description": "An expression in CEL; without `always()`, `success()`, `failure()` or `cancelled()` it also asks for success.",
        "type": ["string", "boolean"],
        "pattern": r"\S",
        "examples": ["branch == \"main\" && event == \"push\"", "always()", "failure()"],
    })
}

/// What can be a pattern: an end at `/` would match nothing. What is within is the parser's to judge.
fn pattern() -> Value {
    json!({
        "description": "`*` stays within a segment, `**` is any number of segments, `{a,b}` is either; `!` takes out.",
        "type": ["string", "number", "boolean"],
        "pattern": r"^(!?[^/!]([\s\S]*[^/])?|!!([\s\S]*[^/])?)$",
        "maxLength": MAX_PATTERN_CHARS + 1,
    })
}

/// What only takes out lets nothing in.
fn patterns() -> Value {
    let only_takes_out = json!({ "type": "string", "pattern": "^!" });
    json!({
        "description": "A pattern or a list; the last that matches decides.",
        "anyOf": [
            { "$ref": "#/$defs/pattern", "not": only_takes_out },
            {
                "type": "array",
                "items": { "$ref": "#/$defs/pattern" },
                "contains": { "not": only_takes_out },
                "minItems": 1,
                "maxItems": MAX_PATTERNS,
            },
        ],
    })
}

fn label() -> Value {
    json!({
        "description": "Letters, digits and `_ - . :`; `${{ … }}` is filled in.",
        "anyOf": [
            {
                "type": ["string", "number", "boolean"],
                "pattern": "^[A-Za-z0-9][A-Za-z0-9_.:-]*$",
                "maxLength": MAX_LABEL_CHARS,
                "minimum": 0,
            },
            { "type": "string", "pattern": FILLED_IN },
        ],
    })
}

fn script() -> Value {
    json!({
        "description": "Commands. What others can write, such as a branch's name, is not filled in: use the environment.",
        "type": ["string", "number", "boolean"],
        "pattern": r"^[^\x00]*\S[^\x00]*$",
        "maxLength": MAX_RUN_BYTES,
    })
}

/// A pattern of files below the workspace.
fn report_path() -> Value {
    let not_below = r"^(\./)*([/~!]|[\x00-\x7f]:)|(^|[/,{}])\.\.([/,{}]|$)|[\x00-\x1f\x7f-\x9f]|/$";
    json!({
        "description": "A pattern of files below the workspace.",
        "type": ["string", "number", "boolean"],
        "minLength": 1,
        "maxLength": MAX_REPORT_PATH_BYTES,
        "not": { "type": "string", "pattern": format!("{not_below}|{FILLED_IN}") },
        "examples": ["reports/*.xml", "coverage/lcov.info"],
    })
}

/// A folder below the workspace.
pub(super) fn directory() -> Value {
    json!({
        "type": ["string", "number", "boolean"],
        "maxLength": MAX_PATH_CHARS,
        "not": { "type": "string", "pattern": format!("{LEADS_OUT}|{FILLED_IN}") },
        "examples": ["packages/web"],
    })
}

/// A folder of the repository with an `action.yml`.
pub(super) fn local_action() -> Value {
    json!({
        "type": "string",
        "pattern": r"^\./[\s\S]*[^./]",
        "maxLength": MAX_PATH_CHARS + 2,
        "not": { "pattern": format!(r"^\./([/~]|[\x00-\x7f]:)|\\|/\.\.(/|$)|[\x00-\x1f\x7f-\x9f]|{FILLED_IN}") },
        "examples": ["./actions/notify"],
    })
}

/// One line, filled in, and short where nothing is to be filled in.
pub(super) fn line(most: usize, may_be_empty: bool) -> Value {
    json!({
        "type": ["string", "number", "boolean"],
        "pattern": if may_be_empty { LINE_OR_NOTHING } else { LINE },
        "anyOf": [{ "maxLength": most }, { "pattern": FILLED_IN }],
    })
}

/// One branch, or what is filled in to one.
pub(super) fn branch() -> Value {
    json!({
        "type": ["string", "number", "boolean"],
        "pattern": r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        "anyOf": [{ "not": { "type": "string", "pattern": PATTERN_SIGNS } }, { "pattern": FILLED_IN }],
        "maxLength": MAX_PATH_CHARS,
    })
}

pub(super) fn literal_branch() -> Value {
    let mut schema = branch();
    schema["not"] = json!({ "type": "string", "pattern": format!("{FILLED_IN}|{PATTERN_SIGNS}") });
    schema.as_object_mut().and_then(|schema| schema.remove("anyOf"));
    schema
}

pub(super) fn environment() -> Value {
    json!({
        "type": ["string", "number", "boolean"],
        "pattern": "^[A-Za-z0-9_.-]+$",
        "maxLength": MAX_NAME_CHARS,
        "examples": ["staging", "production"],
    })
}

pub(super) fn address() -> Value {
    json!({
        "type": "string",
        "pattern": r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:0*[1-9][0-9]{0,4})?([/?#][\x21-\x7e]*)?$",
        "maxLength": MAX_URL_BYTES,
        "not": { "pattern": FILLED_IN },
        "examples": ["https://staging.example.org/healthz"],
    })
}

pub(super) fn cron() -> Value {
    let field = "[0-9A-Za-z*,/-]+";
    json!({
        "type": "string",
        "pattern": format!(r"^\s*{field}(\s+{field}){{{}}}\s*$", CRON_FIELDS - 1),
        "maxLength": MAX_CRON_CHARS,
        "examples": ["0 3 * * *", "*/15 8-18 * * mon-fri"],
    })
}

pub(super) fn time_zone() -> Value {
    json!({
        "type": "string",
        "pattern": "^[A-Za-z][A-Za-z0-9_+/-]*$",
        "default": "UTC",
        "examples": ["UTC", "Europe/Berlin"],
    })
}

pub(super) fn description() -> Value {
    json!({ "type": ["string", "number", "boolean"], "maxLength": MAX_DESCRIPTION_BYTES })
}

/// A number however it is written.
pub(super) fn number_or_null() -> Value {
    json!({ "anyOf": [
        { "type": ["number", "null"] },
        { "type": "string", "pattern": r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$" },
    ]})
}

/// True or false however it is written.
pub(super) fn flag_or_null() -> Value {
    or_null(json!({ "type": ["boolean", "string"], "enum": [true, false, "true", "false"] }))
}

/// A value of a matrix: a part of a job's name.
pub(super) fn matrix_value(most_bytes: usize) -> Value {
    json!({
        "type": ["string", "number", "boolean"],
        "maxLength": most_bytes,
        "not": { "type": "string", "pattern": format!(r"[\x00-\x1f\x7f-\x9f]|{FILLED_IN}") },
    })
}

/// A name of values of a matrix.
pub(super) fn axis_name(most_chars: usize) -> Value {
    json!({ "type": "string", "pattern": IDENTIFIER, "maxLength": most_chars })
}
