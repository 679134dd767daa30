//! No more executions of a pipeline run at once than may, and who came first goes first.

use penstock_domain::Timestamp;

use super::Change;
use crate::scenario::GroupSpec;

pub fn check(change: &Change<'_>) -> Result<(), String> {
    let after = change.after;
    let began = after.started_at.is_some() && change.before.is_none_or(|b| b.started_at.is_none());
    // What brings back an earlier version waits in no queue.
    if !began || after.takes_back {
        return Ok(());
    }
    let database = &change.world.database;
    let id = after.pipeline_id.as_str();
    let rows = database
        .look("SELECT count(*) FROM pipeline_executions WHERE pipeline_id = ?1 AND status = 'running'", [id]);
    let running = rows.first().and_then(|r| r.integer(0).ok()).unwrap_or(0);
    let own = change.spec.own_limit.filter(|_| after.retry_of.is_none() || after.own_limit.is_some());
    let limit = i64::from(own.map_or(change.spec.limit, |own| own.min(change.spec.limit)));
    if running > limit && after.status == "running" {
        return Err(format!("{running} executions of {} run at once, and {limit} may", after.pipeline));
    }
    if let Some(group) = change.spec.group {
        in_group(change, group)?;
    }
    let created_at = Timestamp::from_millis(after.created_at.unwrap_or(0)).to_string();
    let rows = database.look(
        "SELECT execution_number FROM pipeline_executions WHERE status = 'queued' AND reason IS NOT 'fork_approval'
           AND iif(?1 IS NULL, pipeline_id = ?2 AND concurrency_key IS NULL, concurrency_key = ?1)
           AND (priority > ?3 OR (priority = ?3 AND created_at < ?4 AND id < ?5)) ORDER BY 1 LIMIT 1",
        rusqlite::params![after.group, id, after.priority, created_at, after.id],
    );
    if let Some(earlier) = rows.first().and_then(|r| r.integer(0).ok()) {
        return Err(format!(
            "#{} of {} begins before #{earlier}, whose turn it is",
            after.number, after.pipeline
        ));
    }
    Ok(())
}

/// Of the executions that say the same group, in pipelines of one repository, only so many run at once.
fn in_group(change: &Change<'_>, group: GroupSpec) -> Result<(), String> {
    let Some(key) = &change.after.group else { return Err("the execution is of no group".to_owned()) };
    let rows = change.world.database.look(
        "SELECT count(*) FROM pipeline_executions WHERE concurrency_key = ?1 AND status = 'running'",
        [key],
    );
    let running = rows.first().and_then(|r| r.integer(0).ok()).unwrap_or(0);
    if running > i64::from(group.limit) && change.after.status == "running" {
        return Err(format!("{running} executions of the group {key} run at once, and {} may", group.limit));
    }
    Ok(())
}
