//! What starts a pipeline, what it is given then, and what follows it.

use serde_json::{Value, json};

use super::kit::{
    Definition, defined, given, is, list, map, may, may_not_null, must, object, one_or_list, same_if_given,
    when, with_default, word,
};
use super::value::{
    branch, count, cron, description, flag, flag_or_null, line, literal, literal_branch, number_or_null,
    time_zone, written_out,
};
use crate::limits::{
    MAX_CONCURRENT, MAX_GROUP_BYTES, MAX_INPUTS, MAX_OPTIONS, MAX_SCHEDULES, MAX_VALUE_BYTES,
};
use crate::lower::tables::{
    CONCURRENCY, INPUT, INPUT_TYPES, MANUAL, ON, PULL_REQUEST, PULL_REQUEST_TYPES, PUSH, SCHEDULE, THEN,
    WEBHOOK,
};

pub(super) fn definitions() -> Vec<Definition> {
    vec![
        ("on", on()),
        ("event", event()),
        ("push", push()),
        ("pull_request", pull_request()),
        ("schedule", schedule()),
        ("webhook", webhook()),
        ("manual", manual()),
        ("input", input()),
        ("concurrency", concurrency()),
        ("successor", successor()),
    ]
}

fn on() -> Value {
    let mut filters = object(
        &ON,
        "Events, each with its filter.",
        vec![
            may("push", "A push to a branch.", defined("push")),
            may("pull_request", "A pull request.", defined("pull_request")),
            may("tag", "A tag. Without patterns, every one.", defined("patterns")),
            may_not_null("schedule", "The clock.", one_of_schedules()),
            may("webhook", "Somebody's own events. Without names, every one.", defined("webhook")),
            may("manual", "A run by hand, and what it may be given.", defined("manual")),
        ],
        vec![],
    );
    filters["minProperties"] = json!(1);
    json!({ "anyOf": [
        { "$ref": "#/$defs/event" },
        list(defined("event"), 1, ON.fields.len() + ON.later.len()),
        filters,
    ]})
}

/// A word is enough for those that need not say more.
fn event() -> Value {
    let events: Vec<&str> = ON.fields.iter().copied().filter(|event| *event != "schedule").collect();
    json!({ "description": "An event without a filter.", "type": "string", "enum": events })
}

fn one_of_schedules() -> Value {
    one_or_list(defined("schedule"), 1, MAX_SCHEDULES)
}

fn push() -> Value {
    object(
        &PUSH,
        "Pushes of which branch start it, and to which files.",
        vec![
            may("branches", "The branch matches one of these.", defined("patterns")),
            may("paths", "A changed file matches one of these.", defined("patterns")),
            may("paths_ignore", "A changed file matches none of these.", defined("patterns")),
        ],
        vec![],
    )
}

fn pull_request() -> Value {
    let most = PULL_REQUEST_TYPES.known.len() + PULL_REQUEST_TYPES.later.len();
    let types = || one_or_list(word(&PULL_REQUEST_TYPES), 1, most);
    object(
        &PULL_REQUEST,
        "Which pull requests start it.",
        vec![
            may("branches", "The branch that it goes into matches one of these.", defined("patterns")),
            may("paths", "A changed file matches one of these.", defined("patterns")),
            may("paths_ignore", "A changed file matches none of these.", defined("patterns")),
            may("types", "What has to happen to it.", types()),
            may("events", "The same as `types`.", types()),
        ],
        vec![same_if_given("types", "events")],
    )
}

fn schedule() -> Value {
    object(
        &SCHEDULE,
        "When the clock starts it, and with what.",
        vec![
            must("cron", "Minute, hour, day of the month, month, day of the week.", cron()),
            may("timezone", "Whose wall clock.", time_zone()),
            may("branch", "Which branch. Left out, the repository's default one.", literal_branch()),
            may("inputs", "What it is given.", written_out()),
            may("variables", "The same as `inputs`.", written_out()),
        ],
        vec![same_if_given("inputs", "variables")],
    )
}

fn webhook() -> Value {
    object(
        &WEBHOOK,
        "Somebody's own events.",
        vec![may("events", "The event's name matches one of these.", defined("patterns"))],
        vec![],
    )
}

fn manual() -> Value {
    let inputs = map(
        defined("parameter_name"),
        json!({ "anyOf": [{ "$ref": "#/$defs/input" }, { "type": "null" }] }),
        0,
        MAX_INPUTS,
    );
    object(&MANUAL, "A run by hand.", vec![may("inputs", "What it may be given, by name.", inputs)], vec![])
}

fn input() -> Value {
    let other: Vec<&str> = INPUT_TYPES.known.iter().copied().filter(|kind| *kind != "choice").collect();
    let mut default = literal();
    default["maxLength"] = json!(MAX_VALUE_BYTES);
    let mut option = literal();
    option["pattern"] = json!(r"^[^\x00-\x1f\x7f-\x9f]+$");
    option["maxLength"] = json!(MAX_VALUE_BYTES);
    let default_is =
        |kind: &str, value: Value| when(is("type", &[kind]), json!({ "properties": { "default": value } }));
    object(
        &INPUT,
        "What a run may be given: a variable of every step, and `inputs.name` in expressions.",
        vec![
            may("type", "What it is.", with_default(word(&INPUT_TYPES), INPUT_TYPES.known[0])),
            may("required", "Whether it has to be given.", flag(false)),
            may("default", "What it is where it is not given.", default),
            may("options", "What a `choice` is one of.", one_or_list(option, 1, MAX_OPTIONS)),
            may("description", "For whoever is asked.", description()),
        ],
        vec![
            when(is("type", &["choice"]), given("options")),
            when(is("type", &other), json!({ "properties": { "options": { "type": "null" } } })),
            default_is("number", number_or_null()),
            default_is("boolean", flag_or_null()),
        ],
    )
}

fn concurrency() -> Value {
    let cancels = json!({
        "required": ["cancel_in_progress"],
        "properties": { "cancel_in_progress": { "const": true } },
    });
    object(
        &CONCURRENCY,
        "How many executions run at once, of this pipeline or of a group.",
        vec![
            may(
                "group",
                "Executions of the repository with the same group count together; `${{ … }}` is filled in.",
                line(MAX_GROUP_BYTES, false),
            ),
            may("limit", "How many of them. Of a group, 1 where it is left out.", count(1, MAX_CONCURRENT)),
            may("cancel_in_progress", "Whether a new one ends the older ones of its group.", flag(false)),
        ],
        vec![json!({ "anyOf": [given("group"), given("limit")] }), when(cancels, given("group"))],
    )
}

fn successor() -> Value {
    object(
        &THEN,
        "A pipeline that starts when this one has ended.",
        vec![
            must("pipeline", "Its name; it is one of the same repository.", defined("name")),
            may("if", "When it starts. Left out, when this one succeeded.", defined("condition")),
            may("branch", "Which branch. Left out, this one's branch and commit.", branch()),
            may("parameters", "What it is given.", defined("parameters")),
            may("variables", "The same as `parameters`.", defined("parameters")),
        ],
        vec![same_if_given("parameters", "variables")],
    )
}
