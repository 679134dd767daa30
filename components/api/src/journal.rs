//! `GET /api/v1/executions/:id/journal`: what happened to an execution, in its order, by whom and why.

use http::StatusCode;
use penstock_api::problem::Problem;
use penstock_api::view;
use penstock_domain::ExecutionId;
use penstock_engine::Story;
use penstock_guest::{Answer, Failure, Platform, Query, Request, more, success};
use penstock_store::JournalEvent;
use serde_json::{Value, json};

/// Runners whose names are looked up.
const MAX_RUNNERS: u32 = 1_000;
/// Entries read at once, to get to the page that is asked for: what they name is needed to tell what follows.
const BATCH: u32 = 200;

pub async fn read(platform: &impl Platform, request: &Request, execution: ExecutionId) -> Answer {
    let query = Query::of(request.uri())?;
    let limit = query.limit()?;
    let after = query.parse::<i64>("after")?.unwrap_or(0);
    let store = platform.store().await?;
    store.pipeline_of(execution).await?.ok_or_else(|| Problem::not_found("execution"))?;
    let runners = store.runners(None, MAX_RUNNERS).await?;
    let names = runners.into_iter().map(|r| (r.id.to_string(), r.name)).collect();
    let mut story = Story::new(names);
    let mut entries = vec![];
    let mut read_to = 0;
    while entries.len() <= limit as usize {
        let batch = store.journal_of_execution(execution, read_to, BATCH).await?;
        let Some(last) = batch.last() else { break };
        read_to = last.seq;
        for entry in &batch {
            let told = tell(&mut story, entry)?;
            if entry.seq > after {
                entries.push(told);
            }
        }
    }
    let next = more(&mut entries, limit).map(|e| e.seq.to_string());
    Ok(success(StatusCode::OK, [("entries", json!(entries)), ("next", json!(next))]))
}

fn tell(story: &mut Story, entry: &JournalEvent) -> Result<view::JournalEntry, Failure> {
    let change: Value =
        serde_json::from_str(entry.change.get()).map_err(|e| Failure::Internal(Box::new(e)))?;
    Ok(view::JournalEntry {
        seq: entry.seq,
        at: entry.at,
        actor: entry.actor.clone(),
        cause: entry.cause.clone(),
        changes: story.tell(&change),
    })
}
