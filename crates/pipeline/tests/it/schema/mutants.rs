//! One change at every place of a file: what is left out, renamed, added, or of a wrong type.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::judge::Judge;

/// What each change does, and the file with it. Where a file is as another was, it has had its changes already.
pub fn of<'f>(file: &'f Value, other: Option<&'f Value>) -> impl Iterator<Item = (String, Value)> + 'f {
    let mut pointers = vec![];
    places(file, String::new(), &mut pointers);
    let is_new =
        move |pointer: &String| other.is_none_or(|other| other.pointer(pointer) != file.pointer(pointer));
    pointers.into_iter().filter(is_new).flat_map(|pointer| at(file, &pointer))
}

fn places(value: &Value, at: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                places(member, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), pointers);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, format!("{at}/{index}"), pointers);
            }
        }
        _ => {}
    }
    pointers.push(at);
}

/// No place takes all of these.
fn values() -> [Value; 16] {
    [
        json!(null),
        json!(true),
        json!(-3),
        json!(2.5),
        json!(1_000_000),
        json!(""),
        json!("x"),
        json!("../x\u{7}"),
        json!("5m"),
        json!("${{ nowhere }}"),
        json!("a".repeat(2_500)),
        json!([]),
        json!([null, "x"]),
        json!({}),
        json!({ "x": 1 }),
        json!({ "x-own": 1 }),
    ]
}

fn at(file: &Value, pointer: &str) -> Vec<(String, Value)> {
    let mut mutants = vec![];
    let mut change = |what: String, change: &dyn Fn(&mut Value)| {
        let mut mutant = file.clone();
        change(mutant.pointer_mut(pointer).unwrap());
        mutants.push((format!("{pointer} {what}"), mutant));
    };
    for value in values() {
        change(format!("is {value:.40}"), &|place| *place = value.clone());
    }
    match file.pointer(pointer).unwrap() {
        Value::Object(members) => {
            for name in members.keys() {
                change(format!("lacks {name}"), &|place| {
                    place.as_object_mut().unwrap().remove(name);
                });
                change(format!("has {name} renamed"), &|place| {
                    let member = place.as_object_mut().unwrap().remove(name).unwrap();
                    place[format!("{name}zz")] = member;
                });
            }
            change("has one more".to_owned(), &|place| place["zz"] = json!("x"));
            change("has one of the author's own".to_owned(), &|place| place["x-own"] = json!({ "any": [1] }));
        }
        Value::Array(items) => {
            for index in 0..items.len() {
                change(format!("lacks {index}"), &|place| {
                    place.as_array_mut().unwrap().remove(index);
                });
            }
            change("has 300".to_owned(), &|place| {
                let items = place.as_array_mut().unwrap();
                *items = items.iter().cycle().take(300).cloned().collect();
            });
        }
        _ => {}
    }
    mutants
}

/// Which members of which mappings of the schema a value uses. A mapping is known by its description.
pub fn members_used(judge: &Judge, schema: &Value, value: &Value, used: &mut BTreeSet<(String, String)>) {
    if let Some(reference) = schema.get("$ref") {
        members_used(judge, judge.resolve(reference), value, used);
    }
    for part in ["anyOf", "allOf"].iter().filter_map(|keyword| schema[keyword].as_array()).flatten() {
        if judge.fits(part, value) {
            members_used(judge, part, value, used);
        }
    }
    match value {
        Value::Array(items) => {
            items.iter().for_each(|item| members_used(judge, &schema["items"], item, used))
        }
        Value::Object(members) => {
            let is_closed = schema["additionalProperties"] == json!(false);
            for (name, member) in members {
                match schema["properties"].get(name) {
                    Some(schema_of_it) => {
                        if is_closed {
                            let about = schema["description"].as_str().unwrap();
                            used.insert((about.to_owned(), name.clone()));
                        }
                        members_used(judge, schema_of_it, member, used);
                    }
                    None => members_used(judge, &schema["additionalProperties"], member, used),
                }
            }
        }
        _ => {}
    }
}
