//! What an entry of the journal says of a row is what the row has afterwards: the triggers apply all of it.

use penstock_store::Value as Column;
use serde_json::Value;

use super::Change;

/// Members that have another column's name.
type Names = &'static [(&'static str, &'static str)];

/// A member of a change, the table that it is of, and members that have another column's name there.
const MEMBERS: &[(&str, &str, Names)] = &[
    ("/executions", "pipeline_executions", &[]),
    ("/stages", "pipeline_stages", &[("name", "stage_name")]),
    ("/jobs", "jobs", &[("name", "job_name")]),
    ("/steps", "steps", &[("order", "step_order")]),
    ("/gates", "quality_gate_evaluations", &[("actual", "actual_value"), ("reasons", "evaluation_details")]),
    ("/deployments", "deployments", &[("strategy", "deployment_strategy")]),
    ("/approvals", "pipeline_approvals", &[("notes", "approval_notes"), ("criteria", "approval_criteria")]),
    ("/created/executions", "pipeline_executions", &[]),
    ("/created/jobs", "jobs", &[("name", "job_name"), ("order", "job_order")]),
    ("/timers", "timers", &[]),
    ("/outbox", "outbox", &[]),
];

pub fn check(change: &Change<'_>) -> Result<(), String> {
    for (member, table, names) in MEMBERS {
        let rows = change.entry.change.pointer(member).and_then(Value::as_array);
        for row in rows.into_iter().flatten() {
            same(change, member, table, names, row)?;
        }
    }
    steps_of(change)?;
    settled(change)
}

/// Steps that end, or begin anew, with their job. What has ended by itself stays as it is.
fn steps_of(change: &Change<'_>) -> Result<(), String> {
    let told = change.entry.change.pointer("/steps_of").and_then(Value::as_array);
    for told in told.into_iter().flatten() {
        let id = told["job_id"].as_str().unwrap_or_default();
        let before = change.before.and_then(|e| e.job(id));
        let Some((before, after)) = before.zip(change.after.job(id)) else { continue };
        for (index, (was, step)) in before.steps.iter().zip(&after.steps).enumerate() {
            let anew = told["status"] == "pending";
            let status = match was.status.as_str() {
                "running" => told["running"].as_str(),
                "pending" => told["status"].as_str(),
                _ if anew => Some("pending"),
                // It may have been told of in the same entry.
                _ if change.entry.change.get("steps").is_some() => continue,
                _ if step == was => continue,
                _ => return Err(format!("step {index} of job {id} had ended, and was {was:?}: {step:?}")),
            };
            let is_like = status == Some(&step.status)
                && step.reason.as_deref() == told["reason"].as_str()
                && step.exit_code.is_none()
                && step.started_at == if anew { None } else { was.started_at }
                && step.completed_at == if anew { None } else { Some(change.entry.at_ms) };
            if !is_like && change.entry.change.get("steps").is_none() {
                return Err(format!("step {index} of job {id} was {was:?}, and is {step:?} after {told}"));
            }
        }
    }
    Ok(())
}

/// Effects that the entry makes needless.
fn settled(change: &Change<'_>) -> Result<(), String> {
    let told = change.entry.change.pointer("/outbox_done").and_then(Value::as_array);
    for id in told.into_iter().flatten().filter_map(Value::as_str) {
        let open = "SELECT 1 FROM outbox WHERE id = ?1 AND done_at IS NULL";
        if !change.world.database.look(open, [id]).is_empty() {
            return Err(format!("effect {id} is needless, and still to be done"));
        }
    }
    Ok(())
}

fn same(
    change: &Change<'_>,
    member: &str,
    table: &str,
    names: &[(&str, &str)],
    row: &Value,
) -> Result<(), String> {
    let Some(id) = row["id"].as_str() else { return Ok(()) };
    // What is created is changed by the same entry where it begins at once.
    let plain = member.trim_start_matches("/created");
    let is_changed_again = |id: &str| {
        let again = change.entry.change.pointer(plain).and_then(Value::as_array);
        plain != member && again.into_iter().flatten().any(|r| r["id"] == id)
    };
    let is_waiting = plain == "/jobs" && plain != member && change.entry.change.get("waiting").is_some();
    if is_changed_again(id) || is_waiting {
        return Ok(());
    }
    let told: Vec<_> = row.as_object().into_iter().flatten().filter(|(name, _)| *name != "id").collect();
    let columns: Vec<_> = told
        .iter()
        .map(|(name, _)| names.iter().find(|(from, _)| from == name).map_or(name.as_str(), |(_, to)| to))
        .collect();
    if columns.is_empty() {
        return Ok(());
    }
    let sql = format!("SELECT {} FROM {table} WHERE id = ?1", columns.join(", "));
    let rows = change.world.database.look(&sql, [id]);
    let Some(kept) = rows.first() else { return Err(format!("{table} has no {id}, which was written")) };
    for ((name, told), kept) in told.iter().zip(&kept.0) {
        if !is(told, kept) {
            return Err(format!("{table} {id}: {name} was written as {told}, and is {kept:?}"));
        }
    }
    Ok(())
}

fn is(told: &Value, kept: &Column) -> bool {
    match (told, kept) {
        (Value::Null, Column::Null) => true,
        (Value::Bool(flag), Column::Integer(n)) => i64::from(*flag) == *n,
        (Value::Number(told), Column::Integer(n)) => told.as_i64() == Some(*n),
        (Value::Number(told), Column::Real(n)) => told.as_f64() == Some(*n),
        (Value::String(told), Column::Text(text)) => told == text,
        (Value::Array(_) | Value::Object(_), Column::Text(text)) => {
            serde_json::from_str::<Value>(text).is_ok_and(|kept| kept == *told)
        }
        _ => false,
    }
}
