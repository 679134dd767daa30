//! YAML, and so JSON, as a tree of which every node knows where it was written.
//!
//! Anchors, aliases and merge keys are resolved here within a budget, so that nothing after this meets them. Scalars
//! stay text: a version `1.10` is not the number 1.1.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use granit_parser::{Event, Marker, Parser, ScalarStyle, StructureStyle};

use crate::diagnostic::{Diagnostics, code};
use crate::limits::{MAX_DEPTH, MAX_NODES, MAX_TREE_BYTES};

/// Where, and how much of the line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub line: u32,
    pub column: u32,
    pub length: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub span: Span,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub text: String,
    /// Without quotes: what may be a number, a boolean or null.
    pub plain: bool,
    /// Within double quotes, where `\` escapes.
    pub escapes: bool,
    /// Where in the source the text stands, with its quotes.
    pub bytes: Range<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub span: Span,
    pub text: String,
}

impl Scalar {
    pub fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

impl Node {
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }

    /// What a reader would call it.
    pub const fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(scalar) if scalar.plain => "a plain value",
            Value::Scalar(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Reads the one document of `text`; what is wrong goes to `out`. None where there is no tree to go on with.
pub(crate) fn read(text: &str, out: &mut Diagnostics) -> Option<Node> {
    let options = granit_parser::options! {
        emit_unresolved_aliases: true,
        disallow_directives: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder =
        Builder { out, open: vec![], root: None, anchors: BTreeMap::new(), weight: Weight::default() };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => builder.take(event, span)?,
            Err(error) => {
                builder.syntax_error(*error.marker(), &error.info());
                return None;
            }
        }
    }
    builder.root
}

/// What a node and all below it cost, with aliases written out.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

/// A collection whose end has not come yet.
struct Open {
    span: Span,
    anchor: usize,
    flow: Option<char>,
    weight: Weight,
    value: Value,
    /// The key that waits for its value.
    key: Option<PendingKey>,
    keys: BTreeSet<String>,
    /// What `<<` brings, below what the mapping says itself.
    merged: Vec<(Key, Node)>,
}

enum PendingKey {
    Key(Key),
    Merge(Span),
    /// Refused already; its value is read and dropped.
    Bad,
}

struct Builder<'o> {
    out: &'o mut Diagnostics,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: BTreeMap<usize, (Node, Weight)>,
    weight: Weight,
}

/// Stops reading: what went wrong is in the diagnostics.
type Step = Option<()>;

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: granit_parser::Span) -> Step {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain =
                    style == ScalarStyle::Plain && !tag.is_some_and(|t| t.is_yaml_core_schema_tag("str"));
                let escapes = style == ScalarStyle::DoubleQuoted;
                let bytes = span.byte_range().unwrap_or(0..0);
                // An absent value is written as `~` by the parser; nothing in the source says so.
                let text = if bytes.is_empty() && plain { String::new() } else { text.into_owned() };
                let weight = Weight { nodes: 1, bytes: text.len(), depth: 0 };
                self.spend(weight, spot(&span))?;
                let value = Value::Scalar(Scalar { text, plain, escapes, bytes });
                self.put(Node { span: spot(&span), value }, anchor, weight)
            }
            Event::SequenceStart(style, anchor, _) => {
                self.open(&span, anchor, style, '[', Value::List(vec![]))
            }
            Event::MappingStart(style, anchor, _) => self.open(&span, anchor, style, '{', Value::Map(vec![])),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => self.alias(id, &span),
            Event::UnresolvedAlias(name) => {
                let message = format!("nothing before this is anchored as `&{name}`");
                self.report(
                    spot(&span),
                    code::UNKNOWN_ANCHOR,
                    message,
                    "put `&name` before what is to be repeated",
                );
                let value =
                    Value::Scalar(Scalar { text: String::new(), plain: true, escapes: false, bytes: 0..0 });
                self.put(Node { span: spot(&span), value }, 0, Weight { nodes: 1, ..Weight::default() })
            }
            Event::DocumentStart(..) if self.root.is_some() => {
                let message = "a second document begins here; a pipeline is one".to_owned();
                self.report(
                    spot(&span),
                    code::YAML,
                    message,
                    "keep each pipeline in its own file, without `---`",
                );
                None
            }
            _ => Some(()),
        }
    }

    fn open(
        &mut self,
        span: &granit_parser::Span,
        anchor: usize,
        style: StructureStyle,
        bracket: char,
        value: Value,
    ) -> Step {
        let weight = Weight { nodes: 1, bytes: 0, depth: 1 };
        let span = spot(span);
        self.spend(weight, span)?;
        let flow = (style == StructureStyle::Flow).then_some(bracket);
        let (keys, merged) = (BTreeSet::new(), vec![]);
        self.open.push(Open { span, anchor, flow, weight, value, key: None, keys, merged });
        Some(())
    }

    fn close(&mut self) -> Step {
        let Open { mut span, anchor, mut value, weight, mut keys, merged, .. } = self.open.pop()?;
        if let Value::Map(entries) = &mut value {
            entries.extend(merged.into_iter().filter(|(key, _)| keys.insert(key.text.clone())));
            if let (0, Some((first, _))) = (span.length, entries.first()) {
                span = first.span;
            }
        }
        self.put(Node { span, value }, anchor, weight)
    }

    fn alias(&mut self, id: usize, span: &granit_parser::Span) -> Step {
        match self.anchors.get(&id).cloned() {
            Some((node, weight)) => {
                self.spend(weight, spot(span))?;
                self.put(node, 0, weight)
            }
            None => {
                let message = "an anchor can't hold itself".to_owned();
                self.report(spot(span), code::YAML, message, "write it out once without the alias");
                None
            }
        }
    }

    /// Puts a finished node into the collection around it.
    fn put(&mut self, mut node: Node, anchor: usize, weight: Weight) -> Step {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Some(());
        };
        parent.weight.nodes += weight.nodes;
        parent.weight.bytes += weight.bytes;
        parent.weight.depth = parent.weight.depth.max(weight.depth + 1);
        if parent.weight.depth > MAX_DEPTH {
            let message = format!("this is nested deeper than {MAX_DEPTH} levels");
            self.report(
                node.span,
                code::LIMIT,
                message,
                "write it flatter, with fewer aliases within aliases",
            );
            return None;
        }
        match (&mut parent.value, parent.key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Map(_), None) => return self.key(node),
            (Value::Map(entries), Some(PendingKey::Key(key))) => {
                if node.is_null() && node.span.length == 0 {
                    node.span = key.span;
                }
                entries.push((key, node));
            }
            (Value::Map(_), Some(PendingKey::Merge(span))) => self.merge(node, span),
            (_, _) => {}
        }
        Some(())
    }

    /// A node that comes where a key is due.
    fn key(&mut self, node: Node) -> Step {
        let Some(map) = self.open.last_mut() else { return Some(()) };
        let span = node.span;
        let Value::Scalar(scalar) = node.value else {
            map.key = Some(PendingKey::Bad);
            self.report(span, code::YAML, "a key has to be a word".to_owned(), "put quotes around it");
            return Some(());
        };
        if scalar.plain && scalar.text == "<<" {
            map.key = Some(PendingKey::Merge(span));
        } else if map.keys.insert(scalar.text.clone()) {
            map.key = Some(PendingKey::Key(Key { span, text: scalar.text }));
        } else {
            map.key = Some(PendingKey::Bad);
            let message = format!("`{}` is here twice", shown(&scalar.text));
            let pointer = self.pointer() + &segment(&scalar.text);
            self.out.error(span, pointer, code::DUPLICATE_KEY, message).hint("keep one of them");
        }
        Some(())
    }

    /// `<<: *anchor`: what the mapping doesn't say itself comes from there.
    fn merge(&mut self, node: Node, span: Span) {
        let sources = match node.value {
            Value::Map(entries) => vec![entries],
            Value::List(items) => items
                .into_iter()
                .filter_map(|item| if let Value::Map(entries) = item.value { Some(entries) } else { None })
                .collect(),
            Value::Scalar(_) => {
                let message = "`<<` takes a mapping".to_owned();
                self.report(
                    span,
                    code::WRONG_TYPE,
                    message,
                    "name an anchored mapping, such as `<<: *defaults`",
                );
                return;
            }
        };
        if let Some(map) = self.open.last_mut() {
            map.merged.extend(sources.into_iter().flatten());
        }
    }

    fn spend(&mut self, weight: Weight, span: Span) -> Step {
        self.weight.nodes += weight.nodes;
        self.weight.bytes += weight.bytes;
        if self.weight.nodes <= MAX_NODES && self.weight.bytes <= MAX_TREE_BYTES {
            return Some(());
        }
        let message = "with every alias written out, the file gets too large here".to_owned();
        self.report(span, code::LIMIT, message, "use fewer aliases within aliases");
        None
    }

    fn syntax_error(&mut self, at: Marker, info: &str) {
        let span = Span { line: narrow(at.line()), column: narrow(at.col() + 1), length: 1 };
        let unclosed = self.open.iter().rev().find(|open| open.flow.is_some() && open.span.line < span.line);
        let hint = match unclosed {
            Some(open) => {
                let (bracket, Span { line, column, .. }) = (open.flow.unwrap_or('['), open.span);
                format!("the `{bracket}` of line {line}, column {column} may lack its end")
            }
            None if info.contains("tab") => "indent with blanks".to_owned(),
            None if info.contains("mapping values") => {
                "put quotes around a text that contains `: `, or check the indentation".to_owned()
            }
            None => "check the indentation, the quotes and the brackets up to here".to_owned(),
        };
        self.report(span, code::YAML, format!("this is not YAML: {info}"), &hint);
    }

    fn report(&mut self, span: Span, code: &'static str, message: String, hint: &str) {
        self.out.error(span, self.pointer(), code, message).hint(hint);
    }

    /// Where the next node goes.
    fn pointer(&self) -> String {
        let place = |open: &Open| match (&open.value, &open.key) {
            (Value::List(items), _) => format!("/{}", items.len()),
            (_, Some(PendingKey::Key(key))) => segment(&key.text),
            (_, Some(PendingKey::Merge(_))) => segment("<<"),
            _ => String::new(),
        };
        self.open.iter().map(place).collect()
    }
}

/// A key as a part of a JSON pointer.
pub(crate) fn segment(key: &str) -> String {
    let mut segment = String::with_capacity(key.len() + 1);
    write_segment(key, &mut segment);
    segment
}

/// [`segment`], at the end of a pointer.
pub(crate) fn write_segment(key: &str, pointer: &mut String) {
    pointer.push('/');
    if key.contains(['~', '/']) {
        pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
    } else {
        pointer.push_str(key);
    }
}

fn spot(span: &granit_parser::Span) -> Span {
    let (start, end) = (span.start, span.end);
    let length = if start.line() == end.line() { end.col().saturating_sub(start.col()) } else { 1 };
    Span { line: narrow(start.line()), column: narrow(start.col() + 1), length: narrow(length) }
}

fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Text of the file within a message: no longer than a line bears, without what a terminal would obey.
pub(crate) fn shown(text: &str) -> String {
    const MAX_SHOWN_CHARS: usize = 60;
    let mut shown: String =
        text.chars().take(MAX_SHOWN_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MAX_SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}
