//! Text to syntax tree, within limits.
//!
//! The limits are checked on the words before the parser sees them, because the parser and the interpreter recurse
//! and a component's stack is small.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr};
use cel::parser::PrattParser;
use cel::parser::pratt_parser::{Lexer, TokenKind};

use super::ExpressionError;
use crate::limits::{MAX_EXPRESSION_CHARS, MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_TOKENS};

/// A word or sign of an expression.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<'s> {
    pub text: &'s str,
    pub offset: usize,
    pub name: bool,
}

/// # Errors
/// [`ExpressionError::Syntax`].
pub(crate) fn parse(source: &str) -> Result<IdedExpr, ExpressionError> {
    parse_words(source).map(|(expression, _)| expression)
}

/// [`parse`], with the words that it was made of.
pub(crate) fn parse_words(source: &str) -> Result<(IdedExpr, Vec<Word<'_>>), ExpressionError> {
    let words = words(source)?;
    let parser = PrattParser::new().max_recursion_depth(MAX_EXPRESSION_DEPTH as u16).error_reporting_limit(1);
    let expression = parser
        .parse(source)
        .map_err(|errors| operator_in_words(&words).unwrap_or_else(|| first_error(source, &errors)))?;
    if depth(&expression) > MAX_EXPRESSION_DEPTH {
        return Err(too_deep(0));
    }
    Ok((expression, words))
}

/// The words of `source`, if there are not too many and none is broken.
fn words(source: &str) -> Result<Vec<Word<'_>>, ExpressionError> {
    if source.trim().is_empty() {
        return Err(refuse("there is no expression here", 0));
    }
    if source.chars().count() > MAX_EXPRESSION_CHARS {
        return Err(refuse(format!("an expression can have at most {MAX_EXPRESSION_CHARS} characters"), 0));
    }
    let mut words = vec![];
    let mut lexer = Lexer::new(source);
    let (mut brackets, mut prefixes) = (0_usize, 0_usize);
    loop {
        let token = lexer.lex();
        match token.kind {
            TokenKind::TokEnd => return Ok(words),
            TokenKind::TokWhitespace | TokenKind::TokComment => continue,
            TokenKind::TokLeftParen | TokenKind::TokLeftBracket | TokenKind::TokLeftBrace => brackets += 1,
            TokenKind::TokRightParen | TokenKind::TokRightBracket | TokenKind::TokRightBrace => {
                brackets = brackets.saturating_sub(1);
            }
            TokenKind::TokError | TokenKind::TokEqual => {
                return Err(refuse(explain_character(source, token.start), token.start));
            }
            _ => {}
        }
        let prefix = matches!(token.kind, TokenKind::TokExclamation | TokenKind::TokMinus);
        prefixes = if prefix { prefixes + 1 } else { 0 };
        if brackets > MAX_EXPRESSION_DEPTH || prefixes > MAX_EXPRESSION_DEPTH {
            return Err(too_deep(token.start));
        }
        if words.len() == MAX_EXPRESSION_TOKENS {
            let message = format!("an expression can have at most {MAX_EXPRESSION_TOKENS} words and signs");
            return Err(refuse(message, token.start));
        }
        // A token that is no slice of the source would be the lexer's mistake: it is empty then.
        let text = source.get(token.start..token.end).unwrap_or("");
        words.push(Word { text, offset: token.start, name: token.kind == TokenKind::TokIdent });
    }
}

/// The part of a tree that is below one node, for walking it.
pub(crate) fn children(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => vec![],
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(c) => vec![&c.iter_range, &c.accu_init, &c.loop_cond, &c.loop_step, &c.result],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Map(map) => map.entries.iter().flat_map(|e| in_entry(&e.expr)).collect(),
        Expr::Struct(fields) => fields.entries.iter().flat_map(|e| in_entry(&e.expr)).collect(),
    }
}

fn in_entry(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(pair) => vec![&pair.key, &pair.value],
    }
}

/// Levels of the tree, counted without recursion.
fn depth(expression: &IdedExpr) -> usize {
    let mut deepest = 0;
    let mut open = vec![(expression, 1)];
    while let Some((node, level)) = open.pop() {
        deepest = deepest.max(level);
        open.extend(children(node).into_iter().map(|child| (child, level + 1)));
    }
    deepest
}

fn first_error(source: &str, errors: &cel::ParseErrors) -> ExpressionError {
    let Some(error) = errors.errors.first() else { return refuse("this is no expression", 0) };
    let (line, column) = error.pos;
    let before: usize = source.split_inclusive('\n').take((line - 1).max(0) as usize).map(str::len).sum();
    let offset = (before + (column - 1).max(0) as usize).min(source.len());
    refuse(reworded(&error.msg), offset)
}

/// `a and b`, `not a`: what other languages have for the operators.
fn operator_in_words(words: &[Word<'_>]) -> Option<ExpressionError> {
    let sign = |word: &Word<'_>| match word.text.to_ascii_lowercase().as_str() {
        "and" => Some("&&"),
        "or" => Some("||"),
        "not" => Some("!"),
        _ => None,
    };
    let (word, sign) = words.iter().filter(|word| word.name).find_map(|word| Some((word, sign(word)?)))?;
    Some(refuse(format!("`{}` means nothing here; write `{sign}`", word.text), word.offset))
}

/// The parser speaks of mismatched input; people speak of what they expected.
fn reworded(message: &str) -> String {
    let named = |what: &str| match what.trim_matches('\'') {
        "<EOF>" => "the end".to_owned(),
        "expression" => "an expression".to_owned(),
        sign => format!("`{sign}`"),
    };
    let message = message.trim_start_matches("Syntax error: ");
    match message.strip_prefix("mismatched input ").and_then(|rest| rest.split_once(" expecting ")) {
        Some((found, expected)) => format!("expected {}, found {}", named(expected), named(found)),
        None => message.replace('\'', "`"),
    }
}

fn explain_character(source: &str, offset: usize) -> String {
    let (before, rest) = source.split_at_checked(offset).unwrap_or((source, ""));
    match rest.chars().next() {
        Some('=') if rest.starts_with("=~") => {
            "`=~` is not known; ask `.contains(\"…\")`, `.startsWith(\"…\")` or `.endsWith(\"…\")`".to_owned()
        }
        Some('=') if before.ends_with("==") => "`===` is not known; write `==`".to_owned(),
        Some('=') if before.ends_with("!=") => "`!==` is not known; write `!=`".to_owned(),
        Some('=') => "`=` compares nothing; write `==`".to_owned(),
        Some('&') => "write `&&`".to_owned(),
        Some('|') => "write `||`".to_owned(),
        Some('\'' | '"') => "this text has no closing quote".to_owned(),
        Some('$') => "`$` and `${{ }}` have no place in an expression; write the name alone".to_owned(),
        Some(c) if !c.is_control() => format!("`{c}` means nothing here; a text needs quotes"),
        Some(c) => format!("`{}` means nothing here", c.escape_default()),
        None => "something is broken here".to_owned(),
    }
}

fn too_deep(offset: usize) -> ExpressionError {
    refuse("this is nested too deeply; split it with variables", offset)
}

fn refuse(message: impl Into<String>, offset: usize) -> ExpressionError {
    ExpressionError::Syntax { message: message.into(), offset }
}
