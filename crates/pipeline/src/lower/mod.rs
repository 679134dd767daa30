//! Tree to [`Definition`], by hand, so that every mistake is told at its place and all at once.

mod action;
mod concurrency;
mod deploy;
mod gate;
mod graph;
mod input;
mod job;
mod matrix;
mod on;
mod programs;
mod reach;
mod read;
mod report;
mod resources;
mod retry;
mod schedule;
mod scope;
mod shape;
mod stage;
mod step;
mod text;
mod then;
mod usage;
mod value;

use std::collections::BTreeMap;

use crate::definition::Definition;
use crate::diagnostic::{Diagnostics, Parsed, ParsedJobs, code};
use crate::limits::{DEFAULT_PIPELINE_TIMEOUT_MS, MAX_ADDED_JOBS, MAX_SOURCE_BYTES, MAX_STAGES};
use crate::plan::{Late, RunContext};
use crate::tree::{self, Node, Span, Value};
pub use action::{ActionInput, LocalAction, parse_action};
use job::level_variables;
use read::{At, Fields, Path, Reader, Shape};
use scope::{File, Scope};
use stage::Lowered;
pub use text::check_variable_name;
use usage::Level;

/// What may stand where: what is read by it here is told by it to others, as the schema.
#[cfg(feature = "schema")]
pub(crate) mod tables {
    pub(crate) use super::PIPELINE;
    pub(crate) use super::concurrency::SHAPE as CONCURRENCY;
    pub(crate) use super::deploy::{HEALTH, SHAPE as DEPLOY, STRATEGIES};
    pub(crate) use super::gate::{ASKED, GATE, METRICS, METRICS_OF, OPERATORS, TYPES as GATE_TYPES};
    pub(crate) use super::input::{SHAPE as INPUT, TYPES as INPUT_TYPES};
    pub(crate) use super::job::SHAPE as JOB;
    pub(crate) use super::matrix::SETTINGS;
    pub(crate) use super::on::{MANUAL, ON, PULL_REQUEST, PULL_REQUEST_TYPES, PUSH, WEBHOOK};
    pub(crate) use super::read::{NAME_SIGNS, OWN_PREFIX, Shape, Words};
    pub(crate) use super::report::{SHAPE as REPORTS, TEST_TYPES};
    pub(crate) use super::resources::{SHAPE as RESOURCES, UNITS as SIZES};
    pub(crate) use super::retry::SHAPE as RETRY;
    pub(crate) use super::schedule::SHAPE as SCHEDULE;
    pub(crate) use super::stage::SHAPE as STAGE;
    pub(crate) use super::step::{ACTIONS, SHAPE as STEP, SHELLS, TYPES as STEP_TYPES};
    pub(crate) use super::text::RESERVED_PREFIX;
    pub(crate) use super::then::SHAPE as THEN;
}

const RUN_IT: &str = "do it in a job with `run` until then";
pub(crate) const PIPELINE: Shape = Shape {
    what: "a pipeline",
    fields: &[
        "name",
        "on",
        "variables",
        "env",
        "timeout",
        "max_concurrent",
        "concurrency",
        "priority",
        "then",
        "stages",
    ],
    later: &[
        ("environments", "name one in a stage's `deploy`"),
        ("cache", RUN_IT),
        ("artifacts", RUN_IT),
        ("services", RUN_IT),
        ("notifications", RUN_IT),
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
        ("schedule", "it belongs to `on`: `on: { schedule: [{ cron: \"0 3 * * *\" }] }`"),
        ("inputs", "they belong to `on`: `on: { manual: { inputs: { … } } }`"),
        ("matrix", "it belongs to a job"),
        ("outputs", "they belong to the job whose steps hand them on"),
        ("next", "write `then`"),
        ("on_success", "write `then: [{ pipeline: … }]`"),
        ("jobs", "jobs belong to stages: `stages: [{ name: build, jobs: […] }]`"),
        ("steps", "steps belong to jobs: `stages: [{ name: build, jobs: [{ name: app, steps: […] }] }]`"),
        ("gates", "gates belong to a stage: `stages: [{ name: quality, gates: { … } }]`"),
        ("deploy", "it belongs to a stage: `stages: [{ name: staging, deploy: { … }, jobs: […] }]`"),
        ("reports", "they belong to the job whose steps write them"),
        ("resources", "they belong to a job, or to a stage for all of its jobs"),
        ("triggers", "write `on`"),
        ("trigger", "write `on`"),
        ("workflow", "write `on`"),
        ("pipeline", "write `stages`"),
        ("version", "leave it out"),
        ("when", "write `on`"),
        ("definitions", "what is only anchored is a member of your own, which begins with `x-`"),
        ("anchors", "what is only anchored is a member of your own, which begins with `x-`"),
        ("templates", "what is only anchored is a member of your own, which begins with `x-`"),
        ("default", "say it at the jobs; what is anchored in a member that begins with `x-` can be repeated"),
        ("before_script", "write it as the first of a job's `steps`"),
        ("after_script", "write it as the last of a job's `steps`, with `if: always()`"),
        ("rules", "write `on`, or an `if` at a stage or a job"),
        ("script", "write it as a step: `stages: [{ name: build, jobs: [{ name: app, steps: […] }] }]`"),
        ("kind", "leave it out"),
        ("pool", "choose a runner by a job's `runs_on`"),
        ("agents", "choose a runner by a job's `runs_on`"),
    ],
};

/// Reads a pipeline file, YAML or JSON, and says all that is wrong with it.
pub fn parse(text: &str) -> Parsed {
    let (text, root, out) = match open(text, FIRST_LINES) {
        Ok(opened) => opened,
        Err(diagnostics) => return Parsed { definition: None, diagnostics },
    };
    let mut reader = Reader::new(text, out);
    let definition = pipeline(&mut reader, &root);
    let complete = !reader.out.has_errors();
    Parsed { definition: definition.filter(|_| complete), diagnostics: reader.out.finish() }
}

/// Reads what a running step adds to its stage: a mapping with `jobs`, of the shape that a stage's `jobs` have.
///
/// `variables` and `late` are those around the jobs: the pipeline's and the stage's. Stages may have any name there.
pub fn parse_jobs(
    text: &str,
    context: &RunContext,
    variables: &BTreeMap<String, String>,
    late: &[Late],
) -> ParsedJobs {
    let (text, root, out) = match open(text, FIRST_JOBS) {
        Ok(opened) => opened,
        Err(diagnostics) => return ParsedJobs { jobs: None, diagnostics },
    };
    let mut reader = Reader::new(text, out);
    let file = File::elsewhere(context);
    let mut scope = file.scope();
    variables.keys().for_each(|name| scope.set(name, false));
    late.iter().for_each(|late| scope.set(&late.name, true));
    let jobs = added_jobs(&mut reader, &root, &scope);
    let complete = !reader.out.has_errors();
    ParsedJobs { jobs: jobs.filter(|_| complete), diagnostics: reader.out.finish() }
}

const FRAGMENT: Shape = Shape {
    what: "an upload of jobs",
    fields: &["jobs"],
    later: &[],
    instead: &[
        ("stages", "jobs are added to the stage of the step that adds them; write `jobs` alone"),
        ("steps", "put them into a job: `jobs: [{ name: …, steps: […] }]`"),
    ],
};

fn added_jobs(
    reader: &mut Reader<'_>,
    root: &Node,
    scope: &Scope<'_>,
) -> Option<Vec<crate::definition::Job>> {
    let fields = Fields::open(reader, At { node: root, path: Path::Root }, &FRAGMENT)?;
    let at = fields.need(reader, "jobs", &FRAGMENT, FIRST_JOBS)?;
    let jobs = job::jobs(reader, &at, scope, "", MAX_ADDED_JOBS);
    let count: usize = jobs.iter().map(job::count).sum();
    if count > MAX_ADDED_JOBS {
        let message = format!("an upload can add at most {MAX_ADDED_JOBS} jobs, and these are {count}");
        reader.error(&at, code::LIMIT, message).hint("do several things in one job");
    }
    if jobs.is_empty() && !reader.out.has_errors() {
        reader.error(&at, code::MISSING_FIELD, "there is no job to add").hint(FIRST_JOBS);
    }
    Some(jobs)
}

const START: Span = Span { line: 1, column: 1, length: 1 };
const FIRST_LINES: &str = "begin with `stages: [{ name: build, jobs: [{ name: app, steps: [make] }] }]`";
const FIRST_JOBS: &str = "begin with `jobs: [{ name: app, steps: [make] }]`";

/// The tree of a text that is not too long, or why there is none.
fn open<'s>(
    text: &'s str,
    first_lines: &str,
) -> Result<(&'s str, Node, Diagnostics), Vec<crate::diagnostic::Diagnostic>> {
    let mut out = Diagnostics::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_SOURCE_BYTES {
        let message =
            format!("the file has {} KiB, and can have {}", text.len() / 1024, MAX_SOURCE_BYTES / 1024);
        out.error(START, String::new(), code::LIMIT, message)
            .hint("move scripts into files of the repository");
        return Err(out.finish());
    }
    let root = tree::read(text, &mut out).filter(|root| !root.is_null());
    let Some(root) = root else {
        if !out.has_errors() {
            out.error(START, String::new(), code::EMPTY, "there is nothing here".to_owned())
                .hint(first_lines);
        }
        return Err(out.finish());
    };
    Ok((text, root, out))
}

fn pipeline(reader: &mut Reader<'_>, root: &Node) -> Option<Definition> {
    let at = At { node: root, path: Path::Root };
    let fields = Fields::open(reader, at, &PIPELINE)?;
    let name = fields.get("name").and_then(|at| reader.name(&at, "a pipeline's name"));
    let (triggers, inputs) = on::triggers(reader, fields.get_with_null("on").filter(|at| !at.node.is_null()));
    let file = File::new(root, &inputs, &reader.refused_inputs);
    let mut scope = file.scope();
    let variables = level_variables(reader, &fields, &mut scope, Level::Pipeline);
    let timeout_ms = reader.timeout_ms(fields.get("timeout")).unwrap_or(DEFAULT_PIPELINE_TIMEOUT_MS);
    let (max_concurrent, concurrency) = concurrency::concurrency(reader, &fields, &scope);
    let priority = job::priority(reader, &fields).unwrap_or_default();
    let stages = stages(reader, &fields, &scope, &reach::Events::of(&triggers));
    let then = fields
        .get("then")
        .map(|at| then::successors(reader, at, &scope, name.as_deref()))
        .unwrap_or_default();
    let definition = Definition {
        name,
        triggers,
        variables,
        timeout_ms,
        max_concurrent,
        concurrency,
        priority,
        inputs,
        then,
        stages,
    };
    usage::report_unused(reader, &definition);
    Some(definition)
}

fn stages(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    scope: &Scope<'_>,
    events: &reach::Events,
) -> Vec<crate::definition::Stage> {
    const HINT: &str = "write `stages:`, and below it `- name: …` with `jobs` for each";
    let Some(at) = fields.need(reader, "stages", &PIPELINE, HINT) else { return vec![] };
    if matches!(&at.node.value, Value::List(list) if list.is_empty()) {
        reader.error(&at, code::MISSING_FIELD, "a pipeline needs at least one stage").hint(HINT);
    }
    let mut jobs = 0;
    let items = reader.items(&at, "`stages`", MAX_STAGES, HINT);
    let mut lowered: Vec<Lowered> =
        items.into_iter().filter_map(|at| stage::stage(reader, at, scope, &mut jobs)).collect();
    graph::check(reader, &mut lowered, events);
    lowered.into_iter().map(|lowered| lowered.stage).collect()
}
