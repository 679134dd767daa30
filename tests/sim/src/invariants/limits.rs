//! No more executions of a pipeline run at once than may, and who came first goes first.

use super::Change;

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
    let rows = database.look(
        "SELECT execution_number FROM pipeline_executions WHERE pipeline_id = ?1 AND status = 'queued'
           AND reason IS NOT 'fork_approval' AND execution_number < ?2 AND created_at < ?3 AND id < ?4 ORDER BY 1 LIMIT 1",
        rusqlite::params![id, after.number, penstock_domain::Timestamp::from_millis(after.created_at.unwrap_or(0)).to_string(), after.id],
    );
    if let Some(earlier) = rows.first().and_then(|r| r.integer(0).ok()) {
        return Err(format!(
            "#{} of {} begins before #{earlier}, which waits longer",
            after.number, after.pipeline
        ));
    }
    Ok(())
}
