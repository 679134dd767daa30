//! What is set and never used, and what is set over something else: warnings, since a program may read any variable
//! without the file saying so.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::programs;
use super::read::{Path, Reader};
use crate::definition::{Action, Definition, Job, Variable};
use crate::diagnostic::{Diagnostics, code};
use crate::expression::uses::{Uses, Which};
use crate::expression::written;
use crate::template::Template;
use crate::tree::Span;

/// The levels at which variables are set; an inner one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Pipeline,
    Stage,
    Job,
    Step,
}

/// Collected while the file is read.
#[derive(Default)]
pub(super) struct Usage {
    /// What is set around the place that is being read, level by level.
    around: Vec<Vec<Rc<Setting>>>,
    /// Everything that is set.
    settings: Vec<Rc<Setting>>,
    inputs: BTreeSet<String>,
    asked_inputs: BTreeSet<String>,
    all_inputs: bool,
    /// Of each stage.
    asked_outputs: BTreeSet<(String, String)>,
    declared_outputs: Vec<Declared>,
    declared_inputs: Vec<(String, Span, String)>,
    /// What is set is read where nobody sees it.
    unseen: bool,
}

struct Setting {
    name: String,
    /// As written; None where it differs from job to job.
    text: Option<String>,
    span: Span,
    pointer: String,
    /// By an action that the place is around.
    is_read: Cell<bool>,
}

struct Declared {
    stage: String,
    output: String,
    span: Span,
    pointer: String,
}

impl Usage {
    /// What is set from here on belongs to a new level, within those that are wider.
    pub fn enter(&mut self, level: Level) {
        self.around.truncate(level as usize);
        self.around.resize_with(level as usize + 1, Vec::new);
    }

    /// Whether what is set from here on is for an action, which reads what it likes; so it does of all around it.
    pub fn read_by_an_action(&mut self, is_read: bool) {
        self.unseen = is_read;
        if is_read {
            self.around.iter().flatten().for_each(|setting| setting.is_read.set(true));
        }
    }

    /// A variable is set here.
    pub fn set(&mut self, name: &str, value: &Template, span: Span, path: &Path<'_>, out: &mut Diagnostics) {
        let text = value.to_string();
        // What stands in the same mapping twice is an error of its own.
        let Some((_, outer)) = self.around.split_last() else { return };
        let shadowed = outer.iter().rev().flatten().find(|other| other.name == name);
        if self.inputs.contains(name) {
            let message = format!("the input `{name}` goes before this variable");
            out.warn(span, path.pointer(), code::SHADOWED, message).hint("call one of them something else");
        } else if let Some(other) = shadowed.filter(|other| other.text.as_ref() != Some(&text)) {
            let message = match other.text {
                Some(_) => format!("`{name}` is set to something else on line {}", other.span.line),
                None => format!("`{name}` is set by the job's `matrix` on line {}", other.span.line),
            };
            out.warn(span, path.pointer(), code::SHADOWED, message)
                .hint("call it something else, unless this is meant to replace it here");
        }
        let (name, text, pointer) = (name.to_owned(), Some(text), path.pointer());
        let setting = Rc::new(Setting { name, text, span, pointer, is_read: Cell::default() });
        if !self.unseen {
            self.settings.push(Rc::clone(&setting));
        }
        self.around.last_mut().into_iter().for_each(|level| level.push(Rc::clone(&setting)));
    }

    /// The matrix of a job sets a variable.
    pub fn set_by_matrix(&mut self, name: &str, span: Span, path: &Path<'_>, out: &mut Diagnostics) {
        let by_hand = |other: &&Rc<Setting>| other.name == name && other.text.is_some();
        if let Some(other) = self.around.iter().flatten().find(by_hand) {
            let message = format!("the matrix sets `{name}`, which is set on line {}, too", other.span.line);
            out.warn(span, path.pointer(), code::SHADOWED, message).hint("call one of them something else");
        } else if self.inputs.contains(name) {
            let message = format!("the input `{name}` goes before what the matrix sets");
            out.warn(span, path.pointer(), code::SHADOWED, message).hint("call one of them something else");
        }
        let (name, pointer) = (name.to_owned(), path.pointer());
        let setting = Rc::new(Setting { name, text: None, span, pointer, is_read: Cell::default() });
        self.around.last_mut().into_iter().for_each(|level| level.push(Rc::clone(&setting)));
    }

    pub fn declare_input(&mut self, name: &str, span: Span, path: &Path<'_>) {
        self.inputs.insert(name.to_owned());
        self.declared_inputs.push((name.to_owned(), span, path.pointer()));
    }

    pub fn declare_output(&mut self, stage: &str, output: &str, span: Span, path: &Path<'_>) {
        let (stage, output, pointer) = (stage.to_owned(), output.to_owned(), path.pointer());
        self.declared_outputs.push(Declared { stage, output, span, pointer });
    }

    /// What an expression asks for.
    pub fn expression(&mut self, uses: &Uses<'_>) {
        for output in uses.outputs.iter().filter(|output| output.map == "stages") {
            self.asked_outputs.insert((output.owner.to_owned(), output.name.to_owned()));
        }
        match &uses.inputs {
            Which::Named(names) => self.asked_inputs.extend(names.iter().cloned()),
            Which::All => self.all_inputs = true,
        }
    }
}

/// Errors after which all that is used is known nevertheless.
const READ_NEVERTHELESS: [&str; 10] = [
    code::BAD_CRON,
    code::BAD_DURATION,
    code::BAD_PATTERN,
    code::DEPENDENCY_CYCLE,
    code::DUPLICATE_NAME,
    code::EXPRESSION_FAILS,
    code::EXPRESSION_TYPE,
    code::OUT_OF_RANGE,
    code::UNKNOWN_TIME_ZONE,
    code::UNKNOWN_VALUE,
];

/// Tells what nothing in the file uses.
pub(super) fn report_unused(reader: &mut Reader<'_>, definition: &Definition) {
    // In a file that is read in part only, much would seem to be unused.
    if !reader.out.errors_are_all_of(&READ_NEVERTHELESS) {
        return;
    }
    let usage = std::mem::take(&mut reader.usage);
    let names = usage.settings.iter().map(|setting| setting.name.as_str());
    let names: BTreeMap<&str, bool> =
        names.chain(usage.inputs.iter().map(String::as_str)).map(|name| (name, false)).collect();
    let mentioned = mentioned(names, definition);
    let is_mentioned = |name: &str| mentioned.get(name).copied().unwrap_or(false);
    let is_used = |setting: &Setting| {
        setting.is_read.get() || is_mentioned(&setting.name) || programs::read(&setting.name)
    };
    for setting in usage.settings.iter().filter(|setting| !is_used(setting)) {
        let message = format!("nothing in the file uses the variable `{}`", setting.name);
        reader
            .out
            .warn(setting.span, setting.pointer.clone(), code::UNUSED, message)
            .hint("leave it, if a program that the steps start reads it");
    }
    for (name, span, pointer) in &usage.declared_inputs {
        if usage.all_inputs || usage.asked_inputs.contains(name) || is_mentioned(name) {
            continue;
        }
        let message = format!("nothing in the file uses the input `{name}`");
        reader
            .out
            .warn(*span, pointer.clone(), code::UNUSED, message)
            .hint(format!("write `inputs.{name}` or `\"${name}\"`, unless a program reads it"));
    }
    for Declared { stage, output, span, pointer } in usage.declared_outputs {
        let message = format!("nothing in the file uses the output `{output}`");
        let asks = written::output("stages", &stage, &output);
        let hint = format!("write `${{{{ {asks} }}}}` in a variable of a later stage");
        if !usage.asked_outputs.contains(&(stage, output)) {
            reader.out.warn(span, pointer, code::UNUSED, message).hint(hint);
        }
    }
}

/// Which of `names` are words of a script or of an expression.
fn mentioned<'n>(mut names: BTreeMap<&'n str, bool>, definition: &Definition) -> BTreeMap<&'n str, bool> {
    if names.is_empty() {
        return names;
    }
    let mut look = |text: &str| {
        for word in
            text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
        {
            if let Some(mentioned) = names.get_mut(word) {
                *mentioned = true;
            }
        }
    };
    let in_values = |variables: &[Variable], look: &mut dyn FnMut(&str)| {
        variables.iter().flat_map(|variable| variable.value.expressions()).for_each(look);
    };
    in_values(&definition.variables, &mut look);
    for template in definition.concurrency.iter().map(|concurrency| &concurrency.group) {
        template.expressions().for_each(&mut look);
    }
    for successor in &definition.then {
        in_values(&successor.parameters, &mut look);
        successor.branch.iter().flat_map(Template::expressions).for_each(&mut look);
        successor.condition.iter().for_each(|condition| look(&condition.expression));
    }
    for stage in &definition.stages {
        in_values(&stage.variables, &mut look);
        stage.condition.iter().for_each(|condition| look(&condition.expression));
        let version = stage.deploy.iter().filter_map(|deploy| deploy.version.as_ref());
        version.flat_map(Template::expressions).for_each(&mut look);
        stage.jobs.iter().for_each(|job| look_through(job, &mut look));
    }
    names
}

fn look_through(job: &Job, look: &mut dyn FnMut(&str)) {
    job.condition.iter().for_each(|condition| look(&condition.expression));
    job.variables.iter().flat_map(|variable| variable.value.expressions()).for_each(&mut *look);
    for step in &job.steps {
        step.condition.iter().for_each(|condition| look(&condition.expression));
        step.variables.iter().flat_map(|variable| variable.value.expressions()).for_each(&mut *look);
        match &step.action {
            Action::Run { text, .. } => text.texts().for_each(&mut *look),
            Action::Uses { with, .. } => {
                with.iter().flat_map(|given| given.value.expressions()).for_each(&mut *look);
            }
        }
    }
}
