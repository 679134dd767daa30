//! A job: what a runner gets at once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::read::{At, Fields, Path, Reader, Shape};
use super::resources::resources;
use super::retry::retry;
use super::scope::Scope;
use super::text::{condition, template, variables};
use super::usage::Level;
use super::{matrix, report, step};
use crate::definition::{Job, Matrix, Step};
use crate::diagnostic::code;
use crate::duration::write_ms;
use crate::expression::StepFact;
use crate::expression::names::{MatrixOffer, Site};
use crate::limits::{
    DEFAULT_JOB_TIMEOUT_MS, MAX_LABEL_CHARS, MAX_LABELS, MAX_NAME_CHARS, MAX_OUTPUTS, MAX_PRIORITY, MAX_STEPS,
};
use crate::matrix::{axes, fill, names, values, variable_name};
use crate::template::has_expressions;
use crate::tree::{Span, shown};

const RUN_IT: &str = "do it in a step with `run` until then";
pub(crate) const SHAPE: Shape = Shape {
    what: "a job",
    fields: &[
        "name",
        "runs_on",
        "if",
        "variables",
        "env",
        "timeout",
        "retry",
        "resources",
        "checkout",
        "reports",
        "matrix",
        "outputs",
        "priority",
        "continue_on_error",
        "enabled",
        "steps",
    ],
    later: &[
        ("image", "choose a runner that has the tools by `runs_on` until then"),
        ("container", "choose a runner that has the tools by `runs_on` until then"),
        ("cache", RUN_IT),
        ("artifacts", RUN_IT),
        ("services", RUN_IT),
        ("needs", "jobs of one stage run side by side; put what has to wait into a stage with `depends_on`"),
        (
            "depends_on",
            "jobs of one stage run side by side; put what has to wait into a stage with `depends_on`",
        ),
        ("environment", "name it in the stage's `deploy: { environment: … }`, or set `variables`"),
        ("secrets", "keep them on the runner until then"),
        ("permissions", "leave it out: a job gets no token of the forge"),
        ("concurrency", "limit the whole pipeline by `concurrency` until then"),
        ("defaults", "say it at each step until then"),
        ("description", "write a comment"),
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
        ("strategy", "write `matrix`, with `max_parallel` and `fail_fast` in it"),
        ("parallel", "write `matrix`"),
        ("continue-on-error", "write `continue_on_error`"),
        ("allow_failure", "write `continue_on_error`"),
        ("output", "write `outputs`"),
        ("max_parallel", "it belongs into `matrix`"),
        ("fail_fast", "it belongs into `matrix`"),
        ("stage", "put the job into the `jobs` of its stage"),
        ("commands", "write `steps:`, each with a `run`"),
        ("command", "write `steps:`, each with a `run`"),
        ("before_script", "write it as the first of the `steps`"),
        ("after_script", "write it as the last of the `steps`, with `if: always()`"),
        ("rules", "write `if`"),
        ("only", "write `if`, such as `if: branch == \"main\"`"),
        ("except", "write `if`, such as `if: branch != \"main\"`"),
        ("condition", "write `if`"),
        ("extends", "anchor it in a member that begins with `x-`, and write `<<: *name`"),
        ("label", "write `name`"),
        ("displayName", "write `name`"),
        ("key", "leave it out: a job is known by its `name`"),
        ("agents", "choose a runner by `runs_on`"),
        ("pool", "choose a runner by `runs_on`"),
        ("parallelism", "write `matrix`"),
        ("soft_fail", "write `continue_on_error`"),
    ],
};

/// The jobs of a stage, or those that a running step adds to it.
pub(super) fn jobs(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    scope: &Scope<'_>,
    stage: &str,
    max: usize,
) -> Vec<Job> {
    let hint = "write `jobs:`, and below it `- name: …` with `steps` for each";
    let items = reader.items(at, "`jobs`", max, hint);
    let jobs: Vec<(At<'_>, Job)> =
        items.into_iter().filter_map(|at| Some((at, job(reader, at, scope, stage)?))).collect();
    unique_names(reader, &jobs);
    jobs.into_iter().map(|(_, job)| job).collect()
}

/// Jobs that it is written out to.
pub(super) fn count(job: &Job) -> usize {
    job.matrix.as_ref().map_or(1, |matrix| matrix.combinations.len())
}

fn job(reader: &mut Reader<'_>, at: At<'_>, scope: &Scope<'_>, stage: &str) -> Option<Job> {
    let fields = Fields::open(reader, at, &SHAPE)?;
    let errors = reader.out.error_count();
    let matrix = fields.get("matrix").and_then(|at| matrix::matrix(reader, at));
    let mut scope = scope.within();
    if fields.get("matrix").is_some() {
        // What could not be read of it is told already.
        let is_whole = reader.out.error_count() == errors;
        scope.matrix = Some(Cow::Owned(MatrixOffer { axes: offered(matrix.as_ref()), is_whole }));
    }
    let name = fields
        .need(reader, "name", &SHAPE, "write `name: …`; it shows in statuses and logs")
        .and_then(|at| name(reader, &at, matrix.as_ref(), &scope));
    let expressions = reader.expressions;
    let variables = level_variables(reader, &fields, &mut scope, Level::Job);
    if let (Some(matrix), Some(at)) = (&matrix, fields.get("matrix")) {
        matrix_variables(reader, &at, matrix, &mut scope);
    }
    let outputs = fields.get("outputs").map(|at| outputs(reader, at, stage)).unwrap_or_default();
    let condition = condition(reader, fields.get("if"), Site::Work, &scope);
    let timeout_ms = reader.timeout_ms(fields.get("timeout")).unwrap_or(DEFAULT_JOB_TIMEOUT_MS);
    let steps = steps(reader, &fields, &scope, timeout_ms);
    if let Some(matrix) = &matrix {
        reader.affords(&at, expressions, matrix.combinations.len());
    }
    Some(Job {
        name: name.unwrap_or_default(),
        runs_on: fields
            .get("runs_on")
            .map(|at| labels(reader, at, matrix.as_ref(), &scope))
            .unwrap_or_default(),
        condition,
        variables,
        timeout_ms,
        retry: fields.get("retry").map(|at| retry(reader, at)).unwrap_or_default(),
        resources: fields.get("resources").and_then(|at| resources(reader, at)),
        checkout: fields.flag(reader, "checkout", true),
        reports: fields.get("reports").map(|at| report::reports(reader, at)).unwrap_or_default(),
        matrix,
        priority: priority(reader, &fields),
        continue_on_error: fields.flag(reader, "continue_on_error", false),
        enabled: fields.enabled(reader, "job"),
        outputs,
        steps,
    })
}

/// What the combinations have under each name, the empty value where one of them lacks it.
fn offered(matrix: Option<&Matrix>) -> BTreeMap<String, BTreeSet<String>> {
    let Some(matrix) = matrix else { return BTreeMap::new() };
    let value = |combination: &Vec<(String, String)>, axis: &str| {
        combination.iter().find(|(name, _)| name == axis).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let values = |axis: &str| matrix.combinations.iter().map(|one| value(one, axis)).collect();
    axes(matrix).into_iter().map(|axis| (axis.to_owned(), values(axis))).collect()
}

/// A job of a matrix may say which one it is.
fn name(reader: &mut Reader<'_>, at: &At<'_>, matrix: Option<&Matrix>, scope: &Scope<'_>) -> Option<String> {
    const WHAT: &str = "a job's name";
    let text = reader.text(at, WHAT)?;
    let Some(matrix) = matrix.filter(|_| has_expressions(text)) else { return reader.name(at, WHAT) };
    let before = reader.expressions;
    template(reader, at, Site::Label, scope);
    if !reader.affords(at, before, matrix.combinations.len()) {
        return None;
    }
    for combination in &matrix.combinations {
        // What can't be filled in is told already.
        let Ok(name) = fill(text, &values(combination)) else { return None };
        if !reader.is_name(at, name.trim(), WHAT) {
            return None;
        }
    }
    Some(text.to_owned())
}

fn matrix_variables(reader: &mut Reader<'_>, at: &At<'_>, matrix: &Matrix, scope: &mut Scope<'_>) {
    for axis in axes(matrix) {
        let name = variable_name(axis);
        let key = at.entries().and_then(|entries| entries.iter().find(|(key, _)| key.text == axis));
        let span = key.map_or(at.node.span, |(key, _)| key.span);
        let Reader { usage, out, .. } = reader;
        usage.set_by_matrix(&name, span, &Path::Field(&at.path, axis), out);
        scope.set(&name, false);
    }
}

pub(super) fn priority(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<i32> {
    fields.get("priority").and_then(|at| reader.integer(&at, "`priority`", -MAX_PRIORITY, MAX_PRIORITY))
}

/// Names of what the steps hand on to later stages.
fn outputs(reader: &mut Reader<'_>, at: At<'_>, stage: &str) -> Vec<String> {
    let hint = "write the names in a list, such as `[version]`";
    let mut outputs: Vec<String> = vec![];
    for (at, name) in reader.words(&at, "`outputs`", MAX_OUTPUTS, hint) {
        if !is_identifier(name) {
            let message = format!("`{}` can't be an output", shown(name));
            reader.error(&at, code::BAD_NAME, message).hint(IDENTIFIER_HINT);
        } else if outputs.iter().any(|known| known == name) {
            let message = format!("the output `{name}` is here twice");
            reader.warn(&at, code::REDUNDANT, message).hint("once is enough");
        } else {
            reader.usage.declare_output(stage, name, at.node.span, &at.path);
            outputs.push(name.to_owned());
        }
    }
    outputs
}

pub(super) const IDENTIFIER_HINT: &str = "use letters, digits, `_` and `-`, not beginning with a digit";

/// What expressions may name.
pub(super) fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        && name.len() <= MAX_NAME_CHARS
}

/// `variables`, or `env` as some write it.
pub(super) fn level_variables(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    scope: &mut Scope<'_>,
    level: Level,
) -> Vec<crate::definition::Variable> {
    reader.usage.enter(level);
    if let (Some(_), Some(env)) = (fields.key("variables"), fields.key("env")) {
        let message = "`env` and `variables` are the same".to_owned();
        reader
            .out
            .error(env.span, fields.pointer("env"), code::DUPLICATE_KEY, message)
            .hint("keep `variables`");
    }
    variables(reader, fields.get("variables").or_else(|| fields.get("env")), scope)
}

fn steps(reader: &mut Reader<'_>, fields: &Fields<'_>, scope: &Scope<'_>, timeout_ms: i64) -> Vec<Step> {
    const HINT: &str = "write `steps:`, and below it `- run: …` for each";
    let Some(at) = fields.need(reader, "steps", &SHAPE, HINT) else { return vec![] };
    let items = reader.items(&at, "`steps`", MAX_STEPS, HINT);
    if matches!(&at.node.value, crate::tree::Value::List(list) if list.is_empty()) {
        reader.error(&at, code::MISSING_FIELD, "a job needs at least one step").hint(HINT);
    }
    let mut scope = scope.within();
    let mut steps = vec![];
    for at in items {
        let Some(step) = step::step(reader, at, &scope) else { continue };
        if let (true, Some(at)) = (step.timeout_ms > Some(timeout_ms), at.member("timeout")) {
            let message = format!("the job's own time is over before, after {}", write_ms(timeout_ms));
            reader.warn(&at, code::REDUNDANT, message).hint("give the job a longer `timeout`");
        }
        if let Some(id) = &step.id {
            if let (true, Some(at)) = (scope.steps.contains_key(id), at.member("id")) {
                let message = format!("a step with the id `{id}` is here already");
                reader.error(&at, code::DUPLICATE_NAME, message).hint("call one of them something else");
            }
            scope.steps.to_mut().insert(id.clone(), StepFact { exit_code: Some(0), ..StepFact::default() });
        }
        steps.push(step);
    }
    steps
}

fn labels(reader: &mut Reader<'_>, at: At<'_>, matrix: Option<&Matrix>, scope: &Scope<'_>) -> Vec<String> {
    let hint = "write a label or a list, such as `[linux, gpu]`";
    let mut labels: Vec<String> = vec![];
    let is_whole = scope.matrix.as_ref().is_none_or(|matrix| matrix.is_whole);
    for (at, label) in reader.words(&at, "`runs_on`", MAX_LABELS, hint) {
        let (before, expressions) = (reader.out.count(), reader.expressions);
        let wrong = match matrix.filter(|_| has_expressions(label)) {
            Some(matrix) => {
                template(reader, &at, Site::Label, scope);
                // What can't be filled in is no label, and is told already.
                let affords = reader.affords(&at, expressions, matrix.combinations.len());
                if !affords || !is_whole || reader.out.count() > before {
                    continue;
                }
                let filled = matrix.combinations.iter().filter_map(|one| fill(label, &values(one)).ok());
                filled.map(|label| label.trim().to_owned()).find(|label| !is_label(label))
            }
            None if has_expressions(label) => {
                template(reader, &at, Site::Label, scope);
                continue;
            }
            None => (!is_label(label)).then(|| label.to_owned()),
        };
        if let Some(wrong) = wrong {
            let message = format!("`{}` can't be a label", shown(&wrong));
            let hint = format!("use up to {MAX_LABEL_CHARS} letters, digits and `_ - . :`");
            reader.error(&at, code::BAD_NAME, message).hint(hint);
        } else if !labels.iter().any(|known| known == label) {
            labels.push(label.to_owned());
        }
    }
    labels
}

fn is_label(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= MAX_LABEL_CHARS
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:".contains(c))
}

/// Jobs of one stage have names of their own, and outputs, too: written out, as the plan has them.
fn unique_names(reader: &mut Reader<'_>, jobs: &[(At<'_>, Job)]) {
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    let mut outputs: BTreeMap<&str, Span> = BTreeMap::new();
    for (at, job) in jobs.iter().filter(|(_, job)| !job.name.is_empty()) {
        // What can't be filled in is told already. Jobs of a matrix have the name that is written in common.
        let mut names = names(job).unwrap_or_default();
        names.extend(job.matrix.as_ref().map(|_| job.name.clone()));
        let place = at.member("name").unwrap_or(*at);
        match names.iter().find_map(|name| Some((name, seen.get(name)?))) {
            Some((name, first)) => reader.duplicate(&place, "a job", name, *first),
            None => seen.extend(names.into_iter().map(|name| (name, place.node.span))),
        }
        let list = at.member("outputs").unwrap_or(*at);
        for output in &job.outputs {
            let place = list.item(output);
            if let Some(first) = outputs.get(output.as_str()) {
                let message =
                    format!("an output `{output}` is handed on by the job of line {}, too", first.line);
                reader
                    .error(&place, code::DUPLICATE_NAME, message)
                    .hint("call one of them something else; later stages could not tell them apart");
            }
            outputs.insert(output, at.node.span);
        }
    }
}
