//! Reports of jobs: taken from whoever holds the job's lease, read, and stored.

use std::hash::{DefaultHasher, Hasher as _};
use std::rc::Rc;

use http::{HeaderMap, StatusCode, header};
use penstock_api::internal::LeaseHolder;
use penstock_api::problem::{FieldError, Problem};
use penstock_api::quality::ReportSummary;
use penstock_api::runner::{MAX_REPORT_BYTES, MAX_REPORT_FILES};
use penstock_domain::{JobId, TestType};
use penstock_gates::{ReportError, ReportFormat};
use penstock_guest::{
    Answer, Failure, Platform, Query, Request, Room, announced_bytes, moment, post_to_scheduler,
    read_bytes_at_once, success,
};
use penstock_store::{HandedIn, NewReport};
use serde_json::json;

use crate::rows;

const MAX_PATH_BYTES: usize = 1_024;

thread_local! {
    /// All reports that are read at once are together no larger than one of the largest size.
    static ROOM: Rc<Room> = Room::of(MAX_REPORT_BYTES);
}

/// What the query says of a report.
struct Told {
    format: ReportFormat,
    test_type: TestType,
    path: Option<String>,
}

pub async fn hand_in(platform: &impl Platform, request: Request, job: JobId) -> Answer {
    // Nothing of the body is read before it is known who sends it.
    let holder = lease_holder(platform, request.headers(), job).await?;
    let told = told(&request)?;
    let bytes = announced_bytes(request.headers(), MAX_REPORT_BYTES)?;
    let share = ROOM.with(|room| room.take_now(bytes)).ok_or_else(busy)?;
    let body = read_bytes_at_once(request, MAX_REPORT_BYTES).await?;
    let parsed = told.format.parse(&body).map_err(|error| bad_report(&error))?;
    let path = told.path.unwrap_or_else(|| unnamed(told.format, &body));
    drop(body);
    let results = rows::of(parsed, &path, &mut moment(platform).ids());
    drop(share);
    let report = NewReport {
        execution: holder.execution_id,
        stage: holder.stage_id,
        job,
        attempt: holder.attempt,
        format: told.format.as_str().to_owned(),
        path,
        test_type: told.test_type,
        results,
    };
    let store = platform.store().await?;
    let max_reports = u32::try_from(MAX_REPORT_FILES).unwrap_or(u32::MAX);
    match store.hand_in_report(&report, max_reports, platform.now()).await? {
        HandedIn::Stored => {
            let summary = rows::summary(&report.results);
            Ok(answer(StatusCode::CREATED, report.results.len() as u64, &summary))
        }
        HandedIn::Known { test_results, summary } => Ok(answer(StatusCode::OK, test_results, &summary)),
        HandedIn::TooMany => Err(too_many().into()),
    }
}

fn answer(status: StatusCode, test_results: u64, summary: &ReportSummary) -> penstock_guest::Response {
    success(status, [("test_results", json!(test_results)), ("summary", json!(summary))])
}

/// Only the scheduler can tell a lease's token.
async fn lease_holder(
    platform: &impl Platform,
    headers: &HeaderMap,
    job: JobId,
) -> Result<LeaseHolder, Failure> {
    let token = headers.get(header::AUTHORIZATION).cloned();
    let path = format!("/internal/jobs/{job}/lease");
    let answer = post_to_scheduler(platform, &path, bytes::Bytes::new(), token).await?;
    serde_json::from_slice(answer.body()).map_err(|error| Failure::Internal(Box::new(error)))
}

fn told(request: &Request) -> Result<Told, Problem> {
    let query = Query::of(request.uri())?;
    let supported = ReportFormat::ALL.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(" and ");
    let format = match query.get("type").map(|word| (word, word.parse())) {
        Some((_, Ok(format))) => format,
        Some((word, Err(_))) => {
            let word: String = word.chars().take(50).collect();
            return Err(bad_parameter("type", &format!("`{word}` is not supported; {supported} are")));
        }
        None => {
            return Err(bad_parameter(
                "type",
                &format!("say what format the report has: {supported} are read"),
            ));
        }
    };
    let test_type = query.parse("test_type")?.unwrap_or(TestType::Unit);
    let path = query.get("path").unwrap_or_default();
    if path.len() > MAX_PATH_BYTES {
        return Err(bad_parameter("path", &format!("it has at most {MAX_PATH_BYTES} bytes")));
    }
    if path.chars().any(char::is_control) {
        return Err(bad_parameter("path", "it has no control characters"));
    }
    Ok(Told { format, test_type, path: (!path.is_empty()).then(|| path.to_owned()) })
}

/// What a report is known by whose sender does not say where it lay: the same for the same bytes.
fn unnamed(format: ReportFormat, body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    format!("{format}-{:016x}", hasher.finish())
}

fn bad_parameter(name: &str, why: &str) -> Problem {
    Problem::bad_request("invalid_parameter", format!("`{name}`: {why}"))
}

/// Whoever hands in reports comes again.
fn busy() -> Problem {
    let detail = "other large reports are being read; send this one again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Service unavailable", detail).with_retry_after(1)
}

fn bad_report(error: &ReportError) -> Problem {
    let message = error.to_string();
    let line = error.line().and_then(|line| u32::try_from(line).ok());
    Problem::bad_request("bad_report", message.clone()).with_errors(vec![FieldError {
        pointer: String::new(),
        line,
        column: None,
        code: "bad_report".to_owned(),
        message,
    }])
}

fn too_many() -> Problem {
    let detail =
        format!("this attempt has handed in {MAX_REPORT_FILES} reports, and no more are kept; merge some");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "too_many_reports", "Too many reports", detail)
}
