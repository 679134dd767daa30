//! Executions: started, listed, watched, ended.

use serde_json::{Value, json};

use super::operation::Operation;
use super::refusals::{
    APPROVER, DEVELOPER, ENDED, HANDED_ON, JSON_BODY, NOT_FOUND, NOT_NOW, ONCE, OVERTAKEN, QUERY, RETRY,
    START, STORE, STREAM, TOKEN,
};
use super::schemas::{Schemas, cursor, list_of, or_null, text};
use super::shapes::{ExecutionChange, LogEnd, LogEvent};
use crate::request::{Execute, Retry};
use crate::schema::Word;
use crate::view;

const TAG: &str = "executions";

pub fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let execution = schemas.answered::<view::Execution>();
    vec![
        execute(schemas, &execution),
        list_of_pipeline(schemas, &execution),
        list(schemas, &execution),
        read(schemas, &execution),
        status(schemas, &execution),
        cancel(&execution),
        retry(schemas, &execution),
        approve(&execution),
        logs(schemas),
        events(schemas),
        journal(schemas),
    ]
}

fn execute(schemas: &mut Schemas, execution: &Value) -> Operation {
    Operation::new("post", "/api/v1/pipelines/{id}/execute", "executePipeline", TAG, "Start an execution")
        .about(
            "The pipeline's own filters of branches and events hold here too; those of its file do not stand against \
             a `manual` event. A definition with errors gives an execution that has failed with `config_error`.",
        )
        .shared("IdempotencyKey")
        .optional_body(schemas.asked::<Execute>())
        .success(201, "The new execution, queued or running.", [("execution", execution.clone())])
        .with_headers(201, &[("Idempotent-Replayed", "IdempotentReplayed")])
        .refuses(&[JSON_BODY, ONCE, NOT_FOUND, OVERTAKEN, START, HANDED_ON, DEVELOPER, TOKEN, STORE])
}

fn list_of_pipeline(schemas: &mut Schemas, execution: &Value) -> Operation {
    let path = "/api/v1/pipelines/{id}/executions";
    let operation =
        Operation::new("get", path, "listPipelineExecutions", TAG, "List a pipeline's executions");
    listing(operation, schemas, execution).refuses(&[QUERY, NOT_FOUND, TOKEN, STORE])
}

fn list(schemas: &mut Schemas, execution: &Value) -> Operation {
    let operation = Operation::new("get", "/api/v1/executions", "listExecutions", TAG, "List executions")
        .query("pipeline_id", json!({ "type": "string", "format": "uuid" }), "Only those of this pipeline.");
    listing(operation, schemas, execution).refuses(&[QUERY, TOKEN, STORE])
}

fn listing(operation: Operation, schemas: &mut Schemas, execution: &Value) -> Operation {
    let status = schemas.asked::<Word<penstock_domain::ExecutionStatus>>();
    operation
        .query("status", status, "Only those in this state.")
        .query("branch", text(), "Only those of this branch.")
        .query("commit_sha", text(), "Only those of this commit.")
        .shared("Limit")
        .shared("After")
        .success(
            200,
            "A page of executions, the newest first.",
            [("executions", list_of(execution.clone())), ("next", cursor())],
        )
}

fn read(schemas: &mut Schemas, execution: &Value) -> Operation {
    let members = [
        ("execution", execution.clone()),
        ("stages", list_of(schemas.answered::<view::Stage>())),
        ("why_waiting", or_null(schemas.answered::<view::Wait>())),
    ];
    Operation::new(
        "get",
        "/api/v1/executions/{id}",
        "readExecution",
        TAG,
        "Read an execution and all its parts",
    )
    .success(200, "The execution, its stages with their jobs and steps, and what it waits for.", members)
    .refuses(&[NOT_FOUND, TOKEN, STORE])
}

fn status(schemas: &mut Schemas, execution: &Value) -> Operation {
    let members = [
        ("execution", execution.clone()),
        ("stages", list_of(schemas.answered::<view::Stage>())),
        ("current_stage", json!({ "type": ["string", "null"] })),
        ("progress", schemas.answered::<view::Progress>()),
        ("why_waiting", or_null(schemas.answered::<view::Wait>())),
    ];
    Operation::new("get", "/api/v1/executions/{id}/status", "readExecutionStatus", TAG, "See how far it is")
        .about("As reading the execution, without its jobs: cheap however many there are.")
        .success(200, "How it stands. `current_stage` is the first that runs.", members)
        .refuses(&[NOT_FOUND, TOKEN, STORE])
}

fn cancel(execution: &Value) -> Operation {
    Operation::new("post", "/api/v1/executions/{id}/cancel", "cancelExecution", TAG, "Cancel an execution")
        .about(
            "What waits never starts, and what runs is told to end; then the stages that clean up run, and the execution \
             is cancelled when they have ended. Takes no body.",
        )
        .query("force", json!({ "type": "boolean", "default": false }), "End what cleans up, too.")
        .success(200, "The cancelled execution.", [("execution", execution.clone())])
        .refuses(&[QUERY, NOT_FOUND, ENDED, OVERTAKEN, HANDED_ON, DEVELOPER, TOKEN, STORE])
}

fn retry(schemas: &mut Schemas, execution: &Value) -> Operation {
    Operation::new("post", "/api/v1/executions/{id}/retry", "retryExecution", TAG, "Run it again")
        .about("Makes a new execution whose `retry_of` is this one. Jobs that succeeded are not run again, unless all are asked for.")
        .shared("IdempotencyKey")
        .optional_body(schemas.asked::<Retry>())
        .success(201, "The new execution.", [("execution", execution.clone())])
        .with_headers(201, &[("Idempotent-Replayed", "IdempotentReplayed")])
        .refuses(&[JSON_BODY, ONCE, NOT_FOUND, OVERTAKEN, RETRY, HANDED_ON, DEVELOPER, TOKEN, STORE])
}

fn approve(execution: &Value) -> Operation {
    Operation::new(
        "post",
        "/api/v1/executions/{id}/approve",
        "approveExecution",
        TAG,
        "Let a fork's change run",
    )
    .about("An execution that is queued for `fork_approval` joins the others that wait. Takes no body.")
    .success(200, "The execution, now waiting for its turn or running.", [("execution", execution.clone())])
    .refuses(&[NOT_FOUND, NOT_NOW, OVERTAKEN, HANDED_ON, APPROVER, TOKEN, STORE])
}

fn logs(schemas: &mut Schemas) -> Operation {
    let events = json!({ "log": schemas.answered::<LogEvent>(), "end": schemas.answered::<LogEnd>() });
    let content = json!({
        "text/plain": { "schema": text() },
        "text/event-stream": { "x-events": events },
    });
    Operation::new("get", "/api/v1/executions/{id}/logs", "readLogs", TAG, "Read the logs, or follow them")
        .about(
            "As text: all lines that there are, each with its stage and job before it unless a job is named. With \
             `follow=true` as Server-Sent Events: one `log` for each line, and `end` once the execution has ended. A \
             stream ends after 30 minutes at the latest; `Last-Event-ID` goes on where it stopped.",
        )
        .query("stage", text(), "Only the stage of this name.")
        .query("job", text(), "Only the job of this name.")
        .query("follow", json!({ "type": "boolean", "default": false }), "Whether to wait for more.")
        .optional_header(
            "Last-Event-ID",
            json!({ "type": "string", "pattern": r"^[0-9]+\.[0-9]+$" }),
            "The id of the last `log` event that was seen. It counts with `follow=true` alone.",
        )
        .answers(200, "The lines, or the stream of them.", content)
        .refuses(&[QUERY, STREAM, NOT_FOUND, TOKEN, STORE])
}

fn journal(schemas: &mut Schemas) -> Operation {
    let entry = schemas.answered::<view::JournalEntry>();
    Operation::new("get", "/api/v1/executions/{id}/journal", "explainExecution", TAG, "Tell its whole story")
        .about("Every change of it, the oldest first: when, by whom, why, and what it changed.")
        .shared("Limit")
        .query(
            "after",
            json!({ "type": "string", "pattern": "^[0-9]+$" }),
            "What the page before gave as `next`.",
        )
        .success(200, "A page of entries.", [("entries", list_of(entry)), ("next", cursor())])
        .refuses(&[QUERY, NOT_FOUND, TOKEN, STORE])
}

fn events(schemas: &mut Schemas) -> Operation {
    let events = json!({ "change": schemas.answered::<ExecutionChange>(), "end": { "type": "object" } });
    let content = json!({ "text/event-stream": { "x-events": events } });
    Operation::new("get", "/api/v1/executions/{id}/events", "followExecution", TAG, "Follow every change")
        .about(
            "Server-Sent Events from the first change on: one `change` for each, and `end` once the execution has \
             ended. A stream ends after 30 minutes at the latest; `Last-Event-ID` goes on where it stopped.",
        )
        .optional_header(
            "Last-Event-ID",
            json!({ "type": "string", "pattern": "^[0-9]+$" }),
            "The id of the last event that was seen.",
        )
        .answers(200, "The stream.", content)
        .refuses(&[STREAM, NOT_FOUND, TOKEN, STORE])
}
