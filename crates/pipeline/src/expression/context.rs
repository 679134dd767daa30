//! The facts of a run, as the interpreter takes them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ExecutionError, IdedExpr, Value};
use penstock_domain::{TriggerEvent, WorkStatus};

use super::Facts;
use super::uses::{Uses, Which};
use crate::limits::{MAX_CONTEXT_BYTES, MAX_EXPRESSION_WORK};
use crate::plan::RunContext;

/// What an expression may ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub run: &'a RunContext,
    pub variables: &'a BTreeMap<String, String>,
    /// None where nothing has run yet.
    pub facts: Option<&'a Facts<'a>>,
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

/// At most `looped` members of a map are gone through by a loop.
pub(crate) fn answer(expression: &IdedExpr, known: &Known<'_>, looped: usize) -> Result<Value, NoAnswer> {
    let uses = Uses::of(expression);
    let mut offer =
        Offer { context: Context::with_env(Arc::clone(&ENV)), uses: &uses, bytes: 0, members: 1, looped };
    offer.run(known.run);
    offer.map("variables", known.variables, &uses.variables, |value| value.clone(), String::len);
    if let Some(facts) = known.facts {
        offer.facts(facts);
    }
    let Offer { context, bytes, members, .. } = offer;
    let times = if uses.loops.is_empty() { 1 } else { members.max(uses.parts) };
    if bytes.saturating_mul(uses.parts).saturating_mul(times) > MAX_EXPRESSION_WORK {
        return Err(NoAnswer::TooMuchWork);
    }
    context.resolve(expression).map_err(NoAnswer::Failed)
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
        self.text("tag", run.tag.as_deref().unwrap_or(""));
        self.text("event", run.event.as_str());
        self.text("commit", run.commit_sha.as_deref().unwrap_or(""));
        self.text("commit_message", &run.commit_message);
        self.text("author", &run.author);
        self.text("repository", &without_credentials(&run.repository_url));
        self.text("pipeline", &run.pipeline_name);
        self.context.add_variable_from_value("number", i64::try_from(run.number).unwrap_or(i64::MAX));
    }

    fn facts(&mut self, facts: &Facts<'_>) {
        let status = |status: &WorkStatus| HashMap::from([("status".to_owned(), status.as_str().to_owned())]);
        self.map("stages", facts.stages, &self.uses.stages, status, |_| 1);
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

    fn text(&mut self, name: &str, text: &str) {
        if self.uses.names.contains(name) {
            let text = cut(text);
            self.bytes += text.len();
            self.context.add_variable_from_value(name, text.to_owned());
        }
    }

    /// Of a map only what is asked for.
    fn map<T, V: Into<Value>>(
        &mut self,
        name: &str,
        all: &BTreeMap<String, T>,
        which: &Which,
        value: impl Fn(&T) -> V,
        bytes: impl Fn(&T) -> usize,
    ) {
        if !self.uses.names.contains(name) {
            return;
        }
        let asked: Vec<(&String, &T)> = match which {
            Which::All => all.iter().take(self.looped).collect(),
            Which::Named(names) => names.iter().filter_map(|name| all.get_key_value(name)).collect(),
        };
        self.bytes += asked.iter().map(|(_, member)| bytes(member)).sum::<usize>();
        self.members = self.members.max(asked.len());
        // What is too much is refused anyway, and copied by nobody.
        let affordable = self.bytes <= MAX_EXPRESSION_WORK;
        let members: HashMap<String, V> = asked
            .into_iter()
            .filter(|_| affordable)
            .map(|(name, member)| (name.clone(), value(member)))
            .collect();
        self.context.add_variable_from_value(name, members);
    }
}

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
        tag: None,
        event: TriggerEvent::Push,
        commit_sha: None,
        commit_message: String::new(),
        author: String::new(),
        repository_url: String::new(),
        pipeline_name: String::new(),
        number: 1,
        variables: BTreeMap::new(),
    }
}
