//! From a definition to a new execution: parse, admit, plan, number, commit.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use penstock_domain::{ExecutionId, TriggerEvent};
use penstock_engine::{Changes, ExecutionContext, NewExecution, Origin, Refusal, StatusTarget, Work, create};
use penstock_guest::{Failure, Platform, moment};
use penstock_pipeline::{Definition, Diagnostic, RunContext, Severity, Trigger, parse, plan};
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
    /// Changed by the push, where that is known.
    pub changed_paths: Option<&'a [String]>,
    /// How long an equal `origin.event_key` means the same happening.
    pub window_ms: i64,
    pub by: Cause,
}

pub enum Launched {
    Started(ExecutionId, Box<Changes>),
    /// The same happening has started this one.
    Already(ExecutionId),
    /// Neither branch, event nor paths are what the pipeline asks for.
    NotAdmitted(String),
}

impl Launch<'_> {
    /// The work that the definition's text asks for, or why it is not to run.
    pub fn work(&self, text: &str) -> Result<(Work, Option<u32>), String> {
        let parsed = parse(text);
        let errors: Vec<_> = parsed.diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
        let Some(definition) = parsed.definition.filter(|_| errors.is_empty()) else {
            return Ok((Work::Broken { error_details: tell(&errors) }, None));
        };
        self.admits(&definition)?;
        let limit = definition.max_concurrent;
        Ok(match plan(&definition, &self.run) {
            Ok(plan) => (Work::Plan(plan), limit),
            Err(diagnostics) => {
                (Work::Broken { error_details: tell(&diagnostics.iter().collect::<Vec<_>>()) }, limit)
            }
        })
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
        work: &Work,
        limit: Option<u32>,
        complete: impl Fn(ExecutionId, &mut Changes),
    ) -> Result<Launched, Failure> {
        let pipeline = launch.pipeline.view.id;
        for _ in 0..MAX_TRIES {
            let at = moment(&self.platform);
            let Some(state) = self.store.pipeline_state(pipeline).await? else {
                return Ok(Launched::NotAdmitted("the pipeline was deleted".to_owned()));
            };
            // After the state, whose version guards the answer.
            if let Some(known) = self.known(launch, at.now).await? {
                return Ok(Launched::Already(known));
            }
            let context = ExecutionContext {
                run: launch.run.clone(),
                target: launch.target.clone(),
                variables: launch.variables.clone(),
                from_fork: launch.from_fork,
            };
            let new = NewExecution {
                origin: launch.origin.clone(),
                context,
                work: work.clone(),
                concurrency_limit: limit,
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

    async fn known(
        &self,
        launch: &Launch<'_>,
        now: penstock_domain::Timestamp,
    ) -> Result<Option<ExecutionId>, StoreError> {
        let Origin { delivery_id, event_key, .. } = &launch.origin;
        if delivery_id.is_none() && event_key.is_none() {
            return Ok(None);
        }
        let since = now.plus_ms(-launch.window_ms);
        self.store.equal_execution(launch.pipeline.view.id, *delivery_id, event_key.as_deref(), since).await
    }
}

fn contradiction(refusal: Refusal) -> Failure {
    Failure::Internal(Box::new(refusal))
}
