//! `name=value` lines, and `name<<END` with lines up to `END`: how steps write names and values into a file.
//!
//! Does not know which names and values there may be.

/// All that is set, in order; the same name may come again.
///
/// # Errors
/// Which line can't be understood, as the end of a sentence.
pub fn parse(text: &str) -> Result<Vec<(&str, String)>, String> {
    let mut all = vec![];
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let number = index + 1;
        if line.trim().is_empty() {
            continue;
        }
        let (name, rest) = line.split_at(line.find(['=', '<']).unwrap_or(line.len()));
        let value = if let Some(value) = rest.strip_prefix('=') {
            value.to_owned()
        } else if let Some(end) = rest.strip_prefix("<<").map(str::trim) {
            if end.is_empty() {
                return Err(format!("line {number} does not say after `<<` what ends the value"));
            }
            let mut value = vec![];
            loop {
                match lines.next() {
                    Some((_, line)) if line == end => break,
                    Some((_, line)) => value.push(line),
                    None => return Err(format!("the value that begins on line {number} has no end")),
                }
            }
            value.join("\n")
        } else {
            return Err(format!("line {number} has neither `name=value` nor `name<<END`"));
        };
        all.push((name, value));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_line_and_of_several_are_read() {
        let text = "version=1.2\n\nurl=https://x/?a=b<<c\nempty=\nnotes<<END\none = two\n\n  END\nEND\nlist<<EOF\r\na\r\nEOF\r\nlast=x";
        let expected = [
            ("version", "1.2"),
            ("url", "https://x/?a=b<<c"),
            ("empty", ""),
            ("notes", "one = two\n\n  END"),
            ("list", "a"),
            ("last", "x"),
        ];
        assert_eq!(parse(text), Ok(expected.map(|(name, value)| (name, value.to_owned())).to_vec()));
        assert_eq!(parse(" \n"), Ok(vec![]));
        assert_eq!(parse("n<<E\nE\n"), Ok(vec![("n", String::new())]));
    }

    #[test]
    fn what_is_no_assignment_is_told_by_its_line() {
        for (text, complaint) in [
            ("a=1\nwhat is this", "line 2 has neither `name=value` nor `name<<END`"),
            ("a<b=c", "line 1 has neither `name=value` nor `name<<END`"),
            ("a<<\nb", "line 1 does not say after `<<` what ends the value"),
            ("x=\na<<END\nb\n END", "the value that begins on line 2 has no end"),
        ] {
            assert_eq!(parse(text), Err(complaint.to_owned()), "{text:?}");
        }
    }
}
