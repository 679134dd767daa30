//! What everybody may ask: the status of public repositories, and the server itself.

use serde_json::{Value, json};

use super::operation::Operation;
use super::refusals::{NOT_FOUND, NOT_READY, QUERY, STORE, TOKEN};
use super::schemas::{Schemas, text};
use crate::view::RepositoryStatus;

pub fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let status = schemas.answered::<RepositoryStatus>();
    vec![
        cacheable(
            Operation::new(
                "get",
                "/status/{owner}/{repo}",
                "readRepositoryStatus",
                "status",
                "Read how a repository stands",
            ),
            "The newest execution of each of its pipelines.",
            json!({ "application/json": { "schema": status } }),
        ),
        cacheable(
            Operation::new(
                "get",
                "/badge/{owner}/{repo}.svg",
                "readBadge",
                "status",
                "The same as a picture",
            ),
            "A picture of the status, which says it in words as well.",
            json!({ "image/svg+xml": { "schema": text() } }),
        ),
        page(),
        said("/healthz", "readHealth", "Whether the process lives", "ok", "It lives."),
        said("/readyz", "readReadiness", "Whether it can serve", "ready", "It can serve.")
            .refuses(&[NOT_READY]),
        Operation::new("get", "/openapi.json", "readOpenapi", "service", "This document").for_whom(&[]).json(
            200,
            "An OpenAPI 3.1 document.",
            json!({ "type": "object" }),
        ),
        Operation::new(
            "get",
            "/schema/pipeline.json",
            "readPipelineSchema",
            "service",
            "The schema of a pipeline file",
        )
        .about(
            "For editors, which complete and check a file by it. A file that fits may still be refused: what names \
             and expressions lead to, `POST /api/v1/pipelines/validate` says.",
        )
        .for_whom(&[])
        .json(200, "A JSON Schema of draft 2020-12.", json!({ "type": "object" }))
        .with_headers(200, &[("Cache-Control", "CacheControl")]),
    ]
}

/// Answers come from a cache of one second, and have an ETag.
fn cacheable(operation: Operation, description: &str, content: Value) -> Operation {
    let headers = [("ETag", "ETag"), ("Cache-Control", "CacheControl")];
    operation
        .about(
            "Public where every pipeline of the repository has `public_status`; of the others, and of what is not \
             known here, a token is asked for. Up to one second old.",
        )
        .for_whom_or_everybody("token")
        .query("branch", text(), "Only executions of this branch.")
        .optional_header("If-None-Match", text(), "ETags of answers that the client has.")
        .answers(200, description, content)
        .with_headers(200, &headers)
        .empty(304, "The client has the answer.")
        .with_headers(304, &headers)
        .refuses(&[QUERY, NOT_FOUND, TOKEN, STORE])
}

fn page() -> Operation {
    Operation::new(
        "get",
        "/executions/{id}",
        "showExecution",
        "status",
        "The page that a commit's status leads to",
    )
    .about("Of pipelines without `public_status` it tells nothing but how to ask.")
    .for_whom(&[])
    .answers(200, "A page.", json!({ "text/html": { "schema": text() } }))
    .refuses(&[NOT_FOUND, STORE])
}

fn said(path: &'static str, id: &str, summary: &str, word: &str, description: &str) -> Operation {
    Operation::new("get", path, id, "service", summary).for_whom(&[]).success(
        200,
        description,
        [("status", json!({ "type": "string", "const": word }))],
    )
}
