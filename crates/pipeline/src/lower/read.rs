//! The small pieces that lowering is made of: a place in the tree, a mapping's fields, a text, a word, a name.
//!
//! Every reader gives the value, or says what is wrong and gives None; the caller goes on with the rest either way.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::shape::looks_like_a_job;
pub(crate) use super::shape::{Shape, Words};
use super::usage::Usage;
use crate::diagnostic::{Diagnostics, Hint, code};
use crate::limits::{MAX_EXPRESSIONS_WRITTEN_OUT, MAX_NAME_CHARS};
use crate::suggest::nearest;
use crate::tree::{Key, Node, Scalar, Span, Value, shown, write_segment};

/// The way from the root to a node; spelled out only when something is wrong there.
#[derive(Clone, Copy)]
pub(super) enum Path<'p> {
    Root,
    Field(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl Path<'_> {
    /// As a JSON pointer. Every expression is told where it is, so that this is done often.
    pub fn pointer(&self) -> String {
        let mut pointer = String::with_capacity(64);
        self.write(&mut pointer);
        pointer
    }

    fn write(&self, pointer: &mut String) {
        match self {
            Self::Root => {}
            Self::Field(parent, name) => {
                parent.write(pointer);
                write_segment(name, pointer);
            }
            Self::Item(parent, index) => {
                parent.write(pointer);
                let _ = write!(pointer, "/{index}");
            }
        }
    }
}

/// Members of this beginning are the author's own: a place for what is anchored once and repeated.
pub(crate) const OWN_PREFIX: &str = "x-";

/// A node, and the way to it.
#[derive(Clone, Copy)]
pub(super) struct At<'t> {
    pub node: &'t Node,
    pub path: Path<'t>,
}

/// A mapping whose keys have been looked at.
pub(super) struct Fields<'t> {
    at: At<'t>,
    entries: &'t [(Key, Node)],
}

/// The file being read, and what is wrong with it.
pub(super) struct Reader<'s> {
    pub source: &'s str,
    pub out: Diagnostics,
    /// So far.
    pub expressions: usize,
    /// Those of jobs with a matrix, so far, as often as they are answered.
    written_out: usize,
    /// What is set and what is used.
    pub usage: Usage,
    /// Inputs of a name or a type that can't be, which is told already.
    pub refused_inputs: BTreeSet<String>,
}

impl<'t> Fields<'t> {
    /// The members of a mapping whose names are looked at elsewhere.
    pub fn of(at: At<'t>) -> Option<Self> {
        Some(Self { at, entries: at.entries()? })
    }

    /// None where `at` is no mapping.
    pub fn open(reader: &mut Reader<'_>, at: At<'t>, shape: &Shape) -> Option<Self> {
        let Value::Map(entries) = &at.node.value else {
            reader
                .wrong_type(&at, shape.what, "a mapping")
                .hint(format!("known are {}", shape.fields.join(", ")));
            return None;
        };
        let unknown =
            |key: &Key| !shape.fields.contains(&key.text.as_str()) && !key.text.starts_with(OWN_PREFIX);
        for (key, node) in entries.iter().filter(|(key, _)| unknown(key)) {
            reader.refuse_field(key, node, &at.path, shape);
        }
        Some(Self { at, entries })
    }

    /// What stands under `name`; null is as good as absent.
    pub fn get<'f>(&'f self, name: &'f str) -> Option<At<'f>> {
        self.get_with_null(name).filter(|at| !at.node.is_null())
    }

    pub fn get_with_null<'f>(&'f self, name: &'f str) -> Option<At<'f>> {
        let (_, node) = self.entries.iter().find(|(key, _)| key.text == name)?;
        Some(At { node, path: Path::Field(&self.at.path, name) })
    }

    /// `true` or `false`.
    pub fn flag(&self, reader: &mut Reader<'_>, name: &str, otherwise: bool) -> bool {
        self.get(name).and_then(|at| reader.flag(&at, &format!("`{name}`"))).unwrap_or(otherwise)
    }

    /// Whether a job or a step is switched on. One that is not is easily forgotten.
    pub fn enabled(&self, reader: &mut Reader<'_>, what: &str) -> bool {
        let enabled = self.flag(reader, "enabled", true);
        if let (false, Some(at)) = (enabled, self.get("enabled")) {
            let message = format!("the {what} is switched off, and never runs");
            reader.warn(&at, code::UNREACHABLE, message).hint("switch it on, or take it out");
        }
        enabled
    }

    pub fn pointer(&self, name: &str) -> String {
        Path::Field(&self.at.path, name).pointer()
    }

    pub fn key(&self, name: &str) -> Option<&Key> {
        self.entries.iter().map(|(key, _)| key).find(|key| key.text == name)
    }

    /// What has to be there.
    pub fn need<'f>(
        &'f self,
        reader: &mut Reader<'_>,
        name: &'f str,
        shape: &Shape,
        hint: &str,
    ) -> Option<At<'f>> {
        let found = self.get(name);
        if found.is_none() {
            let span = self.key(name).map_or(self.at.node.span, |key| key.span);
            let message = format!("{} needs `{name}`", shape.what);
            reader.out.error(span, self.at.path.pointer(), code::MISSING_FIELD, message).hint(hint);
        }
        found
    }
}

impl<'t> At<'t> {
    pub fn entries(&self) -> Option<&'t [(Key, Node)]> {
        if let Value::Map(entries) = &self.node.value { Some(entries) } else { None }
    }

    /// What stands under `name` of a mapping.
    pub fn member<'p>(&'p self, name: &'p str) -> Option<At<'p>> {
        let (_, node) = self.entries()?.iter().find(|(key, _)| key.text == name)?;
        Some(At { node, path: Path::Field(&self.path, name) })
    }

    /// The item of a list that is `text`, or else the whole.
    pub fn item(&self, text: &str) -> At<'_> {
        let Value::List(items) = &self.node.value else { return *self };
        let is_meant = |node: &&Node| matches!(&node.value, Value::Scalar(scalar) if scalar.text == text);
        match items.iter().position(|node| is_meant(&node)) {
            Some(index) => At { node: &items[index], path: Path::Item(&self.path, index) },
            None => *self,
        }
    }

    pub fn scalar(&self) -> Option<&'t Scalar> {
        if let Value::Scalar(scalar) = &self.node.value { Some(scalar) } else { None }
    }
}

impl<'s> Reader<'s> {
    pub fn new(source: &'s str, out: Diagnostics) -> Self {
        Self {
            source,
            out,
            expressions: 0,
            written_out: 0,
            usage: Usage::default(),
            refused_inputs: BTreeSet::new(),
        }
    }
}

impl Reader<'_> {
    pub fn warn(&mut self, at: &At<'_>, code: &'static str, message: impl Into<String>) -> Hint<'_> {
        if matches!(at.node.value, Value::Refused) {
            return Hint::NONE;
        }
        self.out.warn(at.node.span, at.path.pointer(), code, message.into())
    }

    pub fn error(&mut self, at: &At<'_>, code: &'static str, message: impl Into<String>) -> Hint<'_> {
        if matches!(at.node.value, Value::Refused) {
            return Hint::NONE;
        }
        self.out.error(at.node.span, at.path.pointer(), code, message.into())
    }

    pub fn wrong_type(&mut self, at: &At<'_>, what: &str, wanted: &str) -> Hint<'_> {
        let message = format!("{what} has to be {wanted}, and this is {}", at.node.kind());
        self.error(at, code::WRONG_TYPE, message)
    }

    fn refuse_field(&mut self, key: &Key, node: &Node, parent: &Path<'_>, shape: &Shape) {
        let name = key.text.as_str();
        let pointer = Path::Field(parent, name).pointer();
        if let Some((_, instead)) = shape.later.iter().find(|(later, _)| *later == name) {
            let message = format!("`{name}` is not supported yet in {}", shape.what);
            self.out.error(key.span, pointer, code::NOT_SUPPORTED_YET, message).hint(*instead);
            return;
        }
        let message = format!("{} has no `{}`", shape.what, shown(name));
        self.out.error(key.span, pointer, code::UNKNOWN_FIELD, message).hint(match parent {
            // Elsewhere jobs stand beside what the whole pipeline is about.
            Path::Root if looks_like_a_job(node) && !shape.names(name) => {
                "jobs belong to stages: `stages: [{ name: test, jobs: [{ name: unit, steps: […] }] }]`"
                    .to_owned()
            }
            _ => shape.instead_of(name),
        });
    }

    /// The items of a list of at most `max`.
    pub fn items<'t>(&mut self, at: &'t At<'t>, what: &str, max: usize, hint: &str) -> Vec<At<'t>> {
        let Value::List(items) = &at.node.value else {
            self.wrong_type(at, what, "a list").hint(hint);
            return vec![];
        };
        if items.len() > max {
            let message = format!("{what} can hold at most {max}, and these are {}", items.len());
            self.error(at, code::LIMIT, message).hint("split the pipeline, or do several things in one");
        }
        let place = |(index, node)| At { node, path: Path::Item(&at.path, index) };
        items.iter().enumerate().take(max).map(place).collect()
    }

    /// One word, or a list of at most `max`.
    pub fn words<'t>(
        &mut self,
        at: &'t At<'t>,
        what: &str,
        max: usize,
        hint: &str,
    ) -> Vec<(At<'t>, &'t str)> {
        let items = if at.scalar().is_some() { vec![*at] } else { self.items(at, what, max, hint) };
        items.into_iter().filter_map(|item| Some((item, self.text(&item, what)?))).collect()
    }

    pub fn text<'t>(&mut self, at: &At<'t>, what: &str) -> Option<&'t str> {
        match at.scalar() {
            Some(scalar) if !scalar.is_null() => Some(&scalar.text),
            _ => {
                self.wrong_type(at, what, "text").done();
                None
            }
        }
    }

    /// Text in which `${{ … }}` would stay as it is, which nobody means.
    pub fn literal<'t>(&mut self, at: &At<'t>, what: &str) -> Option<&'t str> {
        let text = self.text(at, what)?;
        if crate::template::has_expressions(text) {
            let message = format!("{what} can't hold `${{{{ }}}}`");
            self.error(at, code::INTERPOLATION_NOT_ALLOWED, message)
                .hint("it is filled in within `variables`, `run`, `version` and a few more; this has to be written out");
            return None;
        }
        Some(text)
    }

    /// A word of a closed list.
    pub fn word(&mut self, at: &At<'_>, words: &Words) -> Option<&'static str> {
        let Words { what, known, later, until_then } = words;
        let word = self.literal(at, what)?;
        if let Some(known) = known.iter().find(|known| **known == word) {
            return Some(known);
        }
        if later.contains(&word) {
            let message = format!("{what} `{word}` is not supported yet");
            self.error(at, code::NOT_SUPPORTED_YET, message).hint(*until_then);
            return None;
        }
        let hint = match nearest(word, known.iter().chain(*later).copied()) {
            Some(near) if later.contains(&near) => {
                format!("did you mean `{near}`? It is not supported yet; {until_then}")
            }
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", known.join(", ")),
        };
        self.error(at, code::UNKNOWN_VALUE, format!("{what} can't be `{}`", shown(word))).hint(hint);
        None
    }

    /// A name of a pipeline, stage or job: it shows in statuses, links and expressions.
    pub fn name(&mut self, at: &At<'_>, what: &str) -> Option<String> {
        let text = self.literal(at, what)?;
        let Some(message) = objection(text, what) else { return Some(text.to_owned()) };
        self.error(at, code::BAD_NAME, message).hint(NAME_HINT);
        None
    }

    /// Whether what a text was filled in to can be a name, which is said where it can't.
    pub fn is_name(&mut self, at: &At<'_>, filled: &str, what: &str) -> bool {
        let objection = objection(filled, what);
        if let Some(objection) = &objection {
            let message = format!("{objection}, and this would be `{}`", shown(filled));
            self.error(at, code::BAD_NAME, message).hint(NAME_HINT);
        }
        objection.is_none()
    }

    /// A name that is a key of a mapping.
    pub fn key_name(&mut self, key: &Key, path: &Path<'_>, what: &str) -> Option<String> {
        let Some(message) = objection(&key.text, what) else { return Some(key.text.clone()) };
        self.out.error(key.span, path.pointer(), code::BAD_NAME, message).hint(NAME_HINT);
        None
    }

    /// Whether what was read since there were `before` expressions may be answered for each of `jobs`.
    pub fn affords(&mut self, at: &At<'_>, before: usize, jobs: usize) -> bool {
        let added = self.expressions.saturating_sub(before).saturating_mul(jobs);
        let told = self.written_out > MAX_EXPRESSIONS_WRITTEN_OUT;
        self.written_out = self.written_out.saturating_add(added);
        let affords = self.written_out <= MAX_EXPRESSIONS_WRITTEN_OUT;
        if !affords && !told {
            let message = format!(
                "with every job of its matrices written out, a pipeline can hold at most {MAX_EXPRESSIONS_WRITTEN_OUT} expressions"
            );
            self.error(at, code::LIMIT, message)
                .hint("use the variables that a matrix sets, such as `$MATRIX_OS`");
        }
        affords
    }

    /// A second use of a name.
    pub fn duplicate(&mut self, at: &At<'_>, what: &str, name: &str, first: Span) {
        let message = format!("{what} `{name}` is here already, on line {}", first.line);
        self.error(at, code::DUPLICATE_NAME, message).hint("call one of them something else");
    }
}

const NAME_HINT: &str = "use letters, digits, blanks and `_ - . / : ( ) + , & # @`";
/// What a name may hold beside letters, digits and blanks.
pub(crate) const NAME_SIGNS: &str = "_./:()+,&#@-";

/// Why a text can't be a name.
fn objection(text: &str, what: &str) -> Option<String> {
    if text.chars().count() > MAX_NAME_CHARS {
        Some(format!("{what} can have at most {MAX_NAME_CHARS} characters"))
    } else if !text.starts_with(char::is_alphanumeric) {
        Some(format!("{what} has to begin with a letter or a digit"))
    } else if let Some(c) = text.chars().find(|c| !is_name_char(*c)) {
        Some(format!("{what} can't hold {}", named(c)))
    } else if text.ends_with(' ') {
        Some(format!("{what} can't end with a blank"))
    } else {
        None
    }
}

/// A character as a person sees it, or by its number where there is nothing to see.
fn named(c: char) -> String {
    let number = format!("U+{:04X}", u32::from(c));
    // What is written with an escape and is no letter may draw nothing, or something over its neighbour.
    let is_seen = c == '\'' || c == '"' || c == '\\' || c.escape_debug().count() == 1;
    match (c.is_ascii(), is_seen) {
        (true, true) => format!("`{c}`"),
        (false, true) => format!("`{c}` ({number})"),
        _ => number,
    }
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || NAME_SIGNS.contains(c)
}
