//! A value against a schema of OpenAPI 3.0.
//!
//! JSON Schema's own validators don't know `nullable`, take unknown members for fine, and weigh more than
//! everything else here; the keywords in use are few.

use serde_json::{Map, Value};

/// What a member is that the schema does not name and does not forbid either.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extra {
    Fine,
    /// In what we send it is a slip of the pen.
    Fault,
}

pub(super) struct Schema<'a> {
    pub description: &'a Value,
    pub extra: Extra,
}

/// Keywords that tell a person something, and leave a value as it is.
const WORDS: [&str; 9] = [
    "default",
    "deprecated",
    "description",
    "discriminator",
    "example",
    "examples",
    "externalDocs",
    "format",
    "title",
];

/// Deeper than any description goes: beyond it a reference leads to itself.
const MAX_DEPTH: usize = 64;

/// Follows a reference, where it is one.
pub(super) fn resolve<'a>(description: &'a Value, value: &'a Value) -> &'a Value {
    let mut value = value;
    for _ in 0..MAX_DEPTH {
        let Some(pointer) = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) else {
            break;
        };
        value = description.pointer(pointer).unwrap_or(&Value::Null);
    }
    value
}

impl Schema<'_> {
    pub fn faults(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut faults = vec![];
        self.check(schema, value, "", 0, &mut faults);
        faults
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, depth: usize, faults: &mut Vec<String>) {
        let Some(schema) = resolve(self.description, schema).as_object().filter(|_| depth < MAX_DEPTH) else {
            return faults.push(format!("{at}: no schema is described"));
        };
        if value.is_null() && schema.get("nullable") == Some(&Value::Bool(true)) {
            return;
        }
        for (keyword, argument) in schema {
            match keyword.as_str() {
                "properties" | "required" | "additionalProperties" | "nullable" => {}
                word if WORDS.contains(&word) || word.starts_with("x-") => {}
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(argument, item, &format!("{at}/{index}"), depth + 1, faults);
                    }
                }
                "oneOf" | "anyOf" | "allOf" => self.alternatives(keyword, argument, value, at, depth, faults),
                _ => faults.extend(plain(keyword, argument, value).map(|fault| format!("{at}: {fault}"))),
            }
        }
        if let Value::Object(members) = value {
            self.members(schema, members, at, depth, faults);
        }
    }

    fn members(
        &self,
        schema: &Map<String, Value>,
        members: &Map<String, Value>,
        at: &str,
        depth: usize,
        faults: &mut Vec<String>,
    ) {
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            if !members.contains_key(name) {
                faults.push(format!("{at}: `{name}` is missing"));
            }
        }
        let known = schema.get("properties").and_then(Value::as_object);
        for (name, member) in members {
            let at = format!("{at}/{name}");
            match (known.and_then(|known| known.get(name)), schema.get("additionalProperties")) {
                (Some(schema), _) => self.check(schema, member, &at, depth + 1, faults),
                (None, Some(schema @ Value::Object(_))) => self.check(schema, member, &at, depth + 1, faults),
                (None, Some(Value::Bool(true))) => {}
                (None, Some(_)) => faults.push(format!("{at} is not allowed")),
                (None, None) if known.is_some() && self.extra == Extra::Fault => {
                    faults.push(format!("{at} is not known"));
                }
                (None, None) => {}
            }
        }
    }

    fn alternatives(
        &self,
        keyword: &str,
        schemas: &Value,
        value: &Value,
        at: &str,
        depth: usize,
        faults: &mut Vec<String>,
    ) {
        let schemas = schemas.as_array().map(Vec::as_slice).unwrap_or_default();
        // Members that one part of an `allOf` does not know may be another's.
        let inner = Self { description: self.description, extra: Extra::Fine };
        let checked = schemas.iter().map(|schema| {
            let mut faults = vec![];
            inner.check(schema, value, at, depth + 1, &mut faults);
            faults
        });
        let checked: Vec<_> = checked.collect();
        let fitting = checked.iter().filter(|faults| faults.is_empty()).count();
        match keyword {
            "allOf" => faults.extend(checked.into_iter().flatten()),
            // GitHub's alternatives overlap, so that `oneOf` can't be taken at its word.
            _ if fitting == 0 => faults.push(format!("{at}: fits none of {} alternatives", schemas.len())),
            _ => {}
        }
    }
}

/// A keyword that needs no other schema.
fn plain(keyword: &str, argument: &Value, value: &Value) -> Option<String> {
    let limit = argument.as_u64().and_then(|limit| usize::try_from(limit).ok());
    let chars = value.as_str().map(|text| text.chars().count());
    let items = value.as_array().map(Vec::len);
    let over = |size: Option<usize>| size.zip(limit).is_some_and(|(size, limit)| size > limit);
    let under = |size: Option<usize>| size.zip(limit).is_some_and(|(size, limit)| size < limit);
    let less = |a: &Value, b: &Value| a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a < b);
    let wrong = match keyword {
        "type" => !is_of(argument, value),
        "enum" => !argument.as_array().is_some_and(|words| words.contains(value)),
        "minLength" => under(chars),
        "maxLength" => over(chars),
        "minItems" => under(items),
        "maxItems" => over(items),
        "minimum" => less(value, argument),
        "maximum" => less(argument, value),
        _ => return Some(format!("the keyword `{keyword}` is not understood here")),
    };
    wrong.then(|| format!("{value:.80} does not fit `{keyword}` {argument}"))
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    }
}
