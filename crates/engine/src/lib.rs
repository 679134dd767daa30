//! The whole of the scheduling, pure and deterministic: [`decide`] takes what is ([`Snapshot`]), what happened
//! ([`Event`]) and when ([`Moment`]), and says what changes ([`Changes`]) and which effects follow (the outbox
//! rows among them).
//!
//! Nothing here reads a clock, a random source or a store. A decision is only as good as the state that it was
//! made on: it bears that state's version, and whoever commits it must refuse it if the version has moved on.

mod attempt;
mod cascade;
mod change;
mod create;
mod decide;
mod draft;
mod ending;
mod event;
mod forge_status;
mod matching;
mod model;
mod moment;
mod rerun;
mod why;

pub use change::{
    Changes, DeliveryDone, Dispatch, Effect, EffectKind, ForgeStatus, Guard, NewRows, TimerKind, Waiting,
};
pub use create::{NewExecution, Origin, PipelineState, Work, create};
pub use decide::{Decision, Refusal, decide};
pub use event::{Event, RunnerReport, Unreachable};
pub use matching::{Assignment, ReadyJob, RunnerSlots, assign, fits};
pub use model::{Execution, ExecutionContext, Job, JobReport, Snapshot, Stage, StatusTarget, Step};
pub use moment::{Ids, Moment};
pub use rerun::{Rerun, RerunError, RerunJob, RerunStage, rerun};
pub use why::{Holder, JobWait, RunnerView, Wait, why_execution, why_job};

/// How long a runner keeps a job without a sign of life. The runner is told a third of it as its heartbeat.
pub const LEASE_MS: i64 = 30_000;
/// What a runner gets beyond a job's own timeout before the control plane ends the attempt itself.
pub const DEADLINE_GRACE_MS: i64 = 60_000;
/// Refused pushes after which a job fails as `dispatch_failed`; a runner that is merely full does not count.
pub const MAX_REFUSALS: u32 = 100;
