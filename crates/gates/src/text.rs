//! Bytes to text, and text that stays within its limit.
//!
//! Not here: what the text says.

use std::borrow::Cow;

use crate::error::ReportError;
use crate::format::ReportFormat;
use crate::limits::MAX_REPORT_BYTES;

/// Bytes of a foreign text within an error message.
const MAX_SHOWN_BYTES: usize = 80;

/// The report as text without a byte order mark: UTF-8, or UTF-16 that shows itself as such. What is no character
/// becomes U+FFFD, since what tests print is often cut in the middle of one, and no count depends on it.
pub(crate) fn decode(format: ReportFormat, bytes: &[u8]) -> Result<Cow<'_, str>, ReportError> {
    if bytes.len() > MAX_REPORT_BYTES {
        return Err(ReportError::TooLarge { bytes: bytes.len() });
    }
    let text = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(format, rest)?,
        [0xff, 0xfe, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)),
        [b'<', 0, ..] => Cow::Owned(utf16(bytes, u16::from_le_bytes)),
        [0, b'<', ..] => Cow::Owned(utf16(bytes, u16::from_be_bytes)),
        _ => utf8(format, bytes)?,
    };
    match looks_like_something_else(&text) {
        _ if text.trim_ascii().is_empty() => Err(ReportError::Empty { format }),
        Some(found) => Err(ReportError::WrongFormat { format, found: found.to_owned() }),
        None => Ok(text),
    }
}

/// Refuses what has so little text in it that it would only grow by being read as such.
fn utf8(format: ReportFormat, bytes: &[u8]) -> Result<Cow<'_, str>, ReportError> {
    let broken = bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
    if broken > bytes.len() / 4 {
        return Err(ReportError::WrongFormat { format, found: "a binary file".to_owned() });
    }
    if broken == 0 {
        return Ok(String::from_utf8_lossy(bytes));
    }
    // As long as it gets, at once: a text that grows as it is written takes several times its size.
    let mut text = String::with_capacity(bytes.len() + broken * char::REPLACEMENT_CHARACTER.len_utf8());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Ok(Cow::Owned(text))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
    char::decode_utf16(units).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// What is no report of any format, by its beginning.
fn looks_like_something_else(text: &str) -> Option<&'static str> {
    let start = text.trim_start();
    let begins = |word: &str| start.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    if begins("<!doctype html") || begins("<html") {
        Some("an HTML page")
    } else if start.starts_with(['{', '[']) {
        Some("JSON")
    } else if start.starts_with("PK\u{3}\u{4}") || start.starts_with('\u{1f}') || start.starts_with('\0') {
        Some("a binary file, such as an archive")
    } else {
        None
    }
}

/// Foreign text for an error message: one line, and a short one.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = Bounded::new(MAX_SHOWN_BYTES);
    shown.push(text);
    let was_cut = shown.is_full();
    let mut line = shown.text.replace(['\n', '\t'], " ");
    if was_cut {
        line.push('…');
    }
    line
}

/// `text` without control characters, within `limit` bytes.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    let mut bounded = Bounded::new(limit);
    bounded.push(text);
    bounded.text
}

/// Text that takes no more than its limit, and no control characters but line ends and tabs.
#[derive(Debug)]
pub(crate) struct Bounded {
    text: String,
    limit: usize,
    is_full: bool,
}

impl Bounded {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { text: String::new(), limit, is_full: false }
    }

    pub(crate) fn push(&mut self, text: &str) {
        for c in text.chars() {
            if self.is_full {
                return;
            }
            self.push_char(c);
        }
    }

    pub(crate) fn push_char(&mut self, c: char) {
        if c.is_control() && !matches!(c, '\n' | '\t') {
            return;
        }
        self.is_full = self.is_full || self.text.len() + c.len_utf8() > self.limit;
        if !self.is_full {
            self.text.push(c);
        }
    }

    /// Whether something was left out.
    pub(crate) const fn is_full(&self) -> bool {
        self.is_full
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> String {
        decode(ReportFormat::Junit, bytes).unwrap().into_owned()
    }

    #[test]
    fn a_report_may_be_utf_8_or_utf_16_with_a_mark_or_without() {
        let text = "<a>ä€😀</a>";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        assert_eq!(decoded(text.as_bytes()), text);
        assert_eq!(decoded(&[b"\xef\xbb\xbf", text.as_bytes()].concat()), text);
        assert_eq!(decoded(&[b"\xff\xfe", little.as_slice()].concat()), text);
        assert_eq!(decoded(&[b"\xfe\xff", big.as_slice()].concat()), text);
        assert_eq!(decoded(&little), text);
        assert_eq!(decoded(&big), text);
        assert_eq!(decoded(b"<a>\xe4</a>"), "<a>\u{fffd}</a>");
        assert_eq!(decoded(b"\xff\xfe<\0\x00\xd8"), "<\u{fffd}");
    }

    #[test]
    fn what_is_no_report_is_called_by_its_name() {
        for (bytes, found) in [
            (&b"<!DOCTYPE html><html>"[..], "an HTML page"),
            (b"\n <HTML>", "an HTML page"),
            (b" {\"total\": 1}", "JSON"),
            (b"PK\x03\x04\x14", "archive"),
            (b"\x1f\x8b\x08\0\0\0\0\0", "archive"),
            (b"\x89\xff\xfe\xfd\0", "a binary file"),
            (b"", "is empty"),
            (b"\xef\xbb\xbf \r\n", "is empty"),
        ] {
            let error = decode(ReportFormat::Lcov, bytes).unwrap_err().to_string();
            assert!(error.contains(found), "{error}");
        }
    }

    #[test]
    fn a_report_that_is_too_large_is_not_looked_at() {
        let error = decode(ReportFormat::Lcov, &vec![b'x'; MAX_REPORT_BYTES + 1]).unwrap_err();
        assert_eq!(error, ReportError::TooLarge { bytes: MAX_REPORT_BYTES + 1 });
    }

    #[test]
    fn text_is_cut_between_characters_and_has_no_control_characters() {
        assert_eq!(cut("aä€", 3), "aä");
        assert_eq!(cut("aä€", 2), "a");
        assert_eq!(cut("a\u{1b}[31m\r\n\tb\0", 20), "a[31m\n\tb");
        assert_eq!(shown("a\nb"), "a b");
        assert_eq!(shown(&"x".repeat(81)), format!("{}…", "x".repeat(80)));
    }
}
