//! Expressions: CEL over the facts of a run, bounded and never panicking.
//!
//! [`syntax`] parses within limits, [`uses`] finds what is asked, [`names`] knows which words mean something where, and
//! leaves functions, members and comparisons to files of their own, [`rehearse`] finds what has no answer, [`context`]
//! answers. The result is a condition (true or false) or a piece of text; nothing here changes anything.

mod advice;
mod compare;
mod context;
mod dashes;
mod findings;
mod functions;
mod members;
pub(crate) mod names;
mod rehearse;
pub(crate) mod syntax;
pub(crate) mod uses;
pub(crate) mod written;

use std::collections::BTreeMap;

use cel::{ExecutionError, IdedExpr, Value};
use penstock_domain::WorkStatus;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits::{MAX_VALUE_BYTES, MAX_VERSION_BYTES};
use crate::plan::{Late, Outputs, PlannedSuccessor, RunContext};
use crate::template::{Piece, split};
use context::NoAnswer;
pub(crate) use context::{Known, sample};
pub(crate) use rehearse::{Unanswerable, rehearse};
use uses::Uses;

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
    /// For `stages.<name>.outputs.<output>`; what is not there is the empty text.
    pub outputs: &'a Outputs,
    pub run: &'a RunContext,
    /// [`crate::PlannedJob::matrix`]; empty where it is not about a job.
    pub matrix: &'a BTreeMap<String, String>,
    /// [`crate::Plan::variables_of`] the stage, or [`crate::PlannedJob::variables`].
    pub variables: &'a BTreeMap<String, String>,
}

/// What is known when a step might start.
#[derive(Debug, Clone, Copy)]
pub struct StepFacts<'a> {
    /// `success` and `failure` are about the earlier steps of the job: whether none of them failed, and whether one
    /// did, of those whose failure counts.
    pub facts: Facts<'a>,
    /// The earlier steps that have an id, by it.
    pub steps: &'a BTreeMap<String, StepFact>,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFact {
    pub status: WorkStatus,
    /// None where no command ended, which is `null` in expressions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
}

/// One that has not run.
impl Default for StepFact {
    fn default() -> Self {
        Self { status: WorkStatus::Pending, exit_code: None, outputs: BTreeMap::new() }
    }
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
    #[error("what `&&`, `||`, `!` and `?:` look at has to be true or false, and this is {got}")]
    NotAnOperand { got: &'static str },
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
    condition_of(&expression, &Known::of(facts))
}

/// [`evaluate`], where no condition means "when all that it depends on succeeded".
///
/// # Errors
/// As [`evaluate`].
pub fn may_start(condition: Option<&str>, facts: &Facts<'_>) -> Result<bool, ExpressionError> {
    condition.map_or(Ok(facts.success), |condition| evaluate(condition, facts))
}

/// Whether a step may start; without a condition, when no earlier step of its job failed. Without a status function
/// in it, a condition stands for `success() && (…)`.
///
/// # Errors
/// As [`evaluate`].
pub fn may_step_run(condition: Option<&str>, facts: &StepFacts<'_>) -> Result<bool, ExpressionError> {
    let StepFacts { facts, steps } = facts;
    let Some(condition) = condition else { return Ok(facts.success) };
    let expression = syntax::parse(condition)?;
    if !facts.success && !names::asks_for_status(&expression) {
        return Ok(false);
    }
    condition_of(&expression, &Known { steps: Some(steps), ..Known::of(facts) })
}

/// What a text with `${{ … }}` comes to.
///
/// # Errors
/// As [`evaluate`].
pub fn fill_text(text: &str, facts: &Facts<'_>) -> Result<String, ExpressionError> {
    let known = Known::of(facts);
    let mut filled = String::new();
    for piece in split(text) {
        match piece {
            Piece::Text(piece) => filled.push_str(piece),
            Piece::Expression { source, .. } => filled.push_str(&evaluate_text(source, &known)?),
            Piece::Unclosed { offset } | Piece::TooMany { offset } => {
                let message = "this text has an expression without its end, or too many".to_owned();
                return Err(ExpressionError::Syntax { message, offset });
            }
        }
    }
    Ok(filled)
}

/// Fills in what had to wait, each over `variables` and into them, in their order. Parameters of the run stay.
///
/// # Errors
/// As [`evaluate`], and where a value gets too long or holds what no environment can.
pub fn fill_late(
    late: &[Late],
    variables: &mut BTreeMap<String, String>,
    facts: &Facts<'_>,
) -> Result<(), ExpressionError> {
    for Late { name, text } in late.iter().filter(|late| !facts.run.variables.contains_key(&late.name)) {
        let filled = fill_text(text, &Facts { variables: &*variables, ..*facts })?;
        check_value(name, &filled)?;
        variables.insert(name.clone(), filled);
    }
    Ok(())
}

/// The parameters of a pipeline that is started now. `facts` are those of the execution that has ended, with its
/// variables filled in.
///
/// # Errors
/// As [`fill_late`].
pub fn fill_parameters(
    successor: &PlannedSuccessor,
    facts: &Facts<'_>,
) -> Result<BTreeMap<String, String>, ExpressionError> {
    let mut parameters = successor.parameters.clone();
    for Late { name, text } in &successor.late {
        let filled = fill_text(text, facts)?;
        check_value(name, &filled)?;
        parameters.insert(name.clone(), filled);
    }
    Ok(parameters)
}

/// [`crate::PlannedDeploy::late_version`], filled in. None where that comes to nothing, which stands for the commit.
///
/// # Errors
/// As [`evaluate`], and where the version gets too long or is not one line.
pub fn fill_version(text: &str, facts: &Facts<'_>) -> Result<Option<String>, ExpressionError> {
    let filled = fill_text(text, facts)?;
    let version = filled.trim();
    let message = if version.len() > MAX_VERSION_BYTES {
        format!("`version` gets longer than {MAX_VERSION_BYTES} bytes")
    } else if version.contains(char::is_control) {
        "`version` would hold a line end or another control character".to_owned()
    } else {
        return Ok((!version.is_empty()).then(|| version.to_owned()));
    };
    Err(ExpressionError::Fails { message })
}

fn check_value(name: &str, value: &str) -> Result<(), ExpressionError> {
    let message = if value.len() > MAX_VALUE_BYTES {
        format!("variable `{name}` gets longer than {} KiB", MAX_VALUE_BYTES / 1024)
    } else if value.contains('\0') {
        format!("variable `{name}` would hold a zero byte")
    } else {
        return Ok(());
    };
    Err(ExpressionError::Fails { message })
}

/// Answers an `if` without facts about other work.
pub(crate) fn evaluate_early(expression: &IdedExpr, known: &Known<'_>) -> Result<bool, ExpressionError> {
    condition_of(expression, known)
}

/// What `${{ source }}` stands for.
pub(crate) fn evaluate_text(source: &str, known: &Known<'_>) -> Result<String, ExpressionError> {
    let expression = syntax::parse(source)?;
    let uses = Uses::of(&expression);
    text_from(context::answer(&expression, &uses, known).map_err(plainly)?)
}

fn condition_of(expression: &IdedExpr, known: &Known<'_>) -> Result<bool, ExpressionError> {
    let uses = Uses::of(expression);
    condition_from(context::answer(expression, &uses, known).map_err(plainly)?)
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
            overload.argument_types().iter().map(|kind| called(kind)).collect::<Vec<_>>().join(" and ")
        ),
        ExecutionError::UnsupportedBinaryOperator(operator, left, right) => {
            format!("`{}` can't be used with {} and {}", in_symbols(operator), kind(&left), kind(&right))
        }
        ExecutionError::NotSupportedAsMethod { method, target } => {
            format!("`{method}` can't be asked of {}", kind(&target))
        }
        ExecutionError::InvalidArgumentCount { expected, actual } => {
            format!("this takes {expected} values in its brackets, and is given {actual}")
        }
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

/// A type by the name that it has in messages.
fn called(kind: &str) -> &str {
    match kind {
        "string" => "a text",
        "int" | "uint" | "double" => "a number",
        "bool" => "true or false",
        "null_type" => "null",
        "list" => "a list",
        "map" => "a map",
        other => other,
    }
}

/// The interpreter names some operators by a word.
fn in_symbols(operator: &str) -> &str {
    match operator {
        "add" => "+",
        "sub" => "-",
        "mul" => "*",
        "div" => "/",
        "rem" => "%",
        other => sign(other),
    }
}

/// `_==_` as it is written in an expression.
fn sign(function: &str) -> &str {
    let bare = function.trim_matches(['_', '@']);
    if bare.is_empty() { function } else { bare }
}
