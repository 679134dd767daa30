//! Keeping a delivery and answering it: the same for every forge.

use bytes::Bytes;
use http::StatusCode;
use penstock_domain::{DeliveryId, id::uuid_v7};
use penstock_guest::{Answer, Platform, json as json_answer};
use penstock_store::{NO_PIPELINE, NewDelivery, Received};
use serde_json::json;

use crate::wake::wake_scheduler;

/// When the clock takes up a delivery that the scheduler was not woken for.
const UNATTENDED_MS: i64 = 3_000;

/// What a verified delivery comes to.
pub enum Meaning {
    Event {
        /// A `ForgeEvent`, as JSON.
        text: String,
        /// What a pipeline may know its repository by.
        repository_keys: Vec<String>,
    },
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
    let (status, reason, event, repository_keys) = match incoming.meaning {
        Meaning::Event { text, repository_keys } => ("received", None, Some(text), repository_keys),
        Meaning::Ignored(reason) => ("ignored", Some(reason), None, vec![]),
        Meaning::Rejected(reason) => ("rejected", Some(reason), None, vec![]),
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
        repository_keys: &repository_keys,
    };
    let store = platform.store().await?;
    let (told, reason, kept) = match store.receive(new, now, now.plus_ms(UNATTENDED_MS)).await? {
        Received::New => (status, reason, id),
        Received::Again(kept) => (status, reason, kept),
        Received::NoPipeline => ("ignored", Some(NO_PIPELINE), id),
        Received::Duplicate => ("duplicate", None, id),
    };
    if told == "received" {
        wake_scheduler(platform, kept);
    }
    let mut body = json!({ "success": true, "delivery": incoming.key, "status": told });
    if let Some(reason) = reason {
        body["reason"] = json!(reason);
    }
    Ok(json_answer(StatusCode::ACCEPTED, &body))
}

/// Deliveries with a wrong signature leave nothing but a count.
pub async fn count_refused(platform: &impl Platform, forge: &str) {
    let key = format!("webhooks-refused:{forge}");
    let before =
        platform.get(&key).await.and_then(|v| String::from_utf8(v).ok()).and_then(|v| v.parse::<u64>().ok());
    platform.set(&key, before.unwrap_or(0).saturating_add(1).to_string().as_bytes()).await;
}
