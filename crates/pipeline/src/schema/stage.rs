//! A stage, its gates and its deployment.

use penstock_domain::StageType;
use serde_json::{Value, json};

use super::kit::{
    Definition, defined, either, given, is, list, map, may, must, object, one_or_list, same, when,
    with_default, word,
};
use super::value::{address, count, duration, environment, flag, line, text};
use crate::limits::{
    DEFAULT_HEALTH_ATTEMPTS, DEFAULT_HEALTH_INTERVAL_MS, DEFAULT_HEALTH_STATUS, DEFAULT_HEALTH_SUCCESSES,
    DEFAULT_HEALTH_TIMEOUT_MS, MAX_GATES, MAX_HEALTH_ATTEMPTS, MAX_HEALTH_INTERVAL_MS, MAX_HEALTH_SUCCESSES,
    MAX_HEALTH_TIMEOUT_MS, MAX_JOBS, MAX_STAGES, MAX_THRESHOLD, MAX_TIMEOUT_MS, MAX_VERSION_BYTES,
    MIN_HEALTH_INTERVAL_MS, MIN_TIMEOUT_MS,
};
use crate::lower::tables::{
    ASKED, DEPLOY, GATE, GATE_TYPES, HEALTH, METRICS, METRICS_OF, OPERATORS, STAGE, STRATEGIES,
};

pub(super) fn definitions() -> Vec<Definition> {
    vec![("stage", stage()), ("gate", gate()), ("deploy", deploy()), ("health_check", health_check())]
}

fn stage() -> Value {
    let types: Vec<&str> = StageType::ALL.iter().map(|stage_type| stage_type.as_str()).collect();
    object(
        &STAGE,
        "Jobs that run side by side, and what is decided when they have ended.",
        vec![
            must("name", "What it is called, and what others depend on it by.", defined("name")),
            may(
                "type",
                "What it is for. Left out, it is told by its name; `cleanup`, written out, runs whatever became of the others.",
                json!({ "type": "string", "enum": types }),
            ),
            may(
                "depends_on",
                "Stages that have to end before it starts. Left out, it starts at once.",
                one_or_list(text(), 0, MAX_STAGES),
            ),
            may("if", "Whether it runs.", defined("condition")),
            may("timeout", "How long it may take.", duration(MIN_TIMEOUT_MS, MAX_TIMEOUT_MS, None)),
            may("variables", "In the environment of its steps.", defined("variables")),
            may("env", "The same as `variables`.", defined("variables")),
            may("continue_on_error", "Whether its failure lets the execution pass.", flag(false)),
            may("enabled", "`false` switches it off.", flag(true)),
            may("gates", "What has to hold when its jobs have ended, by name.", gates()),
            may("deploy", "What its jobs deploy, and where to.", defined("deploy")),
            may("resources", "What its jobs have where they don't say it themselves.", defined("resources")),
            may("jobs", "Its jobs. A stage with gates may have none.", list(defined("job"), 0, MAX_JOBS)),
        ],
        vec![
            same("variables", "env"),
            either("gates", "deploy"),
            json!({ "if": is_gate_alone(), "else": needs_a_job() }),
            when(given("deploy"), type_is_null_or(StageType::Deploy)),
            when(
                is("type", &[StageType::Cleanup.as_str()]),
                json!({ "not": { "anyOf": [given("gates"), given("deploy")] } }),
            ),
        ],
    )
}

fn is_gate_alone() -> Value {
    json!({ "allOf": [given("gates"), { "not": given("deploy") }] })
}

fn needs_a_job() -> Value {
    json!({ "required": ["jobs"], "properties": { "jobs": { "type": "array", "minItems": 1 } } })
}

fn type_is_null_or(stage_type: StageType) -> Value {
    json!({ "properties": { "type": { "enum": [stage_type.as_str(), null] } } })
}

fn gates() -> Value {
    map(defined("name"), defined("gate"), 1, MAX_GATES)
}

fn gate() -> Value {
    let most_of_all = ASKED.iter().map(|(.., most)| *most).fold(MAX_THRESHOLD, f64::max);
    let mut rules: Vec<Value> = METRICS_OF.iter().map(|(of, metrics)| metric_of(of, metrics)).collect();
    rules.extend(ASKED.iter().map(|(metric, _, _, most)| {
        when(asks_for(metric), json!({ "properties": { "threshold": { "maximum": most } } }))
    }));
    object(
        &GATE,
        "What has to hold of the tests and their coverage.",
        vec![
            must("type", "What it looks at.", word(&GATE_TYPES)),
            may("metric", "What is asked for. Left out, the first of its type.", word(&METRICS)),
            may("operator", "How the metric has to compare with the threshold.", word(&OPERATORS)),
            may(
                "threshold",
                "Percent, or a count.",
                json!({ "type": "number", "minimum": 0, "maximum": most_of_all }),
            ),
            may("blocker", "Whether the stage fails with it.", flag(true)),
            may("overridable", "Whether a person may let it pass.", flag(true)),
        ],
        rules,
    )
}

/// `custom` stands for nothing by itself.
fn metric_of(of: &str, metrics: &[&str]) -> Value {
    let names_one = if of == "custom" { given("metric") } else { json!({}) };
    let offered: Vec<Value> = metrics.iter().map(|m| json!(m)).chain([Value::Null]).collect();
    let mut then = json!({ "properties": { "metric": { "enum": offered } } });
    if names_one != json!({}) {
        then = json!({ "allOf": [names_one, then] });
    }
    when(is("type", &[of]), then)
}

/// Whether a gate asks for `metric`, also where that is what its type stands for.
fn asks_for(metric: &str) -> Value {
    let first_of: Vec<&str> = METRICS_OF
        .iter()
        .filter(|(of, metrics)| *of != "custom" && metrics.first() == Some(&metric))
        .map(|(of, _)| *of)
        .collect();
    let named = is("metric", &[metric]);
    if first_of.is_empty() {
        return named;
    }
    let left_out = json!({ "allOf": [is("type", &first_of), { "not": given("metric") }] });
    json!({ "anyOf": [named, left_out] })
}

fn deploy() -> Value {
    object(
        &DEPLOY,
        "What the jobs of the stage deploy, and how it is found out that it is well.",
        vec![
            must("environment", "Where to.", environment()),
            may("strategy", "How.", with_default(word(&STRATEGIES), STRATEGIES.known[0])),
            may(
                "version",
                "What; `${{ … }}` is filled in. Left out, the commit.",
                line(MAX_VERSION_BYTES, true),
            ),
            may("health_check", "How it is found out that it is well.", defined("health_check")),
        ],
        vec![],
    )
}

fn health_check() -> Value {
    let status = with_default(count(100, 599), DEFAULT_HEALTH_STATUS);
    let attempts = with_default(count(1, MAX_HEALTH_ATTEMPTS), DEFAULT_HEALTH_ATTEMPTS);
    let successes = with_default(count(1, MAX_HEALTH_SUCCESSES), DEFAULT_HEALTH_SUCCESSES);
    let timeout = duration(MIN_TIMEOUT_MS, MAX_HEALTH_TIMEOUT_MS, Some(DEFAULT_HEALTH_TIMEOUT_MS));
    let interval = duration(MIN_HEALTH_INTERVAL_MS, MAX_HEALTH_INTERVAL_MS, Some(DEFAULT_HEALTH_INTERVAL_MS));
    object(
        &HEALTH,
        "An address that is asked until it has answered well often enough.",
        vec![
            must("url", "`http` or `https`, without credentials.", address()),
            may("expect_status", "The status of a good answer.", status),
            may("timeout", "How long one answer may take.", timeout),
            may("interval", "How long to wait before the next question.", interval),
            may("attempts", "Questions before the deployment is given up.", attempts),
            may("successes", "Good answers in a row; no more than `attempts`.", successes),
        ],
        vec![],
    )
}
