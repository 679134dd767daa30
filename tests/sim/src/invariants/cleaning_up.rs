//! What cleans up has its turn before an execution that has begun ends, however it ends.

use super::Change;

pub fn check(change: &Change<'_>) -> Result<(), String> {
    let (Some(before), after) = (change.before, change.after) else { return Ok(()) };
    let ends = before.status == "running" && after.is_final();
    // Who is in a hurry does without, and so does what takes too long for it.
    let is_cut_off = change.world.facts.borrow().forced.contains(&after.id)
        || (change.entry.cause == "execution_deadline" && before.ending.is_some());
    if !ends || is_cut_off || after.takes_back {
        return Ok(());
    }
    for spec in change.spec.stages.iter().filter(|s| s.cleans_up) {
        let stage = after.stages.iter().find(|s| s.name == spec.name);
        if let Some(stage) = stage.filter(|s| s.started_at.is_none() && s.status == "cancelled") {
            return Err(format!("the execution is {}, and stage {} never ran", after.status, stage.name));
        }
    }
    Ok(())
}
