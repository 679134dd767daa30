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

/// What an expression asks for.
#[derive(Debug, Default)]
pub(crate) struct Uses<'e> {
    pub names: BTreeSet<&'e str>,
    pub functions: BTreeSet<&'e str>,
    pub variables: Which,
    pub stages: Which,
    /// Variables that `has(…)` asks for: their absence is foreseen.
    pub foreseen: BTreeSet<&'e str>,
    /// Names that `exists`, `all` and the like bring along.
    pub local: BTreeSet<&'e str>,
    /// Fields of a stage other than its status.
    pub stage_fields: BTreeSet<&'e str>,
    pub loops: Vec<&'e ComprehensionExpr>,
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
            if !uses.member(node) {
                uses.note(node);
                open.extend(children(node));
            } else if let Expr::Call(call) = &node.expr {
                // The index may be an expression of its own.
                open.extend(call.args.iter().skip(1));
            }
        }
        uses
    }

    /// Whether `node` is `variables.X`, `variables["X"]` or the same of `stages`, which is noted then.
    fn member(&mut self, node: &'e IdedExpr) -> bool {
        let (map, key, test) = match &node.expr {
            Expr::Select(SelectExpr { operand, field, test }) => (operand.as_ref(), field.as_str(), *test),
            Expr::Call(CallExpr { func_name, args, .. }) if func_name == operators::INDEX => {
                let [map, IdedExpr { expr: Expr::Literal(LiteralValue::String(key)), .. }] = args.as_slice()
                else {
                    return false;
                };
                (map, key.inner(), false)
            }
            _ => return false,
        };
        match &map.expr {
            Expr::Ident(name) if name == "variables" || name == "stages" => {
                let which = if name == "variables" { &mut self.variables } else { &mut self.stages };
                if let Which::Named(names) = which {
                    names.insert(key.to_owned());
                }
                if test && name == "variables" {
                    self.foreseen.insert(key);
                }
                self.names.insert(name);
                true
            }
            _ => {
                if is_member_of(map, "stages") && key != "status" {
                    self.stage_fields.insert(key);
                }
                false
            }
        }
    }

    fn note(&mut self, node: &'e IdedExpr) {
        match &node.expr {
            Expr::Ident(name) => {
                self.names.insert(name);
                match name.as_str() {
                    "variables" => self.variables = Which::All,
                    "stages" => self.stages = Which::All,
                    _ => {}
                }
            }
            Expr::Call(call) => {
                self.functions.insert(&call.func_name);
                if call.target.is_some() || !call.args.is_empty() {
                    self.with_arguments.insert(&call.func_name);
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

fn is_member_of(node: &IdedExpr, map: &str) -> bool {
    let operand = match &node.expr {
        Expr::Select(select) => &select.operand.expr,
        Expr::Call(call) if call.func_name == operators::INDEX => match call.args.first() {
            Some(operand) => &operand.expr,
            None => return false,
        },
        _ => return false,
    };
    matches!(operand, Expr::Ident(name) if name == map)
}
