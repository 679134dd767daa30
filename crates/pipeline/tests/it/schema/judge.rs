//! A value against a schema of draft 2020-12, as far as the pipeline file's uses it.
//!
//! The validators that there are weigh more than everything else here; the keywords in use are few, and one that is
//! not known here fails the test.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::Regex;
use serde_json::{Map, Value};

/// Keywords that tell a person something, and leave a value as it is.
const WORDS: [&str; 7] = ["$defs", "$id", "$schema", "default", "description", "examples", "title"];

/// What does not fit. Where nobody reads it, it is only counted, which is most of the time.
struct Faults {
    told: Option<Vec<String>>,
    count: usize,
}

impl Faults {
    fn add(&mut self, fault: impl FnOnce() -> String) {
        self.count += 1;
        if let Some(told) = &mut self.told {
            told.push(fault());
        }
    }

    fn place(&self, parent: &str, name: impl std::fmt::Display) -> String {
        if self.told.is_some() { format!("{parent}/{name}") } else { String::new() }
    }
}

pub struct Judge {
    root: Value,
    patterns: RefCell<HashMap<String, Regex>>,
}

impl Judge {
    pub fn new(root: Value) -> Self {
        Self { root, patterns: RefCell::default() }
    }

    pub fn root(&self) -> &Value {
        &self.root
    }

    /// Where the value does not fit, outermost first; none where it fits.
    pub fn faults(&self, value: &Value) -> Vec<String> {
        self.faults_of(&self.root, value)
    }

    /// The same of a part of the schema, which may refer to others.
    pub fn faults_of(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut faults = Faults { told: Some(vec![]), count: 0 };
        self.check(schema, value, "", &mut faults);
        faults.told.unwrap_or_default()
    }

    pub fn fits(&self, schema: &Value, value: &Value) -> bool {
        let mut faults = Faults { told: None, count: 0 };
        self.check(schema, value, "", &mut faults);
        faults.count == 0
    }

    pub fn resolve<'a>(&'a self, reference: &Value) -> &'a Value {
        let pointer =
            reference.as_str().and_then(|text| text.strip_prefix('#')).expect("it is of this schema");
        self.root.pointer(pointer).unwrap_or_else(|| panic!("{pointer} leads nowhere"))
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, faults: &mut Faults) {
        let keywords = match schema {
            Value::Bool(true) => return,
            Value::Object(keywords) => keywords,
            _ => return faults.add(|| format!("{at}: nothing fits here")),
        };
        for (keyword, argument) in keywords {
            let fits = match keyword.as_str() {
                word if WORDS.contains(&word) => true,
                "$ref" => {
                    self.check(self.resolve(argument), value, at, faults);
                    true
                }
                "allOf" => {
                    parts(argument).iter().for_each(|schema| self.check(schema, value, at, faults));
                    true
                }
                "anyOf" => parts(argument).iter().any(|schema| self.fits(schema, value)),
                "oneOf" => parts(argument).iter().filter(|schema| self.fits(schema, value)).count() == 1,
                "not" => !self.fits(argument, value),
                "if" => {
                    let branch = if self.fits(argument, value) { "then" } else { "else" };
                    self.check(keywords.get(branch).unwrap_or(&Value::Bool(true)), value, at, faults);
                    true
                }
                "then" | "else" => keywords.contains_key("if"),
                "const" => argument == value,
                "enum" => parts(argument).contains(value),
                "type" => match argument {
                    Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind, value)),
                    kind => is_of(kind, value),
                },
                _ => match value {
                    Value::String(text) => self.text(keyword, argument, text),
                    Value::Number(number) => {
                        is_within(keyword, argument, number.as_f64().expect("it is finite"))
                    }
                    Value::Array(items) => self.list(keyword, argument, items, at, faults),
                    Value::Object(members) => self.mapping(keywords, keyword, argument, members, at, faults),
                    _ => is_known(keyword),
                },
            };
            if !fits {
                faults.add(|| {
                    let (value, argument) = (value.to_string(), argument.to_string());
                    format!("{at}: {value:.60} does not fit `{keyword}` {argument:.80}")
                });
            }
        }
    }

    fn text(&self, keyword: &str, argument: &Value, text: &str) -> bool {
        match keyword {
            "pattern" => self.matches(argument.as_str().expect("a pattern is a text"), text),
            "minLength" => text.chars().count() >= size(argument),
            "maxLength" => text.chars().count() <= size(argument),
            _ => is_known(keyword),
        }
    }

    fn list(&self, keyword: &str, argument: &Value, items: &[Value], at: &str, faults: &mut Faults) -> bool {
        match keyword {
            "items" => {
                for (index, item) in items.iter().enumerate() {
                    self.check(argument, item, &faults.place(at, index), faults);
                }
                true
            }
            "contains" => items.iter().any(|item| self.fits(argument, item)),
            "minItems" => items.len() >= size(argument),
            "maxItems" => items.len() <= size(argument),
            _ => is_known(keyword),
        }
    }

    fn mapping(
        &self,
        keywords: &Map<String, Value>,
        keyword: &str,
        argument: &Value,
        members: &Map<String, Value>,
        at: &str,
        faults: &mut Faults,
    ) -> bool {
        let own = |name: &str| {
            let patterns = keywords.get("patternProperties").and_then(Value::as_object);
            patterns.into_iter().flatten().any(|(pattern, _)| self.matches(pattern, name))
        };
        match keyword {
            "required" => parts(argument).iter().all(|name| members.contains_key(name.as_str().unwrap())),
            "minProperties" => members.len() >= size(argument),
            "maxProperties" => members.len() <= size(argument),
            "propertyNames" => members.keys().all(|name| self.fits(argument, &Value::String(name.clone()))),
            "properties" => {
                for (name, member) in members {
                    if let Some(schema) = argument.get(name) {
                        self.check(schema, member, &faults.place(at, name), faults);
                    }
                }
                true
            }
            "patternProperties" => {
                let all_fit =
                    argument.as_object().unwrap().values().all(|schema| *schema == Value::Bool(true));
                assert!(all_fit, "what is the author's own may be anything");
                true
            }
            "additionalProperties" => {
                for (name, member) in members {
                    let named = keywords.get("properties").is_some_and(|known| known.get(name).is_some());
                    if !named && !own(name) {
                        self.check(argument, member, &faults.place(at, name), faults);
                    }
                }
                true
            }
            _ => is_known(keyword),
        }
    }

    fn matches(&self, pattern: &str, text: &str) -> bool {
        let mut patterns = self.patterns.borrow_mut();
        let compiled = patterns
            .entry(pattern.to_owned())
            .or_insert_with(|| Regex::new(pattern).unwrap_or_else(|error| panic!("{error}")));
        compiled.is_match(text)
    }
}

fn parts(argument: &Value) -> &[Value] {
    argument.as_array().expect("it is a list of schemas or names")
}

fn size(argument: &Value) -> usize {
    usize::try_from(argument.as_u64().expect("a size is a whole number")).unwrap()
}

fn is_within(keyword: &str, argument: &Value, number: f64) -> bool {
    match keyword {
        "minimum" => number >= argument.as_f64().unwrap(),
        "maximum" => number <= argument.as_f64().unwrap(),
        _ => is_known(keyword),
    }
}

/// What asks only for values of other types.
fn is_known(keyword: &str) -> bool {
    const KNOWN: [&str; 15] = [
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "items",
        "contains",
        "minItems",
        "maxItems",
        "required",
        "minProperties",
        "maxProperties",
        "propertyNames",
        "properties",
        "patternProperties",
    ];
    assert!(KNOWN.contains(&keyword) || keyword == "additionalProperties", "`{keyword}` is not understood");
    true
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().expect("a type is a word") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("there is no type `{other}`"),
    }
}
