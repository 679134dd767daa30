//! A stage: jobs that run side by side, after the stages that it depends on, and what is decided when they ended.

use std::collections::BTreeSet;

use penstock_domain::StageType;

use super::job::{self, level_variables};
use super::read::{At, Fields, Reader, Shape};
use super::resources::resources;
use super::scope::Scope;
use super::text::condition;
use super::usage::Level;
use super::{deploy, gate};
use crate::definition::{Condition, Job, Stage};
use crate::diagnostic::code;
use crate::expression::names::Site;
use crate::expression::syntax;
use crate::limits::{MAX_JOBS, MAX_STAGES};
use crate::planner::despite_failure;
use crate::suggest::nearest;
use crate::tree::{Span, Value, shown};

pub(crate) const SHAPE: Shape = Shape {
    what: "a stage",
    fields: &[
        "name",
        "type",
        "depends_on",
        "if",
        "timeout",
        "variables",
        "env",
        "continue_on_error",
        "enabled",
        "gates",
        "deploy",
        "resources",
        "jobs",
    ],
    later: &[
        ("approval", "start the stage's pipeline by hand until then"),
        ("approvals", "start the stage's pipeline by hand until then"),
        ("retry", "say it at the jobs"),
        ("description", "write a comment"),
        ("parallel", "jobs of a stage run side by side already"),
        ("concurrency", "limit the whole pipeline by `concurrency` until then"),
    ],
    instead: &[
        ("needs", "write `depends_on`"),
        ("environment", "write `deploy: { environment: … }`"),
        ("deployment", "write `deploy`"),
        ("quality_gates", "write `gates`"),
        ("health_check", "it belongs to `deploy`"),
        ("reports", "they belong to the job whose steps write them"),
        ("steps", "put them into a job: `jobs: [{ name: …, steps: […] }]`"),
        ("run", "put it into a job: `jobs: [{ name: …, steps: [{ run: … }] }]`"),
        ("image", "it belongs to a job"),
        ("runs_on", "it belongs to a job"),
        ("matrix", "it belongs to a job"),
        ("outputs", "they belong to the job whose steps hand them on"),
        ("priority", "it belongs to a job, or to the whole pipeline"),
        ("continue-on-error", "write `continue_on_error`"),
        ("allow_failure", "write `continue_on_error`"),
        ("always", "write `type: cleanup`, or `if: always()`"),
        ("when", "write `if`"),
        ("condition", "write `if`"),
        ("conditions", "write `if`"),
        ("rules", "write `if`"),
        ("only", "write `if`, such as `if: branch == \"main\"`"),
        ("script", "put it into a job: `jobs: [{ name: …, steps: [{ run: … }] }]`"),
        ("label", "write `name`"),
        ("displayName", "write `name`"),
        ("key", "leave it out: a stage is known by its `name`"),
        ("dependsOn", "write `depends_on`"),
    ],
};

/// What the check of dependencies needs to know of a stage.
pub(super) struct Lowered {
    pub stage: Stage,
    pub span: Span,
    pub pointer: String,
    /// The name as it is written, where it can't be one.
    pub refused_name: Option<String>,
    /// Each name of `depends_on`, where it stands.
    pub dependencies: Vec<(String, Span, String)>,
}

pub(super) fn stage(
    reader: &mut Reader<'_>,
    at: At<'_>,
    scope: &Scope<'_>,
    jobs_so_far: &mut usize,
) -> Option<Lowered> {
    if let Some(name) = at.scalar().filter(|name| !name.is_null()) {
        let hint = format!("write `- name: {}`, with its `jobs` below it", shown(&name.text));
        reader.wrong_type(&at, SHAPE.what, "a mapping").hint(hint);
        return None;
    }
    let fields = Fields::open(reader, at, &SHAPE)?;
    let name = fields
        .need(reader, "name", &SHAPE, "write `name: build`; other stages name it in `depends_on`")
        .and_then(|at| reader.name(&at, "a stage's name"))
        .unwrap_or_default();
    let given = fields.get("type").and_then(|at| stage_type(reader, at));
    let dependencies = fields.get("depends_on").map(|at| dependencies(reader, at)).unwrap_or_default();
    let always = given == Some(StageType::Cleanup);
    let mut scope = scope.within();
    scope.stage = Some(&name);
    let variables = level_variables(reader, &fields, &mut scope, Level::Stage);
    let gates = fields.get("gates").map(|at| gate::gates(reader, at)).unwrap_or_default();
    let deploy = fields.get("deploy").and_then(|at| deploy::deploy(reader, at, &scope));
    check_purpose(reader, &fields, given);
    let stage = Stage {
        stage_type: given.unwrap_or_else(|| natural_type(&fields, &name)),
        depends_on: dependencies.iter().map(|(name, ..)| name.clone()).collect(),
        condition: condition(reader, fields.get("if"), Site::Work, &scope),
        timeout_ms: reader.timeout_ms(fields.get("timeout")),
        always,
        continue_on_error: fields.flag(reader, "continue_on_error", false),
        enabled: fields.flag(reader, "enabled", true),
        variables,
        gates,
        deploy,
        resources: fields.get("resources").and_then(|at| resources(reader, at)),
        jobs: jobs(reader, &fields, &scope, &name, jobs_so_far),
        name,
    };
    if always {
        check_despite_failure(reader, &stage);
    }
    let span = fields.get("name").map_or(at.node.span, |at| at.node.span);
    let refused_name = fields.get("name").filter(|_| stage.name.is_empty()).and_then(|at| at.scalar());
    let refused_name = refused_name.map(|name| name.text.clone());
    Some(Lowered { stage, span, pointer: at.path.pointer(), refused_name, dependencies })
}

/// What cleans up asks a little more than is written, which has to be an expression, too.
fn check_despite_failure(reader: &mut Reader<'_>, stage: &Stage) {
    let conditions = stage.condition.iter().chain(stage.jobs.iter().filter_map(|job| job.condition.as_ref()));
    for Condition { expression, place } in conditions {
        if syntax::parse(expression).is_ok() && syntax::parse(&despite_failure(expression)).is_err() {
            let span = Span { line: place.line, column: place.column, length: 1 };
            let message = "this condition is too long or too deep for a stage that cleans up".to_owned();
            reader
                .out
                .error(span, place.pointer.clone(), code::LIMIT, message)
                .hint("split it with variables");
        }
    }
}

/// A stage checks what was built, or deploys it; and what it is called fits what it does.
fn check_purpose(reader: &mut Reader<'_>, fields: &Fields<'_>, given: Option<StageType>) {
    if given == Some(StageType::Cleanup) {
        for name in ["gates", "deploy"] {
            let Some(key) = fields.key(name).filter(|_| fields.get(name).is_some()) else { continue };
            let message = format!("a stage of type `cleanup` can't have `{name}`");
            reader
                .out
                .error(key.span, fields.pointer(name), code::CONFLICT, message)
                .hint("put it into a stage of its own: this one runs whatever became of the others");
        }
        return;
    }
    if fields.get("deploy").is_none() {
        return;
    }
    if let (Some(_), Some(key)) = (fields.get("gates"), fields.key("deploy")) {
        let message = "a stage has `gates` or `deploy`, not both".to_owned();
        reader
            .out
            .error(key.span, fields.pointer("deploy"), code::CONFLICT, message)
            .hint("put the gates into a stage of their own, and let this one depend on it");
    }
    if let (Some(wrong), Some(at)) = (given.filter(|t| *t != StageType::Deploy), fields.get("type")) {
        let message = format!("a stage with `deploy` is of type `deploy`, not `{wrong}`");
        reader.error(&at, code::CONFLICT, message).hint("leave `type` out");
    }
}

/// The type of a stage that says none.
fn natural_type(fields: &Fields<'_>, name: &str) -> StageType {
    if fields.get("deploy").is_some() {
        StageType::Deploy
    } else if fields.get("gates").is_some() && fields.get("jobs").is_none_or(|jobs| is_empty_list(&jobs)) {
        StageType::QualityCheck
    } else {
        infer_type(name)
    }
}

fn is_empty_list(at: &At<'_>) -> bool {
    matches!(&at.node.value, Value::List(list) if list.is_empty())
}

fn jobs(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    scope: &Scope<'_>,
    stage: &str,
    so_far: &mut usize,
) -> Vec<Job> {
    let hint = if fields.get("deploy").is_some() {
        "write `jobs:`, whose steps deploy; `deploy` says only what and where"
    } else {
        "write `jobs:`, and below it `- name: …` with `steps` for each"
    };
    let may_have_none = fields.get("gates").is_some() && fields.get("deploy").is_none();
    if may_have_none && fields.get("jobs").is_none_or(|jobs| is_empty_list(&jobs)) {
        return vec![];
    }
    let Some(at) = fields.need(reader, "jobs", &SHAPE, hint) else { return vec![] };
    if is_empty_list(&at) {
        reader.error(&at, code::MISSING_FIELD, "a stage needs at least one job").hint(hint);
    }
    let jobs = job::jobs(reader, &at, scope, stage, MAX_JOBS);
    let count: usize = jobs.iter().map(job::count).sum();
    if *so_far <= MAX_JOBS && *so_far + count > MAX_JOBS {
        let message = format!("a pipeline can have at most {MAX_JOBS} jobs, and there are more from here on");
        reader.error(&at, code::LIMIT, message).hint("split the pipeline");
    }
    *so_far += count;
    jobs
}

fn dependencies(reader: &mut Reader<'_>, at: At<'_>) -> Vec<(String, Span, String)> {
    let mut names: Vec<(String, Span, String)> = vec![];
    let mut seen = BTreeSet::new();
    for (at, name) in reader.words(&at, "`depends_on`", MAX_STAGES, "write a stage's name or a list of them")
    {
        if seen.insert(name) {
            names.push((name.to_owned(), at.node.span, at.path.pointer()));
        } else {
            let message = format!("`{}` is in `depends_on` twice", shown(name));
            reader.out.warn(at.node.span, at.path.pointer(), code::REDUNDANT, message).hint("once is enough");
        }
    }
    names
}

fn stage_type(reader: &mut Reader<'_>, at: At<'_>) -> Option<StageType> {
    let word = reader.text(&at, "`type`")?;
    let known = || StageType::ALL.iter().map(|t| t.as_str());
    word.parse::<StageType>()
        .map_err(|_| {
            let hint = match nearest(word, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
            };
            let message = format!("`{}` is no type of a stage", shown(word));
            reader.error(&at, code::UNKNOWN_VALUE, message).hint(hint);
        })
        .ok()
}

/// By the first word of the name that tells; a stage that tells nothing builds.
fn infer_type(name: &str) -> StageType {
    let lower = name.to_lowercase();
    let telling = |word: &str| match word {
        "build" | "compile" | "package" | "bundle" => Some(StageType::Build),
        "test" | "tests" | "testing" | "unit" | "integration" | "e2e" => Some(StageType::Test),
        "security" | "scan" | "sast" | "dast" | "audit" => Some(StageType::SecurityScan),
        "quality" | "lint" | "gate" | "gates" | "check" | "checks" | "coverage" => {
            Some(StageType::QualityCheck)
        }
        "deploy" | "deployment" | "release" | "publish" | "ship" | "staging" | "production" => {
            Some(StageType::Deploy)
        }
        "notify" | "notification" | "notifications" => Some(StageType::Notification),
        "cleanup" | "clean" | "teardown" => Some(StageType::Cleanup),
        _ => None,
    };
    lower.split(|c: char| !c.is_alphanumeric()).find_map(telling).unwrap_or(StageType::Build)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_says_no_type_gets_the_one_of_its_name() {
        for (name, expected) in [
            ("build", StageType::Build),
            ("Unit tests", StageType::Test),
            ("security-scan", StageType::SecurityScan),
            ("lint", StageType::QualityCheck),
            ("deploy to staging", StageType::Deploy),
            ("test build", StageType::Test),
            ("notify", StageType::Notification),
            ("clean up", StageType::Cleanup),
            ("attest", StageType::Build),
            ("", StageType::Build),
        ] {
            assert_eq!(infer_type(name), expected, "{name}");
        }
    }
}
