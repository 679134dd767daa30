//! What an expression asks for: found by walking its tree, without judging it.

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, SelectExpr, operators};

use super::syntax::children;

/// The members of a map that an expression asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    Named(BTreeSet<String>),
    /// It looks through all of them.
    All,
}

impl Default for Which {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

impl Which {
    pub fn asks(&self, name: &str) -> bool {
        match self {
            Self::Named(asked) => asked.contains(name),
            Self::All => true,
        }
    }

    /// Whether any of `names` is asked for.
    pub fn any_of(&self, names: &BTreeSet<String>) -> bool {
        match self {
            Self::Named(asked) => asked.iter().any(|name| names.contains(name)),
            Self::All => !names.is_empty(),
        }
    }
}

/// The maps whose members have names of their own.
const MAPS: [&str; 5] = ["variables", "stages", "matrix", "inputs", "steps"];

/// `stages.<owner>.outputs.<name>`, or the same of `steps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OutputOf<'e> {
    pub map: &'e str,
    pub owner: &'e str,
    pub name: &'e str,
    /// By `has(…)`: its absence is foreseen.
    pub foreseen: bool,
}

/// What an expression asks for.
#[derive(Debug, Default)]
pub(crate) struct Uses<'e> {
    pub names: BTreeSet<&'e str>,
    pub functions: BTreeSet<&'e str>,
    pub variables: Which,
    pub stages: Which,
    pub matrix: Which,
    pub inputs: Which,
    pub steps: Which,
    pub outputs: BTreeSet<OutputOf<'e>>,
    /// Variables that `has(…)` asks for: their absence is foreseen.
    pub foreseen: BTreeSet<&'e str>,
    /// Names that `exists`, `all` and the like bring along.
    pub local: BTreeSet<&'e str>,
    /// Fields of the members of `stages` and `steps`, other than outputs that are named.
    pub fields: BTreeSet<(&'e str, &'e str)>,
    /// Members of all other names.
    pub members: BTreeSet<(&'e str, &'e str)>,
    /// Every function that is called, without operators and macros.
    pub calls: Vec<&'e CallExpr>,
    pub loops: Vec<&'e ComprehensionExpr>,
    /// Every `changed(…)`.
    pub changes: Vec<&'e CallExpr>,
    /// Of the syntax tree.
    pub parts: usize,
    /// Functions that are given something.
    pub with_arguments: BTreeSet<&'e str>,
}

impl<'e> Uses<'e> {
    pub fn of(expression: &'e IdedExpr) -> Self {
        let mut uses = Self::default();
        let mut open = vec![expression];
        while let Some(node) = open.pop() {
            uses.parts += 1;
            if let Some(owner) = uses.output(node) {
                open.push(owner);
            } else if !uses.member(node) {
                uses.note(node);
                open.extend(children(node));
            } else if let Expr::Call(call) = &node.expr {
                // The index may be an expression of its own.
                open.extend(call.args.iter().skip(1));
            }
        }
        uses
    }

    /// Whether the answer hangs on what is known only while the execution runs. `unknown` are variables that are
    /// filled in then.
    pub fn is_late(&self, unknown: &BTreeSet<String>) -> bool {
        self.names.contains("stages") || self.names.contains("steps") || self.variables.any_of(unknown)
    }

    /// Notes `stages.X.outputs.Y`; gives its `stages.X`.
    fn output(&mut self, node: &'e IdedExpr) -> Option<&'e IdedExpr> {
        let (outputs, name, foreseen) = member_of(node)?;
        let (owner, "outputs", _) = member_of(outputs)? else { return None };
        let (map, key, _) = member_of(owner)?;
        let Expr::Ident(map) = &map.expr else { return None };
        if map != "stages" && map != "steps" {
            return None;
        }
        self.outputs.insert(OutputOf { map, owner: key, name, foreseen });
        Some(owner)
    }

    /// Whether `node` is `variables.X`, `variables["X"]` or the same of another of [`MAPS`], which is noted then.
    fn member(&mut self, node: &'e IdedExpr) -> bool {
        let Some((map, key, test)) = member_of(node) else { return false };
        let name = match &map.expr {
            Expr::Ident(name) if MAPS.contains(&name.as_str()) => name.as_str(),
            Expr::Ident(name) => {
                self.members.insert((name, key));
                return false;
            }
            _ => {
                if let Some(map) = map_of(map) {
                    self.fields.insert((map, key));
                }
                return false;
            }
        };
        if let Some(Which::Named(names)) = self.which(name) {
            names.insert(key.to_owned());
        }
        if test && name == "variables" {
            self.foreseen.insert(key);
        }
        self.names.insert(name);
        true
    }

    fn which(&mut self, map: &str) -> Option<&mut Which> {
        match map {
            "variables" => Some(&mut self.variables),
            "stages" => Some(&mut self.stages),
            "matrix" => Some(&mut self.matrix),
            "inputs" => Some(&mut self.inputs),
            "steps" => Some(&mut self.steps),
            _ => None,
        }
    }

    fn note(&mut self, node: &'e IdedExpr) {
        match &node.expr {
            Expr::Ident(name) => {
                self.names.insert(name);
                if let Some(which) = self.which(name) {
                    *which = Which::All;
                }
            }
            Expr::Call(call) => {
                self.functions.insert(&call.func_name);
                if call.func_name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                    self.calls.push(call);
                }
                if call.target.is_some() || !call.args.is_empty() {
                    self.with_arguments.insert(&call.func_name);
                }
                if call.func_name == "changed" {
                    self.changes.push(call);
                }
            }
            Expr::Comprehension(looped) => {
                self.loops.push(looped);
                self.local.extend([looped.iter_var.as_str(), looped.accu_var.as_str()]);
            }
            Expr::Struct(made) => {
                self.functions.insert(&made.type_name);
            }
            _ => {}
        }
    }
}

/// What stands before a `.key` or `["key"]`, the key, and whether `has(…)` asks for it.
pub(super) fn member_of(node: &IdedExpr) -> Option<(&IdedExpr, &str, bool)> {
    match &node.expr {
        Expr::Select(SelectExpr { operand, field, test }) => Some((operand, field, *test)),
        Expr::Call(CallExpr { func_name, args, .. }) if func_name == operators::INDEX => {
            match args.as_slice() {
                [map, IdedExpr { expr: Expr::Literal(LiteralValue::String(key)), .. }] => {
                    Some((map, key.inner(), false))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// `stages` or `steps`, if `node` is a member of it.
fn map_of(node: &IdedExpr) -> Option<&str> {
    let operand = match &node.expr {
        Expr::Select(select) => &select.operand.expr,
        Expr::Call(call) if call.func_name == operators::INDEX => &call.args.first()?.expr,
        _ => return None,
    };
    match operand {
        Expr::Ident(name) if name == "stages" || name == "steps" => Some(name),
        _ => None,
    }
}
