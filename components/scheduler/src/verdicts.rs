//! What people decide on: approvals, and gates that stand in the way.

use http::StatusCode;
use penstock_api::internal::{DecideApproval, ExecutionRef, Overridden, OverrideGate, RetryExecution};
use penstock_api::problem::Problem;
use penstock_domain::{ApprovalId, ExecutionId, ExecutionStatus, GateId, GateStatus, Reason};
use penstock_engine::{Event, Snapshot, Voter};
use penstock_guest::{
    Answer, Decided, Failure, MAX_BODY_BYTES, Platform, Request, commit_event, json, read_json,
};
use penstock_store::Cause;

use crate::control::start_again;
use crate::scheduler::{Scheduler, refused};

/// `POST /internal/approvals/:id`
pub async fn decide_approval<P: Platform>(platform: &P, request: Request, approval: ApprovalId) -> Answer {
    let DecideApproval { actor, forge_login, approve, text } = read_json(request, MAX_BODY_BYTES).await?;
    let scheduler = Scheduler::open(platform).await?;
    let execution = scheduler.store.execution_of_approval(approval).await?;
    let execution_id = execution.ok_or_else(|| Problem::not_found("approval"))?;
    let by = Cause::new(format!("user:{actor}"), if approve { "approve" } else { "reject" });
    let voter = Voter { name: actor, forge_login };
    let event = if approve {
        Event::Approve { approval, voter, notes: text }
    } else {
        let reason = text.unwrap_or_default();
        Event::Reject { approval, voter, reason }
    };
    commit(&scheduler, execution_id, &event, &by).await?;
    Ok(json(StatusCode::OK, &ExecutionRef { execution_id }))
}

async fn commit<P: Platform>(
    scheduler: &Scheduler<P>,
    execution: ExecutionId,
    event: &Event,
    by: &Cause,
) -> Result<(), Failure> {
    match commit_event(&scheduler.platform, &scheduler.store, Some(execution), None, event, by).await? {
        Decided::Committed(changes) => scheduler.follow(&changes),
        Decided::Nothing => {}
        Decided::Refused(why) => return Err(refused(&why).into()),
        Decided::Unknown => return Err(Problem::not_found("execution").into()),
    }
    Ok(())
}

/// `POST /internal/gates/:id/override`: where this was the last gate in the way of an execution that ended over them,
/// the work goes on in a retry of it.
pub async fn override_gate<P: Platform>(platform: &P, request: Request, gate: GateId) -> Answer {
    let OverrideGate { actor, reason } = read_json(request, MAX_BODY_BYTES).await?;
    let scheduler = Scheduler::open(platform).await?;
    let execution = scheduler.store.execution_of_gate(gate).await?;
    let execution_id = execution.ok_or_else(|| Problem::not_found("quality gate"))?;
    let by = Cause::new(format!("user:{actor}"), "override");
    let event = Event::OverrideGate { gate, by: actor.clone(), reason };
    let overridden = commit(&scheduler, execution_id, &event, &by).await;
    if let Err(failure) = overridden {
        // It may have been overridden before by one that ended before the work went on.
        let is_over = matches!(&failure, Failure::Told(problem) if problem.code == "already_ended");
        if !is_over || scheduler.store.was_retried(execution_id).await? {
            return Err(failure);
        }
    }
    let snapshot = scheduler.store.snapshot(Some(execution_id), None, true).await?;
    let continued_in = match snapshot.filter(may_go_on) {
        Some(_) => {
            let once = Some(format!("override:{execution_id}"));
            let wanted = RetryExecution { actor, only_failed: true, from_stage: None, once };
            Some(start_again(&scheduler, execution_id, wanted).await?)
        }
        None => None,
    };
    Ok(json(StatusCode::OK, &Overridden { execution_id, continued_in }))
}

/// Whether the execution ended over its gates, and none of them is in the way any more.
fn may_go_on(snapshot: &Snapshot) -> bool {
    let execution = &snapshot.execution;
    execution.status == ExecutionStatus::Failed
        && execution.reason == Some(Reason::GateFailed)
        && !snapshot.gates.iter().any(|g| g.gate.blocker && g.status == GateStatus::Failed)
}
