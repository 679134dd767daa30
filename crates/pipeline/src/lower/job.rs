//! A job: what a runner gets at once.

use std::collections::BTreeMap;

use penstock_domain::RetryCause;

use super::read::{At, Fields, Reader, Shape};
use super::report;
use super::step;
use super::text::{Scope, condition, variables};
use crate::definition::{Job, Step};
use crate::diagnostic::code;
use crate::expression::names::Site;
use crate::limits::{
    DEFAULT_JOB_TIMEOUT_MS, MAX_BACKOFF, MAX_LABEL_CHARS, MAX_LABELS, MAX_RETRIES, MAX_RETRY_DELAY_MS,
    MAX_STEPS,
};
use crate::retry::RetryPolicy;
use crate::suggest::nearest;
use crate::tree::{Span, shown};

const RUN_IT: &str = "do it in a step with `run` until then";
const SHAPE: Shape = Shape {
    what: "a job",
    fields: &[
        "name",
        "runs_on",
        "if",
        "variables",
        "env",
        "timeout",
        "retry",
        "checkout",
        "reports",
        "steps",
    ],
    later: &[
        ("matrix", "write one job for each combination until then"),
        ("image", "choose a runner that has the tools by `runs_on` until then"),
        ("container", "choose a runner that has the tools by `runs_on` until then"),
        ("cache", RUN_IT),
        ("artifacts", RUN_IT),
        ("services", RUN_IT),
        ("outputs", "pass files on through a store of your own until then"),
        ("needs", "jobs of one stage run side by side; put what has to wait into a stage with `depends_on`"),
        (
            "depends_on",
            "jobs of one stage run side by side; put what has to wait into a stage with `depends_on`",
        ),
        ("strategy", "write one job for each combination until then"),
        ("environment", "set `variables` until then"),
        ("secrets", "keep them on the runner until then"),
        ("permissions", "leave it out: a job gets no token of the forge"),
        ("concurrency", "limit the whole pipeline by `max_concurrent` until then"),
        ("defaults", "say it at each step until then"),
        ("continue_on_error", "say it at the steps until then"),
        ("enabled", "write `if: false` until then"),
        ("description", "write a comment"),
        ("resources", "choose a runner by `runs_on` until then"),
        ("uses", "write the job out until then"),
    ],
    instead: &[
        ("gates", "they belong to a stage"),
        ("deploy", "it belongs to the job's stage"),
        ("report", "write `reports`"),
        ("test_results", "write `reports: { junit: … }`"),
        ("coverage", "write `reports: { lcov: … }`"),
        ("script", "write `steps:`, each with a `run`"),
        ("run", "write `steps:`, each with a `run`"),
        ("tags", "choose a runner by `runs_on`"),
        ("labels", "choose a runner by `runs_on`"),
        ("when", "write `if`"),
        ("retries", "write `retry`"),
        ("timeout-minutes", "write `timeout: 30m`"),
        ("timeout_minutes", "write `timeout: 30m`"),
        ("timeout_seconds", "write `timeout: 90s`"),
        ("continue-on-error", "say `continue_on_error` at the steps"),
        ("allow_failure", "say `continue_on_error` at the steps"),
        ("stage", "put the job into the `jobs` of its stage"),
    ],
};

const RETRY: Shape = Shape {
    what: "`retry`",
    fields: &["max", "delay", "backoff", "on"],
    later: &[],
    instead: &[("when", "write `on`"), ("max_retries", "write `max`"), ("backoff_factor", "write `backoff`")],
};

pub(super) fn job(reader: &mut Reader<'_>, at: At<'_>, scope: &Scope<'_>) -> Option<Job> {
    let fields = Fields::open(reader, at, &SHAPE)?;
    let name = fields
        .need(reader, "name", &SHAPE, "write `name: …`; it shows in statuses and logs")
        .and_then(|at| reader.name(&at, "a job's name"));
    let mut scope = scope.within();
    let variables = level_variables(reader, &fields, &mut scope);
    Some(Job {
        name: name.unwrap_or_default(),
        runs_on: fields.get("runs_on").map(|at| labels(reader, at)).unwrap_or_default(),
        condition: condition(reader, fields.get("if"), Site::Work, &scope),
        variables,
        timeout_ms: reader.timeout_ms(fields.get("timeout")).unwrap_or(DEFAULT_JOB_TIMEOUT_MS),
        retry: fields.get("retry").map(|at| retry(reader, at)).unwrap_or_default(),
        checkout: fields.get("checkout").and_then(|at| reader.flag(&at, "`checkout`")).unwrap_or(true),
        reports: fields.get("reports").map(|at| report::reports(reader, at)).unwrap_or_default(),
        matrix: None,
        priority: None,
        continue_on_error: false,
        enabled: true,
        outputs: vec![],
        steps: steps(reader, &fields, &scope),
    })
}

/// `variables`, or `env` as some write it.
pub(super) fn level_variables(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    scope: &mut Scope<'_>,
) -> Vec<crate::definition::Variable> {
    if let (Some(_), Some(env)) = (fields.key("variables"), fields.key("env")) {
        let message = "`env` and `variables` are the same".to_owned();
        reader
            .out
            .error(env.span, fields.pointer("env"), code::DUPLICATE_KEY, message)
            .hint("keep `variables`");
    }
    variables(reader, fields.get("variables").or_else(|| fields.get("env")), scope)
}

fn steps(reader: &mut Reader<'_>, fields: &Fields<'_>, scope: &Scope<'_>) -> Vec<Step> {
    const HINT: &str = "write `steps:`, and below it `- run: …` for each";
    let Some(at) = fields.need(reader, "steps", &SHAPE, HINT) else { return vec![] };
    let items = reader.items(&at, "`steps`", MAX_STEPS, HINT);
    if matches!(&at.node.value, crate::tree::Value::List(list) if list.is_empty()) {
        reader.error(&at, code::MISSING_FIELD, "a job needs at least one step").hint(HINT);
    }
    items.into_iter().filter_map(|at| step::step(reader, at, scope)).collect()
}

fn labels(reader: &mut Reader<'_>, at: At<'_>) -> Vec<String> {
    let hint = "write a label or a list, such as `[linux, gpu]`";
    let mut labels: Vec<String> = vec![];
    for (at, label) in reader.words(&at, "`runs_on`", MAX_LABELS, hint) {
        let fine = label.starts_with(|c: char| c.is_ascii_alphanumeric())
            && label.len() <= MAX_LABEL_CHARS
            && label.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:".contains(c));
        if !fine {
            let message = format!("`{}` can't be a label", shown(label));
            let hint = format!("use up to {MAX_LABEL_CHARS} letters, digits and `_ - . :`");
            reader.error(&at, code::BAD_NAME, message).hint(hint);
        } else if !labels.iter().any(|known| known == label) {
            labels.push(label.to_owned());
        }
    }
    labels
}

fn retry(reader: &mut Reader<'_>, at: At<'_>) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    if at.scalar().is_some() {
        policy.max = reader.count(&at, "`retry`", 0, MAX_RETRIES).unwrap_or(0);
        return policy;
    }
    let Some(fields) = Fields::open(reader, at, &RETRY) else { return policy };
    let max = fields.need(reader, "max", &RETRY, "write `max: 2`, or `retry: 2` alone");
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

/// Jobs of one stage have names of their own.
pub(super) fn unique_names(reader: &mut Reader<'_>, jobs: &[(At<'_>, Job)]) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for (at, job) in jobs.iter().filter(|(_, job)| !job.name.is_empty()) {
        match seen.get(job.name.as_str()) {
            Some(first) => reader.duplicate(at, "a job", &job.name, *first),
            None => {
                seen.insert(&job.name, at.node.span);
            }
        }
    }
}
