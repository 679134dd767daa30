//! `on.schedule`: when the clock starts the pipeline, and with what.

use std::collections::BTreeMap;

use super::input::{as_kind, objection_to};
use super::read::{At, Fields, Path, Reader, Shape};
use crate::cron::{BadCron, Cron};
use crate::definition::Input;
use crate::diagnostic::code;
use crate::limits::{MAX_PATH_CHARS, MAX_SCHEDULES, MAX_VALUE_BYTES, MAX_VARIABLES};
use crate::schedule::{time_zone, time_zones};
use crate::suggest::nearest;
use crate::tree::{Key, Node, shown};
use crate::trigger::Schedule;

pub(crate) const SHAPE: Shape = Shape {
    what: "a schedule",
    fields: &["cron", "timezone", "branch", "inputs", "variables"],
    later: &[("enabled", "take the schedule out until then")],
    instead: &[
        ("time_zone", "write `timezone`"),
        ("tz", "write `timezone`"),
        ("branches", "write `branch`, and a schedule for each"),
        ("parameters", "write `inputs`"),
        ("with", "write `inputs`"),
        ("every", "write `cron`"),
        ("at", "write `cron`"),
    ],
};

const HINT: &str = "write `schedule: [{ cron: \"0 3 * * *\" }]`";

pub(super) fn schedules(reader: &mut Reader<'_>, at: At<'_>, inputs: &[Input]) -> Vec<Schedule> {
    // One alone may stand without a list.
    if at.entries().is_some() {
        return schedule(reader, at, inputs).into_iter().collect();
    }
    let items = reader.items(&at, "`schedule`", MAX_SCHEDULES, HINT);
    if items.is_empty() && at.scalar().is_none() {
        reader.error(&at, code::MISSING_FIELD, "`schedule` holds no schedule").hint(HINT);
    }
    items.into_iter().filter_map(|at| schedule(reader, at, inputs)).collect()
}

fn schedule(reader: &mut Reader<'_>, at: At<'_>, inputs: &[Input]) -> Option<Schedule> {
    let fields = Fields::open(reader, at, &SHAPE)?;
    let cron =
        fields.need(reader, "cron", &SHAPE, "write `cron: \"0 3 * * *\"`, which is every night at three");
    let cron = cron.and_then(|at| cron_expression(reader, &at));
    let timezone = fields.get("timezone").map(|at| zone(reader, &at));
    if let (Some(_), Some(key)) = (fields.get("inputs"), fields.key("variables")) {
        let message = "`inputs` and `variables` are the same here".to_owned();
        reader
            .out
            .error(key.span, fields.pointer("variables"), code::DUPLICATE_KEY, message)
            .hint("keep `inputs`");
    }
    let given = fields.get("inputs").or_else(|| fields.get("variables"));
    let parameters = given.map(|at| parameters(reader, &at, inputs)).unwrap_or_default();
    check_required(reader, &at, &parameters, inputs);
    let branch = fields.get("branch").and_then(|at| branch(reader, &at));
    Some(Schedule {
        cron: cron?,
        timezone: timezone.unwrap_or_else(|| Some("UTC".to_owned()))?,
        branch,
        parameters,
    })
}

fn cron_expression(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let text = reader.literal(at, "`cron`")?;
    let Err(wrong) = Cron::check(text) else {
        return Some(text.split_whitespace().collect::<Vec<_>>().join(" "));
    };
    for error in wrong {
        let hint = instead_of_cron(&error, text.trim());
        reader.error(at, code::BAD_CRON, error.to_string()).hint(hint);
    }
    None
}

fn instead_of_cron(error: &BadCron, text: &str) -> String {
    if let Some((_, zoned)) = text.split_once("TZ=")
        && let Some((zone, fields)) = zoned.split_once(' ')
    {
        return format!("write `cron: \"{}\"` and `timezone: {}`", shown(fields.trim()), shown(zone));
    }
    if let Some(meant) = error.meant() {
        return format!("did you mean `{meant}`? Months and days have three letters");
    }
    let hint = match (error, text) {
        (_, "@yearly" | "@annually") => "write `0 0 1 1 *`",
        (_, "@monthly") => "write `0 0 1 * *`",
        (_, "@weekly") => "write `0 0 * * 0`",
        (_, "@daily" | "@midnight") => "write `0 0 * * *`",
        (_, "@hourly") => "write `0 * * * *`",
        (BadCron::Fields(6 | 7), _) => "leave seconds and years out: `30 3 * * 1-5`",
        (BadCron::Step { .. }, _) => {
            "what is to happen more seldom is said by the next field, as in `0 */2 * * *`"
        }
        (BadCron::Field { text, .. }, _) if text.ends_with("/0") => "a step is at least 1",
        (BadCron::Field { text, .. }, _) if text.contains(['L', 'W', '#', '?']) => {
            "`L`, `W`, `#` and `?` are not known here; let a step ask for the date"
        }
        (BadCron::Field { text, .. }, _) if text.contains('/') => {
            "write the whole range before `/`: `*/15` or `5-59/15`"
        }
        (BadCron::Never, _) => "compare the day of the month with the month",
        _ => "write it like `30 3 * * 1-5`: at half past three, Monday to Friday",
    };
    hint.to_owned()
}

fn zone(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let text = reader.literal(at, "`timezone`")?;
    let zone = time_zone(text);
    if zone.is_none() {
        let message = format!("there is no time zone `{}`", shown(text));
        let zones = time_zones();
        let hint = match nearest(text, zones.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write it as a region and a city, such as `Europe/Berlin`, or `UTC`".to_owned(),
        };
        reader.error(at, code::UNKNOWN_TIME_ZONE, message).hint(hint);
    }
    zone
}

/// What a pattern may hold and the name of a branch can't.
pub(super) const PATTERN_SIGNS: [char; 3] = ['*', '?', '['];

fn branch(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let text = reader.literal(at, "`branch`")?;
    if text.contains(PATTERN_SIGNS) {
        reader
            .error(at, code::BAD_VALUE, "`branch` is one branch, and no pattern")
            .hint("write a schedule for each branch");
        return None;
    }
    let fine =
        !text.trim().is_empty() && !text.contains(char::is_control) && text.chars().count() <= MAX_PATH_CHARS;
    if !fine {
        reader
            .error(at, code::BAD_VALUE, "`branch` has to be the name of a branch")
            .hint("write it like `main`; left out, it is the repository's default branch");
    }
    fine.then(|| text.to_owned())
}

/// Written out: nobody is there to ask.
fn parameters(reader: &mut Reader<'_>, at: &At<'_>, inputs: &[Input]) -> BTreeMap<String, String> {
    let Some(entries) = at.entries() else {
        reader.wrong_type(at, "`inputs`", "a mapping").hint("write `inputs: { name: value }`");
        return BTreeMap::new();
    };
    if entries.len() > MAX_VARIABLES {
        let message = format!("a schedule can give at most {MAX_VARIABLES} values");
        reader
            .error(at, code::LIMIT, message)
            .hint("put what belongs together into a file of the repository");
    }
    entries
        .iter()
        .take(MAX_VARIABLES)
        .filter_map(|(key, node)| parameter(reader, at, key, node, inputs))
        .collect()
}

fn parameter(
    reader: &mut Reader<'_>,
    parent: &At<'_>,
    key: &Key,
    node: &Node,
    inputs: &[Input],
) -> Option<(String, String)> {
    let at = At { node, path: Path::Field(&parent.path, &key.text) };
    if let Some(message) = objection_to(&key.text) {
        reader
            .out
            .error(key.span, at.path.pointer(), code::BAD_NAME, message)
            .hint("set it as a variable of the pipeline");
        return None;
    }
    let input = inputs.iter().find(|input| input.name == key.text);
    if input.is_none() && !inputs.is_empty() {
        let known = || inputs.iter().map(|input| input.name.as_str());
        let hint = match nearest(&key.text, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the inputs are {}", known().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("there is no input `{}`", shown(&key.text));
        reader.out.error(key.span, at.path.pointer(), code::UNKNOWN_INPUT, message).hint(hint);
        return None;
    }
    let text = reader.literal(&at, "a value")?;
    let text = &input.map_or_else(|| text.to_owned(), |input| as_kind(&input.kind, &at, text));
    if text.len() > MAX_VALUE_BYTES || text.contains('\0') {
        let message = format!("a value can hold at most {} KiB, and no zero byte", MAX_VALUE_BYTES / 1024);
        reader.error(&at, code::BAD_VALUE, message).hint("put it into a file of the repository");
        return None;
    }
    if let Some(problem) = input.and_then(|input| input.kind.objection(text)) {
        let message = format!("`{}` {problem}", key.text);
        reader.error(&at, code::BAD_VALUE, message).hint("it has to be of the input's type");
    }
    Some((key.text.clone(), text.to_owned()))
}

fn check_required(reader: &mut Reader<'_>, at: &At<'_>, given: &BTreeMap<String, String>, inputs: &[Input]) {
    let missing =
        |input: &&Input| input.required && input.default.is_none() && !given.contains_key(&input.name);
    for input in inputs.iter().filter(missing) {
        let message = format!("the input `{}` has to be given, and the clock knows none", input.name);
        reader
            .error(at, code::MISSING_FIELD, message)
            .hint(format!("write `inputs: {{ {}: … }}`, or give the input a `default`", input.name));
    }
}
