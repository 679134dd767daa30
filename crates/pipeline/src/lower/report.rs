//! A job's `reports`: which files its steps write for the control plane to read.
//!
//! The patterns are only checked here; the runner looks for the files.

use super::read::{At, Fields, OWN_PREFIX, Reader, Shape, Words};
use crate::diagnostic::code;
use crate::glob;
use crate::limits::{MAX_REPORT_PATH_BYTES, MAX_REPORTS};
use crate::plan::ReportRequest;
use crate::tree::{Key, Node};

const FORMATS: [&str; 2] = ["junit", "lcov"];

const WRITE_JUNIT: &str = "let the tests write `junit` until then";
const WRITE_LCOV: &str = "let the tests write `lcov` until then";
pub(crate) const SHAPE: Shape = Shape {
    what: "`reports`",
    fields: &["junit", "lcov", "test_type"],
    later: &[
        ("cobertura", WRITE_LCOV),
        ("jacoco", WRITE_LCOV),
        ("clover", WRITE_LCOV),
        ("istanbul", WRITE_LCOV),
        ("go_cover", WRITE_LCOV),
        ("simplecov", WRITE_LCOV),
        ("coverage", WRITE_LCOV),
        ("trx", WRITE_JUNIT),
        ("nunit", WRITE_JUNIT),
        ("xunit", WRITE_JUNIT),
        ("tap", WRITE_JUNIT),
        ("cucumber", WRITE_JUNIT),
        ("mocha", WRITE_JUNIT),
        ("playwright", WRITE_JUNIT),
        ("sarif", "let a step fail on what it finds until then"),
        ("lighthouse", "let a step fail on what it finds until then"),
        ("k6", "let a step fail on what it finds until then"),
    ],
    instead: &[
        ("tests", "write `junit`"),
        ("type", "write `test_type`"),
        ("paths", "write `junit` or `lcov`"),
    ],
};

pub(crate) const TEST_TYPES: Words = Words {
    what: "`test_type`",
    known: &["unit", "integration", "e2e", "performance", "security", "accessibility", "visual"],
    later: &[],
    until_then: "",
};

pub(super) fn reports(reader: &mut Reader<'_>, at: At<'_>) -> Vec<ReportRequest> {
    const HINT: &str = "write `reports: { junit: \"reports/*.xml\", lcov: coverage/lcov.info }`";
    let Some(fields) = Fields::open(reader, at, &SHAPE) else { return vec![] };
    let test_type = fields.get("test_type").and_then(|at| reader.word(&at, &TEST_TYPES));
    let mut reports: Vec<ReportRequest> = vec![];
    for format in FORMATS {
        let Some(at) = fields.get(format) else { continue };
        for path in paths(reader, &at, &format!("`{format}`")) {
            let report =
                ReportRequest { format: format.to_owned(), path, test_type: test_type.map(str::to_owned) };
            if !reports.contains(&report) {
                reports.push(report);
            }
        }
    }
    let is_own = |key: &Key| key.text.starts_with(OWN_PREFIX);
    let names_some = |(key, node): &(Key, Node)| key.text != "test_type" && !is_own(key) && !node.is_null();
    if !at.entries().is_some_and(|entries| entries.iter().any(names_some)) {
        reader.error(&at, code::MISSING_FIELD, "`reports` names no file").hint(HINT);
    }
    if reports.len() > MAX_REPORTS {
        let message = format!("a job can have at most {MAX_REPORTS} patterns in `reports`");
        reader.error(&at, code::LIMIT, message).hint("let one pattern match several files, as `*` does");
    }
    reports
}

fn paths(reader: &mut Reader<'_>, at: &At<'_>, what: &str) -> Vec<String> {
    let items = if at.scalar().is_some() {
        vec![*at]
    } else {
        reader.items(at, what, MAX_REPORTS, "write a path or a list, such as `[\"reports/*.xml\"]`")
    };
    if at.scalar().is_none() && items.is_empty() {
        reader
            .error(at, code::MISSING_FIELD, format!("{what} names no file"))
            .hint("write a path such as `reports/*.xml`, or leave it out");
    }
    items.into_iter().filter_map(|at| path(reader, &at, what)).collect()
}

/// A pattern below the workspace.
fn path(reader: &mut Reader<'_>, at: &At<'_>, what: &str) -> Option<String> {
    const HINT: &str = "write it like `reports/*.xml`";
    let text = reader.literal(at, what)?;
    let path = plain(text);
    let windows = path.get(1..2) == Some(":");
    let message = if path.len() > MAX_REPORT_PATH_BYTES {
        reader
            .error(at, code::LIMIT, format!("{what} can have at most {MAX_REPORT_PATH_BYTES} bytes"))
            .hint("shorten it with `*` or `**`");
        return None;
    } else if path.starts_with(['/', '~']) || windows {
        format!("{what} has to be a path below the workspace")
    } else if path.split(['/', ',', '{', '}']).any(|part| part == "..") {
        format!("{what} can't leave the workspace by `..`")
    } else if path.starts_with('!') {
        format!("{what} can only name files, and `!` would take some out")
    } else if path.contains(char::is_control) {
        format!("{what} has to be one line")
    } else {
        return match glob::check(path) {
            Ok(()) => Some(path.to_owned()),
            Err(error) => {
                reader.error(at, code::BAD_PATTERN, error.to_string()).hint(HINT);
                None
            }
        };
    };
    reader.error(at, code::BAD_PATH, message).hint(HINT);
    None
}

/// Without the `./` that some write before every path.
fn plain(mut path: &str) -> &str {
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    path
}
