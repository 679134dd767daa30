//! The one entrance: which topic decides on which event.

use penstock_domain::IllegalTransition;
use thiserror::Error;

use crate::change::Changes;
use crate::draft::Draft;
use crate::event::Event;
use crate::model::Snapshot;
use crate::moment::Moment;
use crate::{addition, approvals, attempt, cascade, deploy, ending, gates};

/// What is to change, decided on `version`.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub version: i64,
    pub changes: Changes,
}

impl Decision {
    /// The event was right, and changes nothing: it was told before.
    pub fn is_empty(&self) -> bool {
        self.changes == Changes::default()
    }
}

/// Why an event decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Ask again with every stage of the execution in the snapshot.
    #[error("the decision needs the whole execution")]
    NeedsWhole,
    #[error("there is no such {0} in this execution")]
    Unknown(&'static str),
    /// Whoever reports no longer holds the attempt.
    #[error("the lease of this attempt ran out; its work was taken from this runner")]
    LeaseExpired,
    /// The execution, or what the event is about, has ended before.
    #[error("it has already ended as {0}")]
    AlreadyEnded(&'static str),
    /// The event came too late to matter: somebody else has decided meanwhile.
    #[error("{0}")]
    NotNow(&'static str),
    /// The runner's last slot was given away meanwhile.
    #[error("the runner has no free slot any more")]
    RunnerFull,
    /// Whoever asks may not decide on this.
    #[error("{0}")]
    Forbidden(String),
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// The report contradicts itself or the job.
    #[error("{0}")]
    BadReport(String),
}

/// What follows from `event`, given `snapshot`.
///
/// # Errors
/// [`Refusal`]: the event is refused and nothing changes. An event told twice is no refusal, but an empty decision.
pub fn decide(snapshot: Snapshot, event: &Event, at: &Moment) -> Result<Decision, Refusal> {
    let mut draft = Draft::new(snapshot, at);
    match event {
        Event::Admit => ending::admit(&mut draft)?,
        Event::Release => ending::release(&mut draft)?,
        Event::Assign { job, runner } => attempt::assign(&mut draft, *job, *runner)?,
        Event::Refused { job, attempt, runner, why, retry_after_ms, effect } => {
            draft.changes.outbox_done.push(*effect);
            attempt::refused(&mut draft, *job, *attempt, *runner, *why, *retry_after_ms)?;
        }
        Event::Report(report) => attempt::report(&mut draft, report)?,
        Event::LeaseExpired { job, attempt, timer, unheard_claim } => {
            draft.changes.due.push(*timer);
            attempt::lease_expired(&mut draft, *job, *attempt, *unheard_claim)?;
        }
        Event::JobDeadline { job, attempt } => attempt::deadline(&mut draft, *job, *attempt)?,
        Event::StageDeadline { stage } => ending::stage_deadline(&mut draft, *stage)?,
        Event::ExecutionDeadline => ending::execution_deadline(&mut draft)?,
        Event::Cancel { reason, force } => ending::cancel(&mut draft, *reason, *force)?,
        Event::AddJobs { job, attempt, runner, jobs, present } => {
            let from = addition::From { job: *job, attempt: *attempt, runner: *runner };
            addition::add_jobs(&mut draft, &from, jobs, present)?;
        }
        Event::Undispatchable { job, attempt, why, effect } => {
            draft.changes.outbox_done.push(*effect);
            attempt::undispatchable(&mut draft, *job, *attempt, why)?;
        }
        Event::GoIn { stage } => {
            draft.require_whole()?;
            let stage = draft.stage_index(*stage)?;
            deploy::go_in(&mut draft, stage)?;
            cascade::go_on_after(&mut draft, stage)?;
        }
        Event::Approve { approval, voter, notes } => {
            approvals::approve(&mut draft, *approval, voter, notes.as_deref())?;
        }
        Event::Reject { approval, voter, reason } => {
            approvals::reject(&mut draft, *approval, voter, reason)?;
        }
        Event::ApprovalExpired { stage } => approvals::expire(&mut draft, *stage)?,
        Event::OverrideGate { gate, by, reason } => gates::override_gate(&mut draft, *gate, by, reason)?,
        Event::HealthChecked { deployment, is_healthy, detail } => {
            deploy::checked(&mut draft, *deployment, *is_healthy, detail)?;
        }
    }
    Ok(draft.finish())
}
