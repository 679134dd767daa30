//! `on`: what starts the pipeline.

use super::read::{At, Fields, Reader, Shape, Words};
use super::{input, schedule};
use crate::definition::Input;
use crate::diagnostic::code;
use crate::glob::Patterns;
use crate::limits::MAX_PATTERNS;
use crate::suggest::nearest;
use crate::tree::{Key, Value, shown};
use crate::trigger::{BranchFilter, Triggers};

const LATER_EVENT: &str = "start it through the API until then";

pub(crate) const ON: Shape = Shape {
    what: "`on`",
    fields: &["push", "pull_request", "tag", "schedule", "webhook", "manual"],
    later: &[
        ("release", "use `tag` until then"),
        ("workflow_call", LATER_EVENT),
        ("workflow_run", "let the other pipeline say `then: [{ pipeline: … }]`"),
    ],
    instead: &[
        ("workflow_dispatch", "by hand is `manual: {}`"),
        ("repository_dispatch", "write `webhook: { events: [name] }`"),
        ("event", "write `webhook: { events: [name] }`"),
        ("events", "write `webhook: { events: [name] }`"),
        ("cron", "write `schedule: [{ cron: \"0 3 * * *\" }]`"),
        ("tags", "write `tag: [\"v*\"]`"),
        (
            "pull_request_target",
            "write `pull_request`; its pipeline file is the one of the commit under test",
        ),
        ("merge_request", "write `pull_request`"),
    ],
};

const INSTEAD_OF_BRANCHES_IGNORE: &str = "write `branches: [\"**\", \"!name\"]`";
pub(crate) const PUSH: Shape = Shape {
    what: "`push`",
    fields: &["branches", "paths", "paths_ignore"],
    later: &[],
    instead: &[
        ("tags", "tags are an event of their own: `on: { tag: [\"v*\"] }`"),
        ("branches_ignore", INSTEAD_OF_BRANCHES_IGNORE),
        ("branches-ignore", INSTEAD_OF_BRANCHES_IGNORE),
    ],
};

pub(crate) const PULL_REQUEST: Shape = Shape {
    what: "`pull_request`",
    fields: &["branches", "paths", "paths_ignore", "types", "events"],
    later: &[],
    instead: &[
        ("branches_ignore", INSTEAD_OF_BRANCHES_IGNORE),
        ("branches-ignore", INSTEAD_OF_BRANCHES_IGNORE),
    ],
};

pub(crate) const PULL_REQUEST_TYPES: Words = Words {
    what: "a type",
    known: &["opened", "reopened", "synchronize", "ready_for_review"],
    later: &[
        "closed",
        "labeled",
        "unlabeled",
        "edited",
        "assigned",
        "review_requested",
        "converted_to_draft",
    ],
    until_then: "it starts when a pull request is opened, reopened, gets commits or is ready for review",
};

pub(crate) const WEBHOOK: Shape = Shape {
    what: "`webhook`",
    fields: &["events"],
    later: &[],
    instead: &[("types", "write `events`"), ("names", "write `events`"), ("secret", "it is the server's")],
};

pub(crate) const MANUAL: Shape = Shape { what: "`manual`", fields: &["inputs"], later: &[], instead: &[] };

/// What starts it, and what a run may be given.
pub(super) fn triggers(reader: &mut Reader<'_>, at: Option<At<'_>>) -> (Triggers, Vec<Input>) {
    let Some(at) = at else { return (Triggers::default(), vec![]) };
    let mut triggers = Triggers::none();
    if matches!(&at.node.value, Value::List(events) if events.is_empty())
        || at.entries().is_some_and(<[_]>::is_empty)
    {
        reader
            .error(&at, code::MISSING_FIELD, "`on` selects nothing, so that nothing can start the pipeline")
            .hint(format!("name at least one of {}", ON.fields.join(", ")));
        return (triggers, vec![]);
    }
    if at.entries().is_none() {
        let hint = "write `on: push`, `on: [push, pull_request]`, or a mapping with filters";
        for (at, event) in reader.words(&at, "`on`", ON.fields.len() + ON.later.len(), hint) {
            if !select(&mut triggers, event) {
                let key = Key { span: at.node.span, text: event.to_owned() };
                refuse_event(reader, &key, &at);
            }
        }
        return (triggers, vec![]);
    }
    let Some(fields) = Fields::open(reader, at, &ON) else { return (triggers, vec![]) };
    triggers.push = fields.get_with_null("push").map(|at| branch_filter(reader, at, &PUSH));
    triggers.pull_request =
        fields.get_with_null("pull_request").map(|at| branch_filter(reader, at, &PULL_REQUEST));
    triggers.tag = fields.get_with_null("tag").map(|at| patterns(reader, Some(at), "`tag`"));
    triggers.webhook = fields.get_with_null("webhook").map(|at| webhook(reader, at));
    let mut inputs = vec![];
    if let Some(at) = fields.get_with_null("manual") {
        triggers.manual = true;
        inputs = manual(reader, at);
    }
    if let Some(at) = fields.get_with_null("schedule") {
        triggers.schedule = schedule::schedules(reader, at, &inputs);
    }
    (triggers, inputs)
}

fn manual(reader: &mut Reader<'_>, at: At<'_>) -> Vec<Input> {
    if at.node.is_null() {
        return vec![];
    }
    let Some(fields) = Fields::open(reader, at, &MANUAL) else { return vec![] };
    fields.get("inputs").map(|at| input::inputs(reader, at)).unwrap_or_default()
}

/// Somebody's own events; None is every one.
fn webhook(reader: &mut Reader<'_>, at: At<'_>) -> Option<Patterns> {
    if at.node.is_null() {
        return None;
    }
    let fields = Fields::open(reader, at, &WEBHOOK)?;
    patterns(reader, fields.get("events"), "`events`")
}

fn select(triggers: &mut Triggers, event: &str) -> bool {
    match event {
        "push" => triggers.push = Some(BranchFilter::default()),
        "pull_request" => triggers.pull_request = Some(BranchFilter::default()),
        "tag" => triggers.tag = Some(None),
        "webhook" => triggers.webhook = Some(None),
        "manual" => triggers.manual = true,
        _ => return false,
    }
    true
}

fn refuse_event(reader: &mut Reader<'_>, key: &Key, at: &At<'_>) {
    let event = key.text.as_str();
    let pointer = at.path.pointer();
    if let Some((_, instead)) = ON.later.iter().find(|(later, _)| *later == event) {
        let message = format!("`{event}` is not supported yet in `on`");
        reader.out.error(key.span, pointer, code::NOT_SUPPORTED_YET, message).hint(*instead);
        return;
    }
    if event == "schedule" {
        reader
            .out
            .error(key.span, pointer, code::MISSING_FIELD, "`schedule` has to say when".to_owned())
            .hint("write `on: { schedule: [{ cron: \"0 3 * * *\" }] }`");
        return;
    }
    let hint = match (
        ON.instead.iter().find(|(other, _)| *other == event),
        nearest(event, ON.fields.iter().copied()),
    ) {
        (Some((_, instead)), _) => (*instead).to_owned(),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => format!("known are {}", ON.fields.join(", ")),
    };
    let message = format!("there is no event `{}`", shown(event));
    reader.out.error(key.span, pointer, code::UNKNOWN_VALUE, message).hint(hint);
}

fn branch_filter(reader: &mut Reader<'_>, at: At<'_>, shape: &Shape) -> BranchFilter {
    if at.node.is_null() {
        return BranchFilter::default();
    }
    let Some(fields) = Fields::open(reader, at, shape) else { return BranchFilter::default() };
    BranchFilter {
        branches: patterns(reader, fields.get("branches"), "`branches`"),
        paths: patterns(reader, fields.get("paths"), "`paths`"),
        paths_ignore: patterns(reader, fields.get("paths_ignore"), "`paths_ignore`"),
        types: shape.fields.contains(&"types").then(|| types(reader, &fields)).flatten(),
    }
}

/// What has to happen to a pull request.
fn types(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Vec<String>> {
    if let (Some(_), Some(key)) = (fields.get("types"), fields.key("events")) {
        let message = "`types` and `events` are the same here".to_owned();
        reader
            .out
            .error(key.span, fields.pointer("events"), code::DUPLICATE_KEY, message)
            .hint("keep `types`");
    }
    let at = fields.get("types").or_else(|| fields.get("events"))?;
    let max = PULL_REQUEST_TYPES.known.len() + PULL_REQUEST_TYPES.later.len();
    let words = reader.words(&at, "`types`", max, "write a list such as `[opened, synchronize]`");
    if words.is_empty() {
        reader
            .error(&at, code::MISSING_FIELD, "`types` holds nothing, so that no pull request could start it")
            .hint("leave it out to let every one start it");
    }
    let mut types: Vec<String> = vec![];
    for (at, _) in words {
        let word = reader.word(&at, &PULL_REQUEST_TYPES).map(str::to_owned);
        types.extend(word.filter(|word| !types.contains(word)));
    }
    Some(types)
}

fn patterns(reader: &mut Reader<'_>, at: Option<At<'_>>, what: &str) -> Option<Patterns> {
    let at = at.filter(|at| !at.node.is_null())?;
    let mut patterns = Patterns::default();
    let words = reader.words(&at, what, MAX_PATTERNS, "write a list such as `[main, \"release/*\"]`");
    let complete = !words.is_empty();
    for (at, pattern) in words {
        if let Err(error) = patterns.push(pattern) {
            reader.error(&at, code::BAD_PATTERN, error.to_string()).done();
        }
    }
    if patterns.only_exclude() {
        reader
            .error(&at, code::BAD_PATTERN, format!("{what} only takes out, so that nothing is left"))
            .hint("put `\"**\"` before them");
    } else if !complete && matches!(&at.node.value, Value::List(items) if items.is_empty()) {
        reader
            .error(&at, code::BAD_PATTERN, format!("{what} is empty, so that nothing could match"))
            .hint("leave it out to let everything match");
    }
    Some(patterns)
}
