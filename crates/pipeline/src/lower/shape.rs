//! The tables of what may stand where, and what to say of what may not.

use super::read::OWN_PREFIX;
use crate::suggest::nearest;
use crate::tree::{Key, Node, Value, shown};

/// What a mapping may hold.
pub(crate) struct Shape {
    /// Such as `a job`.
    pub what: &'static str,
    pub fields: &'static [&'static str],
    /// Known by name, not there yet, with what to do instead.
    pub later: &'static [(&'static str, &'static str)],
    /// Written so elsewhere, with what to write here.
    pub instead: &'static [(&'static str, &'static str)],
}

/// A mapping with commands in it.
pub(super) fn looks_like_a_job(node: &Node) -> bool {
    let tells = |key: &Key| matches!(key.text.as_str(), "script" | "stage" | "steps" | "run" | "commands");
    matches!(&node.value, Value::Map(entries) if entries.iter().any(|(key, _)| tells(key)))
}

impl Shape {
    /// Whether something is said of a member of that name.
    pub(super) fn names(&self, name: &str) -> bool {
        self.later.iter().chain(self.instead).any(|(other, _)| *other == name)
    }

    /// What to do about a member of a name that there is not.
    pub(super) fn instead_of(&self, name: &str) -> String {
        let Self { fields, later, instead, .. } = self;
        if let Some((_, instead)) = instead.iter().find(|(other, _)| *other == name) {
            return (*instead).to_owned();
        }
        if let Some(own) = name.strip_prefix('.') {
            return format!("a member of your own begins with `{OWN_PREFIX}`: `{OWN_PREFIX}{}`", shown(own));
        }
        let known = fields.join(", ");
        let others = || later.iter().chain(*instead);
        let names = fields.iter().copied().chain(others().map(|(other, _)| *other));
        let Some(near) = nearest(name, names) else { return format!("known are {known}") };
        match others().find(|(other, _)| *other == near) {
            _ if fields.contains(&near) => format!("did you mean `{near}`? Known are {known}"),
            Some((_, instead)) if later.iter().any(|(other, _)| *other == near) => {
                format!("did you mean `{near}`? It is not supported yet; {instead}")
            }
            Some((_, instead)) => (*instead).to_owned(),
            None => format!("known are {known}"),
        }
    }
}

/// What a value may be: one of a closed list.
pub(crate) struct Words {
    /// Such as `` `strategy` ``.
    pub what: &'static str,
    pub known: &'static [&'static str],
    /// Known by name, not there yet.
    pub later: &'static [&'static str],
    /// What to do instead of those.
    pub until_then: &'static str,
}
