//! `GET /api/v1/executions/:id/logs`: as text, or live and from any line on.

use std::fmt::Write as _;

use http::{HeaderValue, StatusCode, header};
use penstock_api::problem::Problem;
use penstock_domain::{ExecutionId, ExecutionStatus};
use penstock_guest::{Answer, Gone, Platform, Producer, Query, Request, ResponseBody, Sink, text};
use penstock_store::{LogFilter, StoredChunk};
use serde_json::json;

use crate::event_stream::{KEEP_ALIVE_MS, LOOK_EVERY_MS, MAX_STREAM_MS, bad_id, last_event_id, stream};

/// Chunks read at once; each has at most 1,000 lines.
const BATCH: u32 = 16;

/// A runner gives a job that was cancelled ten seconds to end by itself, and hands in what it says until then.
const LAST_WORDS_MS: i64 = 12_000;

/// Where a reader stands: behind line `line` of chunk `chunk`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Position {
    chunk: i64,
    line: usize,
}

impl Position {
    fn parse(id: &str) -> Option<Self> {
        let (chunk, line) = id.split_once('.')?;
        Some(Self { chunk: chunk.parse().ok().filter(|c| *c >= 0)?, line: line.parse().ok()? })
    }
}

pub async fn logs(platform: &impl Platform, request: &Request, execution: ExecutionId) -> Answer {
    let query = Query::of(request.uri())?;
    let filter =
        LogFilter { stage: query.get("stage").map(str::to_owned), job: query.get("job").map(str::to_owned) };
    let from = match last_event_id(request.headers())? {
        None => Position::default(),
        Some(id) => Position::parse(id).ok_or_else(bad_id)?,
    };
    let store = platform.store().await?;
    store.pipeline_of(execution).await?.ok_or_else(|| Problem::not_found("execution"))?;
    let follow = query.parse::<bool>("follow")?.unwrap_or(false);
    let platform = platform.clone();
    let producer = Producer::new(move |mut sink| async move {
        // The client has left, or comes back: both are the end of this stream.
        let _ = match follow {
            true => live(&platform, &mut sink, execution, &filter, from).await,
            false => whole(&platform, &mut sink, execution, &filter).await,
        };
    });
    if follow {
        return Ok(stream(producer));
    }
    let mut response = text(StatusCode::OK, "");
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    *response.body_mut() = ResponseBody::Stream(producer);
    Ok(response)
}

/// All that there is, as text; of several jobs, each line with the name of its own.
async fn whole<P: Platform>(
    platform: &P,
    sink: &mut Sink,
    execution: ExecutionId,
    filter: &LogFilter,
) -> Result<(), Gone> {
    let Ok(store) = platform.store().await else { return Ok(()) };
    let mut after = 0;
    loop {
        let Ok(chunks) = store.log_chunks(execution, filter, after, BATCH).await else { return Ok(()) };
        let Some(last) = chunks.last() else { return Ok(()) };
        after = last.id;
        let mut text = String::new();
        for chunk in &chunks {
            let name = if filter.job.is_some() {
                String::new()
            } else {
                format!("{} / {} | ", chunk.stage_name, chunk.job_name)
            };
            for line in &chunk.lines {
                text.push_str(&name);
                text.push_str(&line.text);
                text.push('\n');
            }
        }
        sink.write(text).await?;
    }
}

async fn live<P: Platform>(
    platform: &P,
    sink: &mut Sink,
    execution: ExecutionId,
    filter: &LogFilter,
    from: Position,
) -> Result<(), Gone> {
    let Ok(store) = platform.store().await else { return Ok(()) };
    let started = platform.now();
    // The chunk in which the reader stands is read again, and its known lines are left out.
    let mut after = (from.chunk - 1).max(0);
    let mut quiet_ms = 0;
    sink.write("retry: 1000\n\n".to_owned()).await?;
    while platform.now().since_ms(started) < MAX_STREAM_MS {
        // Asked before the lines are read: what was said before the end is there by now.
        let Ok(status) = store.execution_status(execution).await else { return Ok(()) };
        let Ok(chunks) = store.log_chunks(execution, filter, after, BATCH).await else { return Ok(()) };
        let text: String = chunks.iter().map(|c| events(c, from)).collect();
        after = chunks.last().map_or(after, |c| c.id);
        if !text.is_empty() {
            sink.write(text).await?;
            quiet_ms = 0;
        }
        if !chunks.is_empty() {
            continue;
        }
        let is_over = match status {
            Some(status) if may_say_more(status) => {
                let Ok(end) = store.execution_end(execution).await else { return Ok(()) };
                end.is_none_or(|end| platform.now().since_ms(end) >= LAST_WORDS_MS)
            }
            other => other.is_some_and(ExecutionStatus::is_final),
        };
        if let Some(status) = status.filter(|_| is_over) {
            return sink.write(format!("event: end\ndata: {}\n\n", json!({ "status": status }))).await;
        }
        platform.sleep(LOOK_EVERY_MS).await;
        quiet_ms += LOOK_EVERY_MS;
        if quiet_ms >= KEEP_ALIVE_MS {
            sink.write(": still here\n\n".to_owned()).await?;
            quiet_ms = 0;
        }
    }
    Ok(())
}

/// What was cut off has a while for its last words, and these are the ones that explain it.
const fn may_say_more(status: ExecutionStatus) -> bool {
    matches!(status, ExecutionStatus::Cancelled | ExecutionStatus::Timeout)
}

fn events(chunk: &StoredChunk, from: Position) -> String {
    let mut text = String::new();
    for (index, line) in chunk.lines.iter().enumerate() {
        let position = Position { chunk: chunk.id, line: index + 1 };
        if position <= from {
            continue;
        }
        let data = json!({
            "stage": chunk.stage_name, "job": chunk.job_name, "job_id": chunk.job_id, "attempt": chunk.attempt,
            "seq": line.seq, "step": line.step, "stream": line.stream, "at": line.at, "text": line.text,
        });
        // Writing to a String can't fail.
        let _ = write!(text, "id: {}.{}\nevent: log\ndata: {data}\n\n", position.chunk, position.line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_what_the_stream_gave_and_nothing_else() {
        assert_eq!(Position::parse("12.3"), Some(Position { chunk: 12, line: 3 }));
        for bad in ["", "12", "12.", ".3", "-1.2", "a.b", "1.2.3"] {
            assert_eq!(Position::parse(bad), None, "{bad}");
        }
        assert!(Position { chunk: 2, line: 1 } > Position { chunk: 1, line: 9 });
    }
}
