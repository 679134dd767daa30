//! Work that never runs, or waits for what never runs: warnings, since somebody may have switched it off on purpose.

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{Expr, LiteralValue, operators};

use super::read::Reader;
use super::stage::Lowered;
use crate::definition::Condition;
use crate::diagnostic::code;
use crate::expression::syntax;
use crate::expression::uses::Uses;
use crate::expression::{Known, evaluate_early, sample};
use crate::plan::OFF;
use crate::tree::Span;

pub(super) fn report_unreachable(reader: &mut Reader<'_>, stages: &[Lowered]) {
    let mut off: BTreeSet<&str> = BTreeSet::new();
    for lowered in stages {
        let Lowered { stage, span, pointer, .. } = lowered;
        if !stage.enabled {
            off.insert(&stage.name);
            let message = format!("stage `{}` is switched off, and never runs", stage.name);
            reader.out.warn(*span, pointer.clone(), code::UNREACHABLE, message).hint(SWITCH_ON);
        } else if let Some(condition) = stage.condition.as_ref().filter(|condition| never_holds(condition)) {
            off.insert(&stage.name);
            warn_of_condition(reader, condition, "stage");
        }
        for job in &stage.jobs {
            job.condition.iter().filter(|c| never_holds(c)).for_each(|c| warn_of_condition(reader, c, "job"));
            let steps = job.steps.iter().filter_map(|step| step.condition.as_ref());
            steps.filter(|c| never_holds(c)).for_each(|c| warn_of_condition(reader, c, "step"));
        }
    }
    for (name, span, pointer) in stages.iter().flat_map(|lowered| &lowered.dependencies) {
        if off.contains(name.as_str()) {
            let message = format!("`{name}` never runs, so that nothing waits for it");
            reader.out.warn(*span, pointer.clone(), code::UNREACHABLE, message).hint(SWITCH_ON);
        }
    }
}

const SWITCH_ON: &str = "switch it on, or take it out";

fn warn_of_condition(reader: &mut Reader<'_>, condition: &Condition, what: &str) {
    let place = &condition.place;
    let length = u32::try_from(condition.expression.chars().count()).unwrap_or(1);
    let span = Span { line: place.line, column: place.column, length };
    let message = format!("this is never true, so that the {what} never runs");
    reader.out.warn(span, place.pointer.clone(), code::UNREACHABLE, message).hint(SWITCH_ON);
}

/// Whether a condition is false whatever the run is like.
fn never_holds(condition: &Condition) -> bool {
    if condition.expression == OFF {
        return true;
    }
    // Without a word that is constant, or a comparison of two of them, there is nothing to find out.
    syntax::parse(&condition.expression).is_ok_and(|expression| is_false(&expression))
}

fn is_false(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Literal(LiteralValue::Boolean(flag)) => !*flag.inner(),
        Expr::Call(call) if call.func_name == operators::LOGICAL_AND => call.args.iter().any(is_false),
        Expr::Call(call) if call.func_name == operators::LOGICAL_OR => call.args.iter().all(is_false),
        Expr::Call(_) => is_constant(expression) && answers_no(expression),
        _ => false,
    }
}

/// It asks for nothing.
fn is_constant(expression: &IdedExpr) -> bool {
    let uses = Uses::of(expression);
    let asks = ["always", "success", "failure", "cancelled", "changed"];
    uses.names.is_empty() && uses.loops.is_empty() && !asks.iter().any(|name| uses.functions.contains(name))
}

fn answers_no(expression: &IdedExpr) -> bool {
    let (run, nothing) = (sample(), std::collections::BTreeMap::new());
    let known = Known { run: &run, variables: &nothing, matrix: &nothing, facts: None, steps: None };
    evaluate_early(expression, &known) == Ok(false)
}
