//! What a plan may hold: names and values from outside of the file, and how large it gets in all.

use super::{Planner, Variables};
use crate::definition::{Definition, Place};
use crate::diagnostic::code;
use crate::expression::ExpressionError;
use crate::limits::{MAX_PLAN_BYTES, MAX_VALUE_BYTES, MAX_VARIABLES};
use crate::lower::check_variable_name;
use crate::plan::Late;
use crate::tree::{Span, segment};

impl Planner<'_> {
    /// What the file has no say in.
    pub(super) fn check_context(&mut self) {
        let parameters = &self.context.variables;
        if parameters.len() > MAX_VARIABLES {
            let message = format!("there can be at most {MAX_VARIABLES} parameters");
            self.refuse(&outside("/parameters"), code::LIMIT, message, "leave some out");
        }
        for (name, value) in parameters.iter().take(MAX_VARIABLES) {
            let place = outside(&format!("/parameters{}", segment(name)));
            if let Err(message) = check_variable_name(name) {
                self.refuse(&place, code::BAD_NAME, message, "call the parameter something else");
            }
            if commands(name) {
                let message = format!("`{name}` would change what runs, which a parameter can't");
                self.refuse(&place, code::BAD_NAME, message, "set it as a variable in the file");
            }
            self.check_value(name, value, &place);
        }
        let commit = self.context.commit_sha.as_deref().unwrap_or("");
        if !commit.chars().all(|c| c.is_ascii_hexdigit()) {
            let message = "a commit's name has hexadecimal digits only".to_owned();
            self.refuse(&outside("/commit_sha"), code::BAD_VALUE, message, "give the full hash of a commit");
        }
    }

    /// Scripts may hold what an input of a closed kind is, so that it has to be of that kind.
    pub(super) fn check_inputs(&mut self, definition: &Definition) {
        for input in &definition.inputs {
            let value = self.context.inputs.get(&input.name);
            if value.is_some_and(|value| !input.kind.holds(value)) {
                let place = outside(&format!("/inputs{}", segment(&input.name)));
                let message = format!("the input `{}` has a value that is not of its type", input.name);
                self.refuse(&place, code::BAD_VALUE, message, "give one that the file allows");
            }
        }
    }

    pub(super) fn check_value(&mut self, name: &str, value: &str, place: &Place) -> bool {
        if value.len() > MAX_VALUE_BYTES {
            let message = format!("variable `{name}` gets longer than {} KiB", MAX_VALUE_BYTES / 1024);
            self.refuse(place, code::LIMIT, message, "put it into a file of the repository");
        } else if value.contains('\0') {
            let message = format!("variable `{name}` would hold a zero byte");
            self.refuse(place, code::BAD_VALUE, message, "leave it out");
        } else {
            return true;
        }
        false
    }

    pub(super) fn spend(&mut self, variables: &Variables) {
        self.spend_bytes(variables.iter().map(|(name, value)| name.len() + value.len()).sum());
    }

    pub(super) fn spend_late(&mut self, late: &[Late]) {
        self.spend_bytes(late.iter().map(|late| late.name.len() + late.text.len()).sum());
    }

    pub(super) fn spend_bytes(&mut self, bytes: usize) {
        let before = self.bytes;
        self.bytes += bytes;
        if before <= MAX_PLAN_BYTES && self.too_large() {
            let message =
                format!("with variables in every job, the plan has more than {} MiB", MAX_PLAN_BYTES >> 20);
            let hint = "set large variables at the jobs that need them";
            self.refuse(&outside(""), code::LIMIT, message, hint);
        }
    }

    pub(super) fn too_large(&self) -> bool {
        self.bytes > MAX_PLAN_BYTES
    }

    pub(super) fn fails(&mut self, error: &ExpressionError, place: &Place) {
        if self.too_large() {
            // What was not copied would seem to be missing.
            return;
        }
        let hint = "give the run a parameter of that name, or ask with `has(…)` first";
        self.refuse(place, code::EXPRESSION_FAILS, error.to_string(), hint);
    }

    pub(super) fn refuse(&mut self, place: &Place, code: &'static str, message: String, hint: &str) {
        let span = Span { line: place.line, column: place.column, length: 1 };
        self.out.error(span, place.pointer.clone(), code, message).hint(hint);
    }
}

/// Whether a value from outside of the file may be a variable of this name: a parameter, or what a step sets.
///
/// # Errors
/// Why it can't, and what can.
pub fn check_parameter_name(name: &str) -> Result<(), String> {
    check_variable_name(name)?;
    if commands(name) { Err(format!("`{name}` would change what runs")) } else { Ok(()) }
}

/// Names of variables through which a value becomes a command.
pub(crate) const COMMANDS: [&str; 12] = [
    "PATH",
    "HOME",
    "SHELL",
    "IFS",
    "ENV",
    "BASH_ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "PROMPT_COMMAND",
    "EDITOR",
    "PAGER",
    "NODE_OPTIONS",
];
/// What further such names begin with.
pub(crate) const COMMAND_PREFIXES: [&str; 8] =
    ["LD_", "DYLD_", "GIT_", "SSH_", "PYTHON", "PERL", "RUBY", "JAVA_TOOL_"];

/// Who may start a pipeline need not be who may change what it does.
pub(crate) fn commands(parameter: &str) -> bool {
    COMMANDS.contains(&parameter) || COMMAND_PREFIXES.iter().any(|prefix| parameter.starts_with(prefix))
}

/// A place that no line of the file is.
pub(super) fn outside(pointer: &str) -> Place {
    Place { pointer: pointer.to_owned(), line: 0, column: 0 }
}
