//! A job, its matrix and its steps.

use penstock_domain::RetryCause;
use serde_json::{Value, json};

use super::kit::{
    Definition, defined, either, given, is, list, may, must, object, one_or_list, own, same, when,
    with_default, word,
};
use super::value::{
    axis_name, count, directory, duration, flag, local_action, matrix_value, name_of_job, size, title, with,
};
use crate::limits::{
    DEFAULT_JOB_TIMEOUT_MS, MAX_AXES, MAX_BACKOFF, MAX_COMBINATIONS, MAX_CPUS, MAX_LABELS,
    MAX_MATRIX_VALUE_BYTES, MAX_MEMORY_MIB, MAX_NAME_CHARS, MAX_OUTPUTS, MAX_PRIORITY, MAX_REPORTS,
    MAX_RETRIES, MAX_RETRY_DELAY_MS, MAX_STEPS, MAX_TIMEOUT_MS, MIN_MEMORY_MIB, MIN_TIMEOUT_MS,
};
use crate::lower::tables::{
    ACTIONS, JOB, REPORTS, RESOURCES, RETRY, SETTINGS, SHELLS, STEP, STEP_TYPES, TEST_TYPES,
};
use crate::matrix::variable_name;
use crate::retry::{DEFAULT_BACKOFF, DEFAULT_DELAY_MS};

pub(super) fn definitions() -> Vec<Definition> {
    vec![
        ("job", job()),
        ("retry", retry()),
        ("resources", resources()),
        ("reports", reports()),
        ("matrix", matrix()),
        ("combination", combination()),
        ("step", step()),
    ]
}

fn job() -> Value {
    object(
        &JOB,
        "What a runner does at once: steps, one after the other in one workspace.",
        vec![
            must("name", "What it is called. With a matrix, `${{ matrix.… }}` is filled in.", name_of_job()),
            may(
                "runs_on",
                "Labels that its runner has to have.",
                one_or_list(defined("label"), 0, MAX_LABELS),
            ),
            may("if", "Whether it runs.", defined("condition")),
            may("variables", "In the environment of its steps.", defined("variables")),
            may("env", "The same as `variables`.", defined("variables")),
            may(
                "timeout",
                "How long one attempt may take.",
                duration(MIN_TIMEOUT_MS, MAX_TIMEOUT_MS, Some(DEFAULT_JOB_TIMEOUT_MS)),
            ),
            may("retry", "How often it is tried again.", defined("retry")),
            may("resources", "What its steps may use of the machine.", defined("resources")),
            may("checkout", "Whether the commit is in the workspace.", flag(true)),
            may("reports", "Files about tests and coverage that its steps write.", defined("reports")),
            may("matrix", "One job for each combination of values.", defined("matrix")),
            may(
                "outputs",
                "Names of what its steps hand on to later stages.",
                one_or_list(defined("identifier"), 0, MAX_OUTPUTS),
            ),
            may(
                "priority",
                "The higher goes first where something waits for a free runner. Left out, the pipeline's.",
                json!({ "type": "integer", "minimum": -MAX_PRIORITY, "maximum": MAX_PRIORITY }),
            ),
            may("continue_on_error", "Whether its failure lets the stage pass.", flag(false)),
            may("enabled", "`false` switches it off.", flag(true)),
            must("steps", "What it does.", list(defined("step"), 1, MAX_STEPS)),
        ],
        vec![same("variables", "env")],
    )
}

fn retry() -> Value {
    let causes: Vec<&str> = RetryCause::ALL.iter().map(|cause| cause.as_str()).collect();
    let cause = json!({ "type": "string", "enum": causes });
    let mut times = count(0, MAX_RETRIES);
    times["description"] = json!("How often, for every cause.");
    let policy = object(
        &RETRY,
        "How often, after how long and for which causes.",
        vec![
            must("max", "Tries after the first.", count(0, MAX_RETRIES)),
            may(
                "delay",
                "The wait before the first further try.",
                duration(0, MAX_RETRY_DELAY_MS, Some(DEFAULT_DELAY_MS)),
            ),
            may(
                "backoff",
                "How many times as long each further wait is.",
                json!({ "type": "number", "minimum": 1, "maximum": MAX_BACKOFF, "default": DEFAULT_BACKOFF }),
            ),
            may("on", "Causes. Left out, every one.", one_or_list(cause, 1, RetryCause::ALL.len())),
        ],
        vec![],
    );
    json!({ "anyOf": [times, policy] })
}

fn resources() -> Value {
    object(
        &RESOURCES,
        "What the steps of a job may use of the machine.",
        vec![
            may("cpus", "CPUs that they see.", count(1, MAX_CPUS)),
            may("memory", "Memory of all their processes together.", size(MIN_MEMORY_MIB, MAX_MEMORY_MIB)),
        ],
        vec![],
    )
}

fn reports() -> Value {
    let paths = || one_or_list(defined("report_path"), 1, MAX_REPORTS);
    object(
        &REPORTS,
        "Files that the runner hands in when the last step has ended.",
        vec![
            may("junit", "JUnit XML.", paths()),
            may("lcov", "LCOV text.", paths()),
            may("test_type", "What the tests are.", with_default(word(&TEST_TYPES), TEST_TYPES.known[0])),
        ],
        vec![json!({ "anyOf": [given("junit"), given("lcov")] })],
    )
}

/// Names that are no setting are those of its values.
fn matrix() -> Value {
    let combinations = |about: &str| {
        json!({
            "description": about,
            "anyOf": [list(defined("combination"), 0, MAX_COMBINATIONS), { "type": "null" }],
        })
    };
    let max = u32::try_from(MAX_COMBINATIONS).unwrap_or(u32::MAX);
    let settings = json!({
        "include": combinations("Adds its values to each combination that it fits, or is one of its own."),
        "exclude": combinations("Takes out each combination that has all its values."),
        "max_parallel": { "description": "How many of its jobs run at once.", "anyOf": [count(1, max), { "type": "null" }] },
        "fail_fast": { "description": "Whether the first that fails for good ends the others.", "type": ["boolean", "null"], "default": false },
    });
    let is_axis = json!({ "not": { "anyOf": [{ "enum": SETTINGS }, { "pattern": own() }] } });
    let has_an_axis = json!({ "not": { "propertyNames": { "not": is_axis } } });
    let includes_one = json!({
        "required": ["include"],
        "properties": { "include": { "type": "array", "minItems": 1 } },
    });
    let values = matrix_value(MAX_MATRIX_VALUE_BYTES);
    json!({
        "description": "Lists of values; one job for each combination of them.",
        "type": "object",
        "properties": settings,
        "patternProperties": { own(): true },
        "propertyNames": {
            "anyOf": [axis_name(max_axis_chars()), { "pattern": own() }],
            "not": { "enum": ["max-parallel", "fail-fast"] },
        },
        "additionalProperties": list(values, 1, MAX_COMBINATIONS),
        "anyOf": [has_an_axis, includes_one],
        "examples": [{ "node": [18, 20], "os": ["linux", "mac"] }],
    })
}

/// Each is a variable, too, which has a longer name.
fn max_axis_chars() -> usize {
    MAX_NAME_CHARS - variable_name("").len()
}

fn combination() -> Value {
    json!({
        "description": "A value for some of the names.",
        "type": "object",
        "propertyNames": axis_name(max_axis_chars()),
        "additionalProperties": matrix_value(MAX_MATRIX_VALUE_BYTES),
        "minProperties": 1,
        "maxProperties": MAX_AXES,
    })
}

fn step() -> Value {
    let one_action: Vec<Value> = ACTIONS.iter().map(|(name, _)| given(name)).collect();
    let mut rules = vec![
        json!({ "oneOf": one_action }),
        same("variables", "env"),
        when(given("with"), given("uses")),
        either("shell", "uses"),
    ];
    rules.extend(ACTIONS.iter().map(|(name, kind)| when(is("type", &[kind]), given(name))));
    let step = object(
        &STEP,
        "A command, a script or an action, run in the job's workspace.",
        vec![
            may("run", "A command line or several, for `sh -e` or the step's `shell`.", defined("script")),
            may("script", "A text of its own; what its first line names by `#!` runs it.", defined("script")),
            may("uses", "A folder of the repository with an `action.yml`.", local_action()),
            may("with", "What the action is given; `${{ … }}` is filled in.", with()),
            may("shell", "What the text is written in.", with_default(word(&SHELLS), SHELLS.known[0])),
            may("id", "What the conditions of later steps of the job call it.", defined("identifier")),
            may("type", "What it is; only checked.", word(&STEP_TYPES)),
            may("name", "What is shown. Left out, the first line that it runs.", title()),
            may("if", "Whether it runs.", defined("condition")),
            may("variables", "In its environment.", defined("variables")),
            may("env", "The same as `variables`.", defined("variables")),
            may("working_directory", "A folder below the workspace.", directory()),
            may("timeout", "How long it may take.", duration(MIN_TIMEOUT_MS, MAX_TIMEOUT_MS, None)),
            may("continue_on_error", "Whether its failure lets the job pass.", flag(false)),
            may("enabled", "`false` switches it off.", flag(true)),
        ],
        rules,
    );
    json!({ "anyOf": [{ "$ref": "#/$defs/script" }, step] })
}
