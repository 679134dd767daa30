//! Pipelines: what is to be run.

use serde_json::{Value, json};

use super::operation::Operation;
use super::refusals::{
    ADMIN, DEVELOPER, JSON_BODY, NAME_TAKEN, NOT_FOUND, ONCE, OVERTAKEN, QUERY, STORE, TOKEN,
};
use super::schemas::{Schemas, cursor, list_of, or_null};
use super::shapes::{Diagnostic, Plan};
use crate::request::{CreatePipeline, UpdatePipeline, ValidatePipeline};
use crate::view;

const TAG: &str = "pipelines";
const PATH: &str = "/api/v1/pipelines";
const ONE: &str = "/api/v1/pipelines/{id}";

pub fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let pipeline = schemas.answered::<view::Pipeline>();
    vec![
        list(schemas, &pipeline),
        create(schemas, &pipeline),
        validate(schemas),
        Operation::new("get", ONE, "readPipeline", TAG, "Read a pipeline")
            .success(200, "The pipeline.", [("pipeline", pipeline.clone())])
            .refuses(&[NOT_FOUND, TOKEN, STORE]),
        update(schemas, &pipeline),
        Operation::new("delete", ONE, "deletePipeline", TAG, "Delete a pipeline")
            .about("Its executions stay readable, and its name is free again.")
            .success(200, "The pipeline as it was.", [("pipeline", pipeline)])
            .refuses(&[NOT_FOUND, OVERTAKEN, ADMIN, TOKEN, STORE]),
    ]
}

fn list(schemas: &mut Schemas, pipeline: &Value) -> Operation {
    let summary = schemas.answered::<view::PipelineSummary>();
    let members = [("pipelines", list_of(pipeline.clone())), ("summary", summary), ("next", cursor())];
    Operation::new("get", PATH, "listPipelines", TAG, "List the pipelines")
        .shared("Limit")
        .shared("After")
        .success(200, "A page of pipelines; `summary` counts all of them.", members)
        .refuses(&[QUERY, TOKEN, STORE])
}

fn create(schemas: &mut Schemas, pipeline: &Value) -> Operation {
    Operation::new("post", PATH, "createPipeline", TAG, "Create a pipeline")
        .about(
            "With `definition` the pipeline lives in the database, else in the repository, at `definition_path`. \
             Give one of them, not both.",
        )
        .shared("IdempotencyKey")
        .body(schemas.asked::<CreatePipeline>())
        .success(201, "The new pipeline.", [("pipeline", pipeline.clone())])
        .with_headers(201, &[("Idempotent-Replayed", "IdempotentReplayed")])
        .refuses(&[JSON_BODY, ONCE, NAME_TAKEN, OVERTAKEN, DEVELOPER, TOKEN, STORE])
}

fn validate(schemas: &mut Schemas) -> Operation {
    let diagnostics = list_of(schemas.answered::<Diagnostic>());
    let members = [
        ("valid", json!({ "type": "boolean" })),
        ("errors", diagnostics.clone()),
        ("warnings", diagnostics),
        ("plan", or_null(schemas.answered::<Plan>())),
    ];
    Operation::new("post", "/api/v1/pipelines/validate", "validatePipeline", TAG, "Check a pipeline file")
        .about("Tells all that is wrong with the file at once. Nothing is kept and nothing is run.")
        .body(schemas.asked::<ValidatePipeline>())
        .success(200, "What there is to say of it; `plan` is null where there are errors.", members)
        .refuses(&[JSON_BODY, DEVELOPER, TOKEN, STORE])
}

fn update(schemas: &mut Schemas, pipeline: &Value) -> Operation {
    Operation::new("put", ONE, "updatePipeline", TAG, "Change a pipeline")
        .about("Members that are left out stay as they are.")
        .optional_body(schemas.asked::<UpdatePipeline>())
        .success(200, "The pipeline as it is now.", [("pipeline", pipeline.clone())])
        .refuses(&[JSON_BODY, NOT_FOUND, NAME_TAKEN, OVERTAKEN, DEVELOPER, TOKEN, STORE])
}
