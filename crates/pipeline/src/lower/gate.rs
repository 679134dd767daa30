//! A stage's `gates`: what has to hold of the tests and their coverage.
//!
//! The words and their defaults; what is measured, and whether it is enough, is decided elsewhere.

use super::read::{At, Fields, Path, Reader, Shape, Words};
use crate::diagnostic::code;
use crate::limits::{MAX_GATES, MAX_THRESHOLD};
use crate::plan::PlannedGate;

pub(crate) const GATE: Shape = Shape {
    what: "a gate",
    fields: &["type", "metric", "operator", "threshold", "blocker", "overridable"],
    later: &[
        ("severity", "say whether it blocks by `blocker`"),
        ("description", "write a comment"),
        ("enabled", "leave the gate out"),
    ],
    instead: &[
        ("name", "the gate's name is its key: `gates: { coverage: { … } }`"),
        ("gate_type", "write `type`"),
        ("min", "write `operator: \">=\"` and `threshold`"),
        ("minimum", "write `operator: \">=\"` and `threshold`"),
        ("max", "write `operator: \"<=\"` and `threshold`"),
        ("maximum", "write `operator: \"<=\"` and `threshold`"),
        ("value", "write `threshold`"),
        ("blocking", "write `blocker`"),
        ("required", "write `blocker`"),
    ],
};

pub(crate) const TYPES: Words = Words {
    what: "a gate's `type`",
    known: &["test_coverage", "code_quality", "custom"],
    later: &["security_scan", "performance", "accessibility"],
    until_then: "let a step of a job fail on what it finds until then",
};

pub(crate) const METRICS: Words = Words {
    what: "`metric`",
    known: &["line_coverage", "branch_coverage", "function_coverage", "test_success_rate", "failed_tests"],
    later: &[],
    until_then: "",
};

pub(crate) const OPERATORS: Words =
    Words { what: "`operator`", known: &[">", ">=", "<", "<=", "=", "!="], later: &[], until_then: "" };

/// What a type may ask for; the first is meant where the gate names none, but for `custom`.
pub(crate) const METRICS_OF: [(&str, &[&str]); 3] = [
    ("test_coverage", &["line_coverage", "branch_coverage", "function_coverage"]),
    ("code_quality", &["test_success_rate", "failed_tests"]),
    ("custom", METRICS.known),
];

/// A metric's default operator and threshold, and the largest threshold.
pub(crate) const ASKED: [(&str, &str, f64, f64); 5] = [
    ("line_coverage", ">=", 80.0, 100.0),
    ("branch_coverage", ">=", 80.0, 100.0),
    ("function_coverage", ">=", 80.0, 100.0),
    ("test_success_rate", ">=", 95.0, 100.0),
    ("failed_tests", "=", 0.0, MAX_THRESHOLD),
];

/// None where there is no gate to decide, which is said.
pub(super) fn gates(reader: &mut Reader<'_>, at: At<'_>) -> Vec<PlannedGate> {
    const HINT: &str = "write `gates: { coverage: { type: test_coverage, threshold: 80 } }`";
    let Some(entries) = at.entries() else {
        reader.wrong_type(&at, "`gates`", "a mapping").hint(HINT);
        return vec![];
    };
    if entries.is_empty() {
        reader.error(&at, code::MISSING_FIELD, "`gates` holds no gate").hint(HINT);
    }
    if entries.len() > MAX_GATES {
        let message = format!("a stage can have at most {MAX_GATES} gates, and these are {}", entries.len());
        reader.error(&at, code::LIMIT, message).hint("put some into a stage of their own");
    }
    let mut gates = vec![];
    for (key, node) in entries.iter().take(MAX_GATES) {
        let at = At { node, path: Path::Field(&at.path, &key.text) };
        let name = reader.key_name(key, &at.path, "a gate's name");
        gates.extend(gate(reader, name.unwrap_or_default(), at));
    }
    gates
}

fn gate(reader: &mut Reader<'_>, name: String, at: At<'_>) -> Option<PlannedGate> {
    let fields = Fields::open(reader, at, &GATE)?;
    let hint = format!("write `type: test_coverage`; known are {}", TYPES.known.join(", "));
    let gate_type = fields.need(reader, "type", &GATE, &hint).and_then(|at| reader.word(&at, &TYPES));
    let metric = metric(reader, &fields, gate_type);
    let asked = ASKED.iter().find(|(of, ..)| Some(*of) == metric);
    let most = asked.map_or(MAX_THRESHOLD, |(.., most)| *most);
    let operator = fields.get("operator").and_then(|at| operator(reader, &at));
    let threshold = fields.get("threshold").and_then(|at| reader.number(&at, "`threshold`", 0.0, most));
    let flag = |reader: &mut Reader<'_>, name: &str| {
        let flag = fields.get(name).and_then(|at| reader.flag(&at, &format!("`{name}`")));
        flag.unwrap_or(true)
    };
    let (blocker, overridable) = (flag(reader, "blocker"), flag(reader, "overridable"));
    let (metric, default_operator, default_threshold, _) = asked?;
    Some(PlannedGate {
        name,
        gate_type: gate_type?.to_owned(),
        metric: (*metric).to_owned(),
        operator: operator.unwrap_or(default_operator).to_owned(),
        threshold: threshold.unwrap_or(*default_threshold),
        blocker,
        overridable,
    })
}

fn metric(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    gate_type: Option<&'static str>,
) -> Option<&'static str> {
    let (gate_type, offered) = match METRICS_OF.iter().find(|(of, _)| Some(*of) == gate_type) {
        Some((gate_type, offered)) => (*gate_type, *offered),
        // Without a type that is known, the metric's own word is looked at all the same.
        None => ("", METRICS.known),
    };
    let offers = format!("a gate of this type asks for one of {}", offered.join(", "));
    if gate_type == "custom" {
        let at =
            fields.need(reader, "metric", &Shape { what: "a gate of type `custom`", ..GATE }, &offers)?;
        return reader.word(&at, &METRICS);
    }
    let Some(at) = fields.get("metric") else { return offered.first().copied() };
    let metric = reader.word(&at, &METRICS)?;
    if offered.contains(&metric) {
        return Some(metric);
    }
    let message = format!("a gate of type `{gate_type}` can't ask for `{metric}`");
    reader.error(&at, code::BAD_VALUE, message).hint(format!("{offers}; `custom` may ask for any"));
    None
}

fn operator(reader: &mut Reader<'_>, at: &At<'_>) -> Option<&'static str> {
    let word = at.scalar().map_or("", |scalar| scalar.text.as_str());
    let instead = match word {
        "==" => "=",
        "<>" => "!=",
        "=>" | "≥" | "gte" => ">=",
        "=<" | "≤" | "lte" => "<=",
        _ => return reader.word(at, &OPERATORS),
    };
    reader
        .error(at, code::UNKNOWN_VALUE, format!("`operator` can't be `{word}`"))
        .hint(format!("write `operator: \"{instead}\"`"));
    None
}
