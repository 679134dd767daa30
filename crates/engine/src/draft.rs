//! A decision in the making: a copy of the snapshot that is changed in place, and what was touched.

use std::collections::{BTreeMap, BTreeSet};

use penstock_domain::{
    ApprovalId, DeploymentId, GateId, IdSource as _, JobId, OutboxId, Reason, RunnerId, StageId, StepId,
    TimerId, Timestamp, WorkStatus,
};

use crate::change::{
    Changes, Dispatch, Effect, EffectKind, Guard, StepsOf, Timer, TimerKind, TimersOfKind, Waiting,
};
use crate::decide::{Decision, Refusal};
use crate::delivery::{Approval, Deployment, Environment, Hold, StageGate};
use crate::model::{Job, Snapshot, Stage};
use crate::moment::{Ids, Moment};
use crate::siblings;

/// How long whoever decided an effect has it to itself before the clock hands it to another.
/// Longer than a push may take.
pub(crate) const FIRST_CLAIM_MS: i64 = 15_000;

pub(crate) struct Draft {
    pub state: Snapshot,
    pub now: Timestamp,
    pub changes: Changes,
    ids: Ids,
    execution_touched: bool,
    stages_touched: BTreeSet<StageId>,
    jobs_touched: BTreeSet<JobId>,
    steps_touched: BTreeSet<StepId>,
    gates_touched: BTreeSet<GateId>,
    deployments_touched: BTreeSet<DeploymentId>,
    approvals_touched: BTreeSet<ApprovalId>,
}

impl Draft {
    pub fn new(state: Snapshot, at: &Moment) -> Self {
        Self {
            state,
            now: at.now,
            changes: Changes::default(),
            ids: at.ids(),
            execution_touched: false,
            stages_touched: BTreeSet::new(),
            jobs_touched: BTreeSet::new(),
            steps_touched: BTreeSet::new(),
            gates_touched: BTreeSet::new(),
            deployments_touched: BTreeSet::new(),
            approvals_touched: BTreeSet::new(),
        }
    }

    /// The decision: every touched row, in the order of the snapshot.
    pub fn finish(mut self) -> Decision {
        if self.execution_touched {
            self.changes.executions.push(self.state.execution);
        }
        self.changes
            .stages
            .extend(self.state.stages.into_iter().filter(|s| self.stages_touched.contains(&s.id)));
        self.changes.jobs.extend(self.state.jobs.into_iter().filter(|j| self.jobs_touched.contains(&j.id)));
        self.changes
            .steps
            .extend(self.state.steps.into_iter().filter(|s| self.steps_touched.contains(&s.id)));
        let changes = &mut self.changes;
        let (gates, deployments) = (&self.gates_touched, &self.deployments_touched);
        changes.gates.extend(self.state.gates.into_iter().filter(|g| gates.contains(&g.id)));
        changes
            .deployments
            .extend(self.state.deployments.into_iter().filter(|d| deployments.contains(&d.id)));
        let approvals = &self.approvals_touched;
        changes.approvals.extend(self.state.approvals.into_iter().filter(|a| approvals.contains(&a.id)));
        Decision { version: self.state.version, changes: self.changes }
    }

    pub fn require_whole(&self) -> Result<(), Refusal> {
        if self.state.is_whole() { Ok(()) } else { Err(Refusal::NeedsWhole) }
    }

    pub fn touch_execution(&mut self) -> &mut crate::model::Execution {
        self.execution_touched = true;
        &mut self.state.execution
    }

    pub fn job_index(&self, id: JobId) -> Result<usize, Refusal> {
        self.state.jobs.iter().position(|j| j.id == id).ok_or(Refusal::Unknown("job"))
    }

    pub fn job(&self, index: usize) -> &Job {
        &self.state.jobs[index]
    }

    pub fn touch_job(&mut self, index: usize) -> &mut Job {
        let job = &mut self.state.jobs[index];
        self.jobs_touched.insert(job.id);
        job
    }

    pub fn stage_index(&self, id: StageId) -> Result<usize, Refusal> {
        self.state.stages.iter().position(|s| s.id == id).ok_or(Refusal::Unknown("stage"))
    }

    pub fn stage(&self, index: usize) -> &Stage {
        &self.state.stages[index]
    }

    pub fn touch_stage(&mut self, index: usize) -> &mut Stage {
        let stage = &mut self.state.stages[index];
        self.stages_touched.insert(stage.id);
        stage
    }

    pub const fn ids(&mut self) -> &mut Ids {
        &mut self.ids
    }

    pub fn touch_gate(&mut self, index: usize) -> &mut StageGate {
        let gate = &mut self.state.gates[index];
        self.gates_touched.insert(gate.id);
        gate
    }

    pub fn add_deployment(&mut self, deployment: Deployment) {
        self.deployments_touched.insert(deployment.id);
        self.state.deployments.push(deployment);
    }

    pub fn touch_deployment(&mut self, index: usize) -> &mut Deployment {
        let deployment = &mut self.state.deployments[index];
        self.deployments_touched.insert(deployment.id);
        deployment
    }

    pub fn add_approval(&mut self, approval: Approval) {
        self.approvals_touched.insert(approval.id);
        self.state.approvals.push(approval);
    }

    pub fn touch_approval(&mut self, index: usize) -> &mut Approval {
        let approval = &mut self.state.approvals[index];
        self.approvals_touched.insert(approval.id);
        approval
    }

    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.state.environments.iter().find(|e| e.name == name)
    }

    /// Holds as long as nobody else has changed or taken the environment meanwhile.
    pub fn take_environment(&mut self, environment: &Environment, deployment_id: DeploymentId) {
        let guard = Guard { subject: environment.subject(), expect: environment.version };
        if !self.changes.guards.contains(&guard) && !penstock_domain::bugs::is_on("environment_not_guarded") {
            self.changes.guards.push(guard);
        }
        self.changes.environments_taken.push(Hold { environment_id: environment.id, deployment_id });
        for known in self.state.environments.iter_mut().filter(|e| e.id == environment.id) {
            known.holder = Some(deployment_id);
        }
    }

    pub fn touch_step(&mut self, index: usize) -> &mut crate::model::Step {
        let step = &mut self.state.steps[index];
        self.steps_touched.insert(step.id);
        step
    }

    /// Ends, or takes back, the steps of a job; the rows of the snapshot follow, so that both say the same.
    pub fn set_steps_of(&mut self, job_id: JobId, status: WorkStatus, reason: Option<Reason>) {
        let running = match status {
            WorkStatus::Skipped => WorkStatus::Failed,
            other => other,
        };
        self.changes.steps_of.push(StepsOf { job_id, status, running, reason });
        let ids: Vec<_> = self
            .state
            .steps
            .iter()
            .filter(|s| s.job_id == job_id && (status == WorkStatus::Pending || !s.status.is_final()))
            .map(|s| s.id)
            .collect();
        for id in ids {
            self.steps_touched.remove(&id);
        }
    }

    /// Does the same to every job of the stage that still waits.
    pub fn set_waiting(&mut self, stage_id: StageId, status: WorkStatus, reason: Option<Reason>) {
        let now = self.now;
        let (ready_at, completed_at) =
            if status == WorkStatus::Pending { (Some(now), None) } else { (None, Some(now)) };
        let waiting =
            self.state.jobs.iter_mut().filter(|j| j.stage_id == stage_id && j.status == WorkStatus::Pending);
        for job in waiting {
            (job.status, job.completed_at) = (status, completed_at);
            // Its turn comes by its matrix: see `siblings`.
            let is_held = status == WorkStatus::Pending && siblings::is_limited(&job.spec);
            (job.reason, job.ready_at) =
                if is_held { (Some(Reason::ParallelLimit), None) } else { (reason, ready_at) };
        }
        self.changes.waiting.push(Waiting { stage_id, status, reason, ready_at, completed_at });
    }

    pub fn end_timers_of_job(&mut self, id: JobId) {
        self.changes.timers_ended.jobs.push(id);
    }

    /// Also those that this decision has begun.
    pub fn end_timers_of_stage(&mut self, id: StageId) {
        self.changes.timers.retain(|timer| timer.stage_id != Some(id));
        self.changes.timers_ended.stages.push(id);
    }

    /// Ends the execution's own timers of a kind, also one that this decision has begun.
    pub fn end_timers_of_kind(&mut self, kind: TimerKind) {
        self.changes.timers.retain(|timer| timer.kind != kind);
        let execution_id = self.state.execution.id;
        self.changes.timers_ended.kinds.push(TimersOfKind { execution_id, kind });
    }

    /// Ends every timer of the execution, also those that this decision has begun.
    pub fn end_all_timers(&mut self) {
        self.changes.timers.clear();
        self.changes.timers_ended.executions.push(self.state.execution.id);
    }

    pub fn start_timer(
        &mut self,
        kind: TimerKind,
        stage: Option<StageId>,
        attempt_of: Option<(JobId, u32)>,
        ms: i64,
    ) {
        let id = TimerId::new(&mut self.ids);
        self.changes.timers.push(Timer {
            id,
            kind,
            execution_id: self.state.execution.id,
            stage_id: stage,
            job_id: attempt_of.map(|(job, _)| job),
            attempt: attempt_of.map(|(_, attempt)| attempt),
            due_at: self.now.plus_ms(ms),
        });
    }

    pub fn effect(&mut self, topic: String, kind: EffectKind) {
        let id = OutboxId(self.ids.uuid());
        let execution_id = self.state.execution.id;
        // What the scheduler does is done at once by who decided it; the others are looked for by who does them.
        let first_claim_ms = if kind.is_the_schedulers() { FIRST_CLAIM_MS } else { 0 };
        let due_at = self.now.plus_ms(first_claim_ms);
        self.changes.outbox.push(Effect { id, topic, execution_id: Some(execution_id), due_at, kind });
    }

    /// Tells the runner that holds the job's attempt to end it.
    pub fn cancel_on_runner(&mut self, index: usize) {
        let job = &self.state.jobs[index];
        let (job_id, attempt) = (job.id, job.attempt);
        if let Some(runner_id) = job.runner_id {
            self.effect(attempt_topic(job_id), EffectKind::Cancel(Dispatch { job_id, attempt, runner_id }));
        }
    }

    pub fn dispatch(&mut self, job_id: JobId, attempt: u32, runner_id: RunnerId) {
        self.effect(attempt_topic(job_id), EffectKind::Dispatch(Dispatch { job_id, attempt, runner_id }));
    }

    /// How each stage stands, by name, for conditions.
    pub fn stage_statuses(&self) -> BTreeMap<String, WorkStatus> {
        self.state.stages.iter().map(|s| (s.name.clone(), s.status)).collect()
    }
}

/// A dispatch and the cancel of what it dispatched stay in order.
fn attempt_topic(job: JobId) -> String {
    format!("job:{job}")
}
