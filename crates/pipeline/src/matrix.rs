//! A job with a matrix, written out: what each of its jobs is called, and what of its own it is given.

use std::collections::{BTreeMap, BTreeSet};

use crate::definition::{Job, Matrix};
use crate::expression::{ExpressionError, Known, evaluate_text, sample};
use crate::limits::MAX_NAME_CHARS;
use crate::template::{Piece, has_expressions, split};

/// The values of one job, in the order of the file.
pub(crate) type Combination = Vec<(String, String)>;

/// What the environment of a job calls one of its values.
pub(crate) fn variable_name(axis: &str) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("MATRIX_{}", axis.chars().map(upper).collect::<String>())
}

/// Every name that a combination may have, in the order of the file.
pub(crate) fn axes(matrix: &Matrix) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    let all = matrix.combinations.iter().flatten().map(|(axis, _)| axis.as_str());
    all.filter(|axis| seen.insert(*axis)).collect()
}

pub(crate) fn values(combination: &[(String, String)]) -> BTreeMap<String, String> {
    combination.iter().cloned().collect()
}

/// The names of all jobs that `job` stands for, of which no two are alike.
pub(crate) fn names(job: &Job) -> Result<Vec<String>, ExpressionError> {
    let Some(matrix) = &job.matrix else { return Ok(vec![job.name.clone()]) };
    let mut taken = BTreeSet::new();
    let mut names = vec![];
    for combination in &matrix.combinations {
        let name = name(&job.name, combination)?;
        let name = if taken.contains(&name) { with_values(&name, combination) } else { name };
        let name = unlike(&name, &taken);
        taken.insert(name.clone());
        names.push(name);
    }
    Ok(names)
}

fn name(written: &str, combination: &[(String, String)]) -> Result<String, ExpressionError> {
    if has_expressions(written) {
        return Ok(shortened(fill(written, &values(combination))?.trim(), MAX_NAME_CHARS));
    }
    Ok(with_values(written, combination))
}

/// `app (node=18, os=linux)`
fn with_values(name: &str, combination: &[(String, String)]) -> String {
    let values: Vec<String> = combination.iter().map(|(axis, value)| format!("{axis}={value}")).collect();
    shortened(&format!("{name} ({})", values.join(", ")), MAX_NAME_CHARS)
}

/// What was cut off may have been all that differs.
fn unlike(name: &str, taken: &BTreeSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut number = 2;
    while taken.contains(&candidate) {
        let tail = format!(" #{number}");
        candidate = shortened(name, MAX_NAME_CHARS - tail.len()) + &tail;
        number += 1;
    }
    candidate
}

fn shortened(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

/// A text in which only the matrix is filled in.
pub(crate) fn fill(text: &str, matrix: &BTreeMap<String, String>) -> Result<String, ExpressionError> {
    let (run, variables) = (sample(), BTreeMap::new());
    let known = Known { run: &run, variables: &variables, matrix, facts: None, steps: None };
    let mut filled = String::new();
    for piece in split(text) {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Expression { source, .. } => filled.push_str(&evaluate_text(source, &known)?),
            // Told already where the file was read.
            Piece::Unclosed { .. } | Piece::TooMany { .. } => {}
        }
    }
    Ok(filled)
}
