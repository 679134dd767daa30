//! A file as its bytes: text in UTF-8, or told where it is not.

use std::borrow::Cow;

use crate::diagnostic::{Diagnostic, Parsed, Severity, code};
use crate::lower::parse;

/// [`parse`], of what may be no text at all; with the text, as far as it is one, to draw what was found.
pub fn parse_bytes(bytes: &[u8]) -> (Cow<'_, str>, Parsed) {
    match str::from_utf8(bytes) {
        Ok(text) => (Cow::Borrowed(text), parse(text)),
        Err(error) => {
            let (before, rest) = bytes.split_at(error.valid_up_to());
            let diagnostics = vec![not_text(&String::from_utf8_lossy(before), rest)];
            (String::from_utf8_lossy(bytes), Parsed { definition: None, diagnostics })
        }
    }
}

fn not_text(before: &str, rest: &[u8]) -> Diagnostic {
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let counted = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Diagnostic {
        severity: Severity::Error,
        code: code::NOT_UTF8,
        message: format!("the file is not UTF-8 text: byte 0x{:02x}", rest.first().unwrap_or(&0)),
        hint: Some("save it as UTF-8".to_owned()),
        pointer: String::new(),
        line: counted(before.matches('\n').count() + 1),
        column: counted(before[line_start..].chars().count() + 1),
        length: 1,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::Source;

    fn check(bytes: &[u8], expected: Expect) {
        let (text, parsed) = parse_bytes(bytes);
        let source = Source { text: &text, origin: "x.yml" };
        let drawn: String = parsed.diagnostics.iter().map(|d| d.render(&source)).collect();
        assert!(parsed.definition.is_none());
        expected.assert_eq(&drawn);
    }

    #[test]
    fn what_is_not_text_is_told_where_it_begins() {
        check(
            b"name: web\nstages: # gr\xfc\xdfe\n",
            expect![[r"
                error[not_utf8]: the file is not UTF-8 text: byte 0xfc
                 --> x.yml:2:13
                2 | stages: # gr��e
                  |             ^
                  = save it as UTF-8
            "]],
        );
        check(
            b"\xff\xfen\0a\0m\0e\0",
            expect![[r"
                error[not_utf8]: the file is not UTF-8 text: byte 0xff
                 --> x.yml:1:1
                1 | ��n a m e 
                  | ^
                  = save it as UTF-8
            "]],
        );
    }
}
