//! What follows a committed change: effects go out, freed places and slots are filled.
//!
//! All of it is found again by the clock, so nothing here is lost when the process dies, and nothing here may be
//! the only way for a thing to happen.

use std::future::Future;
use std::pin::Pin;

use penstock_domain::WorkStatus;
use penstock_engine::{Changes, EffectKind};
use penstock_guest::{Failure, Platform};

use crate::scheduler::Scheduler;
use crate::{admission, deployments, dispatch, effects};

/// What a change gives occasion to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Occasion {
    /// A runner's slot or a job became free.
    pub jobs: bool,
    /// A pipeline may have room.
    pub room: bool,
    /// The forge has something to be told.
    pub forge: bool,
    /// A deployment that waits may go in.
    pub held: bool,
    /// What was deployed is to be looked at.
    pub health: bool,
}

impl Occasion {
    pub fn of(changes: &Changes) -> Self {
        let ready = |at: &Option<_>| at.is_some();
        let jobs = changes.waiting.iter().any(|w| ready(&w.ready_at))
            || changes.jobs.iter().any(|j| j.status != WorkStatus::Running);
        // A new one may stand in the queue although there is room: it went behind those that wait.
        let is_new = !changes.created.executions.is_empty();
        let room = is_new || changes.executions.iter().any(|e| e.status.is_final());
        let forge = changes.outbox.iter().any(|e| matches!(e.kind, EffectKind::ForgeStatus(_)));
        let health = changes.outbox.iter().any(|e| matches!(e.kind, EffectKind::HealthCheck(_)));
        let held = !changes.environments_freed.is_empty() || !changes.quarantine_lifted.is_empty();
        Self { jobs, room, forge, held, health }
    }

    pub fn add(&mut self, other: Self) {
        self.jobs |= other.jobs;
        self.room |= other.room;
        self.forge |= other.forge;
        self.held |= other.held;
        self.health |= other.health;
    }
}

impl<P: Platform> Scheduler<P> {
    /// In the background: sends the change's own effects, and works off what it gives occasion to. Failures are
    /// logged: the clock comes by.
    pub fn follow(&self, changes: &Changes) {
        for effect in &changes.outbox {
            if effect.kind.is_the_schedulers() {
                let send = effects::send_in_background(&self.platform, effect.id, effect.kind.clone(), 1);
                self.platform.spawn(send);
            }
        }
        self.platform.spawn(settle_logged(self.platform.clone(), Occasion::of(changes)));
    }
}

/// [`settle`], with its failure in the log. Boxed, because what it sends may come back here.
pub fn settle_logged<P: Platform>(platform: P, occasion: Occasion) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        if occasion == Occasion::default() {
            return;
        }
        if let Err(failure) = settle(&platform, occasion).await {
            failure.log(platform.request_id(), "what follows a change is left to the clock");
        }
    })
}

async fn settle<P: Platform>(platform: &P, mut occasion: Occasion) -> Result<(), Failure> {
    let scheduler = Scheduler::open(platform).await?;
    if occasion.held {
        deployments::let_in(&scheduler).await?;
    }
    while occasion.room || occasion.jobs {
        let mut next = Occasion { forge: occasion.forge, health: occasion.health, ..Occasion::default() };
        // What is ready first: nobody waits for it to be seen whether something else may begin.
        if occasion.jobs {
            next.add(dispatch::assign_ready(&scheduler).await?);
        }
        if occasion.room {
            next.add(admission::admit_waiting(&scheduler).await?);
        }
        occasion = next;
    }
    if occasion.forge {
        effects::wake_forge(platform).await;
    }
    if occasion.health {
        effects::wake_checks(platform).await;
    }
    Ok(())
}
