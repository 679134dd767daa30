//! `then`: pipelines that are started when this one has ended.

use super::read::{At, Fields, Reader, Shape};
use super::schedule::PATTERN_SIGNS;
use super::scope::Scope;
use super::text::{condition, parameters, template};
use crate::definition::Successor;
use crate::diagnostic::code;
use crate::expression::names::Site;
use crate::limits::{MAX_PATH_CHARS, MAX_SUCCESSORS};
use crate::template::{Template, has_expressions};

pub(crate) const SHAPE: Shape = Shape {
    what: "what follows",
    fields: &["pipeline", "if", "branch", "parameters", "variables"],
    later: &[
        ("repository", "it has to be a pipeline of the same repository until then"),
        ("wait", "nobody waits for what follows"),
    ],
    instead: &[
        ("name", "write `pipeline`"),
        ("inputs", "write `parameters`"),
        ("with", "write `parameters`"),
        ("when", "write `if`"),
        ("condition", "write `if`"),
        ("ref", "write `branch`"),
    ],
};

/// `own` is the name of the pipeline that they follow.
pub(super) fn successors(
    reader: &mut Reader<'_>,
    at: At<'_>,
    scope: &Scope<'_>,
    own: Option<&str>,
) -> Vec<Successor> {
    const HINT: &str = "write `then: [{ pipeline: deploy }]`";
    let mut successors = vec![];
    for at in reader.items(&at, "`then`", MAX_SUCCESSORS, HINT) {
        let Some(successor) = successor(reader, at, scope) else { continue };
        if own == Some(&successor.pipeline) {
            let message = format!("`{}` would follow itself without end", successor.pipeline);
            reader
                .error(&at, code::CONFLICT, message)
                .hint("let the clock start it again: `on: { schedule: … }`");
        }
        successors.push(successor);
    }
    successors
}

fn successor(reader: &mut Reader<'_>, at: At<'_>, scope: &Scope<'_>) -> Option<Successor> {
    let fields = Fields::open(reader, at, &SHAPE)?;
    let pipeline = fields
        .need(reader, "pipeline", &SHAPE, "write `pipeline: name`, which is one of the same repository")
        .and_then(|at| reader.name(&at, "a pipeline's name"));
    if let (Some(_), Some(key)) = (fields.get("parameters"), fields.key("variables")) {
        let message = "`parameters` and `variables` are the same here".to_owned();
        reader
            .out
            .error(key.span, fields.pointer("variables"), code::DUPLICATE_KEY, message)
            .hint("keep `parameters`");
    }
    let given = fields.get("parameters").or_else(|| fields.get("variables"));
    Some(Successor {
        pipeline: pipeline.unwrap_or_default(),
        condition: condition(reader, fields.get("if"), Site::Work, scope),
        branch: fields.get("branch").and_then(|at| branch(reader, &at, scope)),
        parameters: given.map(|at| parameters(reader, at, scope)).unwrap_or_default(),
    })
}

fn branch(reader: &mut Reader<'_>, at: &At<'_>, scope: &Scope<'_>) -> Option<Template> {
    let text = reader.text(at, "`branch`")?;
    if text.trim().is_empty() || text.contains(char::is_control) || text.chars().count() > MAX_PATH_CHARS {
        reader
            .error(at, code::BAD_VALUE, "`branch` has to be the name of a branch")
            .hint("write it like `main` or `${{ branch }}`; left out, it is this one's branch and commit");
        return None;
    }
    if text.contains(PATTERN_SIGNS) && !has_expressions(text) {
        reader
            .error(at, code::BAD_VALUE, "`branch` is one branch, and no pattern")
            .hint("name each pipeline that follows, with its branch");
        return None;
    }
    Some(template(reader, at, Site::Early, scope))
}
