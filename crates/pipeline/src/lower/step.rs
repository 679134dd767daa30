//! A step: one script, run in the job's workspace.

use super::job::level_variables;
use super::read::{At, Fields, Reader, Shape};
use super::text::{Scope, condition, template};
use crate::definition::{Action, Step};
use crate::diagnostic::code;
use crate::expression::names::Site;
use crate::limits::{MAX_NAME_CHARS, MAX_PATH_CHARS, MAX_RUN_BYTES};
use crate::template::Template;

const WRITE_RUN: &str = "write what it does as `run` until then";
const SHAPE: Shape = Shape {
    what: "a step",
    fields: &["run", "name", "if", "variables", "env", "working_directory", "timeout", "continue_on_error"],
    later: &[
        ("uses", WRITE_RUN),
        ("with", WRITE_RUN),
        ("action", WRITE_RUN),
        ("type", "leave it out: every step is a `run`"),
        ("id", "steps have no outputs; leave it out"),
        ("shell", "it is `sh`; call another shell in `run`"),
        ("retry", "say it at the job until then"),
        ("outputs", "pass files on through the workspace"),
        ("enabled", "write `if: false` until then"),
        ("image", "choose a runner that has the tools by the job's `runs_on` until then"),
        ("cache", WRITE_RUN),
        ("artifacts", WRITE_RUN),
        ("secrets", "keep them on the runner until then"),
        ("environment", "write `variables`"),
        ("description", "write `name`"),
    ],
    instead: &[
        ("reports", "it belongs to the job"),
        ("script", "write `run`"),
        ("command", "write `run`"),
        ("commands", "write `run: |` with one command on each line"),
        ("working-directory", "write `working_directory`"),
        ("working_dir", "write `working_directory`"),
        ("continue-on-error", "write `continue_on_error`"),
        ("allow_failure", "write `continue_on_error`"),
        ("timeout-minutes", "write `timeout: 5m`"),
        ("timeout_minutes", "write `timeout: 5m`"),
    ],
};

pub(super) fn step(reader: &mut Reader<'_>, at: At<'_>, scope: &Scope<'_>) -> Option<Step> {
    if at.scalar().is_some() {
        let run = script(reader, &at, scope)?;
        return Some(Step {
            name: name_from_run(&run),
            id: None,
            action: Action::Run { text: run, shell: "sh".to_owned() },
            enabled: true,
            condition: None,
            variables: vec![],
            working_directory: None,
            timeout_ms: None,
            continue_on_error: false,
        });
    }
    let fields = Fields::open(reader, at, &SHAPE)?;
    let mut scope = scope.within();
    let variables = level_variables(reader, &fields, &mut scope);
    // Said already where it is an action; that `run` is missing too would only confuse.
    let run = if ["uses", "action", "script", "command"].iter().any(|name| fields.key(name).is_some()) {
        None
    } else {
        let at = fields.need(reader, "run", &SHAPE, "write `run: …`; it is given to `sh -e -c`");
        at.and_then(|at| script(reader, &at, &scope))
    };
    let run = run.unwrap_or_default();
    Some(Step {
        name: fields.get("name").and_then(|at| title(reader, &at)).unwrap_or_else(|| name_from_run(&run)),
        id: None,
        action: Action::Run { text: run, shell: "sh".to_owned() },
        enabled: true,
        condition: condition(reader, fields.get("if"), Site::Step, &scope),
        variables,
        working_directory: fields.get("working_directory").and_then(|at| directory(reader, &at)),
        timeout_ms: reader.timeout_ms(fields.get("timeout")),
        continue_on_error: fields
            .get("continue_on_error")
            .and_then(|at| reader.flag(&at, "`continue_on_error`"))
            .unwrap_or(false),
    })
}

fn script(reader: &mut Reader<'_>, at: &At<'_>, scope: &Scope<'_>) -> Option<Template> {
    let text = reader.text(at, "`run`")?;
    if text.trim().is_empty() {
        reader
            .error(at, code::MISSING_FIELD, "`run` is empty")
            .hint("write the commands, or leave the step out");
        return None;
    }
    if text.len() > MAX_RUN_BYTES {
        let message = format!("`run` can have at most {} KiB", MAX_RUN_BYTES / 1024);
        reader
            .error(at, code::LIMIT, message)
            .hint("put the script into the repository, and run it from there");
        return None;
    }
    if text.contains('\0') {
        reader.error(at, code::BAD_VALUE, "`run` can't hold a zero byte").done();
        return None;
    }
    Some(template(reader, at, Site::Run, scope))
}

/// A step's name is only shown, so that it may be any line of text.
fn title(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let text = reader.literal(at, "a step's name")?.trim();
    let message = if text.chars().count() > MAX_NAME_CHARS {
        format!("a step's name can have at most {MAX_NAME_CHARS} characters")
    } else if text.is_empty() || text.contains(char::is_control) {
        "a step's name has to be one line of text".to_owned()
    } else {
        return Some(text.to_owned());
    };
    reader
        .error(at, code::BAD_NAME, message)
        .hint("make it shorter, or leave it out: the first line of `run` shows then");
    None
}

fn name_from_run(run: &Template) -> String {
    let text = run.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.clone().find(|line| !line.starts_with('#')).or_else(|| lines.next()).unwrap_or("step");
    let shown = first.chars().map(|c| if c.is_control() { ' ' } else { c });
    if first.chars().count() <= MAX_NAME_CHARS {
        shown.collect()
    } else {
        shown.take(MAX_NAME_CHARS - 1).chain(['…']).collect()
    }
}

/// A folder below the workspace; None is the workspace itself.
fn directory(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let text = reader.literal(at, "`working_directory`")?;
    let windows = text.contains('\\') || text.get(1..2) == Some(":");
    let message = if text.starts_with('/') || text.starts_with('~') || windows {
        "`working_directory` has to be a path below the workspace, with `/`"
    } else if text.split('/').any(|part| part == "..") {
        "`working_directory` can't leave the workspace by `..`"
    } else if text.contains(char::is_control) || text.chars().count() > MAX_PATH_CHARS {
        "`working_directory` has to be one short line"
    } else {
        let path: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        return (!path.is_empty()).then(|| path.join("/"));
    };
    reader.error(at, code::BAD_PATH, message).hint("write it like `packages/web`");
    None
}
