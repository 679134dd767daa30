//! The events of the YAML parser to a tree, within a budget.

use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{Event, Marker, Parser, ScalarStyle, StructureStyle, Tag};

use super::{Key, Node, Scalar, Span, Value, explain, segment, shown};
use crate::diagnostic::{Diagnostics, code};
use crate::limits::{MAX_DEPTH, MAX_NODES, MAX_TREE_BYTES};

/// Reads the first document of `text`; what is wrong goes to `out`. None where there is no tree to go on with.
pub(crate) fn read(text: &str, out: &mut Diagnostics) -> Option<Node> {
    let options = granit_parser::options! {
        emit_unresolved_aliases: true,
        disallow_directives: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let (anchors, weight) = (BTreeMap::new(), Weight::default());
    let mut builder = Builder { text, out, open: vec![], root: None, anchors, weight };
    for event in Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => builder.syntax_error(*error.marker(), &error.info()),
        };
        if step.is_none() {
            break;
        }
    }
    // What is whole is there, whatever comes behind it.
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
    /// It has a tag that means nothing.
    refused: bool,
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
    text: &'o str,
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
                let tag = tag.as_deref();
                let refused = self.refuses(tag, &span, true);
                let plain =
                    style == ScalarStyle::Plain && !tag.is_some_and(|t| t.is_yaml_core_schema_tag("str"));
                let escapes = style == ScalarStyle::DoubleQuoted;
                let bytes = span.byte_range().unwrap_or(0..0);
                // An absent value is written as `~` by the parser; nothing in the source says so.
                let text = if bytes.is_empty() && plain { String::new() } else { text.into_owned() };
                let weight = Weight { nodes: 1, bytes: text.len(), depth: 0 };
                self.spend(weight, spot(&span))?;
                let value = Value::Scalar(Scalar { text, plain, escapes, bytes });
                let value = if refused { Value::Refused } else { value };
                self.put(Node { span: spot(&span), value }, anchor, weight)
            }
            Event::SequenceStart(style, anchor, tag) => {
                let refused = self.refuses(tag.as_deref(), &span, false);
                self.open(&span, anchor, style, ('[', Value::List(vec![])), refused)
            }
            Event::MappingStart(style, anchor, tag) => {
                let refused = self.refuses(tag.as_deref(), &span, false);
                self.open(&span, anchor, style, ('{', Value::Map(vec![])), refused)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => self.alias(id, &span),
            Event::UnresolvedAlias(name) => {
                let (message, hint) = explain::unknown_alias(&name);
                self.report(spot(&span), code::UNKNOWN_ANCHOR, message, &hint);
                let node = Node { span: spot(&span), value: Value::Refused };
                self.put(node, 0, Weight { nodes: 1, ..Weight::default() })
            }
            Event::DocumentStart(..) if self.root.is_some() => {
                let message = "a second document begins here; a pipeline is one".to_owned();
                let hint = "keep each pipeline in its own file, without `---`";
                self.report(spot(&span), code::YAML, message, hint);
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
        (bracket, value): (char, Value),
        refused: bool,
    ) -> Step {
        let weight = Weight { nodes: 1, bytes: 0, depth: 1 };
        let span = spot(span);
        self.spend(weight, span)?;
        let flow = (style == StructureStyle::Flow).then_some(bracket);
        let (keys, merged) = (BTreeSet::new(), vec![]);
        self.open.push(Open { span, anchor, flow, refused, weight, value, key: None, keys, merged });
        Some(())
    }

    fn close(&mut self) -> Step {
        let Open { mut span, anchor, refused, mut value, weight, mut keys, merged, .. } = self.open.pop()?;
        if let Value::Map(entries) = &mut value {
            entries.extend(merged.into_iter().filter(|(key, _)| keys.insert(key.text.clone())));
            if let (0, Some((first, _))) = (span.length, entries.first()) {
                span = first.span;
            }
        }
        if refused {
            value = Value::Refused;
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
        let is_told = matches!(node.value, Value::Refused);
        let Value::Scalar(scalar) = node.value else {
            map.key = Some(PendingKey::Bad);
            if is_told {
                return Some(());
            }
            self.report(span, code::YAML, "a key has to be a word".to_owned(), "put quotes around it");
            return Some(());
        };
        if map.keys.insert(scalar.text.clone()) {
            let is_merge = scalar.plain && scalar.text == "<<";
            let key = Key { span, text: scalar.text };
            map.key = Some(if is_merge { PendingKey::Merge(span) } else { PendingKey::Key(key) });
        } else {
            map.key = Some(PendingKey::Bad);
            let message = format!("`{}` is here twice", shown(&scalar.text));
            let pointer = self.pointer() + &segment(&scalar.text);
            let hint = match scalar.text.as_str() {
                "<<" => "name several in a list: `<<: [*one, *two]`",
                _ => "keep one of them",
            };
            self.out.error(span, pointer, code::DUPLICATE_KEY, message).hint(hint);
        }
        Some(())
    }

    /// `<<: *anchor`: what the mapping doesn't say itself comes from there.
    fn merge(&mut self, node: Node, span: Span) {
        let sources = match node.value {
            Value::List(items) => items,
            _ => vec![Node { span, ..node }],
        };
        for source in sources {
            match source.value {
                Value::Map(entries) => {
                    if let Some(map) = self.open.last_mut() {
                        map.merged.extend(entries);
                    }
                }
                Value::Refused => {}
                _ => {
                    let message = "`<<` takes a mapping".to_owned();
                    let hint = "name an anchored mapping, such as `<<: *defaults`";
                    self.report(source.span, code::WRONG_TYPE, message, hint);
                }
            }
        }
    }

    /// Whether a node has a tag that means nothing here, which is said.
    fn refuses(&mut self, tag: Option<&Tag>, span: &granit_parser::Span, is_text: bool) -> bool {
        let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) else { return false };
        let place = spot(span);
        let bytes = span.byte_range().unwrap_or(0..0);
        let is_condition = matches!(
            self.open.last(),
            Some(Open { key: Some(PendingKey::Key(key)), .. }) if key.text == "if"
        );
        let explained = explain::tag(self.text, &tag.original(), bytes, place, (is_text, is_condition));
        self.report(explained.span, code::YAML, explained.message, &explained.hint);
        true
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

    fn syntax_error(&mut self, at: Marker, info: &str) -> Step {
        let span = Span { line: narrow(at.line()), column: narrow(at.col() + 1), length: 1 };
        let unclosed = self
            .open
            .iter()
            .rev()
            .find_map(|open| Some((open.flow?, open.span)))
            .filter(|(_, open)| open.line < span.line);
        let is_in_flow = self.open.last().is_some_and(|open| open.flow.is_some());
        let explain::Explained { span, code, message, hint } =
            explain::syntax_error(self.text, span, info, unclosed, is_in_flow);
        self.report(span, code, message, &hint);
        // What was taken for the whole was not meant to be.
        self.root = None;
        None
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

fn spot(span: &granit_parser::Span) -> Span {
    let (start, end) = (span.start, span.end);
    let length = if start.line() == end.line() { end.col().saturating_sub(start.col()) } else { 1 };
    Span { line: narrow(start.line()), column: narrow(start.col() + 1), length: narrow(length) }
}

fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
