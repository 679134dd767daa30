//! Which words mean something in an expression, and where.

use std::collections::{BTreeMap, BTreeSet};

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

use super::StepFact;
use super::syntax::{Word, children};
use super::uses::{OutputOf, Uses, Which};
use crate::diagnostic::{Severity, code};
use crate::glob::Patterns;
use crate::limits::MAX_PATTERNS;
use crate::suggest::nearest;

/// Where an expression stands decides what it may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    /// `if` of a stage, of a job or of what follows the pipeline: asked when the work before it has ended.
    Work,
    /// `if` of a step: asked before anything runs, unless it asks what became of something.
    Step,
    /// `${{ … }}` of a variable: filled in when what it asks for is known.
    Value,
    /// `${{ … }}` of what has to be known before anything runs.
    Early,
    /// `${{ … }}` of a script.
    Run,
    /// `${{ … }}` of what one job of a matrix is called, and of what its runner needs.
    Label,
}

/// Something wrong with an expression, at a byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub severity: Severity,
    pub code: &'static str,
    pub offset: usize,
    pub chars: usize,
    pub message: String,
    pub hint: Option<String>,
}

/// What is known by name everywhere.
pub(crate) const NAMES: [&str; 14] = [
    "branch",
    "tag",
    "event",
    "event_name",
    "commit",
    "commit_message",
    "author",
    "repository",
    "pipeline",
    "number",
    "variables",
    "inputs",
    "matrix",
    "stages",
];
const STEPS: &str = "steps";
const STATUS_FUNCTIONS: [&str; 4] = ["always", "success", "failure", "cancelled"];
const FUNCTIONS: [&str; 9] =
    ["size", "contains", "startsWith", "endsWith", "string", "int", "double", "bool", "changed"];
const MACROS: [&str; 4] = ["has", "exists", "all", "exists_one"];
/// What no shell can read as anything but a word: digits, hexadecimal digits, one of six words; and what the author
/// of the file wrote into it.
const HARMLESS_IN_RUN: [&str; 4] = ["number", "event", "commit", "matrix"];
const LATER_NAMES: [&str; 4] = ["secrets", "needs", "job", "environment"];

pub(crate) fn asks_for_status(expression: &IdedExpr) -> bool {
    asks_for_status_in(&Uses::of(expression))
}

pub(crate) fn asks_for_status_in(uses: &Uses<'_>) -> bool {
    uses.functions.iter().any(|function| STATUS_FUNCTIONS.contains(function))
}

/// What a stage offers to the expressions of others.
#[derive(Debug, Clone, Default)]
pub(crate) struct StageOffer {
    pub outputs: BTreeSet<String>,
    /// What it waits for by itself.
    pub depends_on: Vec<String>,
    /// It never runs.
    pub off: bool,
}

/// What the file offers to an expression.
pub(crate) struct Offered<'a> {
    pub stages: &'a BTreeMap<String, StageOffer>,
    /// Stages may have any name: the file that they are in is not here.
    pub any_stage: bool,
    /// The stage that it is in; None where what has ended by then differs from one use to the next.
    pub stage: Option<&'a str>,
    pub variables: &'a BTreeMap<String, String>,
    /// Those that are filled in only while the execution runs.
    pub late: &'a BTreeSet<String>,
    /// Each with whether a script may hold it.
    pub inputs: &'a BTreeMap<String, bool>,
    /// None where there is no matrix.
    pub matrix: Option<&'a BTreeMap<String, String>>,
    /// The steps before this one.
    pub steps: &'a BTreeMap<String, StepFact>,
}

impl Offered<'_> {
    /// Whether `stage` starts only when `other` has ended.
    fn waits_for(&self, stage: &str, other: &str) -> bool {
        let mut seen = BTreeSet::from([stage]);
        let mut open = vec![stage];
        while let Some(next) = open.pop() {
            let depends_on = self.stages.get(next).map_or(&[][..], |offer| &offer.depends_on);
            if depends_on.iter().any(|name| name == other) {
                return true;
            }
            open.extend(depends_on.iter().map(String::as_str).filter(|name| seen.insert(name)));
        }
        false
    }
}

/// Looks through an expression for what could never be answered at `site`.
pub(crate) fn check(uses: &Uses<'_>, words: &[Word<'_>], site: Site, offered: &Offered<'_>) -> Vec<Finding> {
    let mut findings = Findings { words, found: vec![] };
    check_names(uses, site, offered, &mut findings);
    check_functions(uses, site, &mut findings);
    check_changes(uses, &mut findings);
    check_loops(uses, &mut findings);
    check_fields(uses, &mut findings);
    if matches!(site, Site::Work | Site::Step | Site::Value) {
        check_stages(uses, offered, &mut findings);
        check_outputs(uses, offered, &mut findings);
    }
    if site == Site::Step {
        check_steps(uses, offered, &mut findings);
    }
    check_inputs(uses, site, offered, &mut findings);
    check_matrix(uses, offered, &mut findings);
    if !matches!(site, Site::Run | Site::Label) {
        check_variables(uses, site, offered, &mut findings);
    }
    findings.found
}

struct Findings<'w> {
    words: &'w [Word<'w>],
    found: Vec<Finding>,
}

impl Findings<'_> {
    fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        word: &str,
        message: String,
        hint: Option<String>,
    ) {
        let found = self.words.iter().find(|w| w.name && w.text == word);
        let quoted = || self.words.iter().find(|w| !w.name && w.text.trim_matches(['"', '\'']) == word);
        let (offset, chars) = found.or_else(quoted).map_or((0, 1), |w| (w.offset, w.text.chars().count()));
        self.found.push(Finding { severity, code, offset, chars, message, hint });
    }

    fn error(&mut self, code: &'static str, word: &str, message: String, hint: impl Into<String>) {
        self.add(Severity::Error, code, word, message, Some(hint.into()));
    }
}

fn check_names(uses: &Uses<'_>, site: Site, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    let mut names: Vec<&&str> = uses.names.iter().filter(|name| !uses.local.contains(**name)).collect();
    names.sort();
    for name in names {
        let known = NAMES.contains(name) || *name == STEPS;
        if known && site == Site::Label && *name != "matrix" {
            let message = format!("`{name}` can't be used in {}", site.called());
            findings.error(code::UNKNOWN_NAME, name, message, "only the job's `matrix` is filled in here");
        } else if *name == STEPS && site != Site::Step {
            let message = format!("`steps` can't be used in {}", site.called());
            let hint = "ask for it in the `if` of a later step of the job";
            findings.error(code::UNKNOWN_NAME, name, message, hint);
        } else if known && site == Site::Run && !HARMLESS_IN_RUN.contains(name) && *name != "inputs" {
            let message =
                format!("`{name}` may hold text that others wrote, and in a script text becomes commands");
            findings.error(code::UNTRUSTED_IN_RUN, name, message, instead_in_run(name, uses));
        } else if *name == "stages" && site == Site::Early {
            let message = format!(
                "`stages` can't be used in {}, which is filled in before anything runs",
                site.called()
            );
            let hint = "set a variable from it, and let a step use that";
            findings.error(code::UNKNOWN_NAME, name, message, hint);
        } else if *name == "matrix" && offered.matrix.is_none() {
            let message = "`matrix` means nothing here: there is no matrix".to_owned();
            let hint = "a job has one: `matrix: { node: [18, 20] }`";
            findings.error(code::UNKNOWN_NAME, name, message, hint);
        } else if !known && LATER_NAMES.contains(name) {
            let message = format!("`{name}` is not supported yet in expressions");
            findings.error(code::NOT_SUPPORTED_YET, name, message, format!("known are {}", NAMES.join(", ")));
        } else if !known {
            let message = format!("`{name}` means nothing here");
            findings.error(code::UNKNOWN_NAME, name, message, hint_for_name(name));
        }
    }
}

impl Site {
    const fn called(self) -> &'static str {
        match self {
            Self::Work => "the `if` of a stage or a job",
            Self::Step => "the `if` of a step",
            Self::Value => "a variable",
            Self::Early => "this text",
            Self::Run => "`run`",
            Self::Label => "a name or a label",
        }
    }
}

fn instead_in_run(name: &str, uses: &Uses<'_>) -> String {
    match (name, &uses.variables) {
        ("variables", Which::Named(names)) if names.len() == 1 => {
            let name: String = names.iter().cloned().collect();
            format!("every variable is in the environment: write `\"${name}\"`")
        }
        ("variables", _) => "every variable is in the environment: write `\"$NAME\"`".to_owned(),
        ("branch", _) => "it is in the environment: write `\"$PENSTOCK_BRANCH\"`".to_owned(),
        ("pipeline", _) => "it is in the environment: write `\"$PENSTOCK_PIPELINE\"`".to_owned(),
        ("repository", _) => "it is in the environment: write `\"$PENSTOCK_REPOSITORY_URL\"`".to_owned(),
        ("stages", _) => match uses.outputs.iter().next() {
            Some(OutputOf { owner, name, .. }) => {
                through_a_variable(name, &format!("stages.{owner}.outputs.{name}"))
            }
            None => through_a_variable("STATUS", "stages.….status"),
        },
        _ => through_a_variable(name, name),
    }
}

fn through_a_variable(name: &str, expression: &str) -> String {
    let variable: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!(
        "give it to the step as `variables: {{ {variable}: \"${{{{ {expression} }}}}\" }}` and write `\"${variable}\"`"
    )
}

fn hint_for_name(name: &str) -> String {
    match name {
        "github" | "gitlab" | "ci" => {
            format!("names stand alone here: {}", NAMES.join(", "))
        }
        "env" | "vars" => "write `variables.NAME`".to_owned(),
        "ref" | "ref_name" => "write `branch` or `tag`".to_owned(),
        "sha" => "write `commit`".to_owned(),
        _ => match nearest(name, NAMES) {
            Some(near) => format!("did you mean `{near}`? A text needs quotes: `\"{name}\"`"),
            None => format!("a text needs quotes: `\"{name}\"`; known are {}", NAMES.join(", ")),
        },
    }
}

fn check_functions(uses: &Uses<'_>, site: Site, findings: &mut Findings<'_>) {
    for function in &uses.functions {
        let operator = function.starts_with(['_', '@', '!', '-']);
        if operator || FUNCTIONS.contains(function) {
            continue;
        }
        if STATUS_FUNCTIONS.contains(function) {
            if !matches!(site, Site::Work | Site::Step) {
                let message = format!("`{function}()` can't be used in {}", site.called());
                let hint = "ask for it in an `if`";
                findings.error(code::UNKNOWN_FUNCTION, function, message, hint);
            } else if uses.with_arguments.contains(function) {
                let message = format!("`{function}()` takes nothing");
                findings.error(
                    code::EXPRESSION_TYPE,
                    function,
                    message,
                    format!("write `{function}()` alone"),
                );
            }
        } else if *function == "hash" {
            let message = "`hash()` is not supported yet".to_owned();
            findings.error(code::NOT_SUPPORTED_YET, function, message, "leave it out for now");
        } else {
            let known = FUNCTIONS.iter().chain(&MACROS).chain(&STATUS_FUNCTIONS).copied();
            let hint = match nearest(function, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", known.collect::<Vec<_>>().join(", ")),
            };
            let message = format!("there is no function `{function}`");
            findings.error(code::UNKNOWN_FUNCTION, function, message, hint);
        }
    }
}

/// `changed("glob", …)` takes patterns that are written out.
fn check_changes(uses: &Uses<'_>, findings: &mut Findings<'_>) {
    const HINT: &str = "write `changed(\"src/**\", \"Cargo.toml\")`";
    let mut patterns = Patterns::default();
    for call in &uses.changes {
        if call.target.is_some() || call.args.is_empty() {
            let message = "`changed` takes the patterns of paths".to_owned();
            findings.error(code::EXPRESSION_TYPE, "changed", message, HINT);
        }
        for argument in &call.args {
            let Expr::Literal(LiteralValue::String(pattern)) = &argument.expr else {
                let message = "`changed` takes texts that are written out".to_owned();
                findings.error(code::EXPRESSION_TYPE, "changed", message, HINT);
                continue;
            };
            if let Err(error) = patterns.push(pattern.inner()) {
                findings.add(Severity::Error, code::BAD_PATTERN, pattern.inner(), error.to_string(), None);
            }
        }
    }
    if patterns.only_exclude() {
        let message = "these patterns only take out, so that nothing is left".to_owned();
        findings.error(code::BAD_PATTERN, "changed", message, "put `\"**\"` before them");
    }
    if patterns.as_slice().len() > MAX_PATTERNS {
        let message = format!("an expression can hold at most {MAX_PATTERNS} patterns");
        findings.error(code::LIMIT, "changed", message, "write fewer that match more");
    }
}

/// A loop goes through a list or a map once; loops within loops would multiply, and so would texts that grow.
fn check_loops(uses: &Uses<'_>, findings: &mut Findings<'_>) {
    for looped in &uses.loops {
        if NAMES.contains(&looped.iter_var.as_str()) || looped.iter_var == STEPS {
            let message = format!("`{}` has a meaning already", looped.iter_var);
            findings.error(
                code::BAD_NAME,
                &looped.iter_var,
                message,
                "call the loop's variable something else",
            );
        }
        if matches!(looped.accu_init.expr, Expr::List(_)) {
            let word = if findings.words.iter().any(|w| w.text == "filter") { "filter" } else { "map" };
            let message = format!("`{word}` makes lists, and no expression can be one");
            findings.error(code::UNKNOWN_FUNCTION, word, message, "use `exists`, `all` or `exists_one`");
            continue;
        }
        let mut open = vec![&looped.loop_step];
        while let Some(node) = open.pop() {
            match &node.expr {
                Expr::Comprehension(inner) => {
                    let message = "a loop can't be within another".to_owned();
                    let hint = "use a list with `in`, or split it into two conditions";
                    findings.error(code::LIMIT, &inner.iter_var, message, hint);
                }
                Expr::Call(call) if call.func_name == operators::ADD && !counts(call) => {
                    let message = "nothing can be added up within a loop".to_owned();
                    findings.error(code::LIMIT, &looped.iter_var, message, "compare the parts one by one");
                }
                Expr::Call(call) if call.func_name == "changed" => {
                    let message = "`changed` can't be within a loop".to_owned();
                    findings.error(code::LIMIT, "changed", message, "it takes several patterns at once");
                }
                _ => {}
            }
            open.extend(children(node));
        }
    }
}

/// `exists_one` counts with a sum of its own.
fn counts(call: &CallExpr) -> bool {
    matches!(call.args.first(), Some(IdedExpr { expr: Expr::Ident(name), .. }) if name == "@result")
}

fn check_fields(uses: &Uses<'_>, findings: &mut Findings<'_>) {
    for (map, field) in &uses.fields {
        let (what, known): (_, &[&str]) = match *map {
            "stages" => ("a stage", &["status"]),
            _ => ("a step", &["status", "exit_code"]),
        };
        if *field == "outputs" {
            let message = format!("the outputs of {what} can be asked for by name only");
            let hint = format!("write `{map}.name.outputs.version`");
            findings.error(code::UNKNOWN_NAME, field, message, hint);
        } else if !known.contains(field) {
            let message = format!("{what} has no `{field}` in expressions");
            let hint = match nearest(field, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if *map == "stages" => "ask for its `status`, or for one of its `outputs`".to_owned(),
                None => "ask for its `status`, its `exit_code` or one of its `outputs`".to_owned(),
            };
            findings.error(code::UNKNOWN_NAME, field, message, hint);
        }
    }
}

fn check_stages(uses: &Uses<'_>, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    let Which::Named(names) = &uses.stages else { return };
    if offered.any_stage {
        return;
    }
    for name in names.iter().filter(|name| !offered.stages.contains_key(*name)) {
        let hint = closest(name, offered.stages.keys(), "the stages are");
        findings.error(code::UNKNOWN_STAGE, name, format!("there is no stage `{name}`"), hint);
    }
}

fn check_outputs(uses: &Uses<'_>, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    for OutputOf { owner, name, .. } in uses.outputs.iter().filter(|output| output.map == "stages") {
        let Some(stage) = offered.stages.get(*owner) else { continue };
        if !stage.outputs.contains(*name) {
            let hint = match nearest(name, stage.outputs.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("a job of `{owner}` has to declare it: `outputs: [{name}]`"),
            };
            let message = format!("stage `{owner}` has no output `{name}`");
            findings.error(code::UNKNOWN_OUTPUT, name, message, hint);
        } else if offered.stage.is_some_and(|stage| !offered.waits_for(stage, owner)) {
            let message = format!("this asks for an output of `{owner}`, and does not wait for it");
            let hint = format!("add `{owner}` to the stage's `depends_on`");
            findings.error(code::NOT_AWAITED, owner, message, hint);
        } else if stage.off {
            let message = format!("`{owner}` never runs, so that its outputs are always empty");
            let hint = "switch it on, or take this out".to_owned();
            findings.add(Severity::Warning, code::UNREACHABLE, owner, message, Some(hint));
        }
    }
}

fn check_steps(uses: &Uses<'_>, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    let Which::Named(names) = &uses.steps else { return };
    for name in names.iter().filter(|name| !offered.steps.contains_key(*name)) {
        let message = format!("no step before this one has the id `{name}`");
        let hint = closest(name, offered.steps.keys(), "give an earlier step an `id`; known are");
        findings.error(code::UNKNOWN_STEP, name, message, hint);
    }
}

fn check_inputs(uses: &Uses<'_>, site: Site, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    if site == Site::Label || uses.local.contains("inputs") {
        return;
    }
    let Which::Named(names) = &uses.inputs else {
        if site == Site::Run {
            let message = "in a script, inputs have to be named one by one".to_owned();
            findings.error(code::UNTRUSTED_IN_RUN, "inputs", message, "write `inputs.name`");
        }
        return;
    };
    for name in names {
        match offered.inputs.get(name) {
            None => {
                let message = format!("there is no input `{name}`");
                let hint =
                    closest(name, offered.inputs.keys(), "declare it in `on.manual.inputs`; known are");
                findings.error(code::UNKNOWN_INPUT, name, message, hint);
            }
            Some(false) if site == Site::Run => {
                let message =
                    format!("the input `{name}` may hold any text, and in a script text becomes commands");
                let hint = format!("every input is in the environment: write `\"${name}\"`");
                findings.error(code::UNTRUSTED_IN_RUN, name, message, hint);
            }
            Some(_) => {}
        }
    }
}

fn check_matrix(uses: &Uses<'_>, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    let (Which::Named(names), Some(matrix)) = (&uses.matrix, offered.matrix) else { return };
    for name in names.iter().filter(|name| !matrix.contains_key(*name)) {
        let message = format!("the matrix has no `{name}`");
        let hint = closest(name, matrix.keys(), "it has");
        findings.error(code::UNKNOWN_NAME, name, message, hint);
    }
}

fn check_variables(uses: &Uses<'_>, site: Site, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    let Which::Named(names) = &uses.variables else {
        if site == Site::Early && !offered.late.is_empty() {
            let message = "some variables are filled in only while the execution runs".to_owned();
            findings.error(code::UNKNOWN_NAME, "variables", message, "name the variable that is meant");
        }
        return;
    };
    for name in names {
        if offered.late.contains(name) {
            if site == Site::Early {
                let message =
                    format!("the variable `{name}` asks for an output, and this is filled in before");
                let hint = "every variable is in the environment of a step; use it there";
                findings.error(code::UNKNOWN_NAME, name, message, hint);
            }
            continue;
        }
        if offered.variables.contains_key(name) || uses.foreseen.contains(name.as_str()) {
            continue;
        }
        let message = format!("nothing in the file sets the variable `{name}` here");
        let hint = match nearest(name, offered.variables.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                format!("without a parameter of that name, the run fails; `has(variables.{name})` asks first")
            }
        };
        findings.add(Severity::Warning, code::UNSET_VARIABLE, name, message, Some(hint));
    }
}

/// The nearest of `known`, or all of them.
fn closest<'k>(name: &str, known: impl Iterator<Item = &'k String> + Clone, otherwise: &str) -> String {
    match nearest(name, known.clone().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let known = known.cloned().collect::<Vec<_>>().join(", ");
            format!("{otherwise} {}", if known.is_empty() { "none" } else { &known })
        }
    }
}
