//! Text with `${{ … }}` in it.
//!
//! Only where the expressions begin and end, and filling them in; whether one is right is decided elsewhere.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::definition::Place;
use crate::expression::uses::{Uses, Which};
use crate::expression::{ExpressionError, Known, evaluate_text};
use crate::limits::MAX_EXPRESSIONS_IN_TEXT;

/// A text whose expressions have been checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Expression { source: String, place: Place, asks: Asks },
}

/// What has to be known before an expression can be filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asks {
    /// What became of other work.
    work: bool,
    variables: Which,
}

impl Asks {
    pub fn of(uses: &Uses<'_>) -> Self {
        let work = uses.names.contains("stages") || uses.names.contains("steps");
        Self { work, variables: uses.variables.clone() }
    }

    fn is_late(&self, unknown: &BTreeSet<String>) -> bool {
        self.work || self.variables.any_of(unknown)
    }
}

/// A piece of a text, with the byte at which it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    Text(&'t str),
    /// Without the braces.
    Expression {
        source: &'t str,
        offset: usize,
    },
    /// `${{` without its end.
    Unclosed {
        offset: usize,
    },
    /// More than a text may hold.
    TooMany {
        offset: usize,
    },
}

const OPENS: &str = "${{";
const CLOSES: &str = "}}";

/// Whether there is anything to fill in.
pub(crate) fn has_expressions(text: &str) -> bool {
    text.contains(OPENS)
}

/// `text` so that filling it in gives it back.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if has_expressions(text) {
        Cow::Owned(text.replace(OPENS, "${{ \"${{\" }}"))
    } else {
        Cow::Borrowed(text)
    }
}

pub(crate) fn split(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = vec![];
    let mut at = 0;
    let mut expressions = 0;
    while let Some(opens) = text[at..].find(OPENS).map(|found| at + found) {
        if opens > at {
            pieces.push(Piece::Text(&text[at..opens]));
        }
        let offset = opens + OPENS.len();
        if expressions == MAX_EXPRESSIONS_IN_TEXT {
            pieces.push(Piece::TooMany { offset: opens });
            return pieces;
        }
        expressions += 1;
        let Some(length) = end_of_expression(&text[offset..]) else {
            pieces.push(Piece::Unclosed { offset: opens });
            return pieces;
        };
        pieces.push(Piece::Expression { source: &text[offset..offset + length], offset });
        at = offset + length + CLOSES.len();
    }
    if at < text.len() {
        pieces.push(Piece::Text(&text[at..]));
    }
    pieces
}

/// Bytes up to the first `}}` that is not within quotes.
fn end_of_expression(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if text[at..].starts_with(CLOSES) => return Some(at),
            None => {}
        }
    }
    None
}

impl Template {
    pub(crate) fn push_text(&mut self, text: &str) {
        self.parts.push(Part::Text(text.to_owned()));
    }

    pub(crate) fn push_expression(&mut self, source: &str, place: Place, asks: Asks) {
        self.parts.push(Part::Expression { source: source.to_owned(), place, asks });
    }

    /// Without the blanks and empty lines that it begins with.
    pub(crate) fn trim_start(&mut self) {
        if let Some(Part::Text(text)) = self.parts.first_mut() {
            *text = text.trim_start().to_owned();
        }
    }

    /// Whether any of it is known only while the execution runs. `unknown` are variables that are filled in then.
    pub(crate) fn is_late(&self, unknown: &BTreeSet<String>) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Expression { asks, .. } if asks.is_late(unknown)))
    }

    /// The expressions, without braces.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expression { source, .. } => Some(source.as_str()),
            Part::Text(_) => None,
        })
    }

    /// All of it in pieces, without braces.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| match part {
            Part::Expression { source, .. } => source.as_str(),
            Part::Text(text) => text.as_str(),
        })
    }

    /// Where the first expression stands.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.parts.iter().find_map(|part| match part {
            Part::Expression { place, .. } => Some(place),
            Part::Text(_) => None,
        })
    }

    /// Fills everything in.
    pub(crate) fn fill(&self, known: &Known<'_>) -> Result<String, (ExpressionError, Place)> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(piece) => text.push_str(piece),
                Part::Expression { source, place, .. } => {
                    text.push_str(&evaluate_text(source, known).map_err(|error| (error, place.clone()))?);
                }
            }
        }
        Ok(text)
    }

    /// Fills in what is known already; the rest stays as written, for [`crate::fill_text`].
    pub(crate) fn fill_known(
        &self,
        known: &Known<'_>,
        unknown: &BTreeSet<String>,
    ) -> Result<String, (ExpressionError, Place)> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(piece) => text.push_str(&escaped(piece)),
                Part::Expression { source, asks, .. } if asks.is_late(unknown) => {
                    text.extend([OPENS, source, CLOSES]);
                }
                Part::Expression { source, place, .. } => {
                    let filled = evaluate_text(source, known).map_err(|error| (error, place.clone()))?;
                    text.push_str(&escaped(&filled));
                }
            }
        }
        Ok(text)
    }
}

impl std::fmt::Display for Template {
    /// As written.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Expression { source, .. } => write!(f, "{OPENS}{source}{CLOSES}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_ends_at_the_first_braces_outside_of_quotes() {
        use Piece::{Expression, Text, Unclosed};
        for (text, pieces) in [
            ("", vec![]),
            ("plain $x ${y} {{z}}", vec![Text("plain $x ${y} {{z}}")]),
            ("a${{ b }}c", vec![Text("a"), Expression { source: " b ", offset: 4 }, Text("c")]),
            ("${{ '}}' }}", vec![Expression { source: " '}}' ", offset: 3 }]),
            (r#"${{ "\"}}" }}"#, vec![Expression { source: r#" "\"}}" "#, offset: 3 }]),
            (
                "${{a}}${{b}}",
                vec![Expression { source: "a", offset: 3 }, Expression { source: "b", offset: 9 }],
            ),
            ("ä${{ b", vec![Text("ä"), Unclosed { offset: 2 }]),
            ("${{ 'a }}", vec![Unclosed { offset: 0 }]),
        ] {
            assert_eq!(split(text), pieces, "{text}");
        }
    }
}
