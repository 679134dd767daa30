//! The JSON Schema of a pipeline file, for editors and for whoever writes files by program.
//!
//! It is made from the very tables that the parser reads: the members of each mapping, the words of each closed list,
//! the limits. What a member's value looks like is said here beside its name, and a member that only one of the two
//! knows stops the making. It is a checked-in file, `components/api/pipeline.schema.json`: a test makes it anew and
//! compares, others hold it against the parser.
//!
//! Deliberately not in it: what only names and expressions decide, such as whether a stage exists. A file that fits
//! may still be refused by [`crate::parse`]. The other way round there is one thing: the parser reads a number within
//! quotes, too, which the schema would rather see without.

mod job;
mod kit;
mod stage;
mod start;
mod value;

use serde_json::{Map, Value, json};

use crate::limits::{
    DEFAULT_PIPELINE_TIMEOUT_MS, MAX_CONCURRENT, MAX_PRIORITY, MAX_STAGES, MAX_SUCCESSORS, MAX_TIMEOUT_MS,
    MIN_TIMEOUT_MS,
};
use crate::lower::tables::PIPELINE;
use kit::{defined, given, list, may, must, object};
use value::{count, duration, whole};

/// The whole schema, of draft 2020-12. Its members are sorted, so that equal schemas are equal text.
///
/// # Panics
/// Where the parser knows a member that is not described here, or the other way round.
pub fn json_schema() -> Value {
    let mut schema = pipeline();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["$id"] = json!("/schema/pipeline.json");
    schema["title"] = json!("Penstock pipeline");
    schema["$defs"] = [value::definitions(), start::definitions(), stage::definitions(), job::definitions()]
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect::<Map<_, _>>()
        .into();
    sorted(schema)
}

fn pipeline() -> Value {
    let example = json!({ "stages": [{ "name": "build", "jobs": [{ "name": "app", "steps": ["make"] }] }] });
    let mut schema = object(
        &PIPELINE,
        "What is run when a commit, the clock or a person asks for it: stages of jobs of steps.",
        vec![
            may("name", "What it is called. Left out, it is named after its repository.", defined("name")),
            may(
                "on",
                "What starts it. Left out, every push, every pull request and a run by hand do.",
                defined("on"),
            ),
            may("variables", "In the environment of every step.", defined("variables")),
            may("env", "The same as `variables`.", defined("variables")),
            may(
                "timeout",
                "How long an execution may take.",
                duration(MIN_TIMEOUT_MS, MAX_TIMEOUT_MS, Some(DEFAULT_PIPELINE_TIMEOUT_MS)),
            ),
            may("max_concurrent", "Executions of it that run at once.", count(1, MAX_CONCURRENT)),
            may("concurrency", "How many executions run at once.", defined("concurrency")),
            may(
                "priority",
                "The higher goes first where something waits for a free runner.",
                whole(-MAX_PRIORITY, MAX_PRIORITY, 0),
            ),
            may(
                "then",
                "Pipelines of the same repository that start when this one has ended.",
                list(defined("successor"), 0, MAX_SUCCESSORS),
            ),
            must(
                "stages",
                "Stages start side by side, but for those that depend on others.",
                list(defined("stage"), 1, MAX_STAGES),
            ),
        ],
        vec![
            kit::same("variables", "env"),
            // Beside a group's limit, the pipeline may have one of its own.
            json!({ "not": {
                "required": ["max_concurrent", "concurrency"],
                "properties": { "concurrency": { "type": "object", "not": given("group") } },
            }}),
        ],
    );
    schema["examples"] = json!([example]);
    schema
}

/// Members in the order of their names, whatever order the map keeps.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            members.into_iter().map(|(name, value)| (name, sorted(value))).collect()
        }
        Value::Array(values) => values.into_iter().map(sorted).collect(),
        other => other,
    }
}
