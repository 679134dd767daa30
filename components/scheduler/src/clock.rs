//! The tick: whatever is due and nobody has done. Bounded, and idempotent.

use http::StatusCode;
use penstock_engine::{EffectKind, Event, LEASE_MS, Refusal, TimerKind};
use penstock_guest::{Answer, Decided, Failure, Platform, Request, commit_event, empty, require_bearer};
use penstock_store::{Cause, DueTimer};

use crate::deliveries::{by_repository, work_off_in_order};
use crate::effects;
use crate::follow::{Occasion, settle_logged};
use crate::scheduler::Scheduler;

/// Of each kind of due thing, in one tick.
const BATCH: u32 = 100;
/// After a longer silence of the clock no lease may run out: nobody could have heard the heartbeats.
const SILENCE_MS: i64 = 10_000;
/// A timer that can't be worked off makes way for others so long.
const POSTPONED_MS: i64 = 10_000;
/// How long a claimed delivery or effect is this tick's own.
const CLAIM_MS: i64 = 30_000;

/// `POST /internal/tick`
pub async fn tick<P: Platform>(platform: &P, request: Request) -> Answer {
    require_bearer(
        request.headers(),
        platform.variable("internal_token").await.as_deref(),
        "internal_token",
    )?;
    let scheduler = Scheduler::open(platform).await?;
    let now = platform.now();
    let due = scheduler.store.due(now).await?;
    // Before the timers: a lease that is put off does not ring.
    if due.leases {
        scheduler.store.spare_leases(now, SILENCE_MS, LEASE_MS).await?;
    }
    if due.timers {
        scheduler.ring_timers().await?;
    }
    if due.effects && !penstock_domain::bugs::is_on("lost_effects_stay_lost") {
        scheduler.take_up_effects().await?;
    }
    if due.deliveries && !penstock_domain::bugs::is_on("lost_deliveries_stay_lost") {
        scheduler.take_up_deliveries().await?;
    }
    let occasion = Occasion {
        jobs: due.ready,
        room: due.queued,
        forge: due.statuses,
        held: due.held,
        health: due.health_checks,
    };
    platform.spawn(settle_logged(platform.clone(), occasion));
    if due.schedules {
        scheduler.start_scheduled().await?;
    }
    if due.old_keys {
        scheduler.store.forget_old_keys(now, BATCH).await?;
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

impl<P: Platform> Scheduler<P> {
    async fn take_up_deliveries(&self) -> Result<(), Failure> {
        let now = self.platform.now();
        let claimed = self.store.claim_deliveries(now, now.plus_ms(CLAIM_MS), BATCH).await?;
        // Each repository by itself: one slow forge holds up no other, and no timer.
        for of_one in by_repository(claimed) {
            self.platform.spawn(work_off_in_order(self.platform.clone(), of_one));
        }
        Ok(())
    }

    async fn take_up_effects(&self) -> Result<(), Failure> {
        let now = self.platform.now();
        let due = self
            .store
            .claim_effects(&EffectKind::OF_THE_SCHEDULER, now, now.plus_ms(CLAIM_MS), BATCH)
            .await?;
        for claimed in due {
            let tries = claimed.attempts + 1;
            self.platform.spawn(effects::send_in_background(
                &self.platform,
                claimed.id,
                claimed.effect,
                tries,
            ));
        }
        Ok(())
    }

    async fn ring_timers(&self) -> Result<(), Failure> {
        for timer in self.store.due_timers(self.platform.now(), BATCH).await? {
            if let Err(failure) = self.ring(&timer).await {
                failure.log(self.platform.request_id(), "a timer is left for later");
                let later = self.platform.now().plus_ms(POSTPONED_MS);
                self.store.postpone_timer(timer.id, later).await?;
            }
        }
        Ok(())
    }

    async fn ring(&self, timer: &DueTimer) -> Result<(), Failure> {
        let Some(event) = event_of(timer) else { return Ok(self.store.drop_timer(timer.id).await?) };
        let by = Cause::new("clock", cause_of(timer.kind));
        let execution = Some(timer.execution_id);
        match commit_event(&self.platform, &self.store, execution, timer.job_id, &event, &by).await? {
            Decided::Committed(changes) => self.follow(&changes),
            // What it was set for has ended.
            Decided::Nothing
            | Decided::Unknown
            | Decided::Refused(Refusal::NotNow(_) | Refusal::AlreadyEnded(_) | Refusal::Unknown(_)) => {
                self.store.drop_timer(timer.id).await?;
            }
            Decided::Refused(other) => return Err(Failure::Internal(Box::new(other))),
        }
        Ok(())
    }
}

fn event_of(timer: &DueTimer) -> Option<Event> {
    Some(match timer.kind {
        TimerKind::Lease => {
            let (job, attempt, unheard_claim) = (timer.job_id?, timer.attempt?, timer.unheard_claim);
            Event::LeaseExpired { job, attempt, timer: timer.id, unheard_claim }
        }
        TimerKind::JobDeadline => Event::JobDeadline { job: timer.job_id?, attempt: timer.attempt? },
        TimerKind::StageDeadline if penstock_domain::bugs::is_on("stage_deadline_forgotten") => return None,
        TimerKind::StageDeadline => Event::StageDeadline { stage: timer.stage_id? },
        TimerKind::ExecutionDeadline => Event::ExecutionDeadline,
        TimerKind::ApprovalExpiry => Event::ApprovalExpired { stage: timer.stage_id? },
    })
}

const fn cause_of(kind: TimerKind) -> &'static str {
    match kind {
        TimerKind::Lease => "lease_expired",
        TimerKind::JobDeadline => "job_deadline",
        TimerKind::StageDeadline => "stage_deadline",
        TimerKind::ExecutionDeadline => "execution_deadline",
        TimerKind::ApprovalExpiry => "approval_expired",
    }
}
