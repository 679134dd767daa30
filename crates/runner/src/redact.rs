//! Masks secrets in everything that leaves the runner.
//!
//! Works on the raw bytes, before lines, so that a secret which is cut across two reads or holds line ends is
//! found too. Beside each value its lines and its common encodings are masked (base64 at any offset, percent
//! encoding, JSON escapes, XML escapes). Values shorter than [`MIN_SECRET_BYTES`] are not: they would blank out the log.

use std::collections::BTreeSet;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

pub const MASK: &str = "***";

/// Shorter values are as likely words of the log as secrets.
pub const MIN_SECRET_BYTES: usize = 4;

/// The patterns of one job, built once.
#[derive(Clone, Default)]
pub struct Redactor(Option<Arc<Patterns>>);

struct Patterns {
    search: AhoCorasick,
    /// The patterns by their first byte, to find quickly where an unfinished one may begin.
    by_first_byte: Vec<Vec<Box<[u8]>>>,
    longest: usize,
}

impl Redactor {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let patterns: BTreeSet<Vec<u8>> = secrets.into_iter().flat_map(spellings).collect();
        if patterns.is_empty() {
            return Self(None);
        }
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(&patterns)
            .expect("the secrets of a job are limited to far less than the automaton can hold");
        let mut by_first_byte = vec![vec![]; 256];
        let longest = patterns.iter().map(Vec::len).max().unwrap_or(0);
        for pattern in patterns {
            by_first_byte[usize::from(pattern[0])].push(pattern.into_boxed_slice());
        }
        Self(Some(Arc::new(Patterns { search, by_first_byte, longest })))
    }

    /// Masks a whole text.
    pub fn mask(&self, text: &str) -> String {
        let mut stream = self.stream();
        let mut out = stream.push(text.as_bytes());
        out.extend(stream.finish());
        String::from_utf8_lossy(&out).into_owned()
    }

    /// For one stream of bytes that arrives in pieces.
    pub fn stream(&self) -> RedactedStream {
        RedactedStream { patterns: self.0.clone(), held: vec![], masked: 0 }
    }
}

/// Holds back what may be the beginning of a secret until it is known.
pub struct RedactedStream {
    patterns: Option<Arc<Patterns>>,
    held: Vec<u8>,
    /// How many bytes at the front of `held` belong to a secret whose mask was already given out.
    masked: usize,
}

impl RedactedStream {
    /// What can be told so far.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(patterns) = self.patterns.clone() else { return bytes.to_vec() };
        self.held.extend_from_slice(bytes);
        let spans = self.spans(&patterns);
        let until = patterns.unfinished_from(&self.held).unwrap_or(self.held.len());
        self.release(&spans, until)
    }

    /// The rest. What may be the larger part of a secret that never came to its end is masked too.
    pub fn finish(&mut self) -> Vec<u8> {
        let Some(patterns) = self.patterns.clone() else { return vec![] };
        let mut spans = self.spans(&patterns);
        let end = self.held.len();
        if let Some(from) = patterns.mostly_told_from(&self.held) {
            merge(&mut spans, from, end);
        }
        self.release(&spans, end)
    }

    /// Where the secrets lie in what is held; overlapping ones as one.
    fn spans(&self, patterns: &Patterns) -> Vec<(usize, usize)> {
        let mut found: Vec<_> =
            patterns.search.find_overlapping_iter(&self.held).map(|m| (m.start(), m.end())).collect();
        found.sort_unstable();
        let mut spans = if self.masked > 0 { vec![(0, self.masked)] } else { vec![] };
        for (start, end) in found {
            merge(&mut spans, start, end);
        }
        spans
    }

    fn release(&mut self, spans: &[(usize, usize)], until: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(until);
        let (mut at, mut masked) = (0, self.masked.saturating_sub(until));
        for &(start, end) in spans.iter().take_while(|(start, _)| *start < until) {
            out.extend_from_slice(&self.held[at..start]);
            let told_before = start == 0 && self.masked > 0;
            if !told_before {
                out.extend_from_slice(MASK.as_bytes());
            }
            at = end.min(until);
            masked = end.saturating_sub(until).max(masked);
        }
        out.extend_from_slice(&self.held[at..until]);
        self.held.drain(..until);
        self.masked = masked;
        out
    }
}

/// Adds a span to sorted ones that all begin no later.
fn merge(spans: &mut Vec<(usize, usize)>, start: usize, end: usize) {
    match spans.last_mut() {
        Some(last) if start < last.1 => last.1 = last.1.max(end),
        _ => spans.push((start, end)),
    }
}

impl Patterns {
    /// Where the earliest tail begins that is the beginning of a pattern and not yet the whole of it.
    fn unfinished_from(&self, held: &[u8]) -> Option<usize> {
        self.tail(held, |pattern, told| told < pattern.len())
    }

    fn mostly_told_from(&self, held: &[u8]) -> Option<usize> {
        self.tail(held, |pattern, told| told >= MIN_SECRET_BYTES && told * 2 >= pattern.len())
    }

    fn tail(&self, held: &[u8], counts: impl Fn(&[u8], usize) -> bool) -> Option<usize> {
        (held.len().saturating_sub(self.longest)..held.len()).find(|start| {
            let tail = &held[*start..];
            let begins = |p: &[u8]| p.starts_with(tail) && counts(p, tail.len());
            self.by_first_byte[usize::from(tail[0])].iter().any(|pattern| begins(pattern))
        })
    }
}

/// How long the lines are that common tools break base64 into.
const BASE64_LINES: [usize; 2] = [76, 64];

/// Every way in which a secret is looked for.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let whole = secret.trim_matches(['\r', '\n']);
    let mut plain: BTreeSet<&str> = secret.lines().map(str::trim).collect();
    plain.extend([secret, whole]);
    let mut all: Vec<Vec<u8>> = vec![];
    for text in plain.into_iter().filter(|text| text.len() >= MIN_SECRET_BYTES) {
        all.extend([
            text.into(),
            percent_encoded(text, false),
            percent_encoded(text, true),
            json_escaped(text),
        ]);
        all.extend(xml_escaped(text));
        all.push(with_lowercase_escapes(percent_encoded(text, false)));
        all.extend((0..3).flat_map(|offset| base64_at(text.as_bytes(), offset)));
        // The whole of it alone, to its padding.
        all.extend([STANDARD, STANDARD_NO_PAD, URL_SAFE].map(|engine| engine.encode(text).into_bytes()));
        // In lines, as `base64` and PEM write it.
        let in_one = STANDARD.encode(text).into_bytes();
        all.extend(BASE64_LINES.iter().flat_map(|length| in_one.chunks(*length)).map(<[u8]>::to_vec));
    }
    all.retain(|pattern| pattern.len() >= MIN_SECRET_BYTES);
    all
}

/// The characters of the base64 of any text with the secret `offset` bytes (modulo 3) in: those that depend on
/// the secret alone.
fn base64_at(secret: &[u8], offset: usize) -> Vec<Vec<u8>> {
    let before = [&[0; 3][..offset], secret].concat();
    let first = [0, 2, 3][offset];
    // The last character of an unfinished group also depends on what follows.
    let last = before.len() * 8 / 6;
    let inside = [STANDARD_NO_PAD, URL_SAFE_NO_PAD].map(|engine| engine.encode(&before).into_bytes());
    inside.iter().filter_map(|text| text.get(first..last)).map(<[u8]>::to_vec).collect()
}

fn percent_encoded(text: &str, form: bool) -> Vec<u8> {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            b' ' if form => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out.into_bytes()
}

fn json_escaped(text: &str) -> Vec<u8> {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default().into()
}

/// As writers of XML spell it: some leave quotes and `>` as they are, and quotes have more than one name.
fn xml_escaped(text: &str) -> Vec<Vec<u8>> {
    const QUOTES: [[&str; 2]; 4] = [["\"", "'"], ["&quot;", "'"], ["&quot;", "&apos;"], ["&#34;", "&#39;"]];
    let plain = text.replace('&', "&amp;").replace('<', "&lt;");
    let spelled = [plain.clone(), plain.replace('>', "&gt;")];
    let quoted =
        |text: &String| QUOTES.map(|[double, single]| text.replace('"', double).replace('\'', single));
    spelled.iter().flat_map(quoted).map(String::into_bytes).collect()
}

/// `%2F` as `%2f`, and nothing else changed.
fn with_lowercase_escapes(mut text: Vec<u8>) -> Vec<u8> {
    let escapes: Vec<usize> = (0..text.len()).filter(|at| text[*at] == b'%').collect();
    for at in escapes {
        text[at + 1..at + 3].make_ascii_lowercase();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces<'a>(redactor: &Redactor, pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
        let mut stream = redactor.stream();
        let mut out: Vec<u8> = pieces.into_iter().flat_map(|piece| stream.push(piece)).collect();
        out.extend(stream.finish());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_long_secret_is_found_in_base64_of_several_lines() {
        let secret: String = (0..100).map(|n| char::from(b'a' + n % 26)).collect();
        let redactor = Redactor::new([&*secret]);
        let whole = STANDARD.encode(&secret);
        for length in BASE64_LINES {
            let lines: Vec<_> = whole.as_bytes().chunks(length).collect();
            let told = in_pieces(&redactor, [lines.join(&b"\n"[..]).as_slice()]);
            assert!(told.lines().all(|line| line == "***"), "{told}");
        }
    }

    #[test]
    fn a_secret_cut_at_any_two_points_never_leaks() {
        let redactor = Redactor::new(["hunter2!", "two\nlines of it", "aabaab", "abaabx", "hunt"]);
        let text = "say hunter2! hunter2!hunter2! two\nlines of it, aabaabaabx aabaaabaab two\nhunthunter2";
        let whole = redactor.mask(text);
        assert_eq!(whole, "say *** ****** ***, *** aaba*** two\n******");
        let bytes = text.as_bytes();
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(in_pieces(&redactor, pieces), whole, "cut at {first} and {second}");
            }
        }
        assert_eq!(in_pieces(&redactor, bytes.chunks(1)), whole, "byte by byte");
    }

    #[test]
    fn text_without_secrets_passes_unchanged_however_it_is_cut() {
        let redactor = Redactor::new(["abcabd", "bcabcabe"]);
        let text = "abcabcabcabc abcab bcabcab abc";
        for at in 0..text.len() {
            let (head, tail) = text.as_bytes().split_at(at);
            // The end of the text is no beginning of a secret that would be told by half.
            assert_eq!(in_pieces(&redactor, [head, tail]), text);
        }
    }

    #[test]
    fn every_common_spelling_of_a_secret_is_masked() {
        let secret = "p@ss wörd/\"quoted\"";
        let redactor = Redactor::new([secret]);
        for offset in 0..3 {
            for tail in ["", "x", "xy"] {
                let inner = format!("{}{secret}{tail}", "u".repeat(offset));
                for engine in [STANDARD, URL_SAFE] {
                    let masked = redactor.mask(&engine.encode(&inner));
                    assert!(masked.contains(MASK) && masked.len() <= 14, "offset {offset}: {masked}");
                }
            }
        }
        for spelled in [
            "p%40ss%20w%C3%B6rd%2F%22quoted%22",
            "p%40ss%20w%c3%b6rd%2f%22quoted%22",
            "p%40ss+w%C3%B6rd%2F%22quoted%22",
            "p@ss wörd/\\\"quoted\\\"",
            "p@ss wörd/&quot;quoted&quot;",
        ] {
            assert_eq!(redactor.mask(&format!("<{spelled}>")), "<***>", "{spelled}");
        }
        let redactor = Redactor::new(["a&b<c>'d'"]);
        for spelled in ["a&amp;b&lt;c&gt;'d'", "a&amp;b&lt;c>&apos;d&apos;", "a&amp;b&lt;c&gt;&#39;d&#39;"] {
            assert_eq!(redactor.mask(spelled), "***", "{spelled}");
        }
    }

    #[test]
    fn each_line_of_a_secret_is_masked_and_short_ones_are_not() {
        let redactor = Redactor::new(["-----BEGIN-----\r\nMIIE\nab\n-----END-----\n", "abc"]);
        assert_eq!(redactor.mask("MIIE ab abc -----END-----"), "*** ab abc ***");
    }

    #[test]
    fn the_larger_part_of_a_secret_at_the_very_end_is_masked_too() {
        let redactor = Redactor::new(["correct horse"]);
        assert_eq!(redactor.mask("it is correct hors"), "it is ***");
        assert_eq!(redactor.mask("it is corr"), "it is corr");
    }

    #[test]
    fn what_is_held_back_stays_bounded_when_secrets_overlap_for_ever() {
        let redactor = Redactor::new(["aaaa"]);
        let mut stream = redactor.stream();
        let out: Vec<u8> = (0..1_000).flat_map(|_| stream.push(b"aaaaaaaaaa")).collect();
        assert!(stream.held.len() < 4);
        assert_eq!(out, MASK.as_bytes());
    }
}
