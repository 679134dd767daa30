//! Keeping a delivery, answering it, and waking the scheduler: the same for every forge.

use bytes::Bytes;
use http::StatusCode;
use penstock_domain::{DeliveryId, id::uuid_v7};
use penstock_guest::{Answer, Level, Platform, SCHEDULER, json as json_answer, log};
use penstock_store::{NewDelivery, Received};
use serde_json::json;

/// When the clock takes up a delivery that the scheduler was not woken for.
const UNATTENDED_MS: i64 = 3_000;
/// The scheduler is asked to work it off, not to be done with it.
const WAKE_TIMEOUT_MS: u64 = 30_000;

/// What a verified delivery comes to.
pub enum Meaning {
    /// A `ForgeEvent`, as JSON.
    Event(String),
    Ignored(&'static str),
    Rejected(&'static str),
}

pub struct Incoming<'a> {
    pub forge: &'static str,
    pub key: &'a str,
    pub event_name: &'a str,
    pub meaning: Meaning,
    pub payload: Bytes,
}

/// One durable insert, then 202; the rest happens after the answer.
pub async fn keep(platform: &impl Platform, incoming: Incoming<'_>) -> Answer {
    let now = platform.now();
    let mut random = [0; 10];
    random.copy_from_slice(&platform.random()[..10]);
    let id = DeliveryId(uuid_v7(now, random));
    let (status, reason, event) = match incoming.meaning {
        Meaning::Event(event) => ("received", None, Some(event)),
        Meaning::Ignored(reason) => ("ignored", Some(reason), None),
        Meaning::Rejected(reason) => ("rejected", Some(reason), None),
    };
    let new = NewDelivery {
        id,
        forge: incoming.forge,
        delivery_key: incoming.key,
        event_name: incoming.event_name,
        status,
        reason,
        // What was understood is enough to go on; what was not is kept for a person to look at.
        payload: (status == "rejected").then(|| incoming.payload.to_vec()),
        event,
    };
    let store = platform.store().await?;
    let received = store.receive(new, now, now.plus_ms(UNATTENDED_MS)).await?;
    let told = if received == Received::Duplicate { "duplicate" } else { status };
    if told == "received" {
        let waker = platform.clone();
        platform.spawn(async move { wake_scheduler(&waker, id).await });
    }
    let mut body = json!({ "success": true, "delivery": incoming.key, "status": told });
    if let (Some(reason), true) = (reason, told != "duplicate") {
        body["reason"] = json!(reason);
    }
    Ok(json_answer(StatusCode::ACCEPTED, &body))
}

/// Should this be lost, the clock finds the delivery.
async fn wake_scheduler(platform: &impl Platform, id: DeliveryId) {
    let url = format!("{SCHEDULER}/internal/deliveries/{id}");
    let Ok(request) = http::Request::post(url).body(Bytes::new()) else { return };
    if let Err(error) = platform.send(request, WAKE_TIMEOUT_MS, 64 * 1024).await {
        log(Level::Warn, "-", &format!("the scheduler was not woken for a delivery: {error}"));
    }
}

/// Deliveries with a wrong signature leave nothing but a count.
pub async fn count_refused(platform: &impl Platform, forge: &str) {
    let key = format!("webhooks-refused:{forge}");
    let before =
        platform.get(&key).await.and_then(|v| String::from_utf8(v).ok()).and_then(|v| v.parse::<u64>().ok());
    platform.set(&key, before.unwrap_or(0).saturating_add(1).to_string().as_bytes()).await;
}
