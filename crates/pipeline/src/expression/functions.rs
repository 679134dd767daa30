//! Functions of an expression: whether there is one of that name, whether it is called as it has to be, and loops.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

use super::findings::{Findings, Spot};
use super::names::{NAMES, STEPS, Site};
use super::syntax::children;
use super::uses::Uses;
use super::written;
use crate::diagnostic::{Severity, code};
use crate::glob::Patterns;
use crate::limits::MAX_PATTERNS;
use crate::suggest::nearest;

pub(super) const STATUS_FUNCTIONS: [&str; 4] = ["always", "success", "failure", "cancelled"];
/// `branch.startsWith("v")`: what comes before the dot is what is asked.
const OF_A_TEXT: [&str; 3] = ["contains", "startsWith", "endsWith"];
/// `int("1")`: what is asked stands in the brackets.
const ALONE: [&str; 5] = ["string", "int", "double", "bool", "changed"];
/// Either way.
const EITHER: [&str; 1] = ["size"];
const MACROS: [&str; 4] = ["has", "exists", "all", "exists_one"];
/// What others call the operators.
const OPERATORS_ELSEWHERE: [(&str, &str); 3] = [("not", "!"), ("and", "&&"), ("or", "||")];

fn known() -> impl Iterator<Item = &'static str> + Clone {
    [&EITHER[..], &OF_A_TEXT, &ALONE, &MACROS, &STATUS_FUNCTIONS].into_iter().flatten().copied()
}

/// Whether it is one that is called like this.
pub(super) fn is_function(name: &str) -> bool {
    known().any(|function| function == name)
}

pub(super) fn check(uses: &Uses<'_>, site: Site, findings: &mut Findings<'_>) {
    for function in &uses.functions {
        if STATUS_FUNCTIONS.contains(function) {
            check_status(function, uses, site, findings);
        } else if !is_operator(function) && !is_function(function) {
            unknown(function, findings);
        }
    }
    for call in &uses.calls {
        check_call(call, findings);
    }
    check_changes(uses, findings);
    check_loops(uses, findings);
}

fn is_operator(function: &str) -> bool {
    function.starts_with(['_', '@', '!', '-'])
}

fn check_status(function: &str, uses: &Uses<'_>, site: Site, findings: &mut Findings<'_>) {
    let spot = Spot::Function(function);
    if !matches!(site, Site::Work | Site::Step) {
        let message = format!("`{function}()` can't be used in {}", site.called());
        findings.error(code::UNKNOWN_FUNCTION, spot, message, "ask for it in an `if`");
    } else if uses.with_arguments.contains(function) {
        let message = format!("`{function}()` takes nothing");
        findings.error(code::EXPRESSION_TYPE, spot, message, format!("write `{function}()` alone"));
    }
}

fn unknown(function: &str, findings: &mut Findings<'_>) {
    let spot = Spot::Function(function);
    if function == "hash" {
        let message = "`hash()` is not supported yet".to_owned();
        return findings.error(code::NOT_SUPPORTED_YET, spot, message, "leave it out for now");
    }
    let operator = OPERATORS_ELSEWHERE.iter().find(|(name, _)| *name == function);
    let hint = match (operator, nearest(function, known())) {
        (Some((_, operator)), _) => format!("write `{operator}`"),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
    };
    let message = format!("there is no function `{function}`");
    findings.error(code::UNKNOWN_FUNCTION, spot, message, hint);
}

/// What is asked stands before the dot, or in the brackets; the other way round no run could answer.
fn check_call(call: &CallExpr, findings: &mut Findings<'_>) {
    let name = call.func_name.as_str();
    let spot = Spot::Function(name);
    let argument = |at: usize| call.args.get(at).and_then(shown);
    if OF_A_TEXT.contains(&name) && call.target.is_none() {
        let asked = argument(0).unwrap_or_else(|| "branch".to_owned());
        let of = argument(1).unwrap_or_else(|| "\"…\"".to_owned());
        let hint = format!("write `{asked}.{name}({of})`");
        findings.error(code::EXPRESSION_TYPE, spot, format!("`{name}` is asked of a text"), hint);
    } else if ALONE.contains(&name) && name != "changed" && call.target.is_some() {
        let of = call.target.as_deref().and_then(shown).unwrap_or_else(|| "…".to_owned());
        let message = format!("`{name}` takes what it is about in brackets");
        findings.error(code::EXPRESSION_TYPE, spot, message, format!("write `{name}({of})`"));
    }
}

/// A short expression as it is written.
fn shown(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Literal(LiteralValue::String(text)) => Some(format!("\"{}\"", text.inner())),
        Expr::Literal(LiteralValue::Int(number)) => Some(number.inner().to_string()),
        Expr::Select(select) => Some(written::member(&shown(&select.operand)?, &select.field)),
        _ => None,
    }
}

/// `changed("glob", …)` takes patterns that are written out.
fn check_changes(uses: &Uses<'_>, findings: &mut Findings<'_>) {
    const HINT: &str = "write `changed(\"src/**\", \"Cargo.toml\")`";
    const SPOT: Spot<'_> = Spot::Function("changed");
    let mut patterns = Patterns::default();
    for call in &uses.changes {
        if call.target.is_some() || call.args.is_empty() {
            let message = "`changed` takes the patterns of paths".to_owned();
            findings.error(code::EXPRESSION_TYPE, SPOT, message, HINT);
        }
        for argument in &call.args {
            let Expr::Literal(LiteralValue::String(pattern)) = &argument.expr else {
                let message = "`changed` takes texts that are written out".to_owned();
                findings.error(code::EXPRESSION_TYPE, SPOT, message, HINT);
                continue;
            };
            if let Err(error) = patterns.push(pattern.inner()) {
                let spot = Spot::Text(pattern.inner());
                findings.add(Severity::Error, code::BAD_PATTERN, spot, error.to_string(), None);
            }
        }
    }
    if patterns.only_exclude() {
        let message = "these patterns only take out, so that nothing is left".to_owned();
        findings.error(code::BAD_PATTERN, SPOT, message, "put `\"**\"` before them");
    }
    if patterns.as_slice().len() > MAX_PATTERNS {
        let message = format!("an expression can hold at most {MAX_PATTERNS} patterns");
        findings.error(code::LIMIT, SPOT, message, "write fewer that match more");
    }
}

/// A loop goes through a list or a map once; loops within loops would multiply, and so would texts that grow.
fn check_loops(uses: &Uses<'_>, findings: &mut Findings<'_>) {
    for looped in &uses.loops {
        let spot = Spot::Name(&looped.iter_var);
        if NAMES.contains(&looped.iter_var.as_str()) || looped.iter_var == STEPS {
            let message = format!("`{}` has a meaning already", looped.iter_var);
            findings.error(code::BAD_NAME, spot, message, "call the loop's variable something else");
        }
        if matches!(looped.accu_init.expr, Expr::List(_)) {
            let word = if findings.words.iter().any(|w| w.text == "filter") { "filter" } else { "map" };
            let message = format!("`{word}` makes lists, and no expression can be one");
            let hint = "use `exists`, `all` or `exists_one`";
            findings.error(code::UNKNOWN_FUNCTION, Spot::Function(word), message, hint);
            continue;
        }
        let mut open = vec![&looped.loop_step];
        while let Some(node) = open.pop() {
            match &node.expr {
                Expr::Comprehension(inner) => {
                    let message = "a loop can't be within another".to_owned();
                    let hint = "use a list with `in`, or split it into two conditions";
                    findings.error(code::LIMIT, Spot::Name(&inner.iter_var), message, hint);
                }
                Expr::Call(call) if call.func_name == operators::ADD && !counts(call) => {
                    let message = "nothing can be added up within a loop".to_owned();
                    findings.error(code::LIMIT, spot, message, "compare the parts one by one");
                }
                Expr::Call(call) if call.func_name == "changed" => {
                    let message = "`changed` can't be within a loop".to_owned();
                    let hint = "it takes several patterns at once";
                    findings.error(code::LIMIT, Spot::Function("changed"), message, hint);
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
