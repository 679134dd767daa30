//! Work that never runs, or waits for what never runs: warnings, since somebody may have switched it off on purpose.

use std::collections::{BTreeMap, BTreeSet};

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use penstock_domain::TriggerEvent;

use super::read::Reader;
use super::stage::Lowered;
use crate::definition::{Condition, Job, Step};
use crate::diagnostic::code;
use crate::expression::uses::Uses;
use crate::expression::{Known, evaluate_early, names, sample, syntax};
use crate::plan::OFF;
use crate::tree::Span;
use crate::trigger::Triggers;

const SWITCH_ON: &str = "switch it on, or take it out";
const FIRST_STAGE: &str =
    "it waits for no stage, so that nothing has failed by then; name those that it is about in `depends_on`";
const AFTER_A_CANCEL: &str = "after a cancel only stages of `type: cleanup` run";
const ITS_STAGE: &str = "its stage starts only where nothing has failed; put it into a stage of its own, which waits for this one";
const FIRST_STEP: &str = "no step of the job runs before it; put it behind those that it is about";
const NO_STEP_AFTER_A_CANCEL: &str = "after a cancel no step runs; put it into a stage of `type: cleanup`";
const BOTH: &str = "what succeeded has not failed; say which of the two is meant";

/// How what comes before may have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Before {
    success: bool,
    failure: bool,
    cancelled: bool,
}

const SUCCEEDED: Before = Before { success: true, failure: false, cancelled: false };
const FAILED: Before = Before { success: false, failure: true, cancelled: false };
const CANCELLED: Before = Before { success: false, failure: false, cancelled: true };
const CANCELLED_AND_FAILED: Before = Before { success: false, failure: true, cancelled: true };
const WHATEVER: [Before; 4] = [SUCCEEDED, FAILED, CANCELLED, CANCELLED_AND_FAILED];

/// The events that may start the pipeline.
pub(super) struct Events(BTreeSet<&'static str>);

impl Events {
    /// A run by hand and what follows another pipeline are never refused.
    pub fn of(triggers: &Triggers) -> Self {
        let always = [TriggerEvent::Manual, TriggerEvent::Webhook];
        Self(triggers.events().into_iter().chain(always).map(TriggerEvent::as_str).collect())
    }

    fn told(&self) -> String {
        let events: Vec<_> = self.0.iter().copied().collect();
        let tags = if self.has_tags() { "" } else { ", and `tag` is empty" };
        format!("with this `on`, `event` is one of {}{tags}", events.join(", "))
    }

    fn has_tags(&self) -> bool {
        self.0.contains(TriggerEvent::Tag.as_str())
    }

    fn all() -> Self {
        Self(TriggerEvent::ALL.iter().map(|event| event.as_str()).collect())
    }
}

pub(super) fn report_unreachable(reader: &mut Reader<'_>, stages: &[Lowered], events: &Events) {
    let mut off: BTreeSet<&str> = BTreeSet::new();
    for lowered in stages {
        let Lowered { stage, span, pointer, .. } = lowered;
        let before = match (stage.always, stage.depends_on.is_empty()) {
            (true, _) => &WHATEVER[..],
            (false, true) => &[SUCCEEDED],
            (false, false) => &[SUCCEEDED, FAILED],
        };
        let asked = Asked { what: "stage", before, unfailed: FIRST_STAGE, always: stage.always, events };
        if !stage.enabled {
            off.insert(&stage.name);
            let message = format!("stage `{}` is switched off, and never runs", stage.name);
            reader.out.warn(*span, pointer.clone(), code::UNREACHABLE, message).hint(SWITCH_ON);
        } else if asked.report(reader, stage.condition.as_ref()) {
            off.insert(&stage.name);
        }
        // A job is asked when its stage starts.
        let before = asked.when(stage.condition.as_ref());
        // Of what never starts nothing more is to be said.
        for job in stage.jobs.iter().filter(|_| !before.is_empty()) {
            Asked { what: "job", before: &before, unfailed: ITS_STAGE, ..asked }
                .report(reader, job.condition.as_ref());
            report_steps(reader, job, events);
        }
    }
    for (name, span, pointer) in stages.iter().flat_map(|lowered| &lowered.dependencies) {
        if off.contains(name.as_str()) {
            let message = format!("`{name}` never runs, so that nothing waits for it");
            reader.out.warn(*span, pointer.clone(), code::UNREACHABLE, message).hint(SWITCH_ON);
        }
    }
}

/// A step asks about the earlier ones of its job. Nobody asks it after a cancel.
fn report_steps(reader: &mut Reader<'_>, job: &Job, events: &Events) {
    for (index, Step { condition, .. }) in job.steps.iter().enumerate() {
        let before: &[Before] = if index == 0 { &[SUCCEEDED] } else { &[SUCCEEDED, FAILED] };
        Asked { what: "step", before, unfailed: FIRST_STEP, always: false, events }
            .report(reader, condition.as_ref());
    }
}

/// A place where a condition stands.
#[derive(Clone, Copy)]
struct Asked<'a> {
    what: &'a str,
    /// What may have been when it is asked.
    before: &'a [Before],
    /// Why nothing can have failed, where that is so.
    unfailed: &'static str,
    /// It cleans up, so that no condition stands for `success() && (…)`.
    always: bool,
    events: &'a Events,
}

impl Asked<'_> {
    /// Whether the condition never holds, which is said.
    fn report(&self, reader: &mut Reader<'_>, condition: Option<&Condition>) -> bool {
        let Some(condition) = condition else { return false };
        let Some(hint) = self.never_holds(condition) else { return false };
        let place = &condition.place;
        let length = u32::try_from(condition.expression.chars().count()).unwrap_or(1);
        let span = Span { line: place.line, column: place.column, length };
        let message = format!("this is never true, so that the {} never runs", self.what);
        reader.out.warn(span, place.pointer.clone(), code::UNREACHABLE, message).hint(hint);
        true
    }

    /// Why the condition is false whatever the run is like.
    fn never_holds(&self, condition: &Condition) -> Option<String> {
        if condition.expression == OFF {
            return Some(SWITCH_ON.to_owned());
        }
        let expression = syntax::parse(&condition.expression).ok()?;
        let any = Events::all();
        // Of the reasons, the first that is enough.
        if !self.may_hold(&expression, &WHATEVER, &any) {
            let asks = names::asks_for_status(&expression);
            return Some(
                if asks && self.may_hold_for_itself(&expression) { BOTH } else { SWITCH_ON }.to_owned(),
            );
        }
        if !self.may_hold(&expression, self.before, &any) {
            let after_a_cancel = if self.what == "step" { NO_STEP_AFTER_A_CANCEL } else { AFTER_A_CANCEL };
            let asks_for_failure = self.may_hold(&expression, &[FAILED], &any);
            return Some(if asks_for_failure { self.unfailed } else { after_a_cancel }.to_owned());
        }
        if !self.may_hold(&expression, self.before, self.events) {
            return Some(self.events.told());
        }
        None
    }

    /// Whether it is only that the functions about what came before exclude each other.
    fn may_hold_for_itself(&self, expression: &IdedExpr) -> bool {
        let free = Before { success: true, failure: true, cancelled: true };
        self.may_hold(expression, &[free], &Events::all())
    }

    fn may_hold(&self, expression: &IdedExpr, before: &[Before], events: &Events) -> bool {
        let needs_success = !self.always && !names::asks_for_status(expression);
        let counts = |before: &&Before| before.success || !needs_success;
        before
            .iter()
            .filter(counts)
            .any(|before| World { before: *before, events }.answer(expression) != Some(false))
    }

    /// What may have been when the condition holds; with none, it asks for success.
    fn when(&self, condition: Option<&Condition>) -> Vec<Before> {
        let fits = |before: &&Before| match condition.and_then(|c| syntax::parse(&c.expression).ok()) {
            None => self.always || before.success,
            Some(expression) => self.may_hold(&expression, &[**before], self.events),
        };
        self.before.iter().filter(fits).copied().collect()
    }
}

/// What is known when a condition is asked.
struct World<'a> {
    before: Before,
    events: &'a Events,
}

impl World<'_> {
    /// None where it differs from run to run.
    fn answer(&self, expression: &IdedExpr) -> Option<bool> {
        match &expression.expr {
            Expr::Literal(LiteralValue::Boolean(flag)) => Some(*flag.inner()),
            Expr::Call(call) => self.call(expression, call),
            _ => None,
        }
    }

    fn call(&self, expression: &IdedExpr, call: &CallExpr) -> Option<bool> {
        let answers = || call.args.iter().map(|operand| self.answer(operand));
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, _) if answers().any(|answer| answer == Some(false)) => Some(false),
            (operators::LOGICAL_AND, _) => answers().all(|answer| answer == Some(true)).then_some(true),
            (operators::LOGICAL_OR, _) if answers().any(|answer| answer == Some(true)) => Some(true),
            (operators::LOGICAL_OR, _) => answers().all(|answer| answer == Some(false)).then_some(false),
            (operators::LOGICAL_NOT, [operand]) => self.answer(operand).map(|answer| !answer),
            ("always", []) => Some(true),
            ("success", []) => Some(self.before.success),
            ("failure", []) => Some(self.before.failure),
            ("cancelled", []) => Some(self.before.cancelled),
            (operator @ (operators::EQUALS | operators::NOT_EQUALS), [left, right]) => {
                let equal = self.equal(left, right).or_else(|| self.equal(right, left));
                match equal {
                    Some(equal) => Some(equal == (operator == operators::EQUALS)),
                    None => constant(expression),
                }
            }
            (operators::IN, [left, IdedExpr { expr: Expr::List(list), .. }]) => {
                let all_differ = |node: &IdedExpr| self.equal(left, node) == Some(false);
                let differs = !list.elements.is_empty() && list.elements.iter().all(all_differ);
                if differs { Some(false) } else { constant(expression) }
            }
            _ => constant(expression),
        }
    }

    /// Whether `name` is the text, where every run says the same.
    fn equal(&self, name: &IdedExpr, text: &IdedExpr) -> Option<bool> {
        let (Expr::Ident(name), Expr::Literal(LiteralValue::String(text))) = (&name.expr, &text.expr) else {
            return None;
        };
        match name.as_str() {
            // What is no event at all is told by the word.
            "event"
                if text
                    .inner()
                    .parse::<TriggerEvent>()
                    .is_ok_and(|e| !self.events.0.contains(e.as_str())) =>
            {
                Some(false)
            }
            "tag" if !self.events.has_tags() => Some(text.inner().is_empty()),
            _ => None,
        }
    }
}

/// The answer of what asks for nothing.
fn constant(expression: &IdedExpr) -> Option<bool> {
    let uses = Uses::of(expression);
    let asks = ["always", "success", "failure", "cancelled", "changed"];
    let is_constant = uses.names.is_empty()
        && uses.loops.is_empty()
        && !asks.iter().any(|name| uses.functions.contains(name));
    if !is_constant {
        return None;
    }
    let (run, nothing) = (sample(), BTreeMap::new());
    let known = Known { run: &run, variables: &nothing, matrix: &nothing, facts: None, steps: None };
    evaluate_early(expression, &known).ok()
}
