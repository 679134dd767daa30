//! Bytes of one stream to lines of the log.
//!
//! A line ends at `\n`. What stands before a bare `\r` is dropped when more follows it, as a terminal would
//! overwrite it, so a progress bar gives its last state and not a thousand lines. Invalid UTF-8 becomes U+FFFD, and
//! so does NUL, which many a store cuts a text at. A line longer than [`MAX_LINE_BYTES`] becomes several.

use penstock_api::runner::MAX_LINE_BYTES;

#[derive(Default)]
pub struct LineSplitter {
    /// The line that has not ended yet; shorter than [`MAX_LINE_BYTES`].
    partial: Vec<u8>,
    /// Part of this line was given already, so that its end alone is no line of its own.
    begun: bool,
}

impl LineSplitter {
    /// Gives every line that these bytes end.
    pub fn push(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if let Some(end) = piece.strip_suffix(b"\n") {
                self.append(end, &mut line);
                self.end(&mut line);
            } else {
                self.append(piece, &mut line);
            }
        }
    }

    pub const fn has_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Gives the line that has not ended as one, where there is something on it. A character that is not whole yet
    /// waits for its rest.
    pub fn flush_partial(&mut self, mut line: impl FnMut(&str)) {
        let rest = self.partial.split_off(self.partial.len() - unfinished_character(&self.partial));
        if self.partial.iter().all(|byte| *byte == b'\r') {
            self.partial.extend(rest);
            return;
        }
        self.end(&mut line);
        self.partial = rest;
        self.begun = true;
    }

    /// The stream is over.
    pub fn finish(&mut self, mut line: impl FnMut(&str)) {
        if self.has_partial() {
            self.end(&mut line);
        }
    }

    fn append(&mut self, mut bytes: &[u8], line: &mut impl FnMut(&str)) {
        while self.partial.len() + bytes.len() >= MAX_LINE_BYTES {
            let (head, tail) = bytes.split_at(MAX_LINE_BYTES - self.partial.len());
            self.partial.extend_from_slice(head);
            self.overwrite();
            if self.partial.len() >= MAX_LINE_BYTES {
                self.flush_partial(&mut *line);
            }
            bytes = tail;
        }
        self.partial.extend_from_slice(bytes);
    }

    fn end(&mut self, line: &mut impl FnMut(&str)) {
        self.overwrite();
        let text = String::from_utf8_lossy(self.partial.strip_suffix(b"\r").unwrap_or(&self.partial));
        let text = if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text };
        // Replacing may have made it longer.
        let mut rest = text.as_ref();
        while rest.len() > MAX_LINE_BYTES {
            let (head, tail) = rest.split_at(rest.floor_char_boundary(MAX_LINE_BYTES));
            line(head);
            rest = tail;
        }
        if !(rest.is_empty() && self.begun) {
            line(rest);
        }
        self.partial.clear();
        self.begun = false;
    }

    /// Drops what a carriage return took back: all before the last one that something follows.
    fn overwrite(&mut self) {
        let shown = self.partial.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
        if let Some(back) = self.partial[..shown].iter().rposition(|byte| *byte == b'\r') {
            self.partial.drain(..=back);
        }
        let shown = self.partial.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
        self.partial.truncate(shown + 1);
    }
}

/// How many bytes at the end begin a character whose rest has not come.
fn unfinished_character(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let Some(start) = tail.iter().rposition(|byte| !is_continuation(*byte)) else { return 0 };
    match std::str::from_utf8(&tail[start..]) {
        Err(error) if error.error_len().is_none() => tail.len() - start,
        _ => 0,
    }
}

const fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let (mut splitter, mut out) = (LineSplitter::default(), vec![]);
        pieces.iter().for_each(|piece| splitter.push(piece, |line| out.push(line.to_owned())));
        splitter.finish(|line| out.push(line.to_owned()));
        out
    }

    #[test]
    fn lines_are_the_same_however_the_bytes_arrive() {
        let cases: &[(&[u8], &[&str])] = &[
            (b"", &[]),
            (b"one\ntwo", &["one", "two"]),
            (b"\n\nx\n", &["", "", "x"]),
            (b"dos\r\nline\r\n", &["dos", "line"]),
            (b"10%\r50%\r100%\r\ndone\n", &["100%", "done"]),
            (b"\rspin\r", &["spin"]),
            (b"a\r\r\nb\n", &["a", "b"]),
            ("grüße €\n".as_bytes(), &["grüße €"]),
            (b"bad \xff\xfe byte\0\n", &["bad \u{fffd}\u{fffd} byte\u{fffd}"]),
        ];
        for (bytes, expected) in cases {
            assert_eq!(lines(&[bytes]), *expected);
            assert_eq!(lines(&bytes.chunks(1).collect::<Vec<_>>()), *expected, "byte by byte");
        }
    }

    #[test]
    fn a_line_without_end_is_cut_at_characters_and_loses_nothing() {
        let text = "€uro".repeat(MAX_LINE_BYTES);
        for size in [1_000, MAX_LINE_BYTES - 1, MAX_LINE_BYTES, MAX_LINE_BYTES + 1, text.len()] {
            let cut = lines(&text.as_bytes().chunks(size).collect::<Vec<_>>());
            assert!(cut.iter().all(|line| line.len() <= MAX_LINE_BYTES));
            assert_eq!(cut.concat(), text);
        }
        let noise = vec![0xff; MAX_LINE_BYTES * 2];
        assert!(lines(&[&noise]).iter().all(|line| line.len() <= MAX_LINE_BYTES && !line.is_empty()));
    }

    #[test]
    fn a_prompt_without_line_end_can_be_shown_and_its_half_character_waits() {
        let (mut splitter, mut out) = (LineSplitter::default(), vec![]);
        splitter.push(b"continue? \xe2\x82", |line| out.push(line.to_owned()));
        splitter.flush_partial(|line| out.push(line.to_owned()));
        splitter.push(b"\xac\n", |line| out.push(line.to_owned()));
        splitter.push(b"and?", |line| out.push(line.to_owned()));
        splitter.flush_partial(|line| out.push(line.to_owned()));
        splitter.push(b"\r\n\n", |line| out.push(line.to_owned()));
        assert_eq!(out, ["continue? ", "€", "and?", ""]);
        splitter.flush_partial(|_| panic!("there is nothing to show"));
    }
}
