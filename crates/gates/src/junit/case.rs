//! One `testcase`, and how it says what became of it.
//!
//! - `failure` or `error` within it: failed; several of them are one failed test.
//! - `skipped`, `disabled` or `ignored` within it, or as its `status` or `result`: skipped. A test whose status is
//!   `disabled` was run all the same by some tools; it doesn't fail, since its authors said so.
//! - `flakyFailure` or `flakyError`: it passed in the end. `rerunFailure` or `rerunError`: it failed again.

use crate::limits::{MAX_DETAILS_BYTES, MAX_MESSAGE_BYTES, MAX_NAME_BYTES};
use crate::test_report::{Case, FailedTest, Outcome};
use crate::text::{Bounded, cut};
use crate::xml::{Element, unescape};

use super::number::milliseconds;

/// A case that is being read.
pub(super) struct OpenCase {
    test: FailedTest,
    file: Option<String>,
    duration_ms: Option<u64>,
    status: Status,
    has_failed: bool,
    is_skipped: bool,
    is_flaky: bool,
    details: Bounded,
}

/// What the attributes say, where they say anything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Unsaid,
    Failed,
    Skipped,
    Disabled,
}

impl OpenCase {
    pub(super) fn of(element: &Element<'_>) -> Result<Self, String> {
        let mut case = Self {
            test: FailedTest::default(),
            file: None,
            duration_ms: None,
            status: Status::Unsaid,
            has_failed: false,
            is_skipped: false,
            is_flaky: false,
            details: Bounded::new(MAX_DETAILS_BYTES),
        };
        element.attributes(|attribute, value| match attribute {
            "name" => case.test.name = unescape(value, MAX_NAME_BYTES),
            "classname" | "class" => take(&mut case.test.class_name, value),
            "file" | "filepath" => take(&mut case.file, value),
            "line" | "lineno" => case.test.line = value.trim().parse().ok(),
            "time" => case.duration_ms = milliseconds(value),
            "status" | "result" => case.status = case.status.or(value),
            _ => {}
        })?;
        case.test.file.clone_from(&case.file);
        Ok(case)
    }

    /// Takes up an element within the case; true for one whose text is wanted.
    pub(super) fn start(&mut self, element: &Element<'_>) -> Result<bool, String> {
        match element.name() {
            "failure" | "error" => {
                self.fail(element)?;
                return Ok(true);
            }
            "rerunFailure" | "rerunError" => self.has_failed = true,
            "flakyFailure" | "flakyError" => self.is_flaky = true,
            "skipped" | "disabled" | "ignored" => self.is_skipped = true,
            _ => {}
        }
        Ok(false)
    }

    fn fail(&mut self, element: &Element<'_>) -> Result<(), String> {
        let (mut message, mut kind) = (String::new(), String::new());
        let (mut file, mut line) = (None, None);
        element.attributes(|attribute, value| match attribute {
            "message" => message = unescape(value, MAX_MESSAGE_BYTES).trim().to_owned(),
            "type" => kind = unescape(value, MAX_NAME_BYTES),
            "file" => take(&mut file, value),
            "line" => line = value.trim().parse().ok(),
            _ => {}
        })?;
        if self.test.file.is_none() {
            self.test.file = file;
        }
        if self.test.line.is_none() {
            self.test.line = line;
        }
        let message = if message.is_empty() { kind } else { message };
        if self.has_failed {
            self.details.push("\n\n");
            self.details.push(&message);
            self.details.push("\n");
        } else {
            self.test.message = message;
        }
        self.has_failed = true;
        Ok(())
    }

    pub(super) fn text(&mut self, text: &str) {
        self.details.push(text);
    }

    pub(super) fn close(mut self) -> Case {
        let outcome = self.outcome();
        if outcome == Outcome::Failed {
            self.details.as_str().trim().clone_into(&mut self.test.details);
            if self.test.message.is_empty() {
                let first = self.test.details.lines().next().unwrap_or_default();
                self.test.message = cut(first, MAX_MESSAGE_BYTES);
            }
        }
        Case { test: self.test, file: self.file, outcome, duration_ms: self.duration_ms }
    }

    fn outcome(&self) -> Outcome {
        if self.status == Status::Disabled {
            Outcome::Skipped
        } else if self.has_failed || self.status == Status::Failed {
            Outcome::Failed
        } else if self.is_skipped || self.status == Status::Skipped {
            Outcome::Skipped
        } else if self.is_flaky {
            Outcome::Flaky
        } else {
            Outcome::Passed
        }
    }
}

impl Status {
    /// The first attribute that says something decides: GoogleTest writes `status="run" result="skipped"`.
    fn or(self, value: &str) -> Self {
        if self != Self::Unsaid {
            return self;
        }
        match value.to_ascii_lowercase().as_str() {
            "disabled" => Self::Disabled,
            "skipped" | "ignored" | "notrun" | "suppressed" | "pending" => Self::Skipped,
            "failed" | "failure" | "error" | "errored" => Self::Failed,
            _ => Self::Unsaid,
        }
    }
}

fn take(into: &mut Option<String>, value: &str) {
    let value = unescape(value, MAX_NAME_BYTES);
    if !value.is_empty() {
        *into = Some(value);
    }
}
