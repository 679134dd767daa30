//! What an expression may ask at its place in the file, with values that stand for any.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use cel::IdedExpr;
use penstock_domain::{StageType, WorkStatus};

use crate::definition::{Input, InputKind};
use crate::expression::names::{MatrixOffer, Offered, Site, StageOffer};
use crate::expression::syntax::Word;
use crate::expression::uses::Uses;
use crate::expression::{Facts, Known, StepFact, Unanswerable, rehearse, sample};
use crate::limits::{MAX_JOBS, MAX_OUTPUTS, MAX_STAGES};
use crate::plan::{Outputs, RunContext, Scalar};
use crate::tree::{Node, Value};

/// What is the same in the whole file.
pub(super) struct File {
    /// With a value for every input.
    run: RunContext,
    /// None for one that could not be read.
    inputs: BTreeMap<String, Option<InputKind>>,
    stages: BTreeMap<String, StageOffer>,
    any_stage: bool,
    /// As if each had succeeded.
    statuses: BTreeMap<String, WorkStatus>,
    outputs: Outputs,
    nothing: BTreeMap<String, String>,
}

/// What is set where, so that expressions can be checked.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    pub file: &'a File,
    /// The stage that it is in; None where what has ended by then differs from one use to the next.
    pub stage: Option<&'a str>,
    pub variables: Cow<'a, BTreeMap<String, String>>,
    /// Variables that are filled in only while the execution runs.
    pub late: Cow<'a, BTreeSet<String>>,
    /// The lines of variables that are set further down in the mapping that is being read, and of the one that is.
    pub below: BTreeMap<String, u32>,
    pub matrix: Option<Cow<'a, MatrixOffer>>,
    pub steps: Cow<'a, BTreeMap<String, StepFact>>,
}

impl File {
    /// `refused` are the names of inputs that could not be read.
    pub fn new(root: &Node, inputs: &[Input], refused: &BTreeSet<String>) -> Self {
        let stages = offers(root);
        let statuses = stages.keys().map(|name| (name.clone(), WorkStatus::Succeeded)).collect();
        let sample_of = |input: &Input| (input.name.clone(), input.kind.empty());
        let run = RunContext { inputs: inputs.iter().map(sample_of).collect(), ..sample() };
        let kind_of = |input: &Input| {
            (input.name.clone(), (!refused.contains(&input.name)).then(|| input.kind.clone()))
        };
        let unread = refused.iter().map(|name| (name.clone(), None));
        let inputs = inputs.iter().map(kind_of).chain(unread).collect();
        let (outputs, nothing) = (Outputs::new(), BTreeMap::new());
        Self { run, inputs, stages, any_stage: false, statuses, outputs, nothing }
    }

    /// For jobs whose pipeline is not here.
    pub fn elsewhere(context: &RunContext) -> Self {
        let kind_of = |value: &Scalar| match value {
            Scalar::Boolean(_) => InputKind::Boolean,
            Scalar::Number(_) => InputKind::Number,
            // Nobody knows any more whether it is one of the author's.
            Scalar::Text(_) => InputKind::String,
        };
        Self {
            run: RunContext { inputs: context.inputs.clone(), ..sample() },
            inputs: context.inputs.iter().map(|(name, value)| (name.clone(), Some(kind_of(value)))).collect(),
            stages: BTreeMap::new(),
            any_stage: true,
            statuses: BTreeMap::new(),
            outputs: Outputs::new(),
            nothing: BTreeMap::new(),
        }
    }

    pub fn scope(&self) -> Scope<'_> {
        Scope {
            file: self,
            stage: None,
            variables: Cow::Owned(BTreeMap::new()),
            late: Cow::Owned(BTreeSet::new()),
            below: BTreeMap::new(),
            matrix: None,
            steps: Cow::Owned(BTreeMap::new()),
        }
    }
}

impl Scope<'_> {
    pub fn within(&self) -> Scope<'_> {
        Scope {
            file: self.file,
            stage: self.stage,
            variables: Cow::Borrowed(&self.variables),
            late: Cow::Borrowed(&self.late),
            below: BTreeMap::new(),
            matrix: self.matrix.as_ref().map(|matrix| Cow::Borrowed(&**matrix)),
            steps: Cow::Borrowed(&self.steps),
        }
    }

    /// A variable is set from here on.
    pub fn set(&mut self, name: &str, late: bool) {
        if !self.variables.contains_key(name) {
            self.variables.to_mut().insert(name.to_owned(), String::new());
        }
        if late {
            self.late.to_mut().insert(name.to_owned());
        } else if self.late.contains(name) {
            self.late.to_mut().remove(name);
        }
    }

    pub fn offered(&self) -> Offered<'_> {
        Offered {
            stages: &self.file.stages,
            any_stage: self.file.any_stage,
            stage: self.stage,
            variables: &self.variables,
            late: &self.late,
            below: &self.below,
            inputs: &self.file.inputs,
            matrix: self.matrix.as_deref(),
            steps: &self.steps,
        }
    }

    /// Answers for values that never were.
    pub fn rehearse(
        &self,
        expression: &IdedExpr,
        words: &[Word<'_>],
        uses: &Uses<'_>,
        site: Site,
    ) -> Vec<Unanswerable> {
        let File { run, statuses, outputs, nothing, .. } = self.file;
        // What a combination lacks is empty, and so is every value here.
        let (matrix, variables) = (nothing, self.variables.as_ref());
        let facts = Facts {
            success: true,
            failure: false,
            cancelled: false,
            stages: statuses,
            outputs,
            run,
            matrix,
            variables,
        };
        let runs = matches!(site, Site::Work | Site::Step | Site::Value);
        let steps = (site == Site::Step).then_some(self.steps.as_ref());
        let known = Known { run, variables, matrix, facts: runs.then_some(&facts), steps };
        rehearse(expression, words, uses, site, &known)
    }
}

/// What the stages offer each other, read before any of them is: an expression may ask for one that comes later.
fn offers(root: &Node) -> BTreeMap<String, StageOffer> {
    let Some(stages) = member(root, "stages").and_then(list) else { return BTreeMap::new() };
    let sketches: BTreeMap<&str, Sketch<'_>> = stages
        .iter()
        .take(MAX_STAGES)
        .filter_map(|stage| Some((member(stage, "name").and_then(text)?, sketch(stage))))
        .collect();
    let offer = |(name, sketch): (&&str, &Sketch<'_>)| {
        let outputs = sketch.outputs.iter().map(|output| (*output).to_owned()).collect();
        let depends_on = awaited_by(sketch, &sketches).into_iter().map(str::to_owned).collect();
        ((*name).to_owned(), StageOffer { outputs, depends_on, off: sketch.off })
    };
    sketches.iter().map(offer).collect()
}

struct Sketch<'t> {
    depends_on: Vec<&'t str>,
    cleans_up: bool,
    off: bool,
    outputs: Vec<&'t str>,
}

fn sketch(stage: &Node) -> Sketch<'_> {
    let words = |node| match list(node) {
        Some(items) => items.iter().take(MAX_STAGES.max(MAX_OUTPUTS)).filter_map(text).collect(),
        None => text(node).into_iter().collect::<Vec<_>>(),
    };
    let says = |name, word| member(stage, name).and_then(text).is_some_and(|text| text == word);
    let jobs = member(stage, "jobs").and_then(list).unwrap_or_default();
    let outputs = jobs.iter().take(MAX_JOBS).filter_map(|job| member(job, "outputs")).flat_map(words);
    Sketch {
        depends_on: member(stage, "depends_on").map(words).unwrap_or_default(),
        cleans_up: says("type", StageType::Cleanup.as_str()),
        off: says("enabled", "false") || says("if", "false"),
        outputs: outputs.collect(),
    }
}

fn awaited_by<'t>(sketch: &Sketch<'t>, all: &BTreeMap<&'t str, Sketch<'t>>) -> Vec<&'t str> {
    if sketch.cleans_up && sketch.depends_on.is_empty() {
        return all.iter().filter(|(_, other)| !other.cleans_up).map(|(name, _)| *name).collect();
    }
    sketch.depends_on.clone()
}

fn member<'t>(node: &'t Node, name: &str) -> Option<&'t Node> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().find(|(key, _)| key.text == name).map(|(_, value)| value)
}

fn list(node: &Node) -> Option<&[Node]> {
    if let Value::List(items) = &node.value { Some(items) } else { None }
}

fn text(node: &Node) -> Option<&str> {
    if let Value::Scalar(scalar) = &node.value { Some(&scalar.text) } else { None }
}
