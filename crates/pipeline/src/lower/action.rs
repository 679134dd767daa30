//! `action.yml`: what a folder of the repository does as a step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::input::description;
use super::job::{IDENTIFIER_HINT, is_identifier, level_variables};
use super::open;
use super::read::{At, Fields, Path, Reader, Shape};
use super::scope::File;
use super::step::{OWN_SHELL, SHELLS, check_script};
use super::usage::Level;
use crate::diagnostic::{Diagnostic, code};
use crate::input::InputProblem;
use crate::limits::{MAX_INPUTS, MAX_VALUE_BYTES};
use crate::suggest::nearest;
use crate::template::{has_expressions, split};
use crate::tree::{Node, shown};

/// What a folder of the repository does as a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalAction {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<ActionInput>,
    /// A command line or a script.
    pub run: String,
    /// As that of a step: [`crate::PlannedStep::shell`].
    pub shell: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// What an action may be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionInput {
    pub name: String,
    #[serde(default)]
    pub required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

const SHAPE: Shape = Shape {
    what: "an action",
    fields: &["name", "description", "inputs", "run", "script", "shell", "variables", "env"],
    later: &[
        ("outputs", "let the step that uses it hand them on"),
        ("steps", "write a script with all of them"),
        ("post", "clean up in a step with `if: always()`"),
    ],
    instead: &[
        ("runs", "write `run` or `script` alone"),
        ("using", "write `shell`"),
        ("branding", "leave it out"),
        ("author", "leave it out"),
        ("main", "write `run: node main.js`"),
    ],
};

const INPUT: Shape = Shape {
    what: "an action's input",
    fields: &["required", "default", "description"],
    later: &[("type", "every input of an action is a text"), ("options", "check it in the script")],
    instead: &[("value", "write `default`")],
};

const FIRST_LINES: &str = "begin with `run: …`, which is what the action does";

/// Reads the `action.yml` of a local action. Nothing in it is filled in: what it is given is in its environment.
///
/// # Errors
/// Everything that is wrong, in the order of the text.
pub fn parse_action(text: &str) -> Result<LocalAction, Vec<Diagnostic>> {
    let (text, root, out) = open(text, FIRST_LINES)?;
    let mut reader = Reader::new(text, out);
    let action = action(&mut reader, &root);
    match action.filter(|_| !reader.out.has_errors()) {
        Some(action) => Ok(action),
        None => Err(reader.out.finish()),
    }
}

fn action(reader: &mut Reader<'_>, root: &Node) -> Option<LocalAction> {
    let fields = Fields::open(reader, At { node: root, path: Path::Root }, &SHAPE)?;
    let name = fields.get("name").and_then(|at| reader.name(&at, "an action's name"));
    let about = fields.get("description").and_then(|at| description(reader, &at));
    let inputs = fields.get("inputs").map(|at| inputs(reader, &at)).unwrap_or_default();
    let (run, shell) = script(reader, &fields);
    let file = File::new(root, &[], &reader.refused_inputs);
    let variables = level_variables(reader, &fields, &mut file.scope(), Level::Step);
    let mut texts = BTreeMap::new();
    for variable in variables {
        if variable.value.place().is_some() {
            let at = fields.get("variables").or_else(|| fields.get("env"))?;
            not_filled_in(reader, &at);
        }
        texts.insert(variable.name, variable.value.to_string());
    }
    Some(LocalAction { name, description: about, inputs, run, shell, variables: texts })
}

fn script(reader: &mut Reader<'_>, fields: &Fields<'_>) -> (String, String) {
    if let (Some(_), Some(key)) = (fields.get("run"), fields.key("script")) {
        let message = "an action has `run` or `script`, not both".to_owned();
        reader.out.error(key.span, fields.pointer("script"), code::CONFLICT, message).hint("make two of it");
    }
    let shell = fields.get("shell").and_then(|at| reader.word(&at, &SHELLS)).unwrap_or(SHELLS.known[0]);
    let is_script = fields.get("script").is_some();
    let at = if is_script { fields.get("script") } else { fields.need(reader, "run", &SHAPE, FIRST_LINES) };
    let Some(at) = at else { return (String::new(), shell.to_owned()) };
    let what = if is_script { "`script`" } else { "`run`" };
    let text = check_script(reader, &at, what).unwrap_or_default();
    if has_expressions(text) && !split(text).is_empty() {
        not_filled_in(reader, &at);
    }
    if is_script && text.trim_start().starts_with("#!") {
        return (text.trim_start().to_owned(), OWN_SHELL.to_owned());
    }
    (text.to_owned(), shell.to_owned())
}

fn not_filled_in(reader: &mut Reader<'_>, at: &At<'_>) {
    reader
        .error(at, code::INTERPOLATION_NOT_ALLOWED, "nothing is filled in within an action")
        .hint("what it is given is in its environment: the input `tag` is `\"$INPUT_TAG\"`");
}

fn inputs(reader: &mut Reader<'_>, at: &At<'_>) -> Vec<ActionInput> {
    let Some(entries) = at.entries() else {
        reader.wrong_type(at, "`inputs`", "a mapping").hint("write `inputs: { tag: { required: true } }`");
        return vec![];
    };
    if entries.len() > MAX_INPUTS {
        let message =
            format!("an action can have at most {MAX_INPUTS} inputs, and these are {}", entries.len());
        reader.error(at, code::LIMIT, message).hint("let it read a file");
    }
    let mut inputs: Vec<ActionInput> = vec![];
    for (key, node) in entries.iter().take(MAX_INPUTS) {
        let at = At { node, path: Path::Field(&at.path, &key.text) };
        if !is_identifier(&key.text) {
            let message = format!("`{}` can't be an input of an action", shown(&key.text));
            reader.out.error(key.span, at.path.pointer(), code::BAD_NAME, message).hint(IDENTIFIER_HINT);
            continue;
        }
        let own = variable_name(&key.text);
        if let Some(other) = inputs.iter().find(|other| variable_name(&other.name) == own) {
            let message = format!("`{}` and `{}` would both be the variable `{own}`", other.name, key.text);
            reader
                .out
                .error(key.span, at.path.pointer(), code::DUPLICATE_NAME, message)
                .hint("call one of them something else");
        }
        inputs.extend(input(reader, &key.text, at));
    }
    inputs
}

fn input(reader: &mut Reader<'_>, name: &str, at: At<'_>) -> Option<ActionInput> {
    let mut input = ActionInput { name: name.to_owned(), required: false, default: None, description: None };
    if at.node.is_null() {
        return Some(input);
    }
    let fields = Fields::open(reader, at, &INPUT)?;
    input.required = fields.flag(reader, "required", false);
    input.description = fields.get("description").and_then(|at| description(reader, &at));
    if let Some(at) = fields.get("default") {
        let text = reader.literal(&at, "`default`")?;
        if text.len() > MAX_VALUE_BYTES || text.contains('\0') {
            let message =
                format!("`default` can hold at most {} KiB, and no zero byte", MAX_VALUE_BYTES / 1024);
            reader.error(&at, code::BAD_VALUE, message).hint("let the action read a file");
        }
        input.default = Some(text.to_owned());
    }
    Some(input)
}

/// What the environment of an action calls what it is given.
fn variable_name(input: &str) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("INPUT_{}", input.chars().map(upper).collect::<String>())
}

impl LocalAction {
    /// The action's own variables, and what it is given by a step's `with`: the input `tag` as `INPUT_TAG`.
    ///
    /// # Errors
    /// Everything that is wrong with what it is given.
    pub fn environment(
        &self,
        with: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Vec<InputProblem>> {
        let known = || self.inputs.iter().map(|input| input.name.as_str());
        let mut problems = vec![];
        for name in with.keys().filter(|name| !known().any(|known| known == *name)) {
            let message = match nearest(name, known()) {
                Some(near) => format!("is no input of the action; did you mean `{near}`?"),
                None => {
                    format!("is no input of the action, which has {}", known().collect::<Vec<_>>().join(", "))
                }
            };
            problems.push(InputProblem { name: name.clone(), message });
        }
        let mut environment = self.variables.clone();
        for input in &self.inputs {
            match with.get(&input.name).or(input.default.as_ref()) {
                Some(text) => {
                    environment.insert(variable_name(&input.name), text.clone());
                }
                None if input.required => {
                    let message = "has to be given by `with`".to_owned();
                    problems.push(InputProblem { name: input.name.clone(), message });
                }
                None => {
                    environment.insert(variable_name(&input.name), String::new());
                }
            }
        }
        if problems.is_empty() { Ok(environment) } else { Err(problems) }
    }
}
