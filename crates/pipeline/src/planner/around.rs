//! The variables around a place of the file: what is known of them, and how the rest is filled in later.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::Late;
use crate::template::escaped;

#[derive(Debug, Clone, Default)]
pub(super) struct Around {
    pub known: BTreeMap<String, String>,
    /// What is filled in later, in this order, over what is known.
    pub late: Vec<Late>,
    /// The names of those whose value is not known yet.
    pub unknown: BTreeSet<String>,
}

/// What one level sets itself.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub variables: BTreeMap<String, String>,
    pub late: Vec<Late>,
}

impl Around {
    pub fn of(variables: &BTreeMap<String, String>, late: &[Late]) -> Self {
        let unknown = late.iter().map(|late| late.name.clone()).collect();
        Self { known: variables.clone(), late: late.to_vec(), unknown }
    }

    pub fn set_late(&mut self, own: &mut Own, name: &str, text: String) {
        let late = Late { name: name.to_owned(), text };
        own.variables.remove(name);
        own.late.push(late.clone());
        self.known.remove(name);
        self.unknown.insert(name.to_owned());
        self.late.push(late);
    }

    pub fn set(&mut self, own: &mut Own, name: &str, text: String) {
        let old = self.known.get(name).map(String::as_str);
        replace(&mut self.late, name, old, &text);
        replace(&mut own.late, name, old, &text);
        self.unknown.remove(name);
        self.known.insert(name.to_owned(), text.clone());
        own.variables.insert(name.to_owned(), text);
    }
}

/// Whether a text may ask for `variables.NAME`.
fn asks_for(text: &str, name: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    text.contains("variables") && words.any(|word| word == name)
}

/// What is filled in later sees the values that stood above it, and what comes after it sees the new one.
fn replace(late: &mut Vec<Late>, name: &str, old: Option<&str>, new: &str) {
    let literal = |text: &str| Late { name: name.to_owned(), text: escaped(text).into_owned() };
    let is_set = late.iter().any(|late| late.name == name);
    let is_asked = late.iter().any(|late| asks_for(&late.text, name));
    if !is_set && !is_asked {
        return;
    }
    if let Some(old) = old.filter(|_| !is_set) {
        late.insert(0, literal(old));
    }
    late.push(literal(new));
}
