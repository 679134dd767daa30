//! `concurrency`: how many executions run at once, of the pipeline or of a group that the file names.

use super::read::{At, Fields, Reader, Shape};
use super::scope::Scope;
use super::text::template;
use crate::definition::Concurrency;
use crate::diagnostic::code;
use crate::expression::names::Site;
use crate::limits::{MAX_CONCURRENT, MAX_GROUP_BYTES};
use crate::template::{Template, has_expressions};

pub(crate) const SHAPE: Shape = Shape {
    what: "`concurrency`",
    fields: &["group", "limit", "cancel_in_progress"],
    later: &[],
    instead: &[("cancel-in-progress", "write `cancel_in_progress`"), ("max", "write `limit`")],
};

/// The pipeline's own limit, or a group with one.
pub(super) fn concurrency(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    scope: &Scope<'_>,
) -> (Option<u32>, Option<Concurrency>) {
    let own = fields.get("max_concurrent");
    let own = own.and_then(|at| reader.count(&at, "`max_concurrent`", 1, MAX_CONCURRENT));
    let Some(at) = fields.get("concurrency") else { return (own, None) };
    if at.scalar().is_some() {
        reader
            .wrong_type(&at, "`concurrency`", "a mapping")
            .hint("write `concurrency: { limit: 1 }`, or `concurrency: { group: \"web-${{ branch }}\" }`");
        return (own, None);
    }
    let Some(inner) = Fields::open(reader, at, &SHAPE) else { return (own, None) };
    let cancels = inner.flag(reader, "cancel_in_progress", false);
    let limit = inner.get("limit").and_then(|at| reader.count(&at, "`limit`", 1, MAX_CONCURRENT));
    if let Some(group) = inner.get("group") {
        let group = group_name(reader, &group, scope);
        let limit = limit.unwrap_or(1);
        return (own, group.map(|group| Concurrency { group, limit, cancel_in_progress: cancels }));
    }
    if let (Some(_), Some(key)) = (fields.key("max_concurrent"), fields.key("concurrency")) {
        let message = "`concurrency` and `max_concurrent` are the same".to_owned();
        reader
            .out
            .error(key.span, "/concurrency".to_owned(), code::DUPLICATE_KEY, message)
            .hint("keep one of them");
    }
    if let Some(at) = inner.get("cancel_in_progress").filter(|_| cancels) {
        reader.error(&at, code::MISSING_FIELD, "`cancel_in_progress` needs a `group`").hint(
            "write `group: \"web-${{ branch }}\"`; a new execution then ends the older ones of its group",
        );
    }
    let _ = inner.need(reader, "limit", &SHAPE, "write `limit: 1`");
    (limit, None)
}

fn group_name(reader: &mut Reader<'_>, at: &At<'_>, scope: &Scope<'_>) -> Option<Template> {
    let text = reader.text(at, "`group`")?;
    let message = if text.len() > MAX_GROUP_BYTES && !has_expressions(text) {
        format!("`group` can have at most {MAX_GROUP_BYTES} bytes")
    } else if text.trim().is_empty() || text.trim().contains(char::is_control) {
        "`group` has to be one line of text".to_owned()
    } else {
        return Some(template(reader, at, Site::Early, scope));
    };
    reader.error(at, code::BAD_VALUE, message).hint("write it like `web-${{ branch }}`");
    None
}
