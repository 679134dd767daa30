//! Read, decide, commit: one event brought to an execution, again until nobody came between.

use penstock_domain::{ExecutionId, JobId, Timestamp};
use penstock_engine::{Changes, Event, Refusal, decide};
use penstock_store::{Cause, Connection, Entry, Store, StoreError};

use crate::failure::Failure;
use crate::ports::{Clock, Random, moment};

/// How often a decision is made anew because somebody else was quicker.
const MAX_TRIES: u32 = 50;

/// What became of an event.
#[derive(Debug)]
pub enum Decided {
    /// It changed this.
    Committed(Box<Changes>),
    /// It was told before.
    Nothing,
    Refused(Refusal),
    /// There is no such execution.
    Unknown,
}

/// Brings one event to an execution; None means that of the job.
///
/// # Errors
/// As the store, and 409 when it was overtaken again and again.
pub async fn commit_event<C: Connection>(
    platform: &(impl Clock + Random),
    store: &Store<C>,
    execution: Option<ExecutionId>,
    job: Option<JobId>,
    event: &Event,
    by: &Cause,
) -> Result<Decided, Failure> {
    let mut whole = job.is_none();
    for _ in 0..MAX_TRIES {
        let Some(snapshot) = store.snapshot(execution, job, whole).await? else {
            return Ok(Decided::Unknown);
        };
        let id = snapshot.execution.id;
        let at = moment(platform);
        let decision = match decide(snapshot, event, &at) {
            Ok(decision) => decision,
            Err(Refusal::NeedsWhole) if !whole => {
                whole = true;
                continue;
            }
            Err(refusal) => return Ok(Decided::Refused(refusal)),
        };
        if decision.is_empty() {
            return Ok(Decided::Nothing);
        }
        match commit(store, id, &decision, by, at.now).await {
            Ok(()) => return Ok(Decided::Committed(Box::new(decision.changes))),
            Err(StoreError::Conflict) => {}
            Err(StoreError::RunnerFull) => return Ok(Decided::Refused(Refusal::RunnerFull)),
            Err(other) => return Err(other.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

async fn commit<C: Connection>(
    store: &Store<C>,
    execution: ExecutionId,
    decision: &penstock_engine::Decision,
    by: &Cause,
    now: Timestamp,
) -> Result<(), StoreError> {
    store.commit(&Entry::of_execution(execution, decision), by, now).await.map(|_| ())
}
