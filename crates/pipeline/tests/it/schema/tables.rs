//! The parser's tables as its sources have them, and what the schema made of them.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

/// Those of other files than a pipeline's: an action, its inputs, and jobs that a step adds.
const OF_OTHER_FILES: [&str; 3] = ["an action", "an action's input", "an upload of jobs"];

/// The members of each mapping of the parser.
pub fn shapes() -> BTreeSet<BTreeSet<String>> {
    let mut shapes = BTreeSet::new();
    for table in sources().split("Shape = Shape {").skip(1) {
        let what = quoted(table.split_once("what:").unwrap().1).remove(0);
        if !OF_OTHER_FILES.contains(&what.as_str()) {
            shapes.insert(list(table, "fields:"));
        }
    }
    assert!(shapes.len() > 15, "the tables were not read");
    shapes
}

/// The words of each closed list of the parser.
pub fn words() -> Vec<BTreeSet<String>> {
    let sources = sources();
    let tables = sources.split(": Words =").skip(1);
    let words: Vec<_> = tables.map(|table| list(table, "known:")).collect();
    assert!(words.len() > 7, "the lists were not read");
    words
}

/// What is within the brackets behind `name`.
fn list(table: &str, name: &str) -> BTreeSet<String> {
    let list = table.split_once(name).unwrap().1.split_once("&[").unwrap().1.split_once(']').unwrap().0;
    quoted(list).into_iter().collect()
}

fn quoted(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn sources() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lower");
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

/// The description and the members of each mapping of the schema that takes no other.
pub fn mappings(schema: &Value) -> Vec<(String, BTreeSet<String>)> {
    let mut mappings = vec![];
    visit(schema, &mut |part| {
        if part["additionalProperties"] == json!(false) {
            let names = part["properties"].as_object().unwrap().keys().cloned().collect();
            mappings.push((part["description"].as_str().unwrap().to_owned(), names));
        }
    });
    mappings
}

/// The words of each closed list of the schema.
pub fn closed_lists(schema: &Value) -> BTreeSet<BTreeSet<String>> {
    let mut lists = BTreeSet::new();
    visit(schema, &mut |part| {
        if let Some(words) = part["enum"].as_array() {
            lists.insert(words.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        }
    });
    lists
}

fn visit(schema: &Value, each: &mut impl FnMut(&Value)) {
    match schema {
        Value::Object(members) => {
            each(schema);
            members.values().for_each(|member| visit(member, each));
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, each)),
        _ => {}
    }
}
