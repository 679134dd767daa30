//! The whole of the scheduling, pure and deterministic: [`decide`] takes what is ([`Snapshot`]), what happened
//! ([`Event`]) and when ([`Moment`]), and says what changes ([`Changes`]) and which effects follow (the outbox
//! rows among them).
//!
//! Nothing here reads a clock, a random source or a store. A decision is only as good as the state that it was
//! made on: it bears that state's version, and whoever commits it must refuse it if the version has moved on.

mod addition;
mod approvals;
mod attempt;
mod cascade;
mod change;
mod conditions;
mod create;
mod decide;
mod delivery;
mod deploy;
mod draft;
mod ending;
mod event;
mod forge_status;
mod gates;
mod matching;
mod model;
mod moment;
mod rerun;
mod rows;
mod schedule;
mod siblings;
mod story;
mod successors;
mod why;

pub use change::{
    Changes, DeliveryDone, Dispatch, Effect, EffectKind, ForgeStatus, Guard, HealthCheckDue, NewRows,
    RollbackDue, SuccessorDue, SupersedeDue, TimerKind, Waiting,
};
pub use create::{Admission, Group, GroupState, NewExecution, Origin, PipelineState, Work, create};
pub use decide::{Decision, Refusal, decide};
pub use delivery::{
    Approval, Deployment, Environment, Hold, Quarantine, QuarantineLifted, StageGate, TakesBack,
};
pub use deploy::{give_up_rollback, roll_back};
pub use event::{Event, Present, RunnerReport, Unreachable};
pub use forge_status::nothing_to_do;
pub use matching::{Assignment, ReadyJob, RunnerSlots, assign, fits};
pub use model::{
    Ending, Execution, ExecutionContext, HandedOn, Job, JobReport, Snapshot, Stage, StatusTarget, Step,
    outputs,
};
pub use moment::{Ids, Moment};
pub use penstock_release::Voter;
pub use rerun::{
    Carried, OverriddenBefore, PastGate, PastJob, PastStage, Rerun, RerunError, RerunGate, RerunJob,
    RerunStage, Scope, bring_back, rerun,
};
pub use schedule::{ScheduleRow, schedules};
pub use story::Story;
pub use successors::MAX_CHAIN;
pub use why::{
    ExecutionWait, GroupWait, Holder, JobWait, RunnerView, StageWait, Wait, why_execution, why_job, why_stage,
};

/// How long a runner keeps a job without a sign of life. The runner is told a third of it as its heartbeat.
pub const LEASE_MS: i64 = 30_000;
/// What a runner gets beyond a job's own timeout before the control plane ends the attempt itself: it kills what
/// runs, and hands in its reports.
pub const DEADLINE_GRACE_MS: i64 = 6 * 60_000;
/// Bytes of the names and values that one job hands on: what the runner protocol lets it tell, and no more.
pub const MAX_OUTPUT_BYTES: usize = 64 * 1024;
/// What cleans up after an execution that was ended has so long, all together.
pub const CLEAN_UP_MS: i64 = 15 * 60_000;
/// Refused pushes after which a job fails as `dispatch_failed`; a runner that is merely full does not count.
pub const MAX_REFUSALS: u32 = 1_000;
