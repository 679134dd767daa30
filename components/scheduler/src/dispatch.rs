//! Ready jobs are given to runners with free slots.

use penstock_engine::{Assignment, Event, Refusal, assign, fits};
use penstock_guest::{Decided, Failure, Platform, commit_event};
use penstock_store::Cause;

use crate::follow::Occasion;
use crate::scheduler::Scheduler;

/// Jobs given away in one round, at the most.
const BATCH: u32 = 64;

/// Gives away what fits; says whether another round may find more.
pub async fn assign_ready<P: Platform>(scheduler: &Scheduler<P>) -> Result<Occasion, Failure> {
    let now = scheduler.platform.now();
    let (runners, demands) = scheduler.store.supply_and_demand(now).await?;
    let wanted: Vec<_> = demands.iter().filter(|d| runners.iter().any(|r| fits(&r.labels, d))).collect();
    if wanted.is_empty() {
        return Ok(Occasion::default());
    }
    let free = runners.iter().map(|r| r.free).sum::<u32>().min(BATCH);
    let ready = scheduler.store.ready_jobs(&wanted, now, free).await?;
    let assignments = assign(&ready, &runners);
    let mut occasion = Occasion { jobs: assignments.len() as u32 == BATCH, ..Occasion::default() };
    for assignment in assignments {
        occasion.add(give(scheduler, &assignment).await?);
    }
    Ok(occasion)
}

async fn give<P: Platform>(scheduler: &Scheduler<P>, assignment: &Assignment) -> Result<Occasion, Failure> {
    let event = Event::Assign { job: assignment.job, runner: assignment.runner };
    let by = Cause::new("scheduler", "assign");
    let (execution, job) = (Some(assignment.execution), Some(assignment.job));
    match commit_event(&scheduler.platform, &scheduler.store, execution, job, &event, &by).await? {
        Decided::Committed(changes) => {
            scheduler.follow(&changes);
            Ok(Occasion::default())
        }
        // The job is to be had still, and another runner may have room.
        Decided::Refused(Refusal::RunnerFull) => Ok(Occasion { jobs: true, ..Occasion::default() }),
        // Somebody else was quicker.
        Decided::Nothing | Decided::Refused(_) | Decided::Unknown => Ok(Occasion::default()),
    }
}
