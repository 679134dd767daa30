//! A stage: jobs that run side by side, after the stages that it depends on.

use std::collections::BTreeSet;

use penstock_domain::StageType;

use super::job::{self, level_variables};
use super::read::{At, Fields, Reader, Shape};
use super::text::{Scope, condition};
use crate::definition::{Job, Stage};
use crate::diagnostic::code;
use crate::expression::names::Site;
use crate::limits::{MAX_JOBS, MAX_STAGES};
use crate::suggest::nearest;
use crate::tree::{Span, Value, shown};

const RUN_IT: &str = "do it in a job with `run` until then";
const SHAPE: Shape = Shape {
    what: "a stage",
    fields: &["name", "type", "depends_on", "if", "timeout", "variables", "env", "jobs"],
    later: &[
        ("gates", RUN_IT),
        ("deploy", RUN_IT),
        ("environment", "set `variables` until then"),
        ("approval", "start the stage's pipeline by hand until then"),
        ("approvals", "start the stage's pipeline by hand until then"),
        ("matrix", "write one job for each combination until then"),
        ("retry", "say it at the jobs"),
        ("enabled", "write `if: false` until then"),
        ("description", "write a comment"),
        ("parallel", "jobs of a stage run side by side already"),
        ("concurrency", "limit the whole pipeline by `max_concurrent` until then"),
    ],
    instead: &[
        ("needs", "write `depends_on`"),
        ("steps", "put them into a job: `jobs: [{ name: …, steps: […] }]`"),
        ("run", "put it into a job: `jobs: [{ name: …, steps: [{ run: … }] }]`"),
        ("image", "it belongs to a job"),
        ("runs_on", "it belongs to a job"),
        ("when", "write `if`"),
        ("condition", "write `if`"),
        ("conditions", "write `if`"),
    ],
};

/// What the check of dependencies needs to know of a stage.
pub(super) struct Lowered {
    pub stage: Stage,
    pub span: Span,
    pub pointer: String,
    /// Each name of `depends_on`, where it stands.
    pub dependencies: Vec<(String, Span, String)>,
}

pub(super) fn stage(
    reader: &mut Reader<'_>,
    at: At<'_>,
    scope: &Scope<'_>,
    jobs_so_far: &mut usize,
) -> Option<Lowered> {
    let fields = Fields::open(reader, at, &SHAPE)?;
    let name = fields
        .need(reader, "name", &SHAPE, "write `name: build`; other stages name it in `depends_on`")
        .and_then(|at| reader.name(&at, "a stage's name"))
        .unwrap_or_default();
    let given = fields.get("type").and_then(|at| stage_type(reader, at));
    let dependencies = fields.get("depends_on").map(|at| dependencies(reader, at)).unwrap_or_default();
    let mut scope = scope.within();
    let variables = level_variables(reader, &fields, &mut scope);
    let stage = Stage {
        stage_type: given.unwrap_or_else(|| infer_type(&name)),
        name,
        depends_on: dependencies.iter().map(|(name, ..)| name.clone()).collect(),
        condition: condition(reader, fields.get("if"), Site::Work, &scope),
        timeout_ms: reader.timeout_ms(fields.get("timeout")),
        variables,
        jobs: jobs(reader, &fields, &scope, jobs_so_far),
    };
    let span = fields.get("name").map_or(at.node.span, |at| at.node.span);
    Some(Lowered { stage, span, pointer: at.path.to_string(), dependencies })
}

fn jobs(reader: &mut Reader<'_>, fields: &Fields<'_>, scope: &Scope<'_>, so_far: &mut usize) -> Vec<Job> {
    const HINT: &str = "write `jobs:`, and below it `- name: …` with `steps` for each";
    if fields.get("jobs").is_none()
        && ["gates", "deploy"].into_iter().any(|later| fields.key(later).is_some())
    {
        return vec![];
    }
    let Some(at) = fields.need(reader, "jobs", &SHAPE, HINT) else { return vec![] };
    if matches!(&at.node.value, Value::List(list) if list.is_empty()) {
        reader.error(&at, code::MISSING_FIELD, "a stage needs at least one job").hint(HINT);
    }
    let items = reader.items(&at, "`jobs`", MAX_JOBS, HINT);
    if *so_far <= MAX_JOBS && *so_far + items.len() > MAX_JOBS {
        let message = format!("a pipeline can have at most {MAX_JOBS} jobs, and there are more from here on");
        reader.error(&at, code::LIMIT, message).hint("split the pipeline");
    }
    *so_far += items.len();
    let jobs: Vec<(At<'_>, Job)> =
        items.into_iter().filter_map(|at| Some((at, job::job(reader, at, scope)?))).collect();
    job::unique_names(reader, &jobs);
    jobs.into_iter().map(|(_, job)| job).collect()
}

fn dependencies(reader: &mut Reader<'_>, at: At<'_>) -> Vec<(String, Span, String)> {
    let mut names: Vec<(String, Span, String)> = vec![];
    let mut seen = BTreeSet::new();
    for (at, name) in reader.words(&at, "`depends_on`", MAX_STAGES, "write a stage's name or a list of them")
    {
        if seen.insert(name) {
            names.push((name.to_owned(), at.node.span, at.path.to_string()));
        } else {
            let message = format!("`{}` is in `depends_on` twice", shown(name));
            reader
                .out
                .warn(at.node.span, at.path.to_string(), code::REDUNDANT, message)
                .hint("once is enough");
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
