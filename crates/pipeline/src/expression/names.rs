//! Which words mean something in an expression, and where.

use std::collections::BTreeMap;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, operators};
use penstock_domain::WorkStatus;

use super::syntax::{Word, children};
use super::uses::{Uses, Which};
use crate::diagnostic::{Severity, code};
use crate::suggest::nearest;

/// Where an expression stands decides what it may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    /// `if` of a stage or a job: asked when the work before it has ended.
    Work,
    /// `if` of a step: asked before anything runs.
    Step,
    /// `${{ … }}` of a variable.
    Value,
    /// `${{ … }}` of a script.
    Run,
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

pub(crate) const NAMES: [&str; 11] = [
    "branch",
    "tag",
    "event",
    "commit",
    "commit_message",
    "author",
    "repository",
    "pipeline",
    "number",
    "variables",
    "stages",
];
const STATUS_FUNCTIONS: [&str; 4] = ["always", "success", "failure", "cancelled"];
const FUNCTIONS: [&str; 8] =
    ["size", "contains", "startsWith", "endsWith", "string", "int", "double", "bool"];
const MACROS: [&str; 4] = ["has", "exists", "all", "exists_one"];
/// What no shell can read as anything but a word: digits, hexadecimal digits, one of six words.
const HARMLESS_IN_RUN: [&str; 3] = ["number", "event", "commit"];
const LATER_NAMES: [&str; 7] = ["secrets", "matrix", "inputs", "needs", "steps", "job", "environment"];

pub(crate) fn asks_for_status(expression: &IdedExpr) -> bool {
    Uses::of(expression).functions.iter().any(|function| STATUS_FUNCTIONS.contains(function))
}

/// What the file offers to an expression.
pub(crate) struct Offered<'a> {
    pub stages: &'a BTreeMap<String, WorkStatus>,
    pub variables: &'a BTreeMap<String, String>,
}

/// Looks through an expression for what could never be answered at `site`.
pub(crate) fn check(
    expression: &IdedExpr,
    words: &[Word<'_>],
    site: Site,
    offered: &Offered<'_>,
) -> Vec<Finding> {
    let uses = Uses::of(expression);
    let mut findings = Findings { words, found: vec![] };
    check_names(&uses, site, &mut findings);
    check_functions(&uses, site, &mut findings);
    check_loops(&uses, &mut findings);
    if site == Site::Work {
        check_stages(&uses, offered, &mut findings);
    }
    if site != Site::Run {
        check_variables(&uses, offered, &mut findings);
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

fn check_names(uses: &Uses<'_>, site: Site, findings: &mut Findings<'_>) {
    let mut names: Vec<&&str> = uses.names.iter().filter(|name| !uses.local.contains(**name)).collect();
    names.sort();
    for name in names {
        let known = NAMES.contains(name);
        if known && site == Site::Run && !HARMLESS_IN_RUN.contains(name) {
            let message =
                format!("`{name}` may hold text that others wrote, and in a script text becomes commands");
            findings.error(code::UNTRUSTED_IN_RUN, name, message, instead_in_run(name, uses));
        } else if *name == "stages" && site != Site::Work {
            let message = format!("`stages` is not supported yet in {}", site.called());
            let hint = "ask for it in the `if` of a stage or a job";
            findings.error(code::NOT_SUPPORTED_YET, name, message, hint);
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
            Self::Run => "`run`",
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
        _ => {
            let variable = name.to_uppercase();
            format!(
                "give it to the step as `variables: {{ {variable}: \"${{{{ {name} }}}}\" }}` and write `\"${variable}\"`"
            )
        }
    }
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
            if site != Site::Work {
                let message = format!("`{function}()` is not supported yet in {}", site.called());
                let hint = "ask for it in the `if` of a stage or a job";
                findings.error(code::NOT_SUPPORTED_YET, function, message, hint);
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

/// A loop goes through a list or a map once; loops within loops would multiply, and so would texts that grow.
fn check_loops(uses: &Uses<'_>, findings: &mut Findings<'_>) {
    for looped in &uses.loops {
        if NAMES.contains(&looped.iter_var.as_str()) {
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

fn check_stages(uses: &Uses<'_>, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    if let Which::Named(names) = &uses.stages {
        for name in names.iter().filter(|name| !offered.stages.contains_key(*name)) {
            let hint = match nearest(name, offered.stages.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "the stages are {}",
                    offered.stages.keys().cloned().collect::<Vec<_>>().join(", ")
                ),
            };
            findings.error(code::UNKNOWN_STAGE, name, format!("there is no stage `{name}`"), hint);
        }
    }
    for (_, field) in uses.fields.iter().filter(|(map, field)| *map == "stages" && *field != "status") {
        let message = format!("a stage has no `{field}` in expressions");
        findings.error(code::UNKNOWN_NAME, field, message, "ask for its `status`");
    }
}

fn check_variables(uses: &Uses<'_>, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    let Which::Named(names) = &uses.variables else { return };
    let unset =
        |name: &&String| !offered.variables.contains_key(*name) && !uses.foreseen.contains(name.as_str());
    for name in names.iter().filter(unset) {
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
