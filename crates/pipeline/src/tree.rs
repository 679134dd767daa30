//! YAML, and so JSON, as a tree of which every node knows where it was written.
//!
//! [`read`] resolves anchors, aliases and merge keys within a budget, so that nothing after it meets them. Scalars stay
//! text: a version `1.10` is not the number 1.1. What breaks the YAML is put into words by [`explain`].

mod explain;
mod read;

use std::borrow::Cow;
use std::ops::Range;

pub(crate) use read::read;

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
    /// What stands there is told to be wrong already, and nobody has to object to it again.
    Refused,
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

    /// A whole number: in digits, or, without quotes, however YAML writes one (`0x1f`, `0o17`, `1e3`, `2.0`).
    pub fn whole(&self) -> Option<i64> {
        let decimal = self.text.parse::<i64>().ok();
        decimal.or_else(|| self.based()).or_else(|| {
            let number = self.number().filter(|number| self.plain && number.fract() == 0.0)?;
            // What is larger would be rounded.
            (number.abs() <= MAX_WHOLE).then_some(number as i64)
        })
    }

    /// A number: in digits, or, without quotes, however YAML writes one.
    pub fn number(&self) -> Option<f64> {
        let is_decimal = self.text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
        let decimal = self.text.parse::<f64>().ok().filter(|_| is_decimal);
        decimal.or_else(|| self.based().map(|number| number as f64))
    }

    fn based(&self) -> Option<i64> {
        let digits = |prefix, base| i64::from_str_radix(self.text.strip_prefix(prefix)?, base).ok();
        let number = digits("0x", 16).or_else(|| digits("0o", 8)).filter(|_| self.plain);
        number.filter(|number| *number >= 0)
    }

    /// `true` or `false`, however YAML writes it without quotes.
    pub fn flag(&self) -> Option<bool> {
        match self.text.as_str() {
            "true" | "True" | "TRUE" if self.plain => Some(true),
            "false" | "False" | "FALSE" if self.plain => Some(false),
            _ => None,
        }
    }
}

/// Up to here every whole number is exact.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

impl Node {
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }

    /// What a reader would call it.
    pub fn kind(&self) -> Cow<'static, str> {
        let kind = match &self.value {
            Value::Scalar(scalar) if scalar.is_null() => "nothing",
            Value::Scalar(scalar) if scalar.plain => return format!("`{}`", shown(&scalar.text)).into(),
            Value::Scalar(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Refused => "nothing that can be read",
        };
        kind.into()
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
