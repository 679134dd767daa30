//! A job's `retry`: how often, after how long and for which causes it is tried again.

use penstock_domain::RetryCause;

use super::read::{At, Fields, Reader, Shape};
use crate::diagnostic::code;
use crate::limits::{MAX_BACKOFF, MAX_RETRIES, MAX_RETRY_DELAY_MS};
use crate::retry::RetryPolicy;
use crate::suggest::nearest;
use crate::tree::{Value, shown};

pub(crate) const SHAPE: Shape = Shape {
    what: "`retry`",
    fields: &["max", "delay", "backoff", "on"],
    later: &[],
    instead: &[("when", "write `on`"), ("max_retries", "write `max`"), ("backoff_factor", "write `backoff`")],
};

pub(super) fn retry(reader: &mut Reader<'_>, at: At<'_>) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    if at.scalar().is_some() {
        policy.max = reader.count(&at, "`retry`", 0, MAX_RETRIES).unwrap_or(0);
        return policy;
    }
    let Some(fields) = Fields::open(reader, at, &SHAPE) else { return policy };
    let max = fields.need(reader, "max", &SHAPE, "write `max: 2`, or `retry: 2` alone");
    policy.max = max.and_then(|at| reader.count(&at, "`max`", 0, MAX_RETRIES)).unwrap_or(0);
    if let Some(at) = fields.get("delay") {
        policy.delay_ms =
            reader.duration_ms(&at, "`delay`", 0, MAX_RETRY_DELAY_MS).unwrap_or(policy.delay_ms);
    }
    if let Some(at) = fields.get("backoff") {
        policy.backoff = reader.factor(&at, "`backoff`", MAX_BACKOFF).unwrap_or(policy.backoff);
    }
    if let Some(at) = fields.get("on") {
        policy.on = causes(reader, at);
        if matches!(&at.node.value, Value::List(items) if items.is_empty()) {
            reader
                .error(&at, code::MISSING_FIELD, "`on` holds no cause, so that nothing is tried again")
                .hint("leave it out for every cause");
        }
    }
    policy
}

fn causes(reader: &mut Reader<'_>, at: At<'_>) -> Vec<RetryCause> {
    let known = || RetryCause::ALL.iter().map(|cause| cause.as_str());
    let mut causes = vec![];
    for (at, word) in reader.words(&at, "`on`", RetryCause::ALL.len(), "write a list such as `[runner_lost]`")
    {
        match word.parse::<RetryCause>() {
            Ok(cause) if causes.contains(&cause) => {}
            Ok(cause) => causes.push(cause),
            Err(_) => {
                let hint = match nearest(word, known()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
                };
                let message = format!("`{}` is no cause of a retry", shown(word));
                reader.error(&at, code::UNKNOWN_VALUE, message).hint(hint);
            }
        }
    }
    causes
}
