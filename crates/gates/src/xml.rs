//! XML, one node after the other, with lines and limits; forgiving where tools are known to be careless.
//!
//! Nothing is ever expanded but the five entities of XML itself and characters by number. Not here: what any element
//! means.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::errors::{Error, SyntaxError};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use crate::error::ReportError;
use crate::limits::{MAX_ATTRIBUTES, MAX_DEPTH};
use crate::text::{Bounded, shown};

/// Bytes of the longest entity that is looked for: `#1114111`.
const MAX_ENTITY_BYTES: usize = 8;

pub(crate) enum Node<'a> {
    Start(Element<'a>),
    End,
    /// As it is meant, with nothing left to resolve.
    Text(Cow<'a, str>),
}

/// A start tag. Prefixes of name spaces are left out of its names.
pub(crate) struct Element<'a>(BytesStart<'a>);

pub(crate) struct Nodes<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    /// Where each open element begins.
    open: Vec<usize>,
}

impl<'a> Nodes<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = true;
        Self { text, reader, open: vec![] }
    }

    /// None at the end, once every element is closed.
    pub(crate) fn next(&mut self) -> Result<Option<Node<'a>>, ReportError> {
        loop {
            let start = self.position();
            let event = self.reader.read_event().map_err(|error| self.explain(&error))?;
            let node = match event {
                Event::Start(tag) => {
                    self.open.push(start);
                    if self.open.len() > MAX_DEPTH {
                        return Err(ReportError::TooDeep { line: self.line_at(start) });
                    }
                    Node::Start(Element(tag))
                }
                Event::End(_) => {
                    self.open.pop();
                    Node::End
                }
                Event::Text(text) => Node::Text(text.into_inner()),
                Event::CData(text) => Node::Text(text.into_inner()),
                Event::GeneralRef(entity) => Node::Text(Cow::Owned(resolved(&entity.into_inner()))),
                Event::DocType(_) => return Err(ReportError::Doctype { line: self.line_at(start) }),
                Event::Eof => return self.end(),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
            };
            return Ok(Some(node));
        }
    }

    fn end(&self) -> Result<Option<Node<'a>>, ReportError> {
        let Some(start) = self.open.last() else { return Ok(None) };
        let tag = self.text.get(start + 1..).unwrap_or_default();
        let name =
            tag.split(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).next().unwrap_or_default();
        let inside = format!("`<{}>`, which line {} opens", shown(name), self.line_at(*start));
        Err(ReportError::CutOff { line: self.line_at(self.text.len()), inside })
    }

    fn explain(&self, error: &Error) -> ReportError {
        let at = usize::try_from(self.reader.error_position()).unwrap_or(usize::MAX);
        let line = self.line_at(at);
        let cut_off = |inside: &str| ReportError::CutOff { line, inside: inside.to_owned() };
        match error {
            Error::Syntax(SyntaxError::UnclosedCData) => cut_off("a CDATA section that begins here"),
            Error::Syntax(SyntaxError::UnclosedComment) => cut_off("a comment that begins here"),
            Error::Syntax(SyntaxError::UnclosedDoctype) => ReportError::Doctype { line },
            Error::Syntax(SyntaxError::InvalidBangMarkup) | Error::IllFormed(_) => {
                self.malformed_at(at, error)
            }
            Error::Syntax(_) => cut_off("a tag that begins here"),
            _ => self.malformed_at(at, error),
        }
    }

    fn malformed_at(&self, at: usize, problem: &dyn std::fmt::Display) -> ReportError {
        ReportError::Malformed { line: self.line_at(at), problem: shown(&problem.to_string()) }
    }

    pub(crate) fn malformed(&self, problem: &dyn std::fmt::Display) -> ReportError {
        self.malformed_at(self.position(), problem)
    }

    /// The line that is being read. Counted anew each time, so only for errors.
    pub(crate) fn line(&self) -> u64 {
        self.line_at(self.position())
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    fn line_at(&self, position: usize) -> u64 {
        let before = &self.text.as_bytes()[..position.min(self.text.len())];
        before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1
    }
}

impl Element<'_> {
    pub(crate) fn name(&self) -> &str {
        self.0.local_name().into_inner()
    }

    /// Gives `take` the name and the value of each attribute; the value is for [`unescape`].
    ///
    /// # Errors
    /// Text that says what is wrong with an attribute.
    pub(crate) fn attributes(&self, mut take: impl FnMut(&str, &str)) -> Result<(), String> {
        // Without its check for names that come twice, which tools do write.
        for attribute in self.0.html_attributes().with_checks(false).take(MAX_ATTRIBUTES) {
            let attribute = attribute.map_err(|error| format!("`<{}>`: {error}", shown(self.name())))?;
            take(attribute.key.local_name().into_inner(), &attribute.value);
        }
        Ok(())
    }
}

/// What stands for itself is resolved; what doesn't is left as it is.
pub(crate) fn unescape(raw: &str, limit: usize) -> String {
    let mut out = Bounded::new(limit);
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('&') {
        out.push(before);
        let end = after.bytes().take(MAX_ENTITY_BYTES + 1).position(|byte| byte == b';');
        match end.and_then(|end| Some((resolve(&after[..end])?, end))) {
            Some((c, end)) => {
                out.push_char(c);
                rest = &after[end + 1..];
            }
            None => {
                out.push_char('&');
                rest = after;
            }
        }
        if out.is_full() {
            break;
        }
    }
    out.push(rest);
    out.as_str().to_owned()
}

fn resolved(entity: &str) -> String {
    resolve(entity).map_or_else(|| format!("&{entity};"), String::from)
}

fn resolve(entity: &str) -> Option<char> {
    let Some(number) = entity.strip_prefix('#') else {
        return resolve_predefined_entity(entity).and_then(|text| text.chars().next());
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    code.ok().map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_resolved_once_and_unknown_ones_stay() {
        for (raw, meant) in [
            ("a &lt;b&gt; &amp;lt; &quot;&apos;", "a <b> &lt; \"'"),
            ("&#65;&#x42;&#x1F600;", "AB😀"),
            ("&#xD800; &#0; &#99999999;", "\u{fffd}  &#99999999;"),
            ("a & b && &nbsp; &", "a & b && &nbsp; &"),
            ("&ä;&€€€€;", "&ä;&€€€€;"),
        ] {
            assert_eq!(unescape(raw, 100), meant, "{raw}");
        }
        assert_eq!(unescape("&amp;&amp;&amp;", 2), "&&");
    }
}
