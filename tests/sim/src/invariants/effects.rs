//! Every change has the effects that follow from it, each once: a push for who gets a job, a cancel for who loses one,
//! a word to the forge.

use serde_json::Value;

use super::Change;

fn effects<'a>(change: &'a Change<'_>, kind: &str) -> Vec<&'a Value> {
    let all = change.entry.change["outbox"].as_array();
    all.into_iter().flatten().filter(|e| e["kind"] == kind).collect()
}

pub fn check(change: &Change<'_>) -> Result<(), String> {
    let (dispatches, cancels) = (effects(change, "dispatch"), effects(change, "cancel"));
    let of = |found: &[&Value], id: &str, attempt: i64, runner: Option<&str>| {
        let fits = |e: &&&Value| {
            let payload = &e["payload"];
            payload["job_id"] == id
                && payload["attempt"] == attempt
                && payload["runner_id"].as_str() == runner
        };
        found.iter().filter(fits).count()
    };
    let (mut given, mut taken) = (0, 0);
    for job in change.jobs() {
        let after = job.after;
        if after.status == "running" && job.was() != "running" {
            given += 1;
            if of(&dispatches, &after.id, after.attempt, after.runner_id.as_deref()) != 1 {
                return Err(format!("{} was given away, and is not pushed", job.name()));
            }
        }
        let Some(before) = job.before.filter(|b| b.status == "running" && after.status != "running") else {
            continue;
        };
        let is_by_sibling = after.reason.as_deref() == Some("fail_fast");
        let is_by_holder = matches!(change.entry.cause.as_str(), "report" | "refused" | "undispatchable");
        // A claim whose answer went nowhere is with nobody who could be told.
        let is_unclaimed = after.status == "pending" && after.attempt == before.attempt;
        if (!is_by_holder && !is_unclaimed) || is_by_sibling {
            taken += 1;
            if of(&cancels, &after.id, before.attempt, before.runner_id.as_deref()) != 1 {
                return Err(format!("{} was taken from its runner, which is not told", job.name()));
            }
        }
    }
    if dispatches.len() != given || cancels.len() != taken {
        return Err(format!(
            "{} pushes for {given}, {} cancels for {taken}",
            dispatches.len(),
            cancels.len()
        ));
    }
    let was = change.before.map(|b| b.status.as_str());
    let has_moved = was != Some(change.after.status.as_str());
    if change.after.has_target && has_moved && effects(change, "forge_status").is_empty() {
        return Err(format!("the execution is {}, and the forge is not told", change.after.status));
    }
    kept(change)
}

/// What is to be done outside is in the outbox.
fn kept(change: &Change<'_>) -> Result<(), String> {
    for effect in change.entry.change["outbox"].as_array().into_iter().flatten() {
        let id = effect["id"].as_str().unwrap_or_default();
        let kind = effect["kind"].as_str().unwrap_or_default();
        let rows = change.world.database.look("SELECT kind, done_at IS NULL FROM outbox WHERE id = ?1", [id]);
        let is_kept = rows.first().is_some_and(|r| r.text(0) == Ok(kind) && r.integer(1) == Ok(1));
        if !is_kept {
            return Err(format!("the effect {kind} {id} is not in the outbox"));
        }
    }
    Ok(())
}
