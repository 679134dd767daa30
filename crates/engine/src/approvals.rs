//! A deployment's approval: asked for, given by people or by itself, refused, or too late.

use penstock_domain::{ApprovalId, ApprovalStatus, IdSource as _, Reason, StageId, WorkStatus};
use penstock_release::{Criteria, Tally, Vote, Voter, may_decide, tally};

use crate::change::TimerKind;
use crate::decide::Refusal;
use crate::delivery::{Approval, Environment};
use crate::draft::Draft;
use crate::{cascade, deploy};

/// Whether the stage may go on. Where nobody was asked yet, this asks.
pub(crate) fn is_given(draft: &mut Draft, stage: usize, environment: &Environment) -> Result<bool, Refusal> {
    let id = draft.stage(stage).id;
    if let Some(approval) = draft.state.approvals.iter().find(|a| a.stage_id == id) {
        return Ok(approval.status.is_given());
    }
    let now = draft.now;
    let deployment = draft.state.deployments.iter().position(|d| d.stage_id == id);
    let deployment = deployment.ok_or(Refusal::Unknown("deployment"))?;
    let (deployment_id, version) =
        (draft.state.deployments[deployment].id, draft.state.deployments[deployment].version.clone());
    let by_itself = deploy::why_by_itself(draft, environment, &version);
    let context = &draft.state.execution.context;
    let criteria = Criteria {
        required: environment.rules.required_approvals.max(1),
        approvers: environment.rules.approvers.clone(),
        authors: context.authors.clone(),
    };
    let requested_by = (!context.run.author.is_empty()).then(|| context.run.author.clone());
    let expires_in_ms = i64::from(environment.rules.expires_in_seconds) * 1000;
    let is_automatic = by_itself.is_some();
    let approval = Approval {
        id: ApprovalId(draft.ids().uuid()),
        execution_id: draft.state.execution.id,
        stage_id: id,
        deployment_id,
        environment_id: environment.id,
        approval_type: environment.rules.approval_type,
        status: if is_automatic { ApprovalStatus::AutoApproved } else { ApprovalStatus::Pending },
        requested_at: now,
        requested_by,
        approved_at: is_automatic.then_some(now),
        approved_by: None,
        rejected_at: None,
        rejected_by: None,
        rejection_reason: None,
        notes: by_itself,
        criteria,
        votes: vec![],
        expires_at: (!is_automatic).then(|| now.plus_ms(expires_in_ms)),
    };
    draft.add_approval(approval);
    if !is_automatic {
        draft.start_timer(TimerKind::ApprovalExpiry, Some(id), None, expires_in_ms);
        give_time(draft);
    }
    Ok(is_automatic)
}

/// To wait for people is not to take long: the execution's time begins anew when the last of them has decided. A clock
/// that was put back takes none of it away.
fn give_time(draft: &mut Draft) {
    if draft.state.execution.ending.is_some() {
        return;
    }
    let now = draft.now;
    let waits = draft.state.approvals.iter().filter(|a| a.status == ApprovalStatus::Pending);
    let begins = waits.filter_map(|a| a.expires_at).chain(draft.state.execution.started_at).max();
    let wait_ms = begins.map_or(0, |at| at.since_ms(now).max(0));
    let ms = draft.state.execution.timeout_ms.saturating_add(wait_ms);
    draft.end_timers_of_kind(TimerKind::ExecutionDeadline);
    draft.start_timer(TimerKind::ExecutionDeadline, None, None, ms);
}

fn pending(draft: &Draft, approval: ApprovalId) -> Result<usize, Refusal> {
    draft.require_whole()?;
    let index = draft.state.approvals.iter().position(|a| a.id == approval);
    let index = index.ok_or(Refusal::Unknown("approval"))?;
    match draft.state.approvals[index].status {
        ApprovalStatus::Pending => Ok(index),
        ended => Err(Refusal::AlreadyEnded(ended.as_str())),
    }
}

/// Somebody says yes.
pub(crate) fn approve(
    draft: &mut Draft,
    approval: ApprovalId,
    voter: &Voter,
    notes: Option<&str>,
) -> Result<(), Refusal> {
    let index = match pending(draft, approval) {
        // Told twice: this very yes is among those that decided it.
        Err(Refusal::AlreadyEnded("approved")) if has_voted(draft, approval, voter) => return Ok(()),
        other => other?,
    };
    let now = draft.now;
    let row = &draft.state.approvals[index];
    if !penstock_domain::bugs::is_on("own_change_approved") {
        may_decide(&row.criteria, voter, true).map_err(|why| Refusal::Forbidden(why.to_string()))?;
    }
    let tally = tally(&row.criteria, &row.votes, voter);
    if tally == Tally::Already {
        return Ok(());
    }
    let row = draft.touch_approval(index);
    row.votes.push(Vote {
        by: voter.name.clone(),
        forge_login: voter.forge_login.clone(),
        at: now,
        notes: notes.map(str::to_owned),
    });
    if tally != Tally::Enough && !penstock_domain::bugs::is_on("one_yes_is_enough") {
        return Ok(());
    }
    row.status = row.status.become_(ApprovalStatus::Approved)?;
    let names = row.votes.iter().map(|v| v.by.as_str()).collect::<Vec<_>>().join(", ");
    (row.approved_at, row.approved_by) = (Some(now), Some(names.clone()));
    row.notes = notes.map(str::to_owned).or_else(|| row.notes.take());
    let stage_id = row.stage_id;
    draft.end_timers_of_stage(stage_id);
    give_time(draft);
    if let Some(deployment) = draft.state.deployments.iter().position(|d| d.stage_id == stage_id) {
        draft.touch_deployment(deployment).approved_by = Some(names);
    }
    let stage = draft.stage_index(stage_id)?;
    deploy::go_in(draft, stage)?;
    cascade::go_on_after(draft, stage)
}

fn has_voted(draft: &Draft, approval: ApprovalId, voter: &Voter) -> bool {
    let found = draft.state.approvals.iter().find(|a| a.id == approval);
    found.is_some_and(|a| tally(&a.criteria, &a.votes, voter) == Tally::Already)
}

/// Somebody says no, which is enough.
pub(crate) fn reject(
    draft: &mut Draft,
    approval: ApprovalId,
    voter: &Voter,
    reason: &str,
) -> Result<(), Refusal> {
    let index = pending(draft, approval)?;
    let now = draft.now;
    may_decide(&draft.state.approvals[index].criteria, voter, false)
        .map_err(|why| Refusal::Forbidden(why.to_string()))?;
    let row = draft.touch_approval(index);
    row.status = row.status.become_(ApprovalStatus::Rejected)?;
    (row.rejected_at, row.rejected_by) = (Some(now), Some(voter.name.clone()));
    row.rejection_reason = Some(reason.to_owned());
    let stage = row.stage_id;
    refuse_stage(draft, stage, Reason::ApprovalRejected, &format!("rejected by {}: {reason}", voter.name))
}

/// Nobody decided in time.
pub(crate) fn expire(draft: &mut Draft, stage: StageId) -> Result<(), Refusal> {
    draft.require_whole()?;
    let waits = |a: &Approval| a.stage_id == stage && a.status == ApprovalStatus::Pending;
    let Some(index) = draft.state.approvals.iter().position(waits) else {
        return Err(Refusal::NotNow("the approval was decided before"));
    };
    let row = draft.touch_approval(index);
    row.status = row.status.become_(ApprovalStatus::Expired)?;
    refuse_stage(draft, stage, Reason::ApprovalExpired, "nobody approved it in time")
}

/// The environment asks for none any more.
pub(crate) fn waive(draft: &mut Draft, stage: StageId) -> Result<(), Refusal> {
    let now = draft.now;
    let waits = |a: &Approval| a.stage_id == stage && a.status == ApprovalStatus::Pending;
    if let Some(index) = draft.state.approvals.iter().position(waits) {
        let row = draft.touch_approval(index);
        row.status = row.status.become_(ApprovalStatus::AutoApproved)?;
        row.approved_at = Some(now);
        row.notes = Some("the environment asks for no approval any more".to_owned());
        draft.end_timers_of_stage(stage);
        give_time(draft);
    }
    Ok(())
}

/// Its stage has ended otherwise.
pub(crate) fn lapse(draft: &mut Draft, stage: StageId) -> Result<(), Refusal> {
    let waits = |a: &Approval| a.stage_id == stage && a.status == ApprovalStatus::Pending;
    if let Some(index) = draft.state.approvals.iter().position(waits) {
        let row = draft.touch_approval(index);
        row.status = row.status.become_(ApprovalStatus::Expired)?;
        row.notes = Some("its execution ended before anybody decided".to_owned());
    }
    Ok(())
}

fn refuse_stage(draft: &mut Draft, stage: StageId, reason: Reason, why: &str) -> Result<(), Refusal> {
    let index = draft.stage_index(stage)?;
    draft.end_timers_of_stage(stage);
    give_time(draft);
    let text = format!("{}: {reason}: {why}", draft.stage(index).name);
    cascade::tell_failure(draft, index, text);
    cascade::end_unstarted(draft, index, WorkStatus::Failed, reason)?;
    cascade::go_on(draft)
}
