//! The whole of the scheduling, pure and deterministic: [`decide`] takes what is ([`Snapshot`]), what happened
//! ([`Event`]) and when ([`Moment`]), and says what changes ([`Changes`]) and which effects follow (the outbox
//! rows among them).
//!
//! Nothing here reads a clock, a random source or a store. A decision is only as good as the state that it was
//! made on: it bears that state's version, and whoever commits it must refuse it if the version has moved on.

mod approvals;
mod attempt;
mod cascade;
mod change;
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
mod why;

pub use change::{
    Changes, DeliveryDone, Dispatch, Effect, EffectKind, ForgeStatus, Guard, HealthCheckDue, NewRows,
    RollbackDue, TimerKind, Waiting,
};
pub use create::{NewExecution, Origin, PipelineState, Work, create};
pub use decide::{Decision, Refusal, decide};
pub use delivery::{
    Approval, Deployment, Environment, Hold, Quarantine, QuarantineLifted, StageGate, TakesBack,
};
pub use deploy::{give_up_rollback, roll_back};
pub use event::{Event, RunnerReport, Unreachable};
pub use matching::{Assignment, ReadyJob, RunnerSlots, assign, fits};
pub use model::{Execution, ExecutionContext, Job, JobReport, Snapshot, Stage, StatusTarget, Step};
pub use moment::{Ids, Moment};
pub use penstock_release::Voter;
pub use rerun::{
    OverriddenBefore, PastGate, PastJob, PastStage, Rerun, RerunError, RerunGate, RerunJob, RerunStage,
    bring_back, rerun,
};
pub use why::{Holder, JobWait, RunnerView, StageWait, Wait, why_execution, why_job, why_stage};

/// How long a runner keeps a job without a sign of life. The runner is told a third of it as its heartbeat.
pub const LEASE_MS: i64 = 30_000;
/// What a runner gets beyond a job's own timeout before the control plane ends the attempt itself: it kills what
/// runs, and hands in its reports.
pub const DEADLINE_GRACE_MS: i64 = 6 * 60_000;
/// Refused pushes after which a job fails as `dispatch_failed`; a runner that is merely full does not count.
pub const MAX_REFUSALS: u32 = 100;
