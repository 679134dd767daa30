//! `GET /api/v1/executions/:id/events`: every change of an execution, as it happens, from any point on.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use penstock_api::problem::Problem;
use penstock_domain::ExecutionId;
use penstock_guest::{Answer, Gone, Platform, Producer, Request, Response, ResponseBody, Sink, empty};
use penstock_store::JournalEvent;
use serde_json::{Map, Value, json};

/// Entries read at once.
const BATCH: u32 = 100;
/// How often a quiet stream looks.
pub const LOOK_EVERY_MS: u64 = 40;
/// How often a quiet stream says that it lives.
pub const KEEP_ALIVE_MS: u64 = 15_000;
/// A stream ends after so long; the client comes back with its `Last-Event-ID`.
pub const MAX_STREAM_MS: i64 = 30 * 60_000;

pub async fn events(platform: &impl Platform, request: &Request, execution: ExecutionId) -> Answer {
    let after =
        last_event_id(request.headers())?.map_or(Ok(0), |id| id.parse::<i64>().map_err(|_| bad_id()))?;
    let store = platform.store().await?;
    store.pipeline_of(execution).await?.ok_or_else(|| Problem::not_found("execution"))?;
    let platform = platform.clone();
    Ok(stream(Producer::new(move |mut sink| async move {
        // The client has left, or comes back: both are the end of this stream.
        let _ = produce(&platform, &mut sink, execution, after).await;
    })))
}

pub fn last_event_id(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    headers.get("last-event-id").map(|v| v.to_str().map_err(|_| bad_id())).transpose()
}

pub fn bad_id() -> Problem {
    Problem::bad_request("invalid_last_event_id", "Last-Event-ID is not one that this stream gave")
}

pub fn stream(producer: Producer) -> Response {
    let mut response = empty(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    *response.body_mut() = ResponseBody::Stream(producer);
    response
}

async fn produce<P: Platform>(
    platform: &P,
    sink: &mut Sink,
    execution: ExecutionId,
    mut after: i64,
) -> Result<(), Gone> {
    let Ok(store) = platform.store().await else { return Ok(()) };
    let started = platform.now();
    let mut quiet_ms = 0;
    // Seen as ended once, and read again since: nothing more comes.
    let mut was_final = false;
    sink.write("retry: 1000\n\n".to_owned()).await?;
    while platform.now().since_ms(started) < MAX_STREAM_MS {
        let Ok(entries) = store.journal_of_execution(execution, after, BATCH).await else { return Ok(()) };
        let mut text = String::new();
        let mut has_ended = false;
        for entry in &entries {
            after = entry.seq;
            let event = tell(entry);
            has_ended |= event.get("execution").is_some_and(|e| is_final(&e["status"]));
            // Writing to a String can't fail.
            let _ = write!(text, "id: {}\nevent: change\ndata: {}\n\n", entry.seq, Value::Object(event));
        }
        if has_ended {
            text.push_str("event: end\ndata: {}\n\n");
        }
        if !text.is_empty() {
            sink.write(text).await?;
            quiet_ms = 0;
        }
        if has_ended {
            return Ok(());
        }
        if entries.is_empty() {
            // Who comes back after the last change is told of the end, too.
            let status = store.execution_status(execution).await.ok().flatten();
            if was_final && status.is_some_and(penstock_domain::ExecutionStatus::is_final) {
                return sink.write("event: end\ndata: {}\n\n".to_owned()).await;
            }
            was_final = status.is_some_and(penstock_domain::ExecutionStatus::is_final);
            platform.sleep(LOOK_EVERY_MS).await;
            quiet_ms += LOOK_EVERY_MS;
        }
        if quiet_ms >= KEEP_ALIVE_MS {
            sink.write(": still here\n\n".to_owned()).await?;
            quiet_ms = 0;
        }
    }
    Ok(())
}

fn is_final(status: &Value) -> bool {
    let status = status.as_str().and_then(|s| s.parse::<penstock_domain::ExecutionStatus>().ok());
    status.is_some_and(penstock_domain::ExecutionStatus::is_final)
}

/// The entry without what is of no use outside: effects, timers, guards, and what a job is made of.
fn tell(entry: &JournalEvent) -> Map<String, Value> {
    let mut change: Map<String, Value> = serde_json::from_str(entry.change.get()).unwrap_or_default();
    let mut event = Map::new();
    event.insert("seq".to_owned(), json!(entry.seq));
    event.insert("at".to_owned(), json!(entry.at));
    event.insert("actor".to_owned(), json!(entry.actor));
    event.insert("cause".to_owned(), json!(entry.cause));
    let created = change.remove("created").is_some();
    if created {
        event.insert("created".to_owned(), json!(true));
    }
    if let Some(Value::Array(mut executions)) = change.remove("executions") {
        event.extend(executions.pop().map(|e| ("execution".to_owned(), e)));
    }
    for name in ["stages", "waiting", "jobs", "steps_of", "steps", "gates", "deployments", "approvals"] {
        event.extend(change.remove(name).map(|v| (name.to_owned(), v)));
    }
    event
}
