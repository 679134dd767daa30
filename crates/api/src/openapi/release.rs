//! Environments, approvals and deployments: where versions go, who lets them, and what became of them.

use serde_json::{Value, json};

use super::operation::Operation;
use super::refusals::{
    ENVIRONMENT, HANDED_ON, JSON_BODY, NOT_FOUND, ONCE, OVERTAKEN, QUERY, ROLE, Refusal, STORE,
};
use super::schemas::{Schemas, cursor, list_of};
use crate::release::request::{Approve, ChangeEnvironment, Lift, NewEnvironment, WithReason};
use crate::release::{Approval, Deployment, DeploymentSummary, Environment, Rollback};
use crate::schema::Word;

const ENVIRONMENTS: &str = "/api/v1/environments";
const ENVIRONMENT_PATH: &str = "/api/v1/environments/{id}";

pub fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let mut all = environments(schemas);
    all.extend(approvals(schemas));
    all.extend(deployments(schemas));
    all
}

fn environments(schemas: &mut Schemas) -> Vec<Operation> {
    let environment = schemas.answered::<Environment>();
    let of = |method, path, id, summary| Operation::new(method, path, id, "environments", summary);
    let one = || [("environment", environment.clone())];
    let page = [("environments", list_of(environment.clone())), ("next", cursor())];
    vec![
        of("get", ENVIRONMENTS, "listEnvironments", "List the environments")
            .about("For viewers.")
            .shared("Limit")
            .shared("After")
            .success(200, "A page of environments, each with what is live there.", page)
            .refuses(&[QUERY, ROLE, STORE]),
        of("post", ENVIRONMENTS, "createEnvironment", "Create an environment")
            .about("For administrators. What is left out has its default.")
            .shared("IdempotencyKey")
            .body(schemas.asked::<NewEnvironment>())
            .success(201, "The new environment.", one())
            .with_headers(201, &[("Idempotent-Replayed", "IdempotentReplayed")])
            .refuses(&[JSON_BODY, ONCE, ENVIRONMENT, OVERTAKEN, ROLE, STORE]),
        of("get", ENVIRONMENT_PATH, "readEnvironment", "Read an environment")
            .about("For viewers.")
            .success(200, "The environment, with what is live there.", one())
            .refuses(&[NOT_FOUND, ROLE, STORE]),
        of("put", ENVIRONMENT_PATH, "updateEnvironment", "Change an environment")
            .about(
                "For administrators. What is named is replaced as a whole, null empties it, and what is left out \
                 stays as it is. Approvals that were asked for keep the rules of then.",
            )
            .optional_body(schemas.asked::<ChangeEnvironment>())
            .success(200, "The environment as it is now.", one())
            .refuses(&[JSON_BODY, NOT_FOUND, ENVIRONMENT, OVERTAKEN, ROLE, STORE]),
        of("post", "/api/v1/environments/{id}/lift", "liftQuarantine", "Let a rolled back version in again")
            .about("For approvers. What waited because of it goes on.")
            .body(schemas.asked::<Lift>())
            .success(200, "The environment as it is now.", one())
            .refuses(&[JSON_BODY, NOT_FOUND, OVERTAKEN, HANDED_ON, ROLE, STORE]),
    ]
}

fn approvals(schemas: &mut Schemas) -> Vec<Operation> {
    let approval = schemas.answered::<Approval>();
    let of = |method, path, id, summary| Operation::new(method, path, id, "approvals", summary);
    let one = || [("approval", approval.clone())];
    let page = [("approvals", list_of(approval.clone())), ("next", cursor())];
    let decided: &[&[Refusal]] = &[JSON_BODY, NOT_FOUND, OVERTAKEN, HANDED_ON, ROLE, STORE];
    let status = schemas.asked::<Word<penstock_domain::ApprovalStatus>>();
    vec![
        of("get", "/api/v1/approvals", "listApprovals", "List the approvals")
            .about("For viewers.")
            .query("status", status, "Only those in this state.")
            .query("execution_id", id(), "Only those of this execution.")
            .shared("Limit")
            .shared("After")
            .success(200, "A page of approvals, the newest first.", page)
            .refuses(&[QUERY, ROLE, STORE]),
        of("post", "/api/v1/approvals/{id}/approve", "approveDeployment", "Approve a deployment")
            .about("For approvers, but not for who made the change. The same person's second yes changes nothing.")
            .optional_body(schemas.asked::<Approve>())
            .success(200, "The approval as it is now: pending while more are needed.", one())
            .refuses(decided),
        of("post", "/api/v1/approvals/{id}/reject", "rejectDeployment", "Reject a deployment")
            .about("For approvers. One no is enough.")
            .body(schemas.asked::<WithReason>())
            .success(200, "The approval as it is now.", one())
            .refuses(decided),
    ]
}

fn deployments(schemas: &mut Schemas) -> Vec<Operation> {
    let deployment = schemas.answered::<Deployment>();
    let of = |method, path, id, summary| Operation::new(method, path, id, "deployments", summary);
    let summary = schemas.answered::<DeploymentSummary>();
    let page = [("deployments", list_of(deployment.clone())), ("summary", summary), ("next", cursor())];
    let status = schemas.asked::<Word<penstock_domain::DeploymentStatus>>();
    vec![
        of("get", "/api/v1/deployments", "listDeployments", "List the deployments")
            .about("For viewers.")
            .query("environment_id", id(), "Only those to this environment.")
            .query("status", status, "Only those in this state.")
            .query("execution_id", id(), "Only those of this execution.")
            .query("pipeline_id", id(), "Only those of this pipeline.")
            .shared("Limit")
            .shared("After")
            .success(200, "A page of deployments, the newest first; `summary` counts beyond the page.", page)
            .refuses(&[QUERY, ROLE, STORE]),
        of("get", "/api/v1/deployments/{id}", "readDeployment", "Read a deployment")
            .about("For viewers.")
            .success(200, "The deployment.", [("deployment", deployment)])
            .refuses(&[NOT_FOUND, ROLE, STORE]),
        of("post", "/api/v1/deployments/{id}/rollback", "rollBackDeployment", "Take a deployment back")
            .about(
                "For approvers. The version before is deployed again, and this one is quarantined: it is not \
                 deployed there again until somebody lifts that.",
            )
            .shared("IdempotencyKey")
            .body(schemas.asked::<WithReason>())
            .success(
                202,
                "It was decided; see the deployments for what becomes of it.",
                [("rollback", schemas.answered::<Rollback>())],
            )
            .with_headers(202, &[("Idempotent-Replayed", "IdempotentReplayed")])
            .refuses(&[JSON_BODY, ONCE, NOT_FOUND, OVERTAKEN, HANDED_ON, ROLE, STORE]),
    ]
}

fn id() -> Value {
    json!({ "type": "string", "format": "uuid" })
}
