//! What people write into the audit trail.

use penstock_api::problem::{FieldError, Problem};

const MAX_REASON_CHARS: usize = 2_000;

/// A reason, trimmed.
///
/// # Errors
/// 400 where there is none, or too much of it.
pub fn reason(given: &str) -> Result<String, Problem> {
    match spoken(given) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(wrong("/reason", "a reason has 1 to 2000 characters, of which some can be seen")),
    }
}

/// Notes, which may be left out.
///
/// # Errors
/// 400 where there is too much of them.
pub fn notes(given: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(given) = given else { return Ok(None) };
    let text = spoken(given).ok_or_else(|| wrong("/notes", "notes have at most 2000 characters"))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// The text without blanks around it, where it is text and not too long.
fn spoken(given: &str) -> Option<String> {
    let text = given.trim();
    let is_text = !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    (is_text && text.chars().count() <= MAX_REASON_CHARS).then(|| text.to_owned())
}

fn wrong(pointer: &str, message: &str) -> Problem {
    Problem::invalid(vec![FieldError::invalid_value(pointer, message)])
}
