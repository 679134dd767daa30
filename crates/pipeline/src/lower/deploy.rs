//! A stage's `deploy`: what its jobs deploy, where to, and how it is found out that it is well.
//!
//! Only what the file says; deploying is the jobs' and deciding is done elsewhere.

use super::read::{At, Fields, Reader, Shape, Words};
use super::scope::Scope;
use super::text::template;
use crate::address::{BadAddress, check_address};
use crate::definition::Deploy;
use crate::diagnostic::code;
use crate::expression::names::Site;
use crate::limits::{
    DEFAULT_HEALTH_ATTEMPTS, DEFAULT_HEALTH_INTERVAL_MS, DEFAULT_HEALTH_STATUS, DEFAULT_HEALTH_SUCCESSES,
    DEFAULT_HEALTH_TIMEOUT_MS, MAX_HEALTH_ATTEMPTS, MAX_HEALTH_INTERVAL_MS, MAX_HEALTH_SUCCESSES,
    MAX_HEALTH_TIMEOUT_MS, MAX_NAME_CHARS, MAX_VERSION_BYTES, MIN_HEALTH_INTERVAL_MS, MIN_TIMEOUT_MS,
};
use crate::plan::HealthCheck;
use crate::template::{Template, has_expressions};
use crate::tree::shown;

const DO_IT_IN_A_JOB: &str = "do it in the stage's jobs until then";
pub(crate) const SHAPE: Shape = Shape {
    what: "`deploy`",
    fields: &["environment", "strategy", "version", "health_check"],
    later: &[
        ("rollback", "start the pipeline again at an earlier commit until then"),
        ("auto_rollback", "start the pipeline again at an earlier commit until then"),
        ("approval", "start the stage's pipeline by hand until then"),
        ("approvals", "start the stage's pipeline by hand until then"),
        ("canary", DO_IT_IN_A_JOB),
        ("traffic", DO_IT_IN_A_JOB),
        ("replicas", DO_IT_IN_A_JOB),
        ("promote", DO_IT_IN_A_JOB),
        ("artifact", DO_IT_IN_A_JOB),
        ("artifacts", DO_IT_IN_A_JOB),
        ("url", "name it in the `health_check` until then"),
    ],
    instead: &[
        ("env", "write `environment`"),
        ("to", "write `environment`"),
        ("target", "write `environment`"),
        ("healthcheck", "write `health_check`"),
        ("run", "put it into a job of the stage"),
        ("steps", "put them into a job of the stage"),
        ("jobs", "they belong to the stage, beside `deploy`"),
    ],
};

pub(crate) const STRATEGIES: Words = Words {
    what: "`strategy`",
    known: &["rolling", "recreate"],
    later: &["blue_green", "canary", "a_b_testing"],
    until_then: "use `rolling` or `recreate` until then",
};

pub(crate) const HEALTH: Shape = Shape {
    what: "`health_check`",
    fields: &["url", "expect_status", "timeout", "interval", "attempts", "successes"],
    later: &[
        ("headers", "let the address answer without until then"),
        ("method", "it is GET"),
        ("body", "it is a GET, and only the status counts"),
    ],
    instead: &[
        ("path", "write the whole `url`"),
        ("endpoint", "write the whole `url`"),
        ("status", "write `expect_status`"),
        ("expected_status", "write `expect_status`"),
        ("retries", "write `attempts`"),
        ("period", "write `interval`"),
        ("success_threshold", "write `successes`"),
    ],
};

pub(super) fn deploy(reader: &mut Reader<'_>, at: At<'_>, scope: &Scope<'_>) -> Option<Deploy> {
    const HINT: &str = "write `deploy: { environment: staging }`";
    if at.entries().is_none() {
        reader.wrong_type(&at, "`deploy`", "a mapping").hint(HINT);
        return None;
    }
    let fields = Fields::open(reader, at, &SHAPE)?;
    let environment = fields
        .need(reader, "environment", &SHAPE, "write `environment: staging`")
        .and_then(|at| environment(reader, &at));
    let strategy = fields.get("strategy").and_then(|at| reader.word(&at, &STRATEGIES));
    Some(Deploy {
        environment: environment.unwrap_or_default(),
        strategy: strategy.unwrap_or(STRATEGIES.known[0]).to_owned(),
        version: fields.get("version").and_then(|at| version(reader, &at, scope)),
        health_check: fields.get("health_check").and_then(|at| health_check(reader, at)),
    })
}

/// It is a part of addresses and of metrics' labels, and so plainer than other names.
fn environment(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let text = reader.literal(at, "`environment`")?;
    let fine = (1..=MAX_NAME_CHARS).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if !fine {
        let message = format!("`{}` can't be an environment", shown(text));
        let hint = format!("use up to {MAX_NAME_CHARS} letters, digits and `_ . -`");
        reader.error(at, code::BAD_NAME, message).hint(hint);
    }
    fine.then(|| text.to_owned())
}

fn version(reader: &mut Reader<'_>, at: &At<'_>, scope: &Scope<'_>) -> Option<Template> {
    let text = reader.text(at, "`version`")?;
    if text.len() > MAX_VERSION_BYTES && !has_expressions(text) {
        let message = format!("`version` can have at most {MAX_VERSION_BYTES} bytes");
        reader.error(at, code::LIMIT, message).hint("use something short, such as a tag or a number");
        return None;
    }
    if text.trim().contains(char::is_control) {
        reader.error(at, code::BAD_VALUE, "`version` has to be one line of text").done();
        return None;
    }
    Some(template(reader, at, Site::Value, scope))
}

fn health_check(reader: &mut Reader<'_>, at: At<'_>) -> Option<HealthCheck> {
    if at.entries().is_none() {
        reader.wrong_type(&at, "`health_check`", "a mapping").hint("write `health_check: { url: … }`");
        return None;
    }
    let fields = Fields::open(reader, at, &HEALTH)?;
    let url = fields
        .need(reader, "url", &HEALTH, "write `url: https://example.org/healthz`")
        .and_then(|at| url(reader, &at));
    let status = fields.get("expect_status").and_then(|at| reader.count(&at, "`expect_status`", 100, 599));
    let timeout_ms = fields
        .get("timeout")
        .and_then(|at| reader.duration_ms(&at, "`timeout`", MIN_TIMEOUT_MS, MAX_HEALTH_TIMEOUT_MS));
    let interval_ms = fields
        .get("interval")
        .and_then(|at| reader.duration_ms(&at, "`interval`", MIN_HEALTH_INTERVAL_MS, MAX_HEALTH_INTERVAL_MS));
    let (attempts, successes) = tries(reader, &fields);
    Some(HealthCheck {
        url: url.unwrap_or_default(),
        expect_status: status.and_then(|n| u16::try_from(n).ok()).unwrap_or(DEFAULT_HEALTH_STATUS),
        timeout_ms: timeout_ms.unwrap_or(DEFAULT_HEALTH_TIMEOUT_MS),
        interval_ms: interval_ms.unwrap_or(DEFAULT_HEALTH_INTERVAL_MS),
        attempts,
        successes,
    })
}

/// How often is asked, and how often the answer has to be good.
fn tries(reader: &mut Reader<'_>, fields: &Fields<'_>) -> (u32, u32) {
    let given = fields.get("attempts").and_then(|at| reader.count(&at, "`attempts`", 1, MAX_HEALTH_ATTEMPTS));
    let attempts = given.unwrap_or(DEFAULT_HEALTH_ATTEMPTS);
    let Some(at) = fields.get("successes") else { return (attempts, DEFAULT_HEALTH_SUCCESSES.min(attempts)) };
    let Some(successes) = reader.count(&at, "`successes`", 1, MAX_HEALTH_SUCCESSES) else {
        return (attempts, DEFAULT_HEALTH_SUCCESSES.min(attempts));
    };
    if successes > attempts {
        let message = format!("{attempts} attempts can't have {successes} successes");
        reader.error(&at, code::OUT_OF_RANGE, message).hint("raise `attempts`, or ask for fewer");
    }
    (attempts, successes)
}

fn url(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    const HINT: &str = "write it like `https://example.org/healthz`";
    let text = reader.literal(at, "`url`")?;
    match check_address(text) {
        Ok(()) => Some(text.to_owned()),
        Err(bad) => {
            let code = if bad == BadAddress::TooLong { code::LIMIT } else { code::BAD_VALUE };
            reader.error(at, code, format!("`url` {bad}")).hint(HINT);
            None
        }
    }
}
