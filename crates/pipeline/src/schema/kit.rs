//! What schemas are put together from: mappings, lists, and what may stand beside what.

use serde_json::{Map, Value, json};

use crate::lower::tables::{OWN_PREFIX, Shape, Words};

/// A definition and its name.
pub(super) type Definition = (&'static str, Value);

/// A member of a mapping.
pub(super) struct Member {
    name: &'static str,
    value: Value,
    required: bool,
}

/// What has to be there.
pub(super) fn must(name: &'static str, about: &str, value: Value) -> Member {
    Member { name, value: described(value, about), required: true }
}

/// What may be left out, for which null is as good.
pub(super) fn may(name: &'static str, about: &str, value: Value) -> Member {
    Member { name, value: described(or_null(value), about), required: false }
}

/// What may be left out, and is no null.
pub(super) fn may_not_null(name: &'static str, about: &str, value: Value) -> Member {
    Member { name, value: described(value, about), required: false }
}

/// What a value's keywords can't say is a comment until here.
fn described(mut value: Value, about: &str) -> Value {
    let further = value.as_object_mut().and_then(|members| members.remove("$comment"));
    value["description"] = match further.as_ref().and_then(Value::as_str) {
        Some(further) => json!(format!("{about} {further}")),
        None => json!(about),
    };
    value
}

/// A mapping of the parser's own members, and of those that are the author's own.
///
/// # Panics
/// Where `members` and the parser's table differ: a schema that knows less or more than the parser would be wrong.
pub(super) fn object(shape: &Shape, about: &str, members: Vec<Member>, rules: Vec<Value>) -> Value {
    let mut described: Vec<&str> = members.iter().map(|member| member.name).collect();
    let mut known = shape.fields.to_vec();
    described.sort_unstable();
    known.sort_unstable();
    assert_eq!(described, known, "the schema of {} and its parser know other members", shape.what);
    let required: Vec<&str> = members.iter().filter(|member| member.required).map(|m| m.name).collect();
    let properties: Map<String, Value> =
        members.into_iter().map(|member| (member.name.to_owned(), member.value)).collect();
    let mut schema = json!({
        "type": "object",
        "description": about,
        "properties": properties,
        "patternProperties": { own(): true },
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !rules.is_empty() {
        schema["allOf"] = json!(rules);
    }
    schema
}

/// The names of members that are the author's own.
pub(super) fn own() -> String {
    format!("^{OWN_PREFIX}")
}

/// A mapping whose names are the author's.
pub(super) fn map(names: Value, values: Value, least: usize, most: usize) -> Value {
    let mut schema = json!({
        "type": "object",
        "propertyNames": names,
        "additionalProperties": values,
        "maxProperties": most,
    });
    if least > 0 {
        schema["minProperties"] = json!(least);
    }
    schema
}

pub(super) fn list(items: Value, least: usize, most: usize) -> Value {
    let mut schema = json!({ "type": "array", "items": items, "maxItems": most });
    if least > 0 {
        schema["minItems"] = json!(least);
    }
    schema
}

/// One alone may stand without a list.
pub(super) fn one_or_list(item: Value, least: usize, most: usize) -> Value {
    json!({ "anyOf": [item.clone(), list(item, least, most)] })
}

pub(super) fn defined(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// A word of a closed list.
pub(super) fn word(words: &Words) -> Value {
    json!({ "type": "string", "enum": words.known })
}

pub(super) fn with_default(mut schema: Value, default: impl Into<Value>) -> Value {
    schema["default"] = default.into();
    schema
}

/// Null, too.
pub(super) fn or_null(mut schema: Value) -> Value {
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    match schema.get_mut("type") {
        Some(Value::Array(types)) => types.push(json!("null")),
        Some(one) => *one = json!([one.take(), "null"]),
        None => return any_or_null(schema),
    }
    schema
}

fn any_or_null(mut schema: Value) -> Value {
    if let Some(alternatives) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        alternatives.push(json!({ "type": "null" }));
        return schema;
    }
    // What a person is told belongs to the whole.
    let mut whole = json!({});
    for word in ["$comment", "default", "examples"] {
        if let Some(told) = schema.as_object_mut().and_then(|members| members.remove(word)) {
            whole[word] = told;
        }
    }
    whole["anyOf"] = json!([schema, { "type": "null" }]);
    whole
}

/// That `name` is there, and not null.
pub(super) fn given(name: &str) -> Value {
    json!({ "required": [name], "properties": { name: { "not": { "type": "null" } } } })
}

/// That `name` is there and one of `words`.
pub(super) fn is(name: &str, words: &[&str]) -> Value {
    json!({ "required": [name], "properties": { name: { "enum": words } } })
}

/// Not both of two.
pub(super) fn either(first: &str, second: &str) -> Value {
    json!({ "not": { "allOf": [given(first), given(second)] } })
}

/// Two names of the same member.
pub(super) fn same(first: &str, second: &str) -> Value {
    json!({ "not": { "required": [first, second] } })
}

/// Two names of the same member, of which the first says nothing if it is null.
pub(super) fn same_if_given(first: &str, second: &str) -> Value {
    json!({ "not": { "allOf": [given(first), { "required": [second] }] } })
}

pub(super) fn when(condition: Value, then: Value) -> Value {
    json!({ "if": condition, "then": then })
}
