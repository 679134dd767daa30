//! The forge is told how it stands, in order, at least once, and last of all how it ended.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::choices::Fault;
use crate::world::World;

struct Effect {
    state: String,
    description: String,
    execution: String,
    outcome: String,
}

pub fn check(world: &World) -> Result<(), String> {
    if is_overtaken(world) {
        return Ok(());
    }
    let facts = world.facts.borrow();
    for (topic, effects) in &effects(world) {
        let told: Vec<_> = facts
            .told
            .iter()
            .filter(|t| *topic == format!("status:github/{}/{}/{}", t.repository, t.sha, t.context))
            .collect();
        // What the forge can't be told is skipped; all else comes in order, and may come again.
        let mut next = 0;
        for one in &told {
            // A long description is cut.
            let words = one.description.trim_end_matches('…');
            let is = |e: &Effect| {
                e.state == one.state && e.execution == one.execution && e.description.starts_with(words)
            };
            let from = next.max(1) - 1;
            let Some(found) = effects.iter().enumerate().skip(from).find(|(_, e)| is(e)) else {
                return Err(format!(
                    "{topic}: the forge was told {} ({}) out of order",
                    one.state, one.description
                ));
            };
            let passed = effects.get(next..found.0).unwrap_or_default();
            if let Some(lost) = passed.iter().find(|e| e.outcome == "told") {
                return Err(format!("{topic}: {} ({}) was never told", lost.state, lost.description));
            }
            next = found.0 + 1;
        }
        if let Some(lost) = effects.iter().skip(next).find(|e| e.outcome == "told") {
            return Err(format!("{topic}: {} ({}) is said to have been told", lost.state, lost.description));
        }
    }
    ends(world)
}

/// A clock that leaps ends the claim of who still sends: what is on its way then arrives after what was told meanwhile.
fn is_overtaken(world: &World) -> bool {
    world.leapt_ms.get() > 0 && world.taken().iter().any(|(fault, _)| *fault == Fault::RequestDelayed)
}

fn effects(world: &World) -> BTreeMap<String, Vec<Effect>> {
    let sql = "SELECT topic, payload, outcome FROM outbox WHERE kind = 'forge_status' ORDER BY seq";
    let mut found: BTreeMap<String, Vec<Effect>> = BTreeMap::new();
    for row in &world.database.look(sql, []) {
        let payload: Value = row.json(1).unwrap_or_default();
        let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
        let effect = Effect {
            state: text("state"),
            description: text("description"),
            execution: text("execution_id"),
            outcome: row.optional_text(2).ok().flatten().unwrap_or_default().to_owned(),
        };
        let of_topic = found.entry(row.text(0).unwrap_or_default().to_owned()).or_default();
        // The same words one after the other can't be told apart.
        let same =
            |last: &mut Effect| last.description == effect.description && last.execution == effect.execution;
        if !of_topic.last_mut().is_some_and(same) {
            of_topic.push(effect);
        }
    }
    found
}

/// The last word on every execution is what it came to.
fn ends(world: &World) -> Result<(), String> {
    let rows = world.database.look(
        "SELECT e.id, e.status, e.reason, (SELECT o.payload ->> '$.state' FROM outbox AS o
           WHERE o.execution_id = e.id AND o.kind = 'forge_status' ORDER BY o.seq DESC LIMIT 1)
         FROM pipeline_executions AS e WHERE e.context ->> '$.target' IS NOT NULL",
        [],
    );
    for row in &rows {
        let (id, status) = (row.text(0).unwrap_or_default(), row.text(1).unwrap_or_default());
        let reason = row.optional_text(2).ok().flatten().unwrap_or_default();
        let is_ours = matches!(reason, "runner_lost" | "dispatch_failed" | "runner_error" | "config_error");
        let expected = match status {
            "succeeded" => "success",
            "cancelled" => "error",
            _ if is_ours => "error",
            _ => "failure",
        };
        let told = row.optional_text(3).ok().flatten();
        if told != Some(expected) {
            return Err(format!(
                "execution {id} is {status} ({reason}), and the last word on it is {told:?}"
            ));
        }
    }
    Ok(())
}
