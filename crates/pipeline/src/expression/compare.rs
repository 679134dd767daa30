//! Comparisons that have the same answer in every run: with a value of another type, or with a word that a closed list
//! does not have.

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use penstock_domain::{TriggerEvent, WorkStatus};

use super::findings::{Findings, Spot};
use super::names::{MAPS, NAMES, NUMBERS, Offered};
use super::syntax::children;
use super::uses::{Uses, member_of};
use super::written;
use crate::definition::InputKind;
use crate::diagnostic::code;
use crate::suggest::nearest;

/// What others call the words of closed lists.
const ELSEWHERE: [(&str, &str); 13] = [
    ("success", "succeeded"),
    ("successful", "succeeded"),
    ("passed", "succeeded"),
    ("ok", "succeeded"),
    ("failure", "failed"),
    ("error", "failed"),
    ("timeout", "failed"),
    ("timed_out", "failed"),
    ("workflow_dispatch", "manual"),
    ("merge_request", "pull_request"),
    ("merge_request_event", "pull_request"),
    ("repository_dispatch", "webhook"),
    ("cron", "schedule"),
];

/// What is asked for, and what it can be.
struct Asked<'e> {
    /// As it is written.
    written: String,
    spot: Spot<'e>,
    kind: Kind<'e>,
}

enum Kind<'e> {
    Text,
    Number,
    Boolean,
    /// A word that is public API.
    Word(Vec<&'static str>),
    /// One of what the file itself names.
    OneOf(BTreeSet<&'e str>),
}

pub(super) fn check<'e>(
    expression: &'e IdedExpr,
    uses: &Uses<'_>,
    offered: &'e Offered<'_>,
    findings: &mut Findings<'_>,
) {
    let compares = [operators::EQUALS, operators::NOT_EQUALS, operators::IN];
    if !compares.iter().any(|operator| uses.functions.contains(operator)) {
        return;
    }
    let mut open = vec![expression];
    while let Some(node) = open.pop() {
        if let Expr::Call(call) = &node.expr
            && compares.contains(&call.func_name.as_str())
        {
            check_comparison(call, uses, offered, findings);
        }
        open.extend(children(node));
    }
}

fn check_comparison<'e>(
    call: &'e CallExpr,
    uses: &Uses<'_>,
    offered: &'e Offered<'_>,
    findings: &mut Findings<'_>,
) {
    let [left, right] = call.args.as_slice() else { return };
    let asked = |node: &'e IdedExpr| asked(node, offered).filter(|asked| !asked.is_local(uses));
    let (asked, values) = match (&right.expr, asked(left), asked(right)) {
        (Expr::List(list), Some(asked), _) if call.func_name == operators::IN => {
            (asked, list.elements.iter().collect())
        }
        _ if call.func_name == operators::IN => return,
        (_, Some(asked), None) => (asked, vec![right]),
        (_, None, Some(asked)) => (asked, vec![left]),
        _ => return,
    };
    for value in values.into_iter().filter_map(literal) {
        asked.compare(&value, findings);
    }
}

/// What a value that is written out is.
enum Literal<'e> {
    Text(&'e str),
    Number(String),
    Boolean(bool),
    Null,
}

fn literal(node: &IdedExpr) -> Option<Literal<'_>> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(Literal::Text(text.inner())),
        Expr::Literal(LiteralValue::Boolean(flag)) => Some(Literal::Boolean(*flag.inner())),
        Expr::Literal(LiteralValue::Int(number)) => Some(Literal::Number(number.inner().to_string())),
        Expr::Literal(LiteralValue::UInt(number)) => Some(Literal::Number(number.inner().to_string())),
        Expr::Literal(LiteralValue::Double(number)) => Some(Literal::Number(number.inner().to_string())),
        Expr::Literal(LiteralValue::Null) => Some(Literal::Null),
        _ => None,
    }
}

/// What a side of a comparison asks for, where it is known what that can be.
fn asked<'e>(node: &'e IdedExpr, offered: &'e Offered<'_>) -> Option<Asked<'e>> {
    if let Expr::Ident(name) = &node.expr {
        let kind = match name.as_str() {
            "event" => Kind::Word(TriggerEvent::ALL.iter().map(|event| event.as_str()).collect()),
            name if NUMBERS.contains(&name) => Kind::Number,
            name if NAMES.contains(&name) && !MAPS.contains(&name) => Kind::Text,
            _ => return None,
        };
        return Some(Asked { written: name.clone(), spot: Spot::Name(name), kind });
    }
    let (owner, name, _) = member_of(node)?;
    if let Expr::Ident(map) = &owner.expr {
        let (written, spot) = (written::member(map, name), Spot::Member(map, name));
        return Some(Asked { written, spot, kind: member(map, name, offered)? });
    }
    let (outer, owner, _) = member_of(owner)?;
    if let Expr::Ident(map) = &outer.expr {
        let spot = Spot::Field(map, Some(owner), name);
        let kind = match (map.as_str(), name) {
            ("stages" | "steps", "status") => {
                Kind::Word(WorkStatus::ALL.iter().map(|status| status.as_str()).collect())
            }
            ("steps", "exit_code") => Kind::Number,
            _ => return None,
        };
        return Some(Asked { written: written::member(&written::member(map, owner), name), spot, kind });
    }
    let ("outputs", (map, step, _)) = (owner, member_of(outer)?) else { return None };
    let Expr::Ident(map) = &map.expr else { return None };
    let (written, spot) = (written::output(map, step, name), Spot::Output(map, step, name));
    Some(Asked { written, spot, kind: Kind::Text })
}

fn member<'e>(map: &str, name: &str, offered: &'e Offered<'_>) -> Option<Kind<'e>> {
    match map {
        "variables" => Some(Kind::Text),
        "matrix" => {
            let matrix = offered.matrix?;
            let values = matrix.axes.get(name).filter(|_| matrix.is_whole)?;
            Some(Kind::OneOf(values.iter().map(String::as_str).collect()))
        }
        "inputs" => match offered.inputs.get(name)?.as_ref()? {
            InputKind::String => Some(Kind::Text),
            InputKind::Number => Some(Kind::Number),
            InputKind::Boolean => Some(Kind::Boolean),
            // One that was not given is empty.
            InputKind::Choice(options) => {
                Some(Kind::OneOf(options.iter().map(String::as_str).chain([""]).collect()))
            }
        },
        _ => None,
    }
}

impl Asked<'_> {
    /// Whether a loop gives the name another meaning.
    fn is_local(&self, uses: &Uses<'_>) -> bool {
        let (Spot::Name(name) | Spot::Member(name, _) | Spot::Field(name, ..) | Spot::Output(name, ..)) =
            self.spot
        else {
            return false;
        };
        uses.local.contains(name)
    }

    fn compare(&self, value: &Literal<'_>, findings: &mut Findings<'_>) {
        match (&self.kind, value) {
            (Kind::Word(known), Literal::Text(word)) if !known.contains(word) => {
                let elsewhere = ELSEWHERE.iter().find(|(other, _)| other == word).map(|(_, here)| *here);
                let near = elsewhere.filter(|here| known.contains(here));
                let known_are = format!("known are {}", known.join(", "));
                let hint = match near.or_else(|| nearest(word, known.iter().copied())) {
                    Some(near) => format!("did you mean `{near}`? {}", capital(&known_are)),
                    None => known_are,
                };
                let message = format!("`{}` is never `{word}`", self.written);
                findings.error(code::UNKNOWN_VALUE, self.spot, message, hint);
            }
            (Kind::OneOf(values), Literal::Text(word)) if !values.contains(word) => {
                let hint = match nearest(word, values.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it is one of {}", list(values)),
                };
                let message = format!("`{}` is never `{word}`", self.written);
                findings.warn(code::MATCHES_NOTHING, self.spot, message, hint);
            }
            (Kind::Text | Kind::Word(_) | Kind::OneOf(_), Literal::Number(number)) => {
                self.other_type("a text", number, format!("write `\"{number}\"`"), findings);
            }
            (Kind::Text | Kind::Word(_) | Kind::OneOf(_), Literal::Boolean(flag)) => {
                self.other_type("a text", &flag.to_string(), format!("write `\"{flag}\"`"), findings);
            }
            (Kind::Text | Kind::Word(_) | Kind::OneOf(_), Literal::Null) => {
                self.other_type("a text", "null", "what is not there is `\"\"`".to_owned(), findings);
            }
            (Kind::Number, Literal::Text(text)) => {
                let hint = match text.parse::<f64>() {
                    Ok(_) => format!("write `{text}`, without quotes"),
                    Err(_) => "compare it with a number".to_owned(),
                };
                self.other_type("a number", &format!("\"{text}\""), hint, findings);
            }
            (Kind::Number, Literal::Boolean(flag)) => {
                let hint = "compare it with a number".to_owned();
                self.other_type("a number", &flag.to_string(), hint, findings);
            }
            (Kind::Boolean, Literal::Text(text)) => {
                let hint = match *text {
                    "true" => format!("write `{}` alone", self.written),
                    "false" => format!("write `!{}`", self.written),
                    _ => "write `true` or `false`, without quotes".to_owned(),
                };
                self.other_type("true or false", &format!("\"{text}\""), hint, findings);
            }
            (Kind::Boolean, Literal::Number(number)) => {
                let hint = format!("write `{}` alone", self.written);
                self.other_type("true or false", number, hint, findings);
            }
            _ => {}
        }
    }

    fn other_type(&self, kind: &str, value: &str, hint: String, findings: &mut Findings<'_>) {
        let message = format!("`{}` is {kind}, and never `{value}`", self.written);
        findings.error(code::EXPRESSION_TYPE, self.spot, message, hint);
    }
}

fn list(values: &BTreeSet<&str>) -> String {
    let shown = |value: &&str| if value.is_empty() { "\"\"".to_owned() } else { (*value).to_owned() };
    values.iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}
