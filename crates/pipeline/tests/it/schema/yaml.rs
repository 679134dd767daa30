//! YAML as the JSON that an editor's plugin holds against the schema: anchors and `<<` resolved, plain scalars of the
//! core schema.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value, json};

/// None where it is no YAML, or not of one document.
pub fn read(text: &str) -> Option<Value> {
    let mut reader = Reader::default();
    for event in Parser::new_from_str(text) {
        reader.take(event.ok()?.0)?;
    }
    reader.root
}

#[derive(Default)]
struct Reader {
    open: Vec<(Open, usize)>,
    anchors: HashMap<usize, Value>,
    root: Option<Value>,
}

enum Open {
    List(Vec<Value>),
    Mapping { members: Map<String, Value>, merged: Vec<Value>, key: Option<String> },
}

impl Reader {
    fn take(&mut self, event: Event<'_>) -> Option<()> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let value =
                    if style == ScalarStyle::Plain { plain(&text) } else { Value::String(text.into_owned()) };
                self.put(value, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.push((Open::List(vec![]), anchor));
                Some(())
            }
            Event::MappingStart(_, anchor, _) => {
                let mapping = Open::Mapping { members: Map::new(), merged: vec![], key: None };
                self.open.push((mapping, anchor));
                Some(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (open, anchor) = self.open.pop()?;
                self.put(open.close(), anchor)
            }
            Event::Alias(id) => self.put(self.anchors.get(&id)?.clone(), 0),
            Event::UnresolvedAlias(_) => None,
            _ => Some(()),
        }
    }

    fn put(&mut self, value: Value, anchor: usize) -> Option<()> {
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        match self.open.last_mut() {
            None => self.root.replace(value).is_none().then_some(()),
            Some((Open::List(items), _)) => {
                items.push(value);
                Some(())
            }
            Some((Open::Mapping { members, merged, key }, _)) => {
                match key.take() {
                    None => *key = Some(name(value)?),
                    Some(key) if key == "<<" => merged.push(value),
                    Some(key) => {
                        // Twice the same is no mapping.
                        members.insert(key, value).is_none().then_some(())?;
                    }
                }
                Some(())
            }
        }
    }
}

impl Open {
    fn close(self) -> Value {
        match self {
            Self::List(items) => Value::Array(items),
            Self::Mapping { mut members, merged, .. } => {
                let sources = merged.into_iter().flat_map(|source| match source {
                    Value::Array(sources) => sources,
                    one => vec![one],
                });
                for (name, value) in sources.filter_map(|source| source.as_object().cloned()).flatten() {
                    members.entry(name).or_insert(value);
                }
                Value::Object(members)
            }
        }
    }
}

fn name(key: Value) -> Option<String> {
    match key {
        Value::String(text) => Some(text),
        Value::Array(_) | Value::Object(_) => None,
        scalar => Some(scalar.to_string()),
    }
}

fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return json!(true),
        "false" | "False" | "FALSE" => return json!(false),
        _ => {}
    }
    let based = |prefix, base| i64::from_str_radix(text.strip_prefix(prefix)?, base).ok();
    if let Some(number) = based("0x", 16).or_else(|| based("0o", 8)) {
        return json!(number);
    }
    let looks_like_a_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.contains(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    let number = looks_like_a_number.then(|| {
        let whole = text.parse::<i64>().ok().map(|whole| json!(whole));
        whole.or_else(|| {
            text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| json!(number))
        })
    });
    number.flatten().unwrap_or_else(|| json!(text))
}
