//! `on.manual.inputs`: what a run may be given, and of which kind.

use super::read::{At, Fields, Path, Reader, Shape, Words};
use super::text::check_variable_name;
use crate::definition::{Input, InputKind};
use crate::diagnostic::code;
use crate::limits::{MAX_DESCRIPTION_BYTES, MAX_INPUTS, MAX_OPTIONS, MAX_VALUE_BYTES};
use crate::planner::commands;
use crate::tree::{Key, Node, Scalar, shown};

pub(crate) const SHAPE: Shape = Shape {
    what: "an input",
    fields: &["type", "required", "default", "options", "description"],
    later: &[
        ("pattern", "check it in a step until then"),
        ("min", "check it in a step until then"),
        ("max", "check it in a step until then"),
    ],
    instead: &[
        ("choices", "write `options`"),
        ("values", "write `options`"),
        ("enum", "write `options`"),
        ("value", "write `default`"),
        ("name", "the input's name is its key"),
        ("deprecationMessage", "write it into `description`"),
    ],
};

pub(crate) const TYPES: Words = Words {
    what: "an input's `type`",
    known: &["string", "number", "boolean", "choice"],
    later: &["environment", "secret"],
    until_then: "use `choice` or `string` until then",
};

pub(super) fn inputs(reader: &mut Reader<'_>, at: At<'_>) -> Vec<Input> {
    const HINT: &str = "write `inputs: { version: { type: string, required: true } }`";
    let Some(entries) = at.entries() else {
        reader.wrong_type(&at, "`inputs`", "a mapping").hint(HINT);
        return vec![];
    };
    if entries.len() > MAX_INPUTS {
        let message = format!("there can be at most {MAX_INPUTS} inputs, and these are {}", entries.len());
        reader
            .error(&at, code::LIMIT, message)
            .hint("put what belongs together into a file of the repository");
    }
    entries.iter().take(MAX_INPUTS).filter_map(|(key, node)| input(reader, &at, key, node)).collect()
}

fn input(reader: &mut Reader<'_>, parent: &At<'_>, key: &Key, node: &Node) -> Option<Input> {
    let at = At { node, path: Path::Field(&parent.path, &key.text) };
    if let Some(message) = objection_to(&key.text) {
        reader
            .out
            .error(key.span, at.path.pointer(), code::BAD_NAME, message)
            .hint("call the input something else; it is a variable of every step");
        reader.refused_inputs.insert(key.text.clone());
        return None;
    }
    reader.usage.declare_input(&key.text, key.span, &at.path);
    let mut input = Input {
        name: key.text.clone(),
        kind: InputKind::String,
        required: false,
        default: None,
        description: None,
    };
    // `version:` alone is a text that may be given.
    if at.node.is_null() {
        return Some(input);
    }
    let Some(fields) = Fields::open(reader, at, &SHAPE) else { return Some(input) };
    let errors = reader.out.error_count();
    input.kind = kind(reader, &fields);
    if reader.out.error_count() > errors {
        reader.refused_inputs.insert(key.text.clone());
    }
    input.required = fields.flag(reader, "required", false);
    input.description = fields.get("description").and_then(|at| description(reader, &at));
    if let Some(at) = fields.get("default") {
        let text = reader.literal(&at, "`default`").map(|text| as_kind(&input.kind, &at, text));
        if let Some(problem) = text.as_ref().and_then(|text| input.kind.objection(text)) {
            reader
                .error(&at, code::BAD_VALUE, format!("`default` {problem}"))
                .hint("it has to be of the input's type");
        }
        input.default = text;
    }
    Some(input)
}

/// Why this can't be the name of an input or a parameter, which is one of a variable, too.
pub(super) fn objection_to(name: &str) -> Option<String> {
    if let Err(message) = check_variable_name(name) {
        return Some(message);
    }
    commands(name).then(|| format!("`{name}` would change what runs, which a parameter can't"))
}

/// What YAML writes in several ways has one as an input.
pub(super) fn as_kind(kind: &InputKind, at: &At<'_>, text: &str) -> String {
    let written = match kind {
        InputKind::Boolean => at.scalar().and_then(Scalar::flag).map(|flag| flag.to_string()),
        InputKind::Number if text.starts_with("0x") || text.starts_with("0o") => {
            at.scalar().and_then(Scalar::whole).map(|number| number.to_string())
        }
        _ => None,
    };
    written.unwrap_or_else(|| text.to_owned())
}

fn kind(reader: &mut Reader<'_>, fields: &Fields<'_>) -> InputKind {
    let given = fields.get("type").and_then(|at| reader.word(&at, &TYPES));
    let options = fields.get("options").map(|at| options(reader, &at)).unwrap_or_default();
    match given {
        Some("number") => InputKind::Number,
        Some("boolean") => InputKind::Boolean,
        // Options say that it is a choice.
        None if !options.is_empty() => return InputKind::Choice(options),
        Some("choice") => {
            let hint = "write `options: [staging, production]`";
            if fields
                .need(reader, "options", &Shape { what: "an input of type `choice`", ..SHAPE }, hint)
                .is_none()
            {
                return InputKind::Choice(vec![]);
            }
            return InputKind::Choice(options);
        }
        _ => InputKind::String,
    }
    .without_options(reader, fields)
}

impl InputKind {
    fn without_options(self, reader: &mut Reader<'_>, fields: &Fields<'_>) -> Self {
        if let (Some(at), Some(_)) = (fields.get("options"), fields.get("type")) {
            reader
                .error(&at, code::CONFLICT, "only an input of type `choice` has `options`")
                .hint("write `type: choice`");
        }
        self
    }
}

fn options(reader: &mut Reader<'_>, at: &At<'_>) -> Vec<String> {
    let mut options: Vec<String> = vec![];
    for (at, option) in
        reader.words(at, "`options`", MAX_OPTIONS, "write a list such as `[staging, production]`")
    {
        if option.is_empty() || option.contains(char::is_control) || option.len() > MAX_VALUE_BYTES {
            reader.error(&at, code::BAD_VALUE, "an option has to be one line of text").done();
        } else if crate::template::has_expressions(option) {
            let _ = reader.literal(&at, "an option");
        } else if options.iter().any(|known| known == option) {
            let message = format!("`{}` is here twice", shown(option));
            reader.warn(&at, code::REDUNDANT, message).hint("once is enough");
        } else {
            options.push(option.to_owned());
        }
    }
    if options.is_empty() {
        reader
            .error(at, code::MISSING_FIELD, "`options` holds nothing to choose from")
            .hint("write a list such as `[staging, production]`");
    }
    options
}

pub(super) fn description(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let text = reader.text(at, "`description`")?;
    if text.len() > MAX_DESCRIPTION_BYTES {
        let message = format!("`description` can have at most {MAX_DESCRIPTION_BYTES} bytes");
        reader.error(at, code::LIMIT, message).hint("make it shorter");
        return None;
    }
    Some(text.trim().to_owned())
}
