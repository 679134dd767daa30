//! From a definition to a new execution: parse, admit, plan, number, commit.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use penstock_domain::{ExecutionId, JobId, PipelineId, Timestamp, TriggerEvent};
use penstock_engine::{
    Admission, Changes, ExecutionContext, Group, NewExecution, Origin, Refusal, Rerun, StatusTarget,
    TakesBack, Work, create,
};
use penstock_guest::{Failure, Platform, moment};
use penstock_pipeline::{
    Definition, Diagnostic, InputProblem, Late, Outputs, PlannedStage, PlannedSuccessor, Refusal as Refused,
    RunContext, Severity, Trigger, parse, plan,
};
use penstock_store::{Cause, Entry, Pipeline, StoreError};
use thiserror::Error;

use crate::deliveries::target_branch;
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
    pub inherited: Inherited,
    pub from_fork: bool,
    /// Whose change it is.
    pub authors: Vec<String>,
    /// When its commit was made, where that is known.
    pub commit_at: Option<Timestamp>,
    /// It brings back an earlier version, and waits in no queue.
    pub takes_back: Option<TakesBack>,
    /// What happened to the pull request.
    pub action: Option<String>,
    /// Somebody, or another pipeline, chose to start it: the file's filters do not stand against it.
    pub is_chosen: bool,
    /// How long an equal `origin.event_key` means the same happening.
    pub window_ms: i64,
    pub by: Cause,
}

/// What an execution has from an earlier one: whose work it does again, or whom it follows.
#[derive(Default)]
pub struct Inherited {
    /// The pipeline's, where the work was planned before.
    pub variables: BTreeMap<String, String>,
    pub late: Vec<Late>,
    pub then: Vec<PlannedSuccessor>,
    pub outputs: Outputs,
    pub chain: Vec<PipelineId>,
}

impl Inherited {
    /// For the same work once more.
    pub fn from(context: &ExecutionContext) -> Self {
        Self {
            variables: context.variables.clone(),
            late: context.late.clone(),
            then: context.then.clone(),
            outputs: context.outputs.clone(),
            chain: context.chain.clone(),
        }
    }
}

/// What an execution is to do, and when it may begin.
pub struct Order {
    what: What,
    admission: Admission,
}

/// A definition is planned when the execution's number is known, for it may name the number.
enum What {
    Definition(Box<Definition>),
    Work(Work),
}

impl Order {
    pub const fn again(work: Rerun, admission: Admission) -> Self {
        Self { what: What::Work(Work::Rerun(work)), admission }
    }

    pub fn broken(error_details: String) -> Self {
        Self { what: What::Work(Work::Broken { error_details }), admission: Admission::default() }
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

impl<'a> Launch<'a> {
    /// A launch of nothing in particular, to be filled in.
    pub fn of(pipeline: &'a Pipeline, by: Cause) -> Self {
        Self {
            pipeline,
            origin: Origin::default(),
            run: RunContext {
                branch: String::new(),
                tag: None,
                event: TriggerEvent::Manual,
                commit_sha: None,
                commit_message: String::new(),
                author: String::new(),
                repository_url: pipeline.view.repository_url.clone(),
                pipeline_name: pipeline.view.pipeline_name.clone(),
                number: 0,
                variables: BTreeMap::new(),
                inputs: BTreeMap::new(),
                changed_paths: None,
                event_name: None,
                base_branch: String::new(),
                pull_request: 0,
            },
            target: None,
            inherited: Inherited::default(),
            from_fork: false,
            authors: vec![],
            commit_at: None,
            takes_back: None,
            action: None,
            is_chosen: false,
            window_ms: 0,
            by,
        }
    }

    /// What the definition's text asks for, or why it is not to run. The run is given what the file's inputs make of
    /// its parameters.
    pub fn order(mut self, text: &str) -> Result<(Self, Order), NotOrdered> {
        let parsed = parse(text);
        let errors: Vec<_> = parsed.diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
        let Some(definition) = parsed.definition.filter(|_| errors.is_empty()) else {
            return Ok((self, Order::broken(tell(&errors))));
        };
        self.admits(&definition)?;
        self.give_inputs(&definition)?;
        let admission = Admission { own_limit: definition.max_concurrent, ..Admission::default() };
        Ok((self, Order { what: What::Definition(Box::new(definition)), admission }))
    }

    /// Who starts it by hand, by the clock or from another pipeline answers for what it is given; a push gives nothing.
    fn give_inputs(&mut self, definition: &Definition) -> Result<(), NotOrdered> {
        let is_given = self.is_chosen
            || matches!(
                self.run.event,
                TriggerEvent::Manual | TriggerEvent::Schedule | TriggerEvent::Webhook
            );
        if !is_given {
            definition.fill_inputs(&mut self.run);
            return Ok(());
        }
        let checked = definition.check_inputs(&self.run.variables).map_err(NotOrdered::BadInputs)?;
        (self.run.variables, self.run.inputs) = checked;
        Ok(())
    }

    /// What somebody chose, or another pipeline, no filter stands against.
    fn admits(&self, definition: &Definition) -> Result<(), NotOrdered> {
        if self.is_chosen || self.run.event == TriggerEvent::Manual {
            return Ok(());
        }
        let trigger = Trigger {
            event: self.run.event,
            branch: target_branch(&self.run),
            tag: self.run.tag.as_deref(),
            changed_paths: self.run.changed_paths.as_deref(),
            action: self.action.as_deref(),
            event_name: self.run.event_name.as_deref(),
        };
        definition.admits(&trigger).map_err(|refusal| {
            let why = refusal.to_string();
            match refusal {
                Refused::PathsNotSelected { .. } => NotOrdered::NothingChanged(why),
                _ => NotOrdered::NotAdmitted(why),
            }
        })
    }

    /// When the planned work may begin. A group means something within its repository; a fork's is its own, so that
    /// what a stranger writes holds up nobody.
    fn admission(&self, order: &Order, work: &Work) -> Admission {
        let Work::Plan(plan) = work else { return order.admission.clone() };
        let group = plan.concurrency.as_ref().map(|planned| {
            let namespace = if self.from_fork { "fork:" } else { "" };
            Group {
                name: planned.group.clone(),
                key: format!("{namespace}{}#{}", self.pipeline.repository_key, planned.group),
                limit: planned.limit,
                cancel_in_progress: planned.cancel_in_progress,
            }
        });
        Admission { own_limit: order.admission.own_limit, group, priority: plan.priority }
    }
}

/// Why a definition starts nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotOrdered {
    #[error("{0}")]
    NotAdmitted(String),
    /// Nothing that the pipeline is for was changed: a check of the commit that is waited for has nothing to do.
    #[error("{0}")]
    NothingChanged(String),
    #[error("its inputs don't fit: {}", told(.0))]
    BadInputs(Vec<InputProblem>),
}

fn told(problems: &[InputProblem]) -> String {
    problems.iter().map(|p| format!("`{}` {}", p.name, p.message)).collect::<Vec<_>>().join("; ")
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
            let admission = launch.admission(order, &work);
            if let Some(group) = admission.group.as_ref().filter(|_| launch.takes_back.is_none()) {
                state.group = Some(self.store.group_state(&group.key).await?);
            }
            let carried = carried(&work);
            if !carried.is_empty() {
                state.facts = self.store.facts_of(&carried).await?;
            }
            // After the state, whose version guards the answer.
            if let Some(known) = self.known(launch, at.now).await? {
                return Ok(Launched::Already(known));
            }
            let (runners, demands) = self.store.supply_and_demand(at.now).await?;
            // Nobody goes before those that wait.
            state.runners = if demands.is_empty() { runners } else { vec![] };
            let context = ExecutionContext {
                run: launch.run.clone(),
                target: launch.target.clone(),
                variables: launch.inherited.variables.clone(),
                late: launch.inherited.late.clone(),
                then: launch.inherited.then.clone(),
                outputs: launch.inherited.outputs.clone(),
                chain: launch.inherited.chain.clone(),
                from_fork: launch.from_fork,
                authors: launch.authors.clone(),
                commit_at: launch.commit_at,
                takes_back: launch.takes_back.clone(),
                cancels_in_progress: admission.group.as_ref().is_some_and(|g| g.cancel_in_progress),
            };
            let new = NewExecution { origin: launch.origin.clone(), context, work, admission };
            let (id, mut decision) = create(new, &state, &at).map_err(contradiction)?;
            complete(id, &mut decision.changes);
            match self.store.commit(&Entry::of_execution(id, &decision), &launch.by, at.now).await {
                Ok(_) => return Ok(Launched::Started(id, Box::new(decision.changes))),
                Err(StoreError::Conflict | StoreError::RunnerFull | StoreError::Exists(_)) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    async fn known(&self, launch: &Launch<'_>, now: Timestamp) -> Result<Option<ExecutionId>, StoreError> {
        let Origin { delivery_id, event_key, .. } = &launch.origin;
        if delivery_id.is_none() && event_key.is_none() || penstock_domain::bugs::is_on("doubles_not_noticed")
        {
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
