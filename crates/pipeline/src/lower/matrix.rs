//! A job's `matrix`: one job for each combination of values.
//!
//! `exclude` and `include` mean what GitHub Actions documents for them: what is excluded goes first; what is included
//! is added to every combination whose own values it leaves as they are, and is one of its own if there is none.

use std::collections::{BTreeMap, BTreeSet};

use super::read::{At, Fields, Path, Reader};
use crate::definition::Matrix;
use crate::diagnostic::code;
use crate::limits::{MAX_AXES, MAX_COMBINATIONS, MAX_MATRIX_VALUE_BYTES, MAX_NAME_CHARS};
use crate::matrix::{Combination, variable_name};
use crate::suggest::nearest;
use crate::tree::{Key, Node, Span, Value, segment, shown};

const HINT: &str = "write `matrix: { node: [18, 20] }`";
pub(crate) const SETTINGS: [&str; 4] = ["include", "exclude", "max_parallel", "fail_fast"];
/// Before `exclude` takes any out: what is written out only to be dropped.
const MAX_PRODUCT: usize = 4 * MAX_COMBINATIONS;

pub(super) fn matrix(reader: &mut Reader<'_>, at: At<'_>) -> Option<Matrix> {
    let Some(fields) = Fields::of(at) else {
        let hint = format!("{HINT}; jobs that are known only while it runs are added by a step");
        reader.wrong_type(&at, "`matrix`", "a mapping").hint(hint);
        return None;
    };
    let axes = axes(reader, &at);
    let included = fields.get("include").map(|at| entries(reader, &at, "`include`")).unwrap_or_default();
    let excluded = fields.get("exclude").map(|at| entries(reader, &at, "`exclude`")).unwrap_or_default();
    let max_parallel = fields
        .get("max_parallel")
        .and_then(|at| reader.count(&at, "`max_parallel`", 1, MAX_COMBINATIONS as u32));
    let fail_fast = fields.get("fail_fast").and_then(|at| reader.flag(&at, "`fail_fast`")).unwrap_or(false);
    check_names(reader, &at, &axes, &included)?;
    let mut combinations = product(reader, &at, &axes)?;
    exclude(reader, &axes, &mut combinations, &excluded);
    include(reader, &axes, &mut combinations, &included);
    check_count(reader, &at, &axes, &mut combinations);
    (!combinations.is_empty()).then_some(Matrix { combinations, max_parallel, fail_fast })
}

fn check_count(reader: &mut Reader<'_>, at: &At<'_>, axes: &[Axis<'_>], combinations: &mut Vec<Combination>) {
    let written = at.entries().unwrap_or_default().iter().filter(|(key, _)| is_axis(&key.text)).count();
    // Where an axis is missing, it is told already what is wrong with it.
    if combinations.is_empty() && axes.len() == written {
        let message = "the matrix has no combination, so that there is no job";
        reader.error(at, code::MISSING_FIELD, message).hint(HINT);
    } else if combinations.len() > MAX_COMBINATIONS {
        let message = format!(
            "a matrix can have at most {MAX_COMBINATIONS} combinations, and these are {}",
            combinations.len()
        );
        reader.error(at, code::LIMIT, message).hint("take some out by `exclude`, or split the job");
        combinations.truncate(MAX_COMBINATIONS);
    }
}

/// The names of all values are few, and each has a variable of its own.
fn check_names(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    axes: &[Axis<'_>],
    included: &[Entry<'_>],
) -> Option<()> {
    let added = included.iter().flat_map(|entry| entry.values.iter().map(|(key, _)| key.text.as_str()));
    let names: BTreeSet<&str> = axes.iter().map(|axis| axis.name).chain(added).collect();
    if names.len() > MAX_AXES {
        let message =
            format!("a matrix can have values of at most {MAX_AXES} names, and these are {}", names.len());
        reader.error(at, code::LIMIT, message).hint("set what belongs together as a variable of the job");
        return None;
    }
    let mut variables: BTreeMap<String, &str> = BTreeMap::new();
    for name in names {
        let variable = variable_name(name);
        if let Some(other) = variables.get(&variable) {
            let message = format!("`{other}` and `{name}` would both be the variable `{variable}`");
            reader.error(at, code::DUPLICATE_NAME, message).hint("call one of them something else");
        }
        variables.insert(variable, name);
    }
    Some(())
}

struct Axis<'t> {
    name: &'t str,
    values: Vec<&'t str>,
}

/// One mapping of `include` or `exclude`.
struct Entry<'t> {
    span: Span,
    pointer: String,
    values: Vec<(&'t Key, &'t str)>,
}

impl Entry<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(key, _)| key.text == name).map(|(_, value)| *value)
    }
}

fn axes<'t>(reader: &mut Reader<'_>, at: &At<'t>) -> Vec<Axis<'t>> {
    let mut axes = vec![];
    for (key, node) in at.entries().unwrap_or_default() {
        if !is_axis(&key.text) {
            continue;
        }
        let instead = match key.text.as_str() {
            "max-parallel" => "max_parallel",
            "fail-fast" => "fail_fast",
            _ => "",
        };
        if !instead.is_empty() {
            let message = format!("`matrix` has no `{}`", key.text);
            let pointer = Path::Field(&at.path, &key.text).pointer();
            reader
                .out
                .error(key.span, pointer, code::UNKNOWN_FIELD, message)
                .hint(format!("write `{instead}`"));
            continue;
        }
        let path = Path::Field(&at.path, &key.text);
        let fine = check_axis(reader, key, &path);
        let values = axis_values(reader, node, path, &key.text);
        if fine && !values.is_empty() {
            axes.push(Axis { name: &key.text, values });
        }
    }
    axes
}

/// What is no setting, and not the author's own.
fn is_axis(key: &str) -> bool {
    !SETTINGS.contains(&key) && !key.starts_with("x-")
}

fn check_axis(reader: &mut Reader<'_>, key: &Key, path: &Path<'_>) -> bool {
    let name = key.text.as_str();
    let fine = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        && variable_name(name).len() <= MAX_NAME_CHARS;
    if !fine {
        let message = format!("`{}` can't be an axis of a matrix", shown(name));
        reader
            .out
            .error(key.span, path.pointer(), code::BAD_NAME, message)
            .hint("use letters, digits, `_` and `-`, not beginning with a digit");
    }
    fine
}

fn axis_values<'t>(reader: &mut Reader<'_>, node: &'t Node, path: Path<'_>, name: &str) -> Vec<&'t str> {
    let at = &At { node, path };
    let what = format!("`{}`", shown(name));
    let hint = format!("write `{}: [a, b]`", shown(name));
    let Value::List(items) = &node.value else {
        reader.wrong_type(at, &what, "a list of values").hint(hint);
        return vec![];
    };
    if items.is_empty() {
        reader
            .error(at, code::MISSING_FIELD, format!("{what} has no value, so that there is no combination"))
            .hint(hint);
    }
    if items.len() > MAX_COMBINATIONS {
        let message = format!("{what} can hold at most {MAX_COMBINATIONS} values");
        reader.error(at, code::LIMIT, message).hint("split the job");
    }
    let mut values: Vec<&str> = vec![];
    for (index, node) in items.iter().take(MAX_COMBINATIONS).enumerate() {
        let at = At { node, path: Path::Item(&at.path, index) };
        if members(node).is_some() {
            reader
                .wrong_type(&at, &format!("each of {what}"), "a text")
                .hint("values that belong together are written as `include: [{ os: linux, node: 18 }]`");
            continue;
        }
        let Some(value) = value(reader, &at, &what).and(text(node)) else { continue };
        if values.contains(&value) {
            let message = format!("`{}` is here twice", shown(value));
            reader.warn(&at, code::REDUNDANT, message).hint("once is enough");
        } else {
            values.push(value);
        }
    }
    values
}

/// Kept as written: `1.10` is no number.
fn value(reader: &mut Reader<'_>, at: &At<'_>, what: &str) -> Option<()> {
    let text = reader.literal(at, what)?;
    let message = if text.len() > MAX_MATRIX_VALUE_BYTES {
        format!("a value of a matrix can have at most {MAX_MATRIX_VALUE_BYTES} bytes")
    } else if text.contains(char::is_control) {
        "a value of a matrix has to be one line of text".to_owned()
    } else {
        return Some(());
    };
    reader.error(at, code::BAD_VALUE, message).hint("it is a part of the job's name; use something short");
    None
}

fn entries<'t>(reader: &mut Reader<'_>, at: &At<'t>, what: &str) -> Vec<Entry<'t>> {
    const HINT: &str = "write a list of mappings, such as `[{ node: 18, os: linux }]`";
    let Value::List(items) = &at.node.value else {
        reader.wrong_type(at, what, "a list").hint(HINT);
        return vec![];
    };
    if items.len() > MAX_COMBINATIONS {
        let message = format!("{what} can hold at most {MAX_COMBINATIONS} combinations");
        reader.error(at, code::LIMIT, message).hint("split the job");
    }
    let mut entries = vec![];
    for (index, node) in items.iter().take(MAX_COMBINATIONS).enumerate() {
        let item = At { node, path: Path::Item(&at.path, index) };
        let Some(members) = members(node).filter(|members| !members.is_empty()) else {
            reader.wrong_type(&item, &format!("each of {what}"), "a mapping with values").hint(HINT);
            continue;
        };
        let mut values = vec![];
        for (key, node) in members.iter().take(MAX_AXES + 1) {
            let path = Path::Field(&item.path, &key.text);
            let fine = check_axis(reader, key, &path);
            let value = value(reader, &At { node, path }, &format!("`{}`", shown(&key.text)));
            values.extend(value.filter(|()| fine).and(text(node)).map(|value| (key, value)));
        }
        entries.push(Entry { span: node.span, pointer: item.path.pointer(), values });
    }
    entries
}

fn members(node: &Node) -> Option<&[(Key, Node)]> {
    if let Value::Map(entries) = &node.value { Some(entries) } else { None }
}

fn text(node: &Node) -> Option<&str> {
    if let Value::Scalar(scalar) = &node.value { Some(&scalar.text) } else { None }
}

fn product(reader: &mut Reader<'_>, at: &At<'_>, axes: &[Axis<'_>]) -> Option<Vec<Combination>> {
    let count = axes.iter().try_fold(1_usize, |count, axis| count.checked_mul(axis.values.len()));
    if count.is_none_or(|count| count > MAX_PRODUCT) {
        let message = format!("a matrix can have at most {MAX_COMBINATIONS} combinations");
        reader.error(at, code::LIMIT, message).hint("split the job");
        return None;
    }
    let mut combinations: Vec<Combination> = if axes.is_empty() { vec![] } else { vec![vec![]] };
    for axis in axes {
        let with = |combination: &Combination, value: &str| {
            let mut longer = combination.clone();
            longer.push((axis.name.to_owned(), value.to_owned()));
            longer
        };
        combinations = combinations
            .iter()
            .flat_map(|combination| axis.values.iter().map(move |value| with(combination, value)))
            .collect();
    }
    Some(combinations)
}

fn exclude(
    reader: &mut Reader<'_>,
    axes: &[Axis<'_>],
    combinations: &mut Vec<Combination>,
    excluded: &[Entry<'_>],
) {
    for entry in excluded {
        let names = || axes.iter().map(|axis| axis.name);
        let mut known = true;
        for (key, _) in entry.values.iter().filter(|(key, _)| !names().any(|name| name == key.text)) {
            known = false;
            let hint = match nearest(&key.text, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the matrix has {}", names().collect::<Vec<_>>().join(", ")),
            };
            let message =
                format!("`{}` is no axis of the matrix, so that nothing has a value of it", key.text);
            let pointer = entry.pointer.clone() + &segment(&key.text);
            reader.out.error(key.span, pointer, code::UNKNOWN_NAME, message).hint(hint);
        }
        let before = combinations.len();
        let fits = |combination: &Combination| {
            entry.values.iter().all(|(key, value)| get(combination, &key.text) == Some(*value))
        };
        combinations.retain(|combination| !fits(combination));
        if known && !entry.values.is_empty() && combinations.len() == before {
            let message = "this takes no combination out".to_owned();
            reader
                .out
                .warn(entry.span, entry.pointer.clone(), code::MATCHES_NOTHING, message)
                .hint("compare its values with those of the axes");
        }
    }
}

fn include(
    reader: &mut Reader<'_>,
    axes: &[Axis<'_>],
    combinations: &mut Vec<Combination>,
    included: &[Entry<'_>],
) {
    let own = combinations.len();
    for entry in included.iter().filter(|entry| !entry.values.is_empty()) {
        let mut fits = false;
        let mut changed = false;
        for combination in &mut combinations[..own] {
            // What the axes gave is never written over; what another `include` added may be.
            let kept = axes
                .iter()
                .all(|axis| entry.get(axis.name).is_none_or(|v| get(combination, axis.name) == Some(v)));
            if !kept {
                continue;
            }
            fits = true;
            for (key, value) in &entry.values {
                changed |= put(combination, &key.text, value);
            }
        }
        let said = if fits {
            (!changed)
                .then(|| "this adds nothing: every combination that it fits is like this already".to_owned())
        } else {
            let values = entry.values.iter().map(|(key, value)| (key.text.clone(), (*value).to_owned()));
            let new: Combination = values.collect();
            if combinations.contains(&new) {
                Some("this combination is here already".to_owned())
            } else {
                combinations.push(new);
                let lacks: Vec<_> = axes.iter().filter(|axis| entry.get(axis.name).is_none()).collect();
                lacks.first().filter(|_| own > 0).map(|axis| {
                    format!("this fits no combination, and becomes one of its own, without `{}`", axis.name)
                })
            }
        };
        if let Some(message) = said {
            reader
                .out
                .warn(entry.span, entry.pointer.clone(), code::MATCHES_NOTHING, message)
                .hint("compare its values with those of the axes");
        }
    }
}

fn get<'c>(combination: &'c Combination, name: &str) -> Option<&'c str> {
    combination.iter().find(|(axis, _)| axis == name).map(|(_, value)| value.as_str())
}

/// Whether that changed anything.
fn put(combination: &mut Combination, name: &str, value: &str) -> bool {
    match combination.iter_mut().find(|(axis, _)| axis == name) {
        Some((_, old)) if old == value => return false,
        Some((_, old)) => value.clone_into(old),
        None => combination.push((name.to_owned(), value.to_owned())),
    }
    true
}
