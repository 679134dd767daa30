//! `POST /api/v1/pipelines/validate`: everything that is wrong with a pipeline file, and what it would do.

use std::collections::BTreeMap;

use http::StatusCode;
use penstock_api::problem::FieldError;
use penstock_api::request::ValidatePipeline;
use penstock_domain::TriggerEvent;
use penstock_guest::{Answer, MAX_BODY_BYTES, Request, read_json, success};
use penstock_pipeline::{Diagnostic, RunContext, Severity, parse, plan};
use serde_json::{Value, json};

pub async fn validate(request: Request) -> Answer {
    let ValidatePipeline { definition } = read_json(request, MAX_BODY_BYTES).await?;
    let parsed = parse(&definition);
    let mut diagnostics = parsed.diagnostics;
    let mut planned = Value::Null;
    if let Some(definition) = parsed.definition {
        match plan(&definition, &example()) {
            Ok(plan) => planned = json!(plan),
            Err(more) => diagnostics.extend(more),
        }
    }
    let of = |severity| diagnostics.iter().filter(|d| d.severity == severity).map(tell).collect::<Vec<_>>();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let members = [
        ("valid", json!(errors.is_empty())),
        ("errors", json!(errors)),
        ("warnings", json!(warnings)),
        ("plan", if errors.is_empty() { planned } else { Value::Null }),
    ];
    Ok(success(StatusCode::OK, members))
}

/// A push to `main`: what a plan is shown for.
fn example() -> RunContext {
    RunContext {
        branch: "main".to_owned(),
        tag: None,
        event: TriggerEvent::Push,
        commit_sha: None,
        commit_message: String::new(),
        author: String::new(),
        repository_url: String::new(),
        pipeline_name: String::new(),
        number: 1,
        variables: BTreeMap::new(),
        inputs: BTreeMap::new(),
        changed_paths: None,
        event_name: None,
        base_branch: String::new(),
        pull_request: 0,
    }
}

/// A diagnostic with its hint in one object.
pub fn tell(diagnostic: &Diagnostic) -> Value {
    let mut told = json!({
        "pointer": diagnostic.pointer,
        "line": diagnostic.line,
        "column": diagnostic.column,
        "code": diagnostic.code,
        "message": diagnostic.message,
    });
    if let Some(hint) = &diagnostic.hint {
        told["hint"] = json!(hint);
    }
    told
}

/// As part of a larger body: the file's text is its member `definition`.
pub fn field_error(diagnostic: &Diagnostic) -> FieldError {
    let hint = diagnostic.hint.as_deref().map(|h| format!(" ({h})")).unwrap_or_default();
    FieldError {
        pointer: "/definition".to_owned(),
        line: Some(diagnostic.line),
        column: Some(diagnostic.column),
        code: diagnostic.code.to_owned(),
        message: format!("{}{hint}", diagnostic.message),
    }
}
