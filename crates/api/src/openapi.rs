//! The OpenAPI 3.1 document of every route that is served, from the very types that are served.
//!
//! It is a checked-in file, `components/api/openapi.json`: a test makes it anew and compares, another holds it
//! against the components' tables of routes. What the contract names and this version answers 501 is not in it, and
//! neither is what the components say to each other.

mod executions;
mod figures;
mod hooks;
mod jobs;
mod metrics;
mod operation;
mod pipelines;
mod public;
mod quality;
mod refusals;
mod release;
mod runners;
mod schemas;
mod shapes;
mod tokens;

use serde_json::{Map, Value, json};

use operation::{Operation, parameters};
use schemas::Schemas;

const DESCRIPTION: &str = "\
A CI/CD control plane: forges push webhooks in, runners elsewhere do the work, statuses flow back.

An answer that went well is JSON with `success: true` beside the members named here; one that did not is a problem of \
RFC 9457, whose `code` a program may match on, and whose `errors` name each thing that is wrong with the input. \
Members may be added to answers; what is here keeps its name and meaning.

Times are RFC 3339 in UTC with milliseconds, durations end in `_seconds` or `_ms`, ids are UUIDs. HEAD is taken \
wherever GET is. A path that is known with another method answers 405 `method_not_allowed`, one that is not known \
404; below `/api/`, whoever sends no good token gets 401 first. Routes of later versions answer 501 \
`not_supported_yet` and are not listed.";

/// The whole document. Its members are sorted, so that equal documents are equal text.
///
/// # Panics
/// Where one type comes in and goes out in two shapes; the test that makes the document tells.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let operations: Vec<Operation> = [
        pipelines::operations(&mut schemas),
        executions::operations(&mut schemas),
        release::operations(&mut schemas),
        tokens::operations(&mut schemas),
        runners::operations(&mut schemas),
        jobs::operations(&mut schemas),
        quality::operations(&mut schemas),
        hooks::operations(),
        metrics::operations(&mut schemas),
        public::operations(&mut schemas),
    ]
    .into_iter()
    .flatten()
    .collect();
    let pushes = runners::pushes(&mut schemas);
    // Every refusal refers to it by its name.
    schemas.answered::<crate::problem::Problem>();
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Penstock",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The HTTP API of the control plane, and the runner protocol, version 1.",
            "description": DESCRIPTION,
            "license": { "name": "Apache License 2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "Where this document came from." }],
        "security": [{ "token": [] }],
        "tags": tags(),
        "paths": by_path(operations),
        "webhooks": by_path(pushes),
        "components": {
            "schemas": schemas.into_definitions(),
            "parameters": parameters(),
            "headers": headers(),
            "securitySchemes": security_schemes(),
        },
    });
    sorted(document)
}

fn by_path(operations: Vec<Operation>) -> Map<String, Value> {
    let mut paths = Map::new();
    for operation in operations {
        let (path, method, members) = operation.into_parts();
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[method] = members;
    }
    paths
}

fn tags() -> Value {
    let tags = [
        ("pipelines", "What is to be run: a pipeline file, and where it lives."),
        ("executions", "Runs of pipelines: started, watched, ended."),
        ("environments", "Where versions are deployed to, and by which rules."),
        ("approvals", "What deployments wait for people's leave by."),
        ("deployments", "Which version went where, and what became of it."),
        ("tokens", "By whom something is done, and what they may do."),
        ("runners", "Who does the work."),
        (
            "runner protocol",
            "What the holder of a job's attempt calls back with, and what is pushed to a runner.",
        ),
        ("quality", "What reports say of an execution, and what its gates make of that."),
        ("webhooks", "What forges send."),
        ("metrics", "How the work goes, in figures."),
        ("status", "How a repository stands, for whoever asks often."),
        ("service", "The server itself."),
    ];
    tags.into_iter().map(|(name, description)| json!({ "name": name, "description": description })).collect()
}

fn security_schemes() -> Value {
    let bearer =
        |description: &str| json!({ "type": "http", "scheme": "bearer", "description": description });
    let header = |name: &str, description: &str| json!({ "type": "apiKey", "in": "header", "name": name, "description": description });
    json!({
        "token": bearer(
            "A token of `POST /api/v1/tokens`, or the variable `admin_token`: people and programs. Reading takes any \
             role; what takes more says so at its 403.",
        ),
        "runner_token": bearer("The variable `runner_token`: lets a runner register."),
        "runner": bearer("The `token` that a runner was given when it registered."),
        "lease": bearer("The token of an attempt's lease: good for this job, attempt and runner alone."),
        "github_signature": header(
            "X-Hub-Signature-256",
            "`sha256=` and the HMAC-SHA256 of the raw body under `github_webhook_secret`, as 64 lower-case hexadecimal digits.",
        ),
        "standard_webhook": header(
            crate::signature::SIGNATURE,
            "Standard Webhooks: `v1,` and the base64 of the HMAC-SHA256 of `id.timestamp.body` under the runner's token.",
        ),
    })
}

fn headers() -> Value {
    let text = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    json!({
        "CacheControl": text("How long the answer is good for."),
        "ETag": text("Names this answer; sent back as `If-None-Match` it gives 304 while nothing has changed."),
        "IdempotentReplayed": {
            "description": "`true` where this is the answer that an earlier request with the same key got.",
            "schema": { "type": "string", "const": "true" },
        },
        "RetryAfter": {
            "description": "Seconds to wait before the request is sent again; left out where that is of no use.",
            "schema": { "type": "integer", "minimum": 0 },
        },
        "WwwAuthenticate": { "description": "The scheme to use.", "schema": { "type": "string", "const": "Bearer" } },
    })
}

/// Members in the order of their names, whatever order the map keeps; and no default of null, which says nothing.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().collect();
            members.retain(|(name, value)| name != "default" || !value.is_null());
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            members.into_iter().map(|(name, value)| (name, sorted(value))).collect()
        }
        Value::Array(values) => values.into_iter().map(sorted).collect(),
        other => other,
    }
}
