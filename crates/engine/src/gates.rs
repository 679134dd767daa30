//! The gates of a stage: decided when its jobs have ended, and overridden by people.

use penstock_domain::{GateId, GateStatus, StageId};
use penstock_gates::evaluate;

use crate::decide::Refusal;
use crate::draft::Draft;

/// Decides every gate of the stage that is open. What stands in the way, in one sentence, if anything does.
pub(crate) fn judge(draft: &mut Draft, stage: StageId) -> Result<Option<String>, Refusal> {
    let now = draft.now;
    let mut in_the_way = None;
    for index in 0..draft.state.gates.len() {
        let row = &draft.state.gates[index];
        if row.stage_id != stage || row.status != GateStatus::Pending {
            continue;
        }
        let verdict = evaluate(&row.gate, &draft.state.facts);
        let row = draft.touch_gate(index);
        row.status = row.status.become_(verdict.status)?;
        (row.actual, row.reasons, row.evaluated_at) = (verdict.actual, verdict.reasons, Some(now));
        let is_in_the_way = row.gate.blocker && !penstock_domain::bugs::is_on("gate_blocks_nothing");
        if is_in_the_way && row.status == GateStatus::Failed && in_the_way.is_none() {
            let why = row.reasons.first().cloned().unwrap_or_default();
            in_the_way = Some(format!("gate {}: {why}", row.gate.name));
        }
    }
    Ok(in_the_way)
}

/// A person lets a failed gate pass. What has ended stays ended: the work goes on in a retry, where it counts.
pub(crate) fn override_gate(draft: &mut Draft, gate: GateId, by: &str, reason: &str) -> Result<(), Refusal> {
    draft.require_whole()?;
    let now = draft.now;
    let index = draft.state.gates.iter().position(|g| g.id == gate).ok_or(Refusal::Unknown("gate"))?;
    let row = &draft.state.gates[index];
    if row.status == GateStatus::Overridden {
        return Err(Refusal::AlreadyEnded("overridden"));
    }
    if !row.gate.overridable {
        return Err(Refusal::Forbidden("the pipeline says that this gate can't be overridden".to_owned()));
    }
    if row.status != GateStatus::Failed {
        return Err(Refusal::NotNow("only a failed gate can be overridden"));
    }
    let row = draft.touch_gate(index);
    row.status = row.status.become_(GateStatus::Overridden)?;
    row.override_reason = Some(reason.to_owned());
    (row.overridden_by, row.overridden_at) = (Some(by.to_owned()), Some(now));
    Ok(())
}
