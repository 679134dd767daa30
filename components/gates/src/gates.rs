//! Gates: what became of them, and letting one pass that failed.

use http::StatusCode;
use penstock_api::internal::{Overridden, OverrideGate};
use penstock_api::problem::{FieldError, Problem};
use penstock_api::quality::{GateEvaluation, GateSummary, MAX_REASON_CHARS, OverrideQualityGate};
use penstock_domain::{ExecutionId, GateId, GateStatus};
use penstock_guest::{Actor, Answer, Failure, Platform, Request, answer_once, post_to_scheduler, success};
use penstock_store::{Connection, Store};
use serde_json::json;

pub async fn list<C: Connection>(store: &Store<C>, execution: ExecutionId) -> Answer {
    let gates = store.gates_of_execution(execution).await?.ok_or_else(|| Problem::not_found("execution"))?;
    let summary = summary(&gates);
    let is_in_the_way = |gate: &&GateEvaluation| gate.blocker && gate.status == GateStatus::Failed;
    let blockers: Vec<&str> =
        gates.iter().filter(is_in_the_way).map(|gate| gate.gate_name.as_str()).collect();
    Ok(success(
        StatusCode::OK,
        [
            ("all_passed", json!(summary.failed == 0 && summary.pending == 0)),
            ("blockers", json!(blockers)),
            ("summary", json!(summary)),
            ("evaluations", json!(gates)),
        ],
    ))
}

fn summary(gates: &[GateEvaluation]) -> GateSummary {
    let count = |status| gates.iter().filter(|gate| gate.status == status).count() as u64;
    GateSummary {
        total: gates.len() as u64,
        passed: count(GateStatus::Passed),
        failed: count(GateStatus::Failed),
        overridden: count(GateStatus::Overridden),
        pending: count(GateStatus::Pending),
    }
}

pub async fn override_one<C: Connection>(
    platform: &impl Platform,
    store: &Store<C>,
    request: Request,
    gate: GateId,
    actor: Actor,
) -> Answer {
    answer_once(platform, request, |asked, _| override_now(platform, store, asked, gate, actor)).await
}

async fn override_now<C: Connection>(
    platform: &impl Platform,
    store: &Store<C>,
    OverrideQualityGate { reason }: OverrideQualityGate,
    gate: GateId,
    actor: Actor,
) -> Answer {
    let reason = checked(&reason)?.to_owned();
    let asked = serde_json::to_vec(&OverrideGate { actor: actor.name, reason }).map_err(internal)?;
    let path = format!("/internal/gates/{gate}/override");
    let answer = post_to_scheduler(platform, &path, asked.into(), None).await?;
    let Overridden { continued_in, .. } = serde_json::from_slice(answer.body()).map_err(internal)?;
    let evaluation = store.gate(gate).await?.ok_or_else(|| Problem::not_found("gate"))?;
    Ok(success(StatusCode::OK, [("evaluation", json!(evaluation)), ("continued_in", json!(continued_in))]))
}

fn internal(error: serde_json::Error) -> Failure {
    Failure::Internal(Box::new(error))
}

/// The reason without blanks around it.
fn checked(reason: &str) -> Result<&str, Problem> {
    let reason = reason.trim();
    if (1..=MAX_REASON_CHARS).contains(&reason.chars().count()) {
        return Ok(reason);
    }
    Err(Problem::invalid(vec![FieldError {
        pointer: "/reason".to_owned(),
        line: None,
        column: None,
        code: "invalid_value".to_owned(),
        message: format!("say why the gate may be overridden, in 1 to {MAX_REASON_CHARS} characters"),
    }]))
}
