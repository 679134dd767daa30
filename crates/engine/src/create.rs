//! A new execution: its number, its rows, and whether it may begin at once.

use std::collections::BTreeMap;

use penstock_domain::{
    DeliveryId, ExecutionId, ExecutionStatus, GateId, GateStatus, IdSource as _, JobId, PipelineId, Reason,
    StageId, TriggerEvent, WorkStatus,
};
use penstock_gates::{Facts, Gate};
use penstock_pipeline::{Plan, PlannedGate};
use serde::Deserialize;

use crate::change::{EffectKind, ExecutionRow, GateRow, Guard, NewRows, StageRow, SupersedeDue};
use crate::decide::{Decision, Refusal};
use crate::delivery::{Environment, StageGate};
use crate::draft::Draft;
use crate::matching::RunnerSlots;
use crate::model::{Execution, ExecutionContext, HandedOn, Job, Snapshot, Stage};
use crate::moment::{Ids, Moment};
use crate::rerun::{Rerun, RerunGate, RerunJob, RerunStage};
use crate::rows;
use crate::{attempt, ending, forge_status};

/// The pipeline as far as a new execution depends on it; guarded by its version.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineState {
    pub id: PipelineId,
    pub version: i64,
    pub last_number: u64,
    pub running: u32,
    /// Whether older ones wait for room: a new one goes behind them.
    pub has_queue: bool,
    /// Executions at once.
    pub limit: u32,
    /// Those that a stage deploys to at once, where it does; the snapshots of the others come with their own.
    pub environments: Vec<Environment>,
    /// What the reports of carried-over jobs say, where a gate may be decided on at once.
    pub facts: Facts,
    /// The concurrency group of the new execution, where it has one.
    pub group: Option<GroupState>,
    /// Runners with free slots, where no job waits for any: the new execution's first jobs are theirs at once, in the same
    /// change.
    pub runners: Vec<RunnerSlots>,
}

/// A concurrency group as far as a new execution of it depends on it; guarded by its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupState {
    pub key: String,
    pub version: i64,
    pub running: u32,
    /// Whether others of it wait: a new one goes behind them.
    pub has_queue: bool,
    /// Those of it that have not ended, the oldest first.
    pub unfinished: Vec<Unfinished>,
}

/// An execution of a group that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Unfinished {
    pub id: ExecutionId,
    pub delivery_id: Option<DeliveryId>,
    /// The branch that its pull request comes from, where it is of one.
    pub pull_request_from: Option<String>,
}

impl GroupState {
    pub fn guard(&self) -> Guard {
        Guard { subject: format!("group:{}", self.key), expect: self.version }
    }
}

impl PipelineState {
    pub fn subject(&self) -> String {
        format!("pipeline:{}", self.id)
    }

    pub fn guard(&self) -> Guard {
        Guard { subject: self.subject(), expect: self.version }
    }

    /// Whether a further execution may run, which asks for no more than that at once.
    pub fn has_room(&self, admission: &Admission) -> bool {
        let limit = admission.own_limit.map_or(self.limit, |own| own.min(self.limit));
        let group = admission.group.as_ref().zip(self.group.as_ref());
        self.running < limit && group.is_none_or(|(asked, group)| group.running < asked.limit)
    }

    /// Whether others come first.
    fn has_to_wait(&self) -> bool {
        self.has_queue || self.group.as_ref().is_some_and(|g| g.has_queue)
    }
}

/// When an execution may begin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    /// Executions of the pipeline at once, where the file asks for fewer than the pipeline allows.
    pub own_limit: Option<u32>,
    pub group: Option<Group>,
    /// The higher goes first.
    pub priority: i32,
}

/// The concurrency group that an execution is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// As the file calls it.
    pub name: String,
    /// Unique among all repositories.
    pub key: String,
    pub limit: u32,
    /// The older ones of it are ended.
    pub cancel_in_progress: bool,
}

/// What asked for the execution.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Origin {
    pub delivery_id: Option<DeliveryId>,
    /// Equal for two deliveries that tell of the same thing: only one of them starts something.
    pub event_key: Option<String>,
    pub trigger_user: Option<String>,
    pub retry_of: Option<ExecutionId>,
    /// A person stands behind it: a fork's pull request need not wait for another.
    pub is_let_go: bool,
}

/// What it is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    Plan(Plan),
    Rerun(Rerun),
    /// The definition can't be used: the execution is recorded as failed, with what is wrong.
    Broken {
        error_details: String,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewExecution {
    pub origin: Origin,
    /// `run.number` is set here.
    pub context: ExecutionContext,
    pub work: Work,
    pub admission: Admission,
}

/// The execution's rows, queued or already begun. The decision's subject is the new execution, at version 0.
///
/// # Errors
/// [`Refusal`] only where the plan contradicts itself.
pub fn create(
    new: NewExecution,
    pipeline: &PipelineState,
    at: &Moment,
) -> Result<(ExecutionId, Decision), Refusal> {
    let mut ids = at.ids();
    let id = ExecutionId(ids.uuid());
    let number = pipeline.last_number + 1;
    let mut context = new.context;
    context.run.number = number;
    let others = Others::of(&new.origin, &context, pipeline.group.as_ref(), &new.admission);
    let (work, broken) = match new.work {
        Work::Plan(mut plan) => {
            context.variables = std::mem::take(&mut plan.variables);
            context.late = std::mem::take(&mut plan.late);
            context.then = std::mem::take(&mut plan.then);
            (from_plan(plan), None)
        }
        Work::Rerun(rerun) => (rerun, None),
        Work::Broken { error_details } => (Rerun { stages: vec![], timeout_ms: 0 }, Some(error_details)),
    };
    let is_held = context.from_fork && !new.origin.is_let_go && broken.is_none();
    let execution = Execution {
        id,
        pipeline_id: pipeline.id,
        number,
        status: ExecutionStatus::Queued,
        reason: if is_held { Some(Reason::ForkApproval) } else { Some(Reason::ConcurrencyLimit) },
        started_at: None,
        completed_at: None,
        timeout_ms: work.timeout_ms,
        stages_total: u32::try_from(work.stages.len()).unwrap_or(u32::MAX),
        stages_completed: 0,
        stages_failed: 0,
        error_details: None,
        ending: None,
        context,
    };
    let mut rows = Rows {
        ids: &mut ids,
        execution: id,
        created: NewRows::default(),
        stages: vec![],
        jobs: vec![],
        gives_at_once: !pipeline.runners.is_empty(),
        gates: vec![],
        handed_on: vec![],
        new_ids: BTreeMap::new(),
    };
    for (order, stage) in work.stages.into_iter().enumerate() {
        rows.stage(order, stage);
    }
    let Rows { mut created, stages, jobs, gates, handed_on, .. } = rows;
    created.executions.push(execution_row(&execution, new.origin, &new.admission));
    let snapshot = Snapshot {
        version: 0,
        is_narrow: false,
        execution,
        stages,
        jobs,
        steps: vec![],
        gates,
        deployments: vec![],
        approvals: vec![],
        environments: pipeline.environments.clone(),
        facts: pipeline.facts,
        handed_on,
    };
    // A seed of its own, so that no id of the rows is drawn twice.
    let mut seed = at.seed;
    seed[0] ^= 0x5a;
    let mut draft = Draft::new(snapshot, &Moment { now: at.now, seed });
    let is_broken = broken.is_some();
    let has_room = !pipeline.has_to_wait() && pipeline.has_room(&new.admission) && others.newer.is_none();
    begin(&mut draft, has_room, broken, is_held)?;
    attempt::give_away(&mut draft, &pipeline.runners)?;
    draft.changes.guards.push(pipeline.guard());
    if let Some(group) = pipeline.group.as_ref().filter(|_| !is_broken) {
        draft.changes.guards.push(group.guard());
        if !is_held {
            others.supersede(&mut draft, id);
        }
    }
    draft.changes.created = created;
    Ok((id, draft.finish()))
}

/// The other executions of a group whose newest is to take the place of those before it: all of one pull request, or all
/// that are of none.
#[derive(Default)]
struct Others {
    older: Vec<ExecutionId>,
    /// What happened later was heard of first: then this one is the older.
    newer: Option<ExecutionId>,
}

impl Others {
    fn of(
        origin: &Origin,
        context: &ExecutionContext,
        group: Option<&GroupState>,
        admission: &Admission,
    ) -> Self {
        let cancels = admission.group.as_ref().is_some_and(|g| g.cancel_in_progress);
        let Some(group) = group.filter(|_| cancels) else { return Self::default() };
        let run = &context.run;
        let from = (run.event == TriggerEvent::PullRequest).then_some(run.branch.as_str());
        let is_beside = |u: &&Unfinished| u.pull_request_from.as_deref() == from;
        // Deliveries are numbered as they come in.
        let is_newer = |u: &&Unfinished| origin.delivery_id.is_some() && u.delivery_id > origin.delivery_id;
        let (newer, older): (Vec<_>, Vec<_>) = group.unfinished.iter().filter(is_beside).partition(is_newer);
        Self { older: older.iter().map(|u| u.id).collect(), newer: newer.last().map(|u| u.id) }
    }

    /// Ends the older ones. The new one waits until they have ended.
    fn supersede(&self, draft: &mut Draft, id: ExecutionId) {
        let ended = self.older.iter().map(|older| (*older, id));
        for (execution_id, by) in ended.chain(self.newer.map(|newer| (id, newer))) {
            let topic = format!("supersede:{execution_id}");
            draft.effect(topic, EffectKind::Supersede(SupersedeDue { execution_id, by }));
        }
    }
}

fn begin(draft: &mut Draft, has_room: bool, broken: Option<String>, is_held: bool) -> Result<(), Refusal> {
    let now = draft.now;
    if let Some(error_details) = broken {
        let execution = draft.touch_execution();
        execution.status = execution.status.become_(ExecutionStatus::Failed)?;
        (execution.reason, execution.completed_at) = (Some(Reason::ConfigError), Some(now));
        execution.error_details = Some(error_details);
        forge_status::tell(draft);
        return Ok(());
    }
    if !is_held && has_room {
        draft.touch_execution().reason = None;
        return ending::admit(draft);
    }
    forge_status::tell(draft);
    Ok(())
}

fn from_plan(plan: Plan) -> Rerun {
    let job = |planned| RerunJob { planned, carried_from: None, outputs: None, was: None, added_by: None };
    let stages = plan
        .stages
        .into_iter()
        .map(|mut planned| {
            let jobs = std::mem::take(&mut planned.jobs).into_iter().map(job).collect();
            let gates = planned.gates.iter().filter_map(as_gate).map(RerunGate::fresh).collect();
            RerunStage { planned, jobs, gates, carried: None }
        })
        .collect();
    Rerun { stages, timeout_ms: plan.timeout_ms }
}

/// The parser has looked at every word: none is unknown here.
fn as_gate(planned: &PlannedGate) -> Option<Gate> {
    Some(Gate {
        name: planned.name.clone(),
        gate_type: planned.gate_type.parse().ok()?,
        metric: planned.metric.parse().ok()?,
        operator: planned.operator.parse().ok()?,
        threshold: planned.threshold,
        blocker: planned.blocker,
        overridable: planned.overridable,
    })
}

fn execution_row(execution: &Execution, origin: Origin, admission: &Admission) -> ExecutionRow {
    let group = admission.group.as_ref();
    let run = &execution.context.run;
    let text = |s: &str| (!s.is_empty()).then(|| s.to_owned());
    ExecutionRow {
        id: execution.id,
        pipeline_id: execution.pipeline_id,
        execution_number: execution.number,
        delivery_id: origin.delivery_id,
        event_key: origin.event_key,
        retry_of: origin.retry_of,
        commit_sha: run.commit_sha.clone(),
        commit_message: text(&run.commit_message),
        commit_author: text(&run.author),
        branch_name: run.branch.clone(),
        trigger_event: run.event,
        trigger_user: origin.trigger_user,
        context: execution.context.clone(),
        status: execution.status,
        reason: execution.reason,
        started_at: None,
        completed_at: None,
        timeout_ms: execution.timeout_ms,
        concurrency_limit: admission.own_limit,
        concurrency_group: group.map(|g| g.name.clone()),
        concurrency_key: group.map(|g| g.key.clone()),
        group_limit: group.map(|g| g.limit),
        priority: admission.priority,
        stages_total: execution.stages_total,
        stages_completed: 0,
        stages_failed: 0,
        error_details: None,
    }
}

struct Rows<'a> {
    ids: &'a mut Ids,
    execution: ExecutionId,
    created: NewRows,
    stages: Vec<Stage>,
    /// Those with a condition: a starting stage asks them. And those that may be given away at once.
    jobs: Vec<Job>,
    gives_at_once: bool,
    gates: Vec<StageGate>,
    handed_on: Vec<HandedOn>,
    /// Of jobs that were before.
    new_ids: BTreeMap<JobId, JobId>,
}

impl Rows<'_> {
    fn stage(&mut self, order: usize, stage: RerunStage) {
        let id = StageId(self.ids.uuid());
        let is_carried = stage.carried.is_some();
        let (status, reason) = stage.carried.map_or((WorkStatus::Pending, None), |c| (c.status, c.reason));
        // Of a stage that does not run again, what did not run then does not run now.
        let carried = stage.jobs.iter().filter(|j| is_carried || j.carried_from.is_some()).count();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let planned = stage.planned;
        let row = StageRow {
            id,
            execution_id: self.execution,
            name: planned.name,
            stage_type: planned.stage_type,
            order: count(order),
            depends_on: planned.depends_on,
            condition: planned.condition,
            variables: planned.variables,
            deploy: planned.deploy,
            late: planned.late,
            always: planned.always,
            continue_on_error: planned.continue_on_error,
            timeout_ms: planned.timeout_ms,
            status,
            reason,
            started_at: None,
            completed_at: None,
            jobs_total: count(stage.jobs.len()),
            jobs_finished: count(carried),
            jobs_failed: 0,
        };
        self.stages.push(Stage {
            id,
            name: row.name.clone(),
            depends_on: row.depends_on.clone(),
            condition: row.condition.clone(),
            variables: row.variables.clone(),
            late: row.late.clone(),
            always: row.always,
            continue_on_error: row.continue_on_error,
            deploy: row.deploy.clone(),
            timeout_ms: row.timeout_ms,
            status,
            reason,
            started_at: None,
            completed_at: None,
            jobs_total: row.jobs_total,
            jobs_finished: row.jobs_finished,
            jobs_failed: 0,
        });
        let stage_name = row.name.clone();
        let is_given = self.gives_at_once && row.depends_on.is_empty();
        self.created.stages.push(row);
        for gate in stage.gates {
            self.gate(id, gate, status == WorkStatus::Succeeded);
        }
        for (order, job) in stage.jobs.into_iter().enumerate() {
            let is_left_out = is_carried && job.carried_from.is_none();
            let left_out = is_left_out.then_some(reason.unwrap_or(Reason::ConditionFalse));
            self.job((id, &stage_name), count(order), job, left_out, is_given);
        }
    }

    fn gate(&mut self, stage_id: StageId, gate: RerunGate, has_passed: bool) {
        let id = GateId(self.ids.uuid());
        let RerunGate { gate, overridden } = gate;
        let status = match (&overridden, has_passed) {
            (Some(_), _) => GateStatus::Overridden,
            (None, true) => GateStatus::Passed,
            (None, false) => GateStatus::Pending,
        };
        let (override_reason, overridden_by, overridden_at) = match overridden {
            Some(by) => (Some(by.reason), Some(by.by), Some(by.at)),
            None => (None, None, None),
        };
        self.gates.push(StageGate {
            id,
            stage_id,
            gate: gate.clone(),
            status,
            actual: None,
            reasons: vec![],
            evaluated_at: None,
            override_reason: override_reason.clone(),
            overridden_by: overridden_by.clone(),
            overridden_at,
        });
        let execution_id = self.execution;
        self.created.gates.push(GateRow {
            id,
            execution_id,
            stage_id,
            gate,
            status,
            override_reason,
            overridden_by,
            overridden_at,
        });
    }

    fn job(
        &mut self,
        (stage_id, stage): (StageId, &str),
        order: u32,
        job: RerunJob,
        left_out: Option<Reason>,
        is_given: bool,
    ) {
        let id = JobId(self.ids.uuid());
        let RerunJob { planned, carried_from, outputs, was, added_by } = job;
        if let Some(was) = was {
            self.new_ids.insert(was, id);
        }
        let is_carried = carried_from.is_some();
        let status = match (is_carried, left_out) {
            (true, _) => WorkStatus::Succeeded,
            (_, Some(_)) => WorkStatus::Skipped,
            _ => WorkStatus::Pending,
        };
        let is_asked = planned.condition.is_some() || planned.siblings.is_some();
        if (is_asked || is_given) && status == WorkStatus::Pending {
            self.jobs.push(rows::waiting_job(id, stage_id, order, &planned));
        }
        if let Some(outputs) = outputs.clone().filter(|_| is_carried) {
            self.handed_on.push(HandedOn { stage: stage.to_owned(), order, outputs });
        }
        self.created.steps.extend(rows::steps(self.ids, id, &planned, status));
        let mut row = rows::job(id, self.execution, stage_id, order, planned);
        (row.status, row.carried_from) = (status, carried_from);
        row.outputs = outputs.filter(|_| is_carried);
        row.reason = left_out.filter(|_| !is_carried);
        row.message = is_carried.then(|| "succeeded in the execution that this one retries".to_owned());
        // What adds comes before what it adds.
        row.added_by = added_by.and_then(|by| self.new_ids.get(&by).copied());
        self.created.jobs.push(row);
    }
}
