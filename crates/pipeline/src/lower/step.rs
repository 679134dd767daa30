//! A step: a command, a script or an action, run in the job's workspace.

use super::job::{IDENTIFIER_HINT, is_identifier, level_variables};
use super::read::{At, Fields, Path, Reader, Shape, Words};
use super::scope::Scope;
use super::text::{condition, template};
use super::usage::Level;
use crate::definition::{Action, Step, Variable};
use crate::diagnostic::code;
use crate::expression::names::Site;
use crate::limits::{MAX_NAME_CHARS, MAX_PATH_CHARS, MAX_RUN_BYTES, MAX_VALUE_BYTES, MAX_VARIABLES};
use crate::template::Template;
use crate::tree::shown;

const RUN_IT: &str = "do it with `run` until then";
pub(crate) const SHAPE: Shape = Shape {
    what: "a step",
    fields: &[
        "run",
        "script",
        "uses",
        "with",
        "shell",
        "id",
        "type",
        "name",
        "if",
        "variables",
        "env",
        "working_directory",
        "timeout",
        "continue_on_error",
        "enabled",
    ],
    later: &[
        ("retry", "say it at the job until then"),
        ("image", "choose a runner that has the tools by the job's `runs_on` until then"),
        ("cache", RUN_IT),
        ("artifacts", RUN_IT),
        ("secrets", "keep them on the runner until then"),
        ("environment", "write `variables`"),
        ("description", "write `name`"),
    ],
    instead: &[
        ("reports", "it belongs to the job"),
        ("outputs", "they belong to the job: `outputs: [version]`"),
        ("action", "write `uses: ./folder`"),
        ("command", "write `run`"),
        ("commands", "write `run: |` with one command on each line"),
        ("working-directory", "write `working_directory`"),
        ("working_dir", "write `working_directory`"),
        ("continue-on-error", "write `continue_on_error`"),
        ("allow_failure", "write `continue_on_error`"),
        ("timeout-minutes", "write `timeout: 5m`"),
        ("timeout_minutes", "write `timeout: 5m`"),
        ("interpreter", "write `shell`"),
        ("inputs", "write `with`"),
        ("label", "write `name`"),
        ("displayName", "write `name`"),
        ("title", "write `name`"),
        ("key", "write `id`"),
        ("task", "write what it does as `run`"),
        ("bash", "write `run`, with `shell: bash`"),
        ("workdir", "write `working_directory`"),
        ("dir", "write `working_directory`"),
        ("workingDirectory", "write `working_directory`"),
        ("when", "write `if`"),
        ("only", "write `if`"),
        ("condition", "write `if`"),
        ("soft_fail", "write `continue_on_error`"),
        ("ignore_errors", "write `continue_on_error`"),
    ],
};

pub(crate) const TYPES: Words =
    Words { what: "a step's `type`", known: &["command", "script", "action"], later: &[], until_then: "" };

pub(crate) const SHELLS: Words =
    Words { what: "`shell`", known: &["sh", "bash", "python3", "node"], later: &[], until_then: "" };

/// What a step does, and the type that this is called.
pub(crate) const ACTIONS: [(&str, &str); 3] = [("run", "command"), ("script", "script"), ("uses", "action")];

/// The shell of a script that names its own.
pub(super) const OWN_SHELL: &str = "script";

pub(super) fn step(reader: &mut Reader<'_>, at: At<'_>, scope: &Scope<'_>) -> Option<Step> {
    if at.scalar().is_some() {
        let run = script(reader, &at, "`run`", scope)?;
        return Some(Step {
            name: name_from_run(&run),
            id: None,
            action: Action::Run { text: run, shell: SHELLS.known[0].to_owned() },
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
    reader.usage.read_by_an_action(fields.get("uses").is_some());
    let variables = level_variables(reader, &fields, &mut scope, Level::Step);
    reader.usage.read_by_an_action(false);
    let action = action(reader, &fields, &scope);
    check_type(reader, &fields);
    let name = fields.get("name").and_then(|at| title(reader, &at));
    Some(Step {
        name: name.unwrap_or_else(|| natural_name(&action)),
        id: fields.get("id").and_then(|at| id(reader, &at)),
        action,
        enabled: fields.enabled(reader, "step"),
        condition: condition(reader, fields.get("if"), Site::Step, &scope),
        variables,
        working_directory: fields.get("working_directory").and_then(|at| directory(reader, &at)),
        timeout_ms: reader.timeout_ms(fields.get("timeout")),
        continue_on_error: fields.flag(reader, "continue_on_error", false),
    })
}

fn action(reader: &mut Reader<'_>, fields: &Fields<'_>, scope: &Scope<'_>) -> Action {
    let given: Vec<&str> =
        ACTIONS.iter().map(|(name, _)| *name).filter(|name| fields.get(name).is_some()).collect();
    if let (Some(first), Some(second)) = (given.first(), given.get(1)) {
        let message = format!("a step has `{first}` or `{second}`, not both");
        let span = fields.key(second).map(|key| key.span).unwrap_or_default();
        reader.out.error(span, fields.pointer(second), code::CONFLICT, message).hint("make two steps of it");
    }
    if let (Some(at), None) = (fields.get("with"), fields.get("uses")) {
        reader
            .error(&at, code::CONFLICT, "`with` is given to an action, and this step has none")
            .hint("write `variables`, or `uses: ./folder`");
    }
    match given.first() {
        Some(&"uses") => uses(reader, fields, scope),
        Some(name) => {
            let text = fields.get(name).and_then(|at| script(reader, &at, &format!("`{name}`"), scope));
            text_of(reader, fields, text.unwrap_or_default(), *name == "script")
        }
        None => {
            // Said already where it is written in a way that is not ours.
            if !["action", "command", "commands"].iter().any(|name| fields.key(name).is_some()) {
                let _ = fields.need(reader, "run", &SHAPE, "write `run: …`; it is given to `sh -e -c`");
            }
            Action::Run { text: Template::default(), shell: SHELLS.known[0].to_owned() }
        }
    }
}

/// In a `run`, what names another interpreter by `#!` is a comment.
fn warn_of_a_comment(reader: &mut Reader<'_>, fields: &Fields<'_>, text: &Template) {
    let text = text.to_string();
    let Some(first) = text.trim_start().lines().next().filter(|line| line.starts_with("#!")) else { return };
    let is_sh = first.trim_end().ends_with("/sh") || first.trim_end().ends_with(" sh");
    if let (false, Some(at)) = (is_sh, fields.get("run")) {
        let message = format!("`{}` is a comment here: a `run` is given to `sh`", shown(first));
        reader.warn(&at, code::REDUNDANT, message).hint("write `script` instead of `run`");
    }
}

/// A script that says by `#!` what runs it is run by that, whatever else is said.
fn text_of(reader: &mut Reader<'_>, fields: &Fields<'_>, mut text: Template, script: bool) -> Action {
    let shell = fields.get("shell").and_then(|at| reader.word(&at, &SHELLS));
    let own = script && text.to_string().trim_start().starts_with("#!");
    if !script && shell.is_none() {
        warn_of_a_comment(reader, fields, &text);
    }
    if own {
        // The system looks for it in the first two bytes.
        text.trim_start();
    }
    if let (true, Some(at)) = (own, fields.get("shell")) {
        let message = "`shell` is not used: the script says itself what runs it";
        reader.warn(&at, code::REDUNDANT, message).hint("leave it out, or take the line with `#!` out");
    }
    let shell = if own { OWN_SHELL } else { shell.unwrap_or(SHELLS.known[0]) };
    Action::Run { text, shell: shell.to_owned() }
}

fn check_type(reader: &mut Reader<'_>, fields: &Fields<'_>) {
    let Some(at) = fields.get("type") else { return };
    let Some(said) = reader.word(&at, &TYPES) else { return };
    let is = ACTIONS.iter().find(|(name, _)| fields.get(name).is_some());
    let wanted = ACTIONS.iter().find(|(_, kind)| *kind == said);
    if let (Some((has, kind)), Some((needs, _))) = (is, wanted)
        && *kind != said
    {
        let message = format!("a step of type `{said}` has `{needs}`, and this one has `{has}`");
        reader.error(&at, code::CONFLICT, message).hint("leave `type` out");
    }
}

fn id(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let text = reader.literal(at, "`id`")?;
    if !is_identifier(text) {
        let message = format!("`{}` can't be the id of a step", shown(text));
        reader.error(at, code::BAD_NAME, message).hint(IDENTIFIER_HINT);
        return None;
    }
    Some(text.to_owned())
}

fn uses(reader: &mut Reader<'_>, fields: &Fields<'_>, scope: &Scope<'_>) -> Action {
    if let Some(at) = fields.get("shell") {
        reader
            .error(&at, code::CONFLICT, "`shell` has no meaning beside `uses`")
            .hint("the action's `action.yml` says what runs it");
    }
    let path = fields.get("uses").and_then(|at| local_action(reader, &at)).unwrap_or_default();
    Action::Uses { path, with: fields.get("with").map(|at| with(reader, at, scope)).unwrap_or_default() }
}

fn local_action(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let text = reader.literal(at, "`uses`")?;
    let Some(path) = text.strip_prefix("./") else {
        let message = format!("`{}` is an action of another system", shown(text));
        reader.error(at, code::FOREIGN_ACTION, message).hint(instead_of_action(text));
        return None;
    };
    match below_workspace(path) {
        Some(path) if !path.is_empty() => Some(path),
        _ => {
            reader
                .error(at, code::BAD_PATH, "`uses` has to be a folder of the repository")
                .hint("write it like `./actions/notify`; an `action.yml` in it says what it does");
            None
        }
    }
}

fn instead_of_action(name: &str) -> String {
    let bare = name.split('@').next().unwrap_or(name).to_ascii_lowercase();
    let hint = match bare.as_str() {
        "actions/checkout" => {
            "leave it out: the commit is checked out already, unless `checkout: false` says otherwise"
        }
        "actions/upload-artifact" | "actions/download-artifact" | "actions/cache" => {
            "it is not supported yet; do it with `run` until then"
        }
        _ if bare.starts_with("codecov/") => "write `reports: { lcov: coverage/lcov.info }` at the job",
        _ if bare.starts_with("docker://") => "write what it does as `run`, as in `run: docker run …`",
        _ if bare.starts_with("actions/setup-") || bare.contains("/setup-") || bare.contains("toolchain") => {
            "choose a runner that has it by the job's `runs_on`, or install it with `run`"
        }
        _ if bare.starts_with("../") || bare.starts_with('/') => {
            "it has to lie in the repository: `uses: ./folder`"
        }
        _ => "write what it does as `run`, or as an `action.yml` in a folder and `uses: ./folder`",
    };
    hint.to_owned()
}

/// What an action is given: known before anything runs, since it is a part of what the step does.
fn with(reader: &mut Reader<'_>, at: At<'_>, scope: &Scope<'_>) -> Vec<Variable> {
    let Some(entries) = at.entries() else {
        reader.wrong_type(&at, "`with`", "a mapping").hint("write `with: { name: value }`");
        return vec![];
    };
    if entries.len() > MAX_VARIABLES {
        let message = format!("`with` can hold at most {MAX_VARIABLES} values");
        reader.error(&at, code::LIMIT, message).hint("put what belongs together into a file");
    }
    let mut with = vec![];
    for (key, node) in entries.iter().take(MAX_VARIABLES) {
        let at = At { node, path: Path::Field(&at.path, &key.text) };
        if !is_identifier(&key.text) {
            let message = format!("`{}` can't be an input of an action", shown(&key.text));
            reader.out.error(key.span, at.path.pointer(), code::BAD_NAME, message).hint(IDENTIFIER_HINT);
            continue;
        }
        let value = if node.is_null() { Some(Template::default()) } else { given(reader, &at, scope) };
        with.extend(value.map(|value| Variable { name: key.text.clone(), value }));
    }
    with
}

fn given(reader: &mut Reader<'_>, at: &At<'_>, scope: &Scope<'_>) -> Option<Template> {
    let text = reader.text(at, "an action's input")?;
    if text.len() > MAX_VALUE_BYTES {
        let message = format!("an action's input can hold at most {} KiB", MAX_VALUE_BYTES / 1024);
        reader.error(at, code::LIMIT, message).hint("put it into a file of the repository");
        return None;
    }
    if text.contains('\0') {
        reader.error(at, code::BAD_VALUE, "an action's input can't hold a zero byte").done();
        return None;
    }
    Some(template(reader, at, Site::Early, scope))
}

/// A command line or a script.
fn script(reader: &mut Reader<'_>, at: &At<'_>, what: &str, scope: &Scope<'_>) -> Option<Template> {
    check_script(reader, at, what)?;
    Some(template(reader, at, Site::Run, scope))
}

/// The text of a script, if it can be one.
pub(super) fn check_script<'t>(reader: &mut Reader<'_>, at: &At<'t>, what: &str) -> Option<&'t str> {
    let text = reader.text(at, what)?;
    if text.trim().is_empty() {
        reader
            .error(at, code::MISSING_FIELD, format!("{what} is empty"))
            .hint("write the commands, or leave the step out");
        return None;
    }
    if text.len() > MAX_RUN_BYTES {
        let message = format!("{what} can have at most {} KiB", MAX_RUN_BYTES / 1024);
        reader
            .error(at, code::LIMIT, message)
            .hint("put the script into the repository, and run it from there");
        return None;
    }
    if text.contains('\0') {
        reader.error(at, code::BAD_VALUE, format!("{what} can't hold a zero byte")).done();
        return None;
    }
    Some(text)
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

fn natural_name(action: &Action) -> String {
    match action {
        Action::Run { text, .. } => name_from_run(text),
        Action::Uses { path, .. } => path.chars().take(MAX_NAME_CHARS).collect(),
    }
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
    } else {
        match below_workspace(text) {
            Some(path) => return (!path.is_empty()).then_some(path),
            None => "`working_directory` has to be one short line",
        }
    };
    reader.error(at, code::BAD_PATH, message).hint("write it like `packages/web`");
    None
}

/// The parts of a path that count; None where it leads out, or is none.
fn below_workspace(path: &str) -> Option<String> {
    let windows = path.contains('\\') || path.get(1..2) == Some(":");
    let leads_out = path.starts_with(['/', '~']) || path.split('/').any(|part| part == "..");
    if windows || leads_out || path.contains(char::is_control) || path.chars().count() > MAX_PATH_CHARS {
        return None;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    Some(parts.join("/"))
}
