//! JUnit's XML, which is no standard but what many tools write, each in its own way.
//!
//! Counts come from the test cases. What a suite says of itself (`tests="…"`) is used only where it has none: tools
//! get it wrong, and count retries as they like. Suites nest to any shape; elements that nobody knows are looked
//! through. What tests printed (`system-out`) is passed over. How a case spells its outcome: see `junit/case.rs`.

mod case;
mod number;

use crate::error::ReportError;
use crate::format::ReportFormat;
use crate::limits::MAX_NAME_BYTES;
use crate::test_report::{Collector, Declared, OpenSuite, TestReport, TooManyCases};
use crate::text::{decode, shown};
use crate::xml::{Element, Node, Nodes, unescape};
use case::OpenCase;
use number::{count, milliseconds};

/// A suite that has no name, or cases without a suite.
const UNNAMED: &str = "(unnamed)";

/// # Errors
/// [`ReportError`]: the bytes are no whole JUnit report, or larger than its limits.
pub fn parse(bytes: &[u8]) -> Result<TestReport, ReportError> {
    let text = decode(ReportFormat::Junit, bytes)?;
    if !text.trim_start().starts_with('<') {
        return Err(wrong_format("text that does not begin with `<`".to_owned()));
    }
    let mut reading = Reading::of(&text);
    while let Some(node) = reading.nodes.next()? {
        match node {
            Node::Start(element) => reading.start(&element)?,
            Node::End => reading.end()?,
            Node::Text(text) => reading.text(&text),
        }
    }
    reading.finish()
}

/// An element that is open.
enum Frame {
    Suite {
        suite: OpenSuite,
        declared: Declared,
    },
    Case(OpenCase),
    /// A failure, or something within it: its text belongs to the case.
    Failure,
    /// Looked through: what lies within it counts as if it weren't there.
    Through,
    /// Passed over with all that lies within it.
    Ignored,
}

struct Reading<'a> {
    nodes: Nodes<'a>,
    frames: Vec<Frame>,
    collector: Collector,
    /// For cases that lie in no suite.
    loose: OpenSuite,
    has_root: bool,
}

impl<'a> Reading<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            nodes: Nodes::of(text),
            frames: vec![],
            collector: Collector::default(),
            loose: OpenSuite::named(UNNAMED.to_owned()),
            has_root: false,
        }
    }

    fn start(&mut self, element: &Element<'_>) -> Result<(), ReportError> {
        let name = element.name();
        let frame = match self.frames.last_mut() {
            Some(Frame::Ignored) => Frame::Ignored,
            Some(Frame::Failure) if is_output(name) => Frame::Ignored,
            Some(Frame::Failure) => Frame::Failure,
            Some(Frame::Case(case)) => match case.start(element) {
                Ok(true) => Frame::Failure,
                Ok(false) => Frame::Ignored,
                Err(problem) => return Err(self.nodes.malformed(&problem)),
            },
            Some(Frame::Suite { .. } | Frame::Through) => self.in_suite(name, element)?,
            None => self.root(name, element)?,
        };
        self.frames.push(frame);
        Ok(())
    }

    fn root(&mut self, name: &str, element: &Element<'_>) -> Result<Frame, ReportError> {
        if !matches!(name, "testsuites" | "testsuite" | "testcase") {
            return Err(wrong_format(found(name)));
        }
        self.has_root = true;
        self.in_suite(name, element)
    }

    fn in_suite(&mut self, name: &str, element: &Element<'_>) -> Result<Frame, ReportError> {
        match name {
            "testsuite" => self.open_suite(element),
            "testcase" => {
                OpenCase::of(element).map(Frame::Case).map_err(|problem| self.nodes.malformed(&problem))
            }
            "properties" => Ok(Frame::Ignored),
            name if is_output(name) => Ok(Frame::Ignored),
            _ => Ok(Frame::Through),
        }
    }

    fn open_suite(&mut self, element: &Element<'_>) -> Result<Frame, ReportError> {
        let (mut name, mut file) = (String::new(), String::new());
        let mut declared = Declared::default();
        let read = element.attributes(|attribute, value| match attribute {
            "name" => name = unescape(value, MAX_NAME_BYTES),
            "file" | "filepath" => file = unescape(value, MAX_NAME_BYTES),
            "tests" => declared.total = count(value),
            "failures" | "errors" => declared.failed = declared.failed.saturating_add(count(value)),
            "skipped" | "skips" | "disabled" | "ignored" => {
                declared.skipped = declared.skipped.saturating_add(count(value));
            }
            "time" => declared.duration_ms = milliseconds(value),
            _ => {}
        });
        read.map_err(|problem| self.nodes.malformed(&problem))?;
        let parent = self.frames.iter_mut().rev().find_map(Frame::as_suite);
        if let Some(parent) = parent {
            parent.has_suites = true;
            if name.is_empty() {
                parent.name().clone_into(&mut name);
            }
        }
        let mut suite = OpenSuite::named(if name.is_empty() { UNNAMED.to_owned() } else { name });
        if !file.is_empty() {
            self.collector.add_file(&mut suite, &file);
        }
        Ok(Frame::Suite { suite, declared })
    }

    fn text(&mut self, text: &str) {
        if !matches!(self.frames.last(), Some(Frame::Failure)) {
            return;
        }
        let case = self.frames.iter_mut().rev().find_map(|frame| match frame {
            Frame::Case(case) => Some(case),
            _ => None,
        });
        if let Some(case) = case {
            case.text(text);
        }
    }

    fn end(&mut self) -> Result<(), ReportError> {
        match self.frames.pop() {
            Some(Frame::Suite { suite, declared }) => self.collector.close(suite, declared),
            Some(Frame::Case(case)) => {
                let suite = self.frames.iter_mut().rev().find_map(Frame::as_suite);
                let added = self.collector.add(suite.unwrap_or(&mut self.loose), case.close());
                added.map_err(|TooManyCases| ReportError::TooManyCases { line: self.nodes.line() })?;
            }
            Some(Frame::Failure | Frame::Through | Frame::Ignored) | None => {}
        }
        Ok(())
    }

    fn finish(mut self) -> Result<TestReport, ReportError> {
        if !self.has_root {
            return Err(wrong_format("XML without any element".to_owned()));
        }
        self.collector.close(self.loose, Declared::default());
        Ok(self.collector.finish())
    }
}

impl Frame {
    fn as_suite(&mut self) -> Option<&mut OpenSuite> {
        match self {
            Self::Suite { suite, .. } => Some(suite),
            _ => None,
        }
    }
}

fn is_output(name: &str) -> bool {
    matches!(name, "system-out" | "system-err")
}

fn wrong_format(found: String) -> ReportError {
    ReportError::WrongFormat { format: ReportFormat::Junit, found }
}

/// What a root element that isn't JUnit's belongs to.
fn found(root: &str) -> String {
    let of = match root {
        "coverage" => "a coverage report",
        "report" => "a JaCoCo report",
        "test-run" | "test-results" => "an NUnit report",
        "TestRun" => "a TRX report",
        "assemblies" | "assembly" => "an xUnit.net report",
        _ => "XML of another kind",
    };
    format!("{of} (`<{}>`)", shown(root))
}
