//! Waking the scheduler, after the answer: one call at a time, for whatever was kept since the last.
//!
//! Nothing depends on it. A delivery that the scheduler is not told of is found by the clock.

use std::cell::RefCell;

use bytes::Bytes;
use penstock_api::internal::{MAX_DELIVERIES, WorkOff};
use penstock_domain::DeliveryId;
use penstock_guest::{Level, Platform, SCHEDULER, internal_post, log};

/// The scheduler is asked to work them off, not to be done with it.
const TIMEOUT_MS: u64 = 30_000;
/// More are left to the clock.
const MAX_WAITING: usize = 4 * MAX_DELIVERIES;

#[derive(Default)]
struct Waiting {
    ids: Vec<DeliveryId>,
    is_told: bool,
}

thread_local! {
    /// This instance's; forgotten with it.
    static WAITING: RefCell<Waiting> = RefCell::default();
}

/// Tells the scheduler of the delivery, together with others where many come in at once.
pub fn wake_scheduler(platform: &impl Platform, id: DeliveryId) {
    let is_first = WAITING.with_borrow_mut(|waiting| {
        if waiting.ids.len() < MAX_WAITING {
            waiting.ids.push(id);
        }
        !std::mem::replace(&mut waiting.is_told, true)
    });
    if is_first {
        let platform = platform.clone();
        platform.clone().spawn(async move {
            while let Some(deliveries) = next() {
                tell(&platform, deliveries).await;
            }
        });
    }
}

/// The next ones to tell of, or None where all are told.
fn next() -> Option<Vec<DeliveryId>> {
    WAITING.with_borrow_mut(|waiting| {
        let count = waiting.ids.len().min(MAX_DELIVERIES);
        waiting.is_told = count > 0;
        waiting.is_told.then(|| waiting.ids.drain(..count).collect())
    })
}

async fn tell(platform: &impl Platform, deliveries: Vec<DeliveryId>) {
    let url = format!("{SCHEDULER}/internal/deliveries");
    let body = serde_json::to_vec(&WorkOff { deliveries }).unwrap_or_default();
    let Ok(request) = internal_post(platform, &url, Bytes::from(body)) else { return };
    let id = platform.request_id();
    match platform.send(request, TIMEOUT_MS, 64 * 1024).await {
        Ok(answer) if answer.status().is_success() => {}
        Ok(answer) => {
            let why = format!("the scheduler answered {} when it was woken", answer.status());
            log(Level::Warn, id, &why);
        }
        Err(error) => log(Level::Warn, id, &format!("the scheduler was not woken: {error}")),
    }
}
