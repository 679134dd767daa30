//! Queued executions begin when their pipeline has room.

use penstock_engine::{Event, GroupState, decide};
use penstock_guest::{Failure, Platform, moment};
use penstock_store::{Admissible, Cause, Entry, StoreError};

use crate::follow::Occasion;
use crate::scheduler::Scheduler;

/// Pipelines looked at in one round.
const BATCH: u32 = 50;

/// Begins the first queued execution of each pipeline and each concurrency group with room; says whether there may be more.
pub async fn admit_waiting<P: Platform>(scheduler: &Scheduler<P>) -> Result<Occasion, Failure> {
    let mut occasion = Occasion::default();
    for admissible in scheduler.store.admissible(BATCH).await? {
        occasion.add(admit(scheduler, admissible).await?);
    }
    Ok(occasion)
}

/// Guarded by the versions of the pipeline and of the concurrency group, so that two that admit at once don't let in one too many.
async fn admit<P: Platform>(scheduler: &Scheduler<P>, found: Admissible) -> Result<Occasion, Failure> {
    let Admissible { execution, pipeline, admission } = found;
    let store = &scheduler.store;
    let Some(mut state) = store.pipeline_state(pipeline).await? else { return Ok(Occasion::default()) };
    if let Some(group) = &admission.group {
        state.group = Some(store.group_state(&group.key).await?);
    }
    let Some(snapshot) = store.snapshot(Some(execution), None, true).await? else {
        return Ok(Occasion::default());
    };
    if !state.has_room(&admission) {
        return Ok(Occasion::default());
    }
    let at = moment(&scheduler.platform);
    let Ok(mut decision) = decide(snapshot, &Event::Admit, &at) else { return Ok(Occasion::default()) };
    decision.changes.guards.push(state.guard());
    decision.changes.guards.extend(state.group.as_ref().map(GroupState::guard));
    let by = Cause::new("scheduler", "admit");
    match store.commit(&Entry::of_execution(execution, &decision), &by, at.now).await {
        Ok(_) => {
            scheduler.follow(&decision.changes);
            Ok(Occasion { room: true, ..Occasion::default() })
        }
        // Somebody else did, or changed the pipeline: look again.
        Err(StoreError::Conflict) => Ok(Occasion { room: true, ..Occasion::default() }),
        Err(other) => Err(other.into()),
    }
}
