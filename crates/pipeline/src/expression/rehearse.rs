//! An expression answered for values that never were: what is wrong with any values is found before any run.
//!
//! What stands behind `&&`, `||` or `?:` is answered by itself, since these look at it in some runs only.

use cel::common::ast::{Expr, operators};
use cel::{ExecutionError, IdedExpr, Value};

use super::context::{NoAnswer, Prepared};
use super::names::Site;
use super::syntax::{Word, children};
use super::uses::Uses;
use super::{ExpressionError, Known, condition_from, kind, plainly, text_from};

/// Of a map that a loop goes through: they are all alike there.
const REHEARSED_MEMBERS: usize = 2;

/// What has to come out.
#[derive(Clone, Copy)]
enum Wanted {
    Condition,
    Text,
    /// Of `&&`, `||`, `!` and `?:`.
    Operand,
}

/// What could never be answered, and at which words of the expression.
pub(crate) struct Unanswerable {
    pub offset: usize,
    pub bytes: usize,
    pub error: ExpressionError,
}

pub(crate) fn rehearse(
    expression: &IdedExpr,
    words: &[Word<'_>],
    uses: &Uses<'_>,
    site: Site,
    known: &Known<'_>,
) -> Vec<Unanswerable> {
    let wanted = if matches!(site, Site::Work | Site::Step) { Wanted::Condition } else { Wanted::Text };
    // What is too much for these short values is too much for none.
    let Ok(prepared) = Prepared::new(uses, known, REHEARSED_MEMBERS) else { return vec![] };
    let mut parts = vec![];
    split(expression, wanted, &mut parts);
    let places = places(words);
    let whole = places.len() != parts.len();
    let mut found = vec![];
    for (index, (part, wanted)) in parts.into_iter().enumerate() {
        let Err(error) = answer(part, wanted, &prepared) else { continue };
        let (offset, bytes) =
            if whole { words.first().map_or((0, 1), |word| (word.offset, 1)) } else { places[index] };
        found.push(Unanswerable { offset, bytes, error });
    }
    found
}

/// The parts that are answered by themselves, in the order in which they are written.
fn split<'e>(expression: &'e IdedExpr, wanted: Wanted, parts: &mut Vec<(&'e IdedExpr, Wanted)>) {
    if let Expr::Call(call) = &expression.expr {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, operands) => {
                operands.iter().for_each(|operand| split(operand, Wanted::Operand, parts));
                return;
            }
            (operators::CONDITIONAL, [condition, then, otherwise]) => {
                split(condition, Wanted::Operand, parts);
                split(then, wanted, parts);
                split(otherwise, wanted, parts);
                return;
            }
            _ => {}
        }
    }
    parts.push((expression, wanted));
    nested(expression, parts);
}

/// Operands within something else, as in `(a && b) == true`.
fn nested<'e>(expression: &'e IdedExpr, parts: &mut Vec<(&'e IdedExpr, Wanted)>) {
    // The parts of a loop mean something only within it.
    if matches!(expression.expr, Expr::Comprehension(_)) {
        return;
    }
    for child in children(expression) {
        match &child.expr {
            Expr::Call(call)
                if [operators::LOGICAL_AND, operators::LOGICAL_OR].contains(&call.func_name.as_str()) =>
            {
                call.args.iter().for_each(|operand| split(operand, Wanted::Operand, parts));
            }
            _ => nested(child, parts),
        }
    }
}

fn answer(part: &IdedExpr, wanted: Wanted, prepared: &Prepared) -> Result<(), ExpressionError> {
    match (prepared.answer(part), wanted) {
        (Ok(value), Wanted::Condition) => condition_from(value).map(drop),
        (Ok(value), Wanted::Text) => text_from(value).map(drop),
        (Ok(Value::Bool(_)), Wanted::Operand) => Ok(()),
        (Ok(value), Wanted::Operand) => Err(ExpressionError::NotAnOperand { got: kind(&value) }),
        (Err(error), _) if is_for_any_values(&error) => Err(plainly(NoAnswer::Failed(error))),
        (Err(_), _) => Ok(()),
    }
}

/// Whether other values would change nothing.
const fn is_for_any_values(error: &ExecutionError) -> bool {
    matches!(
        error,
        ExecutionError::NoSuchOverload(_)
            | ExecutionError::UnexpectedType { .. }
            | ExecutionError::ValuesNotComparable(..)
            | ExecutionError::UnsupportedBinaryOperator(..)
            | ExecutionError::InvalidArgumentCount { .. }
            | ExecutionError::UndeclaredReference(_)
            | ExecutionError::NotSupportedAsMethod { .. }
            | ExecutionError::UnsupportedTargetType { .. }
            | ExecutionError::MissingArgumentOrTarget
    )
}

/// Where each part begins, and how many bytes it has: as far as the words alone tell.
fn places(words: &[Word<'_>]) -> Vec<(usize, usize)> {
    let mut places = vec![];
    let mut part: Vec<Word<'_>> = vec![];
    // Whether each open bracket only groups.
    let mut open: Vec<bool> = vec![];
    let mut before: Option<Word<'_>> = None;
    for word in words {
        let groups = open.iter().all(|groups| *groups);
        match word.text {
            "&&" | "||" | "?" | ":" if groups => places.extend(place(&std::mem::take(&mut part))),
            _ => part.push(*word),
        }
        match word.text {
            "(" => open.push(!before.is_some_and(|word| word.name)),
            "[" | "{" => open.push(false),
            ")" | "]" | "}" => drop(open.pop()),
            _ => {}
        }
        before = Some(*word);
    }
    places.extend(place(&part));
    places
}

/// Without what only groups it, or turns its answer round.
fn place(part: &[Word<'_>]) -> Option<(usize, usize)> {
    let mut part = part;
    while let [first, rest @ ..] = part
        && matches!(first.text, "(" | "!")
    {
        part = rest;
    }
    let depth = |part: &[Word<'_>]| part.iter().filter(|word| word.text == "(").count();
    while let [rest @ .., last] = part
        && last.text == ")"
        && part.iter().filter(|word| word.text == ")").count() > depth(part)
    {
        part = rest;
    }
    let (first, last) = (part.first()?, part.last()?);
    Some((first.offset, last.offset + last.text.len() - first.offset))
}
