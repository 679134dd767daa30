//! The facts of a run, as the interpreter takes them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use cel::extractors::Arguments;
use cel::{Context, Env, ExecutionError, IdedExpr, Value};
use penstock_domain::{TriggerEvent, WorkStatus};

use super::uses::{Uses, Which};
use super::{Facts, StepFact};
use crate::glob::Patterns;
use crate::limits::{MAX_CHANGED_PATHS, MAX_CONTEXT_BYTES, MAX_EXPRESSION_WORK};
use crate::plan::{RunContext, Scalar};

/// What an expression may ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub run: &'a RunContext,
    pub variables: &'a BTreeMap<String, String>,
    pub matrix: &'a BTreeMap<String, String>,
    /// None where nothing has run yet.
    pub facts: Option<&'a Facts<'a>>,
    /// None where it is not about steps.
    pub steps: Option<&'a BTreeMap<String, StepFact>>,
}

impl<'a> Known<'a> {
    pub fn of(facts: &'a Facts<'a>) -> Self {
        let Facts { run, variables, matrix, .. } = *facts;
        Self { run, variables, matrix, facts: Some(facts), steps: None }
    }
}

/// Always the same, and made of a hundred functions.
static ENV: LazyLock<Arc<Env>> =
    LazyLock::new(|| Arc::new(Env::default().with_optional_support(false).with_stdlib()));

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    Failed(ExecutionError),
    /// [`MAX_EXPRESSION_WORK`].
    TooMuchWork,
}

/// Gives what an expression asks for, and answers it.
pub(crate) fn answer(expression: &IdedExpr, uses: &Uses<'_>, known: &Known<'_>) -> Result<Value, NoAnswer> {
    Prepared::new(uses, known, usize::MAX)?.answer(expression).map_err(NoAnswer::Failed)
}

/// All that an expression asks for, so that its parts can be answered one by one.
pub(crate) struct Prepared(Context<'static, 'static>);

impl Prepared {
    /// At most `looped` members of a map are gone through by a loop.
    pub fn new(uses: &Uses<'_>, known: &Known<'_>, looped: usize) -> Result<Self, NoAnswer> {
        let mut offer =
            Offer { context: Context::with_env(Arc::clone(&ENV)), uses, bytes: 0, members: 1, looped };
        offer.run(known.run);
        offer.variables(known.variables);
        offer.matrix(known.matrix);
        offer.inputs(&known.run.inputs);
        if let Some(facts) = known.facts {
            offer.facts(facts);
        }
        if let Some(steps) = known.steps {
            offer.steps(steps);
        }
        offer.changed(known.run.changed_paths.as_deref());
        let Offer { context, bytes, members, .. } = offer;
        let times = if uses.loops.is_empty() { 1 } else { members.max(uses.parts) };
        if bytes.saturating_mul(uses.parts).saturating_mul(times) > MAX_EXPRESSION_WORK {
            return Err(NoAnswer::TooMuchWork);
        }
        Ok(Self(context))
    }

    pub fn answer(&self, expression: &IdedExpr) -> Result<Value, ExecutionError> {
        self.0.resolve(expression)
    }
}

/// Gives an expression what it asks for, and no more; counts how much that is.
struct Offer<'u> {
    context: Context<'static, 'static>,
    uses: &'u Uses<'u>,
    bytes: usize,
    members: usize,
    looped: usize,
}

impl Offer<'_> {
    fn run(&mut self, run: &RunContext) {
        self.text("branch", &run.branch);
        self.text("base_branch", &run.base_branch);
        self.text("tag", run.tag.as_deref().unwrap_or(""));
        self.text("event", run.event.as_str());
        self.text("event_name", run.event_name.as_deref().unwrap_or(""));
        self.text("commit", run.commit_sha.as_deref().unwrap_or(""));
        self.text("commit_message", &run.commit_message);
        self.text("author", &run.author);
        self.text("repository", &without_credentials(&run.repository_url));
        self.text("pipeline", &run.pipeline_name);
        for (name, number) in [("number", run.number), ("pull_request", run.pull_request)] {
            self.context.add_variable_from_value(name, i64::try_from(number).unwrap_or(i64::MAX));
        }
    }

    fn variables(&mut self, variables: &BTreeMap<String, String>) {
        let asked = self.asked(&self.uses.variables, variables.keys());
        let found = asked.into_iter().filter_map(|name| Some((name, variables.get(name)?))).collect();
        self.map("variables", found, |text: &&String| text.len(), |text| text.clone().into());
    }

    /// What one combination lacks, another of the same matrix has: it is empty here.
    fn matrix(&mut self, matrix: &BTreeMap<String, String>) {
        let asked = self.asked(&self.uses.matrix, matrix.keys());
        let found =
            asked.into_iter().map(|name| (name, matrix.get(name).map_or("", String::as_str))).collect();
        self.map("matrix", found, |text: &&str| text.len(), Value::from);
    }

    fn inputs(&mut self, inputs: &BTreeMap<String, Scalar>) {
        let asked = self.asked(&self.uses.inputs, inputs.keys());
        let found = asked.into_iter().filter_map(|name| Some((name, inputs.get(name)?))).collect();
        self.map("inputs", found, |input: &&Scalar| input.bytes(), scalar);
    }

    fn facts(&mut self, facts: &Facts<'_>) {
        self.stages(facts);
        let Facts { success, failure, cancelled, .. } = *facts;
        for (name, holds) in
            [("always", true), ("success", success), ("failure", failure), ("cancelled", cancelled)]
        {
            if !self.uses.functions.contains(name) {
                continue;
            }
            // Refused only where the name is taken, and these four are not.
            let _ = self.context.add_function(name, move || holds);
        }
    }

    fn stages(&mut self, facts: &Facts<'_>) {
        let uses = self.uses;
        let asked = self.asked(&uses.stages, facts.stages.keys());
        let member = |name| {
            (name, (facts.stages.get(name), Self::outputs(uses, "stages", name, facts.outputs.get(name))))
        };
        // A name that no stage has is a mistake, unless only its outputs are asked for.
        let known = asked
            .into_iter()
            .map(member)
            .filter(|(_, (status, outputs))| status.is_some() || !outputs.is_empty());
        self.map(
            "stages",
            known.collect(),
            |(_, outputs)| 1 + length(outputs),
            |(status, outputs)| {
                let status = status.map(|status| ("status".to_owned(), Value::from(status.as_str())));
                let outputs = ("outputs".to_owned(), texts(outputs));
                status.into_iter().chain([outputs]).collect::<HashMap<_, _>>().into()
            },
        );
    }

    /// A step that has not run is pending.
    fn steps(&mut self, steps: &BTreeMap<String, StepFact>) {
        let uses = self.uses;
        let asked = self.asked(&uses.steps, steps.keys());
        let member = |name| {
            let fact = steps.get(name);
            (name, (fact, Self::outputs(uses, "steps", name, fact.map(|fact| &fact.outputs))))
        };
        let members = asked.into_iter().map(member).collect();
        self.map(
            "steps",
            members,
            |(_, outputs)| 2 + length(outputs),
            |(fact, outputs)| {
                let status = fact.map_or(WorkStatus::Pending, |fact| fact.status);
                let code = fact.and_then(|fact| fact.exit_code);
                HashMap::from([
                    ("status".to_owned(), Value::from(status.as_str())),
                    ("exit_code".to_owned(), code.map_or(Value::Null, |code| Value::Int(code.into()))),
                    ("outputs".to_owned(), texts(outputs)),
                ])
                .into()
            },
        );
    }

    /// What is asked for by name is there, if only as the empty text.
    fn outputs<'t>(
        uses: &'t Uses<'t>,
        map: &str,
        owner: &str,
        there: Option<&'t BTreeMap<String, String>>,
    ) -> Vec<(&'t str, &'t str)> {
        let of_owner = uses.outputs.iter().filter(|output| output.map == map && output.owner == owner);
        let found = of_owner.filter_map(|output| match there.and_then(|there| there.get(output.name)) {
            Some(text) => Some((output.name, text.as_str())),
            None => (!output.foreseen).then_some((output.name, "")),
        });
        found.collect()
    }

    /// `changed("src/**", …)`: whether a path that the push changed matches.
    fn changed(&mut self, paths: Option<&[String]>) {
        if self.uses.changes.is_empty() {
            return;
        }
        // Where it is not known what changed, or so much did that nobody told all of it, everything counts as changed.
        let paths: Option<Arc<[String]>> =
            paths.filter(|paths| paths.len() <= MAX_CHANGED_PATHS).map(|paths| paths.into());
        let changed = move |Arguments(given): Arguments| {
            let mut patterns = Patterns::default();
            for pattern in given.iter() {
                let Value::String(pattern) = pattern else {
                    return Err(ExecutionError::function_error("changed", "not a text"));
                };
                patterns
                    .push(pattern)
                    .map_err(|error| ExecutionError::function_error("changed", error.to_string()))?;
            }
            Ok(Value::Bool(
                paths.as_ref().is_none_or(|paths| paths.iter().any(|path| patterns.matches(path))),
            ))
        };
        let _ = self.context.add_function("changed", changed);
    }

    fn text(&mut self, name: &str, text: &str) {
        if self.uses.names.contains(name) {
            let text = cut(text);
            self.bytes += text.len();
            self.context.add_variable_from_value(name, text.to_owned());
        }
    }

    /// The members that are asked for by name, or the first of them all where a loop goes through them.
    fn asked<'t>(&self, which: &'t Which, all: impl Iterator<Item = &'t String>) -> Vec<&'t str> {
        match which {
            Which::All => all.take(self.looped).map(String::as_str).collect(),
            Which::Named(names) => names.iter().map(String::as_str).collect(),
        }
    }

    fn map<T>(
        &mut self,
        name: &str,
        members: Vec<(&str, T)>,
        bytes: impl Fn(&T) -> usize,
        value: impl Fn(T) -> Value,
    ) {
        if !self.uses.names.contains(name) {
            return;
        }
        self.bytes += members.iter().map(|(_, member)| bytes(member)).sum::<usize>();
        self.members = self.members.max(members.len());
        // What is too much is refused anyway, and copied by nobody.
        let affordable = self.bytes <= MAX_EXPRESSION_WORK;
        let members = members.into_iter().filter(|_| affordable);
        let members: HashMap<String, Value> =
            members.map(|(name, member)| (name.to_owned(), value(member))).collect();
        self.context.add_variable_from_value(name, members);
    }
}

fn length(outputs: &[(&str, &str)]) -> usize {
    outputs.iter().map(|(_, text)| text.len()).sum()
}

fn texts(outputs: Vec<(&str, &str)>) -> Value {
    outputs.into_iter().collect::<HashMap<&str, &str>>().into()
}

fn scalar(value: &Scalar) -> Value {
    match value {
        Scalar::Boolean(flag) => Value::Bool(*flag),
        // Whole numbers are compared with whole numbers.
        Scalar::Number(number) if number.fract() == 0.0 && number.abs() < MAX_WHOLE => {
            Value::Int(*number as i64)
        }
        Scalar::Number(number) => Value::Float(*number),
        Scalar::Text(text) => text.as_str().into(),
    }
}

/// Up to here every whole number is exact.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// `https://name:token@host/…` without what only the checkout may know.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_CONTEXT_BYTES)]
}

/// A run that never was, for finding out before any run what can have no answer.
pub(crate) fn sample() -> RunContext {
    RunContext {
        branch: String::new(),
        base_branch: String::new(),
        pull_request: 0,
        tag: None,
        event: TriggerEvent::Push,
        commit_sha: None,
        commit_message: String::new(),
        author: String::new(),
        repository_url: String::new(),
        pipeline_name: String::new(),
        number: 1,
        variables: BTreeMap::new(),
        inputs: BTreeMap::new(),
        changed_paths: None,
        event_name: None,
    }
}
