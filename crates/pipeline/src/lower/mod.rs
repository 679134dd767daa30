//! Tree to [`Definition`], by hand, so that every mistake is told at its place and all at once.

mod deploy;
mod gate;
mod graph;
mod job;
mod on;
mod read;
mod report;
mod stage;
mod step;
mod text;

use std::borrow::Cow;
use std::collections::BTreeMap;

use penstock_domain::WorkStatus;

use crate::definition::Definition;
use crate::diagnostic::{Diagnostics, Parsed, ParsedJobs, code};
use crate::limits::{DEFAULT_PIPELINE_TIMEOUT_MS, MAX_CONCURRENT, MAX_SOURCE_BYTES, MAX_STAGES};
use crate::plan::{Late, RunContext};
use crate::tree::{self, Node, Span, Value};
use job::level_variables;
use read::{At, Fields, Path, Reader, Shape};
use stage::Lowered;
use text::Scope;
pub(crate) use text::check_variable_name;

const RUN_IT: &str = "do it in a job with `run` until then";
const PIPELINE: Shape = Shape {
    what: "a pipeline",
    fields: &["name", "on", "variables", "env", "timeout", "max_concurrent", "concurrency", "stages"],
    later: &[
        ("schedule", "start it through the API from any scheduler until then"),
        ("matrix", "write one job for each combination until then"),
        ("environments", "name one in a stage's `deploy`"),
        ("cache", RUN_IT),
        ("artifacts", RUN_IT),
        ("services", RUN_IT),
        ("notifications", RUN_IT),
        ("inputs", "give parameters when starting it; each is a variable"),
        ("outputs", "pass files on through a store of your own until then"),
        ("secrets", "keep them on the runner until then"),
        ("defaults", "say it at each step until then"),
        ("image", "choose a runner that has the tools by a job's `runs_on` until then"),
        ("include", "write it out until then"),
        ("type", "leave it out"),
        ("description", "write a comment"),
        ("retry", "say it at the jobs"),
        ("permissions", "leave it out: a job gets no token of the forge"),
    ],
    instead: &[
        ("jobs", "jobs belong to stages: `stages: [{ name: build, jobs: […] }]`"),
        ("steps", "steps belong to jobs: `stages: [{ name: build, jobs: [{ name: app, steps: […] }] }]`"),
        ("gates", "gates belong to a stage: `stages: [{ name: quality, gates: { … } }]`"),
        ("deploy", "it belongs to a stage: `stages: [{ name: staging, deploy: { … }, jobs: […] }]`"),
        ("reports", "they belong to the job whose steps write them"),
        ("triggers", "write `on`"),
        ("trigger", "write `on`"),
        ("workflow", "write `on`"),
        ("pipeline", "write `stages`"),
        ("version", "leave it out"),
    ],
};

const CONCURRENCY: Shape = Shape {
    what: "`concurrency`",
    fields: &["limit"],
    later: &[
        ("group", "`limit` alone counts the executions of this pipeline"),
        ("cancel_in_progress", "cancel the older one by hand until then"),
        ("cancel-in-progress", "cancel the older one by hand until then"),
    ],
    instead: &[],
};

/// Reads a pipeline file, YAML or JSON, and says all that is wrong with it.
pub fn parse(text: &str) -> Parsed {
    let mut out = Diagnostics::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_SOURCE_BYTES {
        let message =
            format!("the file has {} KiB, and can have {}", text.len() / 1024, MAX_SOURCE_BYTES / 1024);
        out.error(START, String::new(), code::LIMIT, message)
            .hint("move scripts into files of the repository");
        return Parsed { definition: None, diagnostics: out.finish() };
    }
    let Some(root) = tree::read(text, &mut out) else {
        if !out.has_errors() {
            out.error(START, String::new(), code::EMPTY, "there is nothing here".to_owned())
                .hint(FIRST_LINES);
        }
        return Parsed { definition: None, diagnostics: out.finish() };
    };
    let mut reader = Reader { source: text, out, expressions: 0 };
    let definition = pipeline(&mut reader, &root);
    let complete = !reader.out.has_errors();
    Parsed { definition: definition.filter(|_| complete), diagnostics: reader.out.finish() }
}

/// Reads what a running step adds to its stage: a mapping with `jobs`, of the shape that a stage's `jobs` have.
///
/// `variables` and `late` are those around the jobs: the pipeline's and the stage's.
pub fn parse_jobs(
    text: &str,
    context: &RunContext,
    variables: &BTreeMap<String, String>,
    late: &[Late],
) -> ParsedJobs {
    let _ = (context, late);
    let mut out = Diagnostics::default();
    let Some(root) = tree::read(text, &mut out) else {
        return ParsedJobs { jobs: None, diagnostics: out.finish() };
    };
    let mut reader = Reader { source: text, out, expressions: 0 };
    let names = BTreeMap::new();
    let scope = Scope { stages: &names, variables: Cow::Borrowed(variables) };
    let fields = Fields::open(&mut reader, At { node: &root, path: Path::Root }, &FRAGMENT);
    let jobs = fields.map(|fields| stage::jobs(&mut reader, &fields, &scope, &mut 0));
    let complete = !reader.out.has_errors();
    ParsedJobs { jobs: jobs.filter(|_| complete), diagnostics: reader.out.finish() }
}

const FRAGMENT: Shape = Shape { what: "an upload of jobs", fields: &["jobs"], later: &[], instead: &[] };

const START: Span = Span { line: 1, column: 1, length: 1 };
const FIRST_LINES: &str = "begin with `stages: [{ name: build, jobs: [{ name: app, steps: [make] }] }]`";

fn pipeline(reader: &mut Reader<'_>, root: &Node) -> Option<Definition> {
    let at = At { node: root, path: Path::Root };
    let fields = Fields::open(reader, at, &PIPELINE)?;
    let names = stage_names(root);
    let mut scope = Scope { stages: &names, variables: Cow::Owned(BTreeMap::new()) };
    let name = fields.get("name").and_then(|at| reader.name(&at, "a pipeline's name"));
    let triggers = on::triggers(reader, fields.get_with_null("on").filter(|at| !at.node.is_null()));
    let variables = level_variables(reader, &fields, &mut scope);
    let timeout_ms = reader.timeout_ms(fields.get("timeout")).unwrap_or(DEFAULT_PIPELINE_TIMEOUT_MS);
    let max_concurrent = max_concurrent(reader, &fields);
    let stages = stages(reader, &fields, &scope);
    Some(Definition {
        name,
        triggers,
        variables,
        timeout_ms,
        max_concurrent,
        concurrency: None,
        priority: 0,
        inputs: vec![],
        then: vec![],
        stages,
    })
}

/// The names alone, as a condition may ask for a stage that comes after it.
fn stage_names(root: &Node) -> BTreeMap<String, WorkStatus> {
    let stages = match &root.value {
        Value::Map(entries) => {
            entries.iter().find(|(key, _)| key.text == "stages").map(|(_, stages)| &stages.value)
        }
        _ => None,
    };
    let Some(Value::List(stages)) = stages else { return BTreeMap::new() };
    let names = stages.iter().take(MAX_STAGES).filter_map(stage_name);
    names.map(|name| (name.to_owned(), WorkStatus::Succeeded)).collect()
}

fn stage_name(stage: &Node) -> Option<&str> {
    let Value::Map(entries) = &stage.value else { return None };
    let (_, name) = entries.iter().find(|(key, _)| key.text == "name")?;
    if let Value::Scalar(scalar) = &name.value { Some(&scalar.text) } else { None }
}

fn max_concurrent(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<u32> {
    if let (Some(_), Some(key)) = (fields.key("max_concurrent"), fields.key("concurrency")) {
        let message = "`concurrency` and `max_concurrent` are the same".to_owned();
        reader
            .out
            .error(key.span, "/concurrency".to_owned(), code::DUPLICATE_KEY, message)
            .hint("keep one of them");
    }
    if let Some(at) = fields.get("max_concurrent") {
        return reader.count(&at, "`max_concurrent`", 1, MAX_CONCURRENT);
    }
    let at = fields.get("concurrency")?;
    if at.scalar().is_some() {
        reader.wrong_type(&at, "`concurrency`", "a mapping").hint("write `concurrency: { limit: 1 }`");
        return None;
    }
    let fields = Fields::open(reader, at, &CONCURRENCY)?;
    let limit = fields.need(reader, "limit", &CONCURRENCY, "write `limit: 1`")?;
    reader.count(&limit, "`limit`", 1, MAX_CONCURRENT)
}

fn stages(reader: &mut Reader<'_>, fields: &Fields<'_>, scope: &Scope<'_>) -> Vec<crate::definition::Stage> {
    const HINT: &str = "write `stages:`, and below it `- name: …` with `jobs` for each";
    let Some(at) = fields.need(reader, "stages", &PIPELINE, HINT) else { return vec![] };
    if matches!(&at.node.value, Value::List(list) if list.is_empty()) {
        reader.error(&at, code::MISSING_FIELD, "a pipeline needs at least one stage").hint(HINT);
    }
    let mut jobs = 0;
    let items = reader.items(&at, "`stages`", MAX_STAGES, HINT);
    let lowered: Vec<Lowered> =
        items.into_iter().filter_map(|at| stage::stage(reader, at, scope, &mut jobs)).collect();
    graph::check(reader, &lowered);
    lowered.into_iter().map(|lowered| lowered.stage).collect()
}
