//! Expressions: CEL over the facts of a run, bounded and never panicking.
//!
//! [`syntax`] parses within limits, [`uses`] finds what is asked, [`names`] knows which words mean something where,
//! [`context`] answers. The result is a condition (true or false) or a piece of text; nothing here changes anything.

mod context;
pub(crate) mod names;
pub(crate) mod syntax;
pub(crate) mod uses;

use std::collections::BTreeMap;

use cel::{ExecutionError, IdedExpr, Value};
use penstock_domain::WorkStatus;
use thiserror::Error;

use crate::plan::RunContext;
use context::NoAnswer;
pub(crate) use context::{Known, sample};
use names::Site;

/// What is known when a stage or a job might start.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Everything that it depends on succeeded, or was left out on purpose.
    pub success: bool,
    /// Something that it depends on, directly or not, failed.
    pub failure: bool,
    /// The execution is being cancelled.
    pub cancelled: bool,
    /// Every stage by its name, for `stages.<name>.status`.
    pub stages: &'a BTreeMap<String, WorkStatus>,
    pub run: &'a RunContext,
    /// [`crate::Plan::variables_of`] the stage, or [`crate::PlannedJob::variables`].
    pub variables: &'a BTreeMap<String, String>,
}

/// Why an expression has no answer. Holds names, and no values.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExpressionError {
    #[error("{message}")]
    Syntax {
        message: String,
        /// Byte in the expression.
        offset: usize,
    },
    #[error("{message}")]
    Fails { message: String },
    #[error("an `if` has to be true or false, and this is {got}")]
    NotACondition { got: &'static str },
    #[error("only text, numbers and booleans become text, and this is {got}")]
    NotText { got: &'static str },
}

/// Answers the condition of a stage or a job. Without `always()`, `success()`, `failure()` or `cancelled()` in it,
/// it stands for `success() && (…)`.
///
/// # Errors
/// [`ExpressionError`]: a condition of a [`crate::Plan`] parses, but a variable that it asks for may be absent.
pub fn evaluate(condition: &str, facts: &Facts<'_>) -> Result<bool, ExpressionError> {
    let expression = syntax::parse(condition)?;
    if !facts.success && !names::asks_for_status(&expression) {
        return Ok(false);
    }
    condition_of(&expression, &Known { run: facts.run, variables: facts.variables, facts: Some(facts) })
}

/// [`evaluate`], where no condition means "when all that it depends on succeeded".
///
/// # Errors
/// As [`evaluate`].
pub fn may_start(condition: Option<&str>, facts: &Facts<'_>) -> Result<bool, ExpressionError> {
    condition.map_or(Ok(facts.success), |condition| evaluate(condition, facts))
}

/// Answers an `if` without facts about other work.
pub(crate) fn evaluate_early(condition: &str, known: &Known<'_>) -> Result<bool, ExpressionError> {
    condition_of(&syntax::parse(condition)?, known)
}

/// What `${{ source }}` stands for.
pub(crate) fn evaluate_text(source: &str, known: &Known<'_>) -> Result<String, ExpressionError> {
    text_from(context::answer(&syntax::parse(source)?, known, usize::MAX).map_err(plainly)?)
}

fn condition_of(expression: &IdedExpr, known: &Known<'_>) -> Result<bool, ExpressionError> {
    condition_from(context::answer(expression, known, usize::MAX).map_err(plainly)?)
}

fn condition_from(value: Value) -> Result<bool, ExpressionError> {
    match value {
        Value::Bool(answer) => Ok(answer),
        other => Err(ExpressionError::NotACondition { got: kind(&other) }),
    }
}

fn text_from(value: Value) -> Result<String, ExpressionError> {
    match value {
        Value::String(text) => Ok(text.as_str().to_owned()),
        Value::Int(n) => Ok(n.to_string()),
        Value::UInt(n) => Ok(n.to_string()),
        Value::Float(n) => Ok(n.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        other => Err(ExpressionError::NotText { got: kind(&other) }),
    }
}

/// Of a map that a loop goes through: they are all alike there.
const REHEARSED_MEMBERS: usize = 2;

/// Answers for values that never were, and tells only what would be wrong with any values.
pub(crate) fn rehearse(expression: &IdedExpr, site: Site, known: &Known<'_>) -> Result<(), ExpressionError> {
    let condition = matches!(site, Site::Work | Site::Step);
    match context::answer(expression, known, REHEARSED_MEMBERS) {
        Ok(value) if condition => condition_from(value).map(drop),
        Ok(value) => text_from(value).map(drop),
        Err(NoAnswer::Failed(
            error @ (ExecutionError::NoSuchOverload(_)
            | ExecutionError::UnexpectedType { .. }
            | ExecutionError::ValuesNotComparable(..)
            | ExecutionError::UnsupportedBinaryOperator(..)
            | ExecutionError::InvalidArgumentCount { .. }),
        )) => Err(plainly(NoAnswer::Failed(error))),
        Err(_) => Ok(()),
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "a number",
        Value::Bool(_) => "true or false",
        Value::Null => "null",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Bytes(_) => "a row of bytes",
        _ => "something else",
    }
}

/// The interpreter's errors print the values they met; a value may be what nobody should read in a log.
fn plainly(no_answer: NoAnswer) -> ExpressionError {
    let NoAnswer::Failed(error) = no_answer else {
        let message = "the texts are too long for this expression; compare shorter ones".to_owned();
        return ExpressionError::Fails { message };
    };
    let message = match error {
        ExecutionError::NoSuchKey(key) => format!("there is no `{key}`"),
        ExecutionError::UndeclaredReference(name) => format!("`{name}` means nothing here"),
        ExecutionError::NoSuchOverload(overload) => format!(
            "`{}` can't be used with {}",
            sign(overload.function()),
            overload.argument_types().join(" and ")
        ),
        ExecutionError::ValuesNotComparable(..) => "these can't be compared".to_owned(),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "this divides by zero".to_owned()
        }
        ExecutionError::Overflow(..) => "the number gets too large".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "the list has no such place".to_owned(),
        ExecutionError::FunctionError { function, .. } => format!("`{function}` can't take this value"),
        _ => "the expression has no answer for these values".to_owned(),
    };
    ExpressionError::Fails { message }
}

/// `_==_` as it is written in an expression.
fn sign(function: &str) -> &str {
    let bare = function.trim_matches(['_', '@']);
    if bare.is_empty() { function } else { bare }
}
