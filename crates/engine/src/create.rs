//! A new execution: its number, its rows, and whether it may begin at once.

use penstock_domain::{
    DeliveryId, ExecutionId, ExecutionStatus, GateId, GateStatus, IdSource as _, JobId, PipelineId, Reason,
    StageId, StepId, WorkStatus,
};
use penstock_gates::{Facts, Gate};
use penstock_pipeline::{Plan, PlannedGate, PlannedJob};

use crate::change::{ExecutionRow, GateRow, Guard, JobRow, NewRows, StageRow, StepRow};
use crate::decide::{Decision, Refusal};
use crate::delivery::{Environment, StageGate};
use crate::draft::Draft;
use crate::model::{Execution, ExecutionContext, Job, Snapshot, Stage};
use crate::moment::{Ids, Moment};
use crate::rerun::{Rerun, RerunGate, RerunJob, RerunStage};
use crate::{ending, forge_status};

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
}

impl PipelineState {
    pub fn subject(&self) -> String {
        format!("pipeline:{}", self.id)
    }

    pub fn guard(&self) -> Guard {
        Guard { subject: self.subject(), expect: self.version }
    }

    /// Whether a further execution may run, which asks for no more than `own_limit` at once.
    pub fn has_room(&self, own_limit: Option<u32>) -> bool {
        self.running < own_limit.map_or(self.limit, |own| own.min(self.limit))
    }
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
    /// The file's own limit of executions at once.
    pub concurrency_limit: Option<u32>,
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
    let (work, broken) = match new.work {
        Work::Plan(mut plan) => {
            context.variables = std::mem::take(&mut plan.variables);
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
        context,
    };
    let mut rows = Rows {
        ids: &mut ids,
        execution: id,
        created: NewRows::default(),
        stages: vec![],
        jobs: vec![],
        gates: vec![],
    };
    for (order, stage) in work.stages.into_iter().enumerate() {
        rows.stage(order, stage);
    }
    let Rows { mut created, stages, jobs, gates, .. } = rows;
    created.executions.push(execution_row(&execution, new.origin, new.concurrency_limit));
    let snapshot = Snapshot {
        version: 0,
        execution,
        stages,
        jobs,
        steps: vec![],
        gates,
        deployments: vec![],
        approvals: vec![],
        environments: pipeline.environments.clone(),
        facts: pipeline.facts,
    };
    // A seed of its own, so that no id of the rows is drawn twice.
    let mut seed = at.seed;
    seed[0] ^= 0x5a;
    let mut draft = Draft::new(snapshot, &Moment { now: at.now, seed });
    begin(&mut draft, !pipeline.has_queue && pipeline.has_room(new.concurrency_limit), broken, is_held)?;
    draft.changes.guards.push(pipeline.guard());
    draft.changes.created = created;
    Ok((id, draft.finish()))
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
    let job = |planned| RerunJob { planned, carried_from: None };
    let stages = plan
        .stages
        .into_iter()
        .map(|mut planned| {
            let jobs = std::mem::take(&mut planned.jobs).into_iter().map(job).collect();
            let gates = planned.gates.iter().filter_map(as_gate).map(RerunGate::fresh).collect();
            RerunStage { planned, jobs, gates, is_carried: false }
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

fn execution_row(execution: &Execution, origin: Origin, concurrency_limit: Option<u32>) -> ExecutionRow {
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
        concurrency_limit,
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
    /// Those with a condition: a starting stage asks them.
    jobs: Vec<Job>,
    gates: Vec<StageGate>,
}

impl Rows<'_> {
    fn stage(&mut self, order: usize, stage: RerunStage) {
        let id = StageId(self.ids.uuid());
        let is_carried = stage.is_carried;
        // Of a stage that counts as succeeded, what did not run then does not run now.
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
            timeout_ms: planned.timeout_ms,
            status: if is_carried { WorkStatus::Succeeded } else { WorkStatus::Pending },
            reason: None,
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
            deploy: row.deploy.clone(),
            timeout_ms: row.timeout_ms,
            status: row.status,
            reason: None,
            started_at: None,
            completed_at: None,
            jobs_total: row.jobs_total,
            jobs_finished: row.jobs_finished,
            jobs_failed: 0,
        });
        self.created.stages.push(row);
        for gate in stage.gates {
            self.gate(id, gate, is_carried);
        }
        for (order, job) in stage.jobs.into_iter().enumerate() {
            let is_left_out = is_carried && job.carried_from.is_none();
            self.job(id, count(order), job, is_left_out);
        }
    }

    fn gate(&mut self, stage_id: StageId, gate: RerunGate, is_carried: bool) {
        let id = GateId(self.ids.uuid());
        let RerunGate { gate, overridden } = gate;
        let status = match (&overridden, is_carried) {
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

    fn job(&mut self, stage_id: StageId, order: u32, job: RerunJob, is_left_out: bool) {
        let id = JobId(self.ids.uuid());
        let RerunJob { planned, carried_from } = job;
        let is_carried = carried_from.is_some();
        let status = match (is_carried, is_left_out) {
            (true, _) => WorkStatus::Succeeded,
            (_, true) => WorkStatus::Skipped,
            _ => WorkStatus::Pending,
        };
        if planned.condition.is_some() && status == WorkStatus::Pending {
            self.jobs.push(waiting_job(id, stage_id, &planned));
        }
        for (order, step) in planned.steps.iter().enumerate() {
            self.created.steps.push(StepRow {
                id: StepId(self.ids.uuid()),
                job_id: id,
                name: step.name.clone(),
                order: u32::try_from(order).unwrap_or(u32::MAX),
                status,
                reason: None,
                exit_code: None,
                started_at: None,
                completed_at: None,
            });
        }
        let mut runs_on = planned.runs_on.clone();
        runs_on.sort();
        runs_on.dedup();
        self.created.jobs.push(JobRow {
            id,
            execution_id: self.execution,
            stage_id,
            name: planned.name.clone(),
            order,
            condition: planned.condition.clone(),
            runs_on,
            spec: planned,
            status,
            reason: is_left_out.then_some(Reason::ConditionFalse),
            message: is_carried.then(|| "succeeded in the execution that this one retries".to_owned()),
            attempt: 1,
            ready_at: None,
            started_at: None,
            completed_at: None,
            carried_from,
        });
    }
}

fn waiting_job(id: JobId, stage_id: StageId, planned: &PlannedJob) -> Job {
    Job {
        id,
        stage_id,
        name: planned.name.clone(),
        status: WorkStatus::Pending,
        reason: None,
        message: None,
        attempt: 1,
        refusals: 0,
        ready_at: None,
        runner_id: None,
        assigned_at: None,
        started_at: None,
        completed_at: None,
        spec: planned.clone(),
    }
}
