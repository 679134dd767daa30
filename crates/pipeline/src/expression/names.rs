//! Which words mean something in an expression, and where.

use std::collections::{BTreeMap, BTreeSet};

use cel::IdedExpr;

use super::StepFact;
pub(crate) use super::findings::Finding;
use super::findings::{Findings, Spot};
use super::syntax::Word;
use super::uses::Uses;
use super::{advice, compare, dashes, functions, members};
use crate::definition::InputKind;
use crate::diagnostic::code;

/// Where an expression stands decides what it may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    /// `if` of a stage, of a job or of what follows the pipeline: asked when the work before it has ended.
    Work,
    /// `if` of a step: asked before anything runs, unless it asks what became of something.
    Step,
    /// `${{ … }}` of a variable: filled in when what it asks for is known.
    Value,
    /// `${{ … }}` of what has to be known before anything runs.
    Early,
    /// `${{ … }}` of a script.
    Run,
    /// `${{ … }}` of what one job of a matrix is called, and of what its runner needs.
    Label,
}

/// What is known by name everywhere.
pub(crate) const NAMES: [&str; 16] = [
    "branch",
    "base_branch",
    "pull_request",
    "tag",
    "event",
    "event_name",
    "commit",
    "commit_message",
    "author",
    "repository",
    "pipeline",
    "number",
    "variables",
    "inputs",
    "matrix",
    "stages",
];
pub(super) const STEPS: &str = "steps";
/// Those of [`NAMES`] that are numbers.
pub(super) const NUMBERS: [&str; 2] = ["number", "pull_request"];
/// Those of [`NAMES`] that have members.
pub(super) const MAPS: [&str; 4] = ["variables", "inputs", "matrix", "stages"];
/// What no shell can read as anything but a word: digits, hexadecimal digits, one of six words; and what the author
/// of the file wrote into it.
pub(super) const HARMLESS_IN_RUN: [&str; 5] = ["number", "pull_request", "event", "commit", "matrix"];
const LATER_NAMES: [&str; 2] = ["secrets", "environment"];

pub(crate) fn asks_for_status(expression: &IdedExpr) -> bool {
    asks_for_status_in(&Uses::of(expression))
}

pub(crate) fn asks_for_status_in(uses: &Uses<'_>) -> bool {
    uses.functions.iter().any(|function| functions::STATUS_FUNCTIONS.contains(function))
}

/// What a stage offers to the expressions of others.
#[derive(Debug, Clone, Default)]
pub(crate) struct StageOffer {
    pub outputs: BTreeSet<String>,
    /// What it waits for by itself.
    pub depends_on: Vec<String>,
    /// It never runs.
    pub off: bool,
}

/// What the matrix of a job offers.
#[derive(Debug, Clone, Default)]
pub(crate) struct MatrixOffer {
    /// The values of each name, among them the empty one where a combination lacks it.
    pub axes: BTreeMap<String, BTreeSet<String>>,
    /// False where some of it could not be read: there may be more.
    pub is_whole: bool,
}

/// What the file offers to an expression.
pub(crate) struct Offered<'a> {
    pub stages: &'a BTreeMap<String, StageOffer>,
    /// Stages may have any name: the file that they are in is not here.
    pub any_stage: bool,
    /// The stage that it is in; None where what has ended by then differs from one use to the next.
    pub stage: Option<&'a str>,
    pub variables: &'a BTreeMap<String, String>,
    /// Those that are filled in only while the execution runs.
    pub late: &'a BTreeSet<String>,
    /// The lines of those that stand below it in its own level, and of itself.
    pub below: &'a BTreeMap<String, u32>,
    /// None for one that could not be read.
    pub inputs: &'a BTreeMap<String, Option<InputKind>>,
    /// None where there is no matrix.
    pub matrix: Option<&'a MatrixOffer>,
    /// The steps before this one.
    pub steps: &'a BTreeMap<String, StepFact>,
}

impl Offered<'_> {
    /// Whether `stage` starts only when `other` has ended.
    pub fn waits_for(&self, stage: &str, other: &str) -> bool {
        let mut seen = BTreeSet::from([stage]);
        let mut open = vec![stage];
        while let Some(next) = open.pop() {
            let depends_on = self.stages.get(next).map_or(&[][..], |offer| &offer.depends_on);
            if depends_on.iter().any(|name| name == other) {
                return true;
            }
            open.extend(depends_on.iter().map(String::as_str).filter(|name| seen.insert(name)));
        }
        false
    }

    /// Whether it asks for an input that could not be read, so that nobody knows what it is.
    pub fn asks_for_refused(&self, uses: &Uses<'_>) -> bool {
        self.inputs.iter().any(|(name, kind)| kind.is_none() && uses.inputs.asks(name))
    }
}

/// Looks through an expression for what could never be answered at `site`, or could only have one answer.
pub(crate) fn check(
    expression: &IdedExpr,
    uses: &Uses<'_>,
    words: &[Word<'_>],
    site: Site,
    offered: &Offered<'_>,
) -> Vec<Finding> {
    let mut findings = Findings::new(words);
    dashes::check(site, offered, &mut findings);
    check_names(uses, site, offered, &mut findings);
    functions::check(uses, site, &mut findings);
    members::check(uses, site, offered, &mut findings);
    compare::check(expression, uses, offered, &mut findings);
    findings.found
}

fn check_names(uses: &Uses<'_>, site: Site, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    for name in uses.names.iter().filter(|name| !uses.local.contains(**name)) {
        let known = NAMES.contains(name) || *name == STEPS;
        let spot = Spot::Name(name);
        if known && site == Site::Label && *name != "matrix" {
            let message = format!("`{name}` can't be used in {}", site.called());
            findings.error(code::UNKNOWN_NAME, spot, message, "only the job's `matrix` is filled in here");
        } else if *name == STEPS && site != Site::Step {
            let message = format!("`steps` can't be used in {}", site.called());
            findings.error(code::UNKNOWN_NAME, spot, message, advice::instead_of_steps(site, uses));
        } else if known && site == Site::Run && !HARMLESS_IN_RUN.contains(name) && *name != "inputs" {
            let message =
                format!("`{name}` may hold text that others wrote, and in a script text becomes commands");
            findings.error(code::UNTRUSTED_IN_RUN, spot, message, advice::instead_in_run(name, uses));
        } else if *name == "stages" && site == Site::Early {
            let message = format!(
                "`stages` can't be used in {}, which is filled in before anything runs",
                site.called()
            );
            let hint = "set a variable from it, and let a step use that";
            findings.error(code::UNKNOWN_NAME, spot, message, hint);
        } else if *name == "matrix" && offered.matrix.is_none() {
            let message = "`matrix` means nothing here: there is no matrix".to_owned();
            let hint = "a job has one: `matrix: { node: [18, 20] }`";
            findings.error(code::UNKNOWN_NAME, spot, message, hint);
        } else if !known && LATER_NAMES.contains(name) {
            let message = format!("`{name}` is not supported yet in expressions");
            findings.error(code::NOT_SUPPORTED_YET, spot, message, format!("known are {}", NAMES.join(", ")));
        } else if !known {
            let message = format!("`{name}` means nothing here");
            let hint = advice::instead_of_name(name, site, offered, findings);
            findings.error(code::UNKNOWN_NAME, spot, message, hint);
        }
    }
}

impl Site {
    pub(super) const fn called(self) -> &'static str {
        match self {
            Self::Work => "the `if` of a stage or a job",
            Self::Step => "the `if` of a step",
            Self::Value => "a variable",
            Self::Early => "this text",
            Self::Run => "`run`",
            Self::Label => "a name or a label",
        }
    }
}
