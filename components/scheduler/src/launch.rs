//! From a definition to a new execution: parse, admit, plan, number, commit.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use penstock_domain::{ExecutionId, JobId, Timestamp, TriggerEvent};
use penstock_engine::{
    Changes, ExecutionContext, NewExecution, Origin, Refusal, Rerun, StatusTarget, TakesBack, Work, create,
};
use penstock_guest::{Failure, Platform, moment};
use penstock_pipeline::{Definition, Diagnostic, PlannedStage, RunContext, Severity, Trigger, parse, plan};
use penstock_store::{Cause, Entry, Pipeline, StoreError};

use crate::scheduler::Scheduler;

/// How often an execution is numbered anew because another one of its pipeline was quicker.
const MAX_TRIES: u32 = 50;
/// Of a definition's errors in an execution's details.
const MAX_TOLD: usize = 20;

/// What an execution is to be made of.
pub struct Launch<'a> {
    pub pipeline: &'a Pipeline,
    pub origin: Origin,
    pub run: RunContext,
    pub target: Option<StatusTarget>,
    /// The pipeline's, where the work was planned before.
    pub variables: BTreeMap<String, String>,
    pub from_fork: bool,
    /// Whose change it is.
    pub authors: Vec<String>,
    /// When its commit was made, where that is known.
    pub commit_at: Option<Timestamp>,
    /// It brings back an earlier version, and waits in no queue.
    pub takes_back: Option<TakesBack>,
    /// Changed by the push, where that is known.
    pub changed_paths: Option<&'a [String]>,
    /// How long an equal `origin.event_key` means the same happening.
    pub window_ms: i64,
    pub by: Cause,
}

/// What an execution is to do, and how many of its kind at once.
pub struct Order {
    what: What,
    concurrency_limit: Option<u32>,
}

/// A definition is planned when the execution's number is known, for it may name the number.
enum What {
    Definition(Box<Definition>),
    Work(Work),
}

impl Order {
    pub const fn again(work: Rerun, concurrency_limit: Option<u32>) -> Self {
        Self { what: What::Work(Work::Rerun(work)), concurrency_limit }
    }

    pub const fn broken(error_details: String) -> Self {
        Self { what: What::Work(Work::Broken { error_details }), concurrency_limit: None }
    }

    fn work(&self, run: &RunContext, number: u64) -> Work {
        let definition = match &self.what {
            What::Definition(definition) => definition,
            What::Work(work) => return work.clone(),
        };
        match plan(definition, &RunContext { number, ..run.clone() }) {
            Ok(plan) => Work::Plan(plan),
            Err(found) => Work::Broken { error_details: tell(&found.iter().collect::<Vec<_>>()) },
        }
    }
}

pub enum Launched {
    Started(ExecutionId, Box<Changes>),
    /// The same happening has started this one.
    Already(ExecutionId),
    /// Neither branch, event nor paths are what the pipeline asks for.
    NotAdmitted(String),
}

impl Launch<'_> {
    /// What the definition's text asks for, or why it is not to run.
    pub fn order(&self, text: &str) -> Result<Order, String> {
        let parsed = parse(text);
        let errors: Vec<_> = parsed.diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
        let Some(definition) = parsed.definition.filter(|_| errors.is_empty()) else {
            return Ok(Order::broken(tell(&errors)));
        };
        self.admits(&definition)?;
        let concurrency_limit = definition.max_concurrent;
        Ok(Order { what: What::Definition(Box::new(definition)), concurrency_limit })
    }

    /// A run by hand is somebody's own choice: no filter stands against it.
    fn admits(&self, definition: &Definition) -> Result<(), String> {
        if self.run.event == TriggerEvent::Manual {
            return Ok(());
        }
        let trigger = Trigger {
            event: self.run.event,
            branch: &self.run.branch,
            tag: self.run.tag.as_deref(),
            changed_paths: self.changed_paths,
        };
        definition.admits(&trigger).map_err(|refusal| refusal.to_string())
    }
}

/// The diagnostics as a person reads them: one a line, with its place.
fn tell(errors: &[&Diagnostic]) -> String {
    let mut text = String::new();
    for error in errors.iter().take(MAX_TOLD) {
        let separator = if text.is_empty() { "" } else { "\n" };
        let hint = error.hint.as_deref().map(|h| format!(" ({h})")).unwrap_or_default();
        // Writing to a String can't fail.
        let _ =
            write!(text, "{separator}line {}, column {}: {}{hint}", error.line, error.column, error.message);
    }
    if errors.len() > MAX_TOLD {
        let _ = write!(text, "\nand {} more", errors.len() - MAX_TOLD);
    }
    text
}

impl<P: Platform> Scheduler<P> {
    /// Commits the execution. `complete` adds to the change what is to happen in the same instant.
    pub async fn launch(
        &self,
        launch: &Launch<'_>,
        order: &Order,
        complete: impl Fn(ExecutionId, &mut Changes),
    ) -> Result<Launched, Failure> {
        let pipeline = launch.pipeline.view.id;
        for _ in 0..MAX_TRIES {
            let at = moment(&self.platform);
            let Some(mut state) = self.store.pipeline_state(pipeline).await? else {
                return Ok(Launched::NotAdmitted("the pipeline was deleted".to_owned()));
            };
            if launch.takes_back.is_some() {
                (state.limit, state.has_queue) = (u32::MAX, false);
            }
            let work = order.work(&launch.run, state.last_number + 1);
            let names = environments(&work);
            if !names.is_empty() {
                state.environments = self.store.environments_of(pipeline, &names).await?;
            }
            let carried = carried(&work);
            if !carried.is_empty() {
                state.facts = self.store.facts_of(&carried).await?;
            }
            // After the state, whose version guards the answer.
            if let Some(known) = self.known(launch, at.now).await? {
                return Ok(Launched::Already(known));
            }
            let context = ExecutionContext {
                run: launch.run.clone(),
                target: launch.target.clone(),
                variables: launch.variables.clone(),
                from_fork: launch.from_fork,
                authors: launch.authors.clone(),
                commit_at: launch.commit_at,
                takes_back: launch.takes_back.clone(),
            };
            let new = NewExecution {
                origin: launch.origin.clone(),
                context,
                work,
                concurrency_limit: order.concurrency_limit,
            };
            let (id, mut decision) = create(new, &state, &at).map_err(contradiction)?;
            complete(id, &mut decision.changes);
            match self.store.commit(&Entry::of_execution(id, &decision), &launch.by, at.now).await {
                Ok(_) => return Ok(Launched::Started(id, Box::new(decision.changes))),
                Err(StoreError::Conflict | StoreError::Exists(_)) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    async fn known(&self, launch: &Launch<'_>, now: Timestamp) -> Result<Option<ExecutionId>, StoreError> {
        let Origin { delivery_id, event_key, .. } = &launch.origin;
        if delivery_id.is_none() && event_key.is_none() || penstock_domain::bugs::is_on("doubles_not_noticed") {
            return Ok(None);
        }
        let since = now.plus_ms(-launch.window_ms);
        self.store.equal_execution(launch.pipeline.view.id, *delivery_id, event_key.as_deref(), since).await
    }
}

/// The jobs whose reports a gate may be decided on before any other has run.
fn carried(work: &Work) -> Vec<JobId> {
    match work {
        Work::Rerun(rerun) if rerun.stages.iter().any(|s| !s.gates.is_empty()) => {
            rerun.stages.iter().flat_map(|s| s.jobs.iter().filter_map(|j| j.carried_from)).collect()
        }
        _ => vec![],
    }
}

/// What the work deploys to.
fn environments(work: &Work) -> Vec<&str> {
    let stages: Vec<&PlannedStage> = match work {
        Work::Plan(plan) => plan.stages.iter().collect(),
        Work::Rerun(rerun) => rerun.stages.iter().map(|s| &s.planned).collect(),
        Work::Broken { .. } => vec![],
    };
    let mut names: Vec<_> =
        stages.iter().filter_map(|s| s.deploy.as_ref()).map(|d| d.environment.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn contradiction(refusal: Refusal) -> Failure {
    Failure::Internal(Box::new(refusal))
}
