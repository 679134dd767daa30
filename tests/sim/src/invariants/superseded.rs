//! Where a newer execution of a group ends the older ones of its pull request, or of none, no older one goes on for long.
//!
//! Of two webhooks the one that came in first is the older, whichever starts its execution first.
//!
//! Judged in fair weather alone: elsewhere the older one may be told late. What waited for a person's leave ends none:
//! whoever lets it in sees what else runs.

use crate::world::World;

pub fn check(world: &World) -> Result<(), String> {
    if !world.taken().is_empty() {
        return Ok(());
    }
    for spec in world.scenario.pipelines.iter().filter(|p| p.group.is_some_and(|g| g.cancels)) {
        let rows = world.database.look(
            "SELECT o.execution_number, o.status, n.execution_number
             FROM pipeline_executions AS n JOIN pipeline_configurations AS p ON p.id = n.pipeline_id
             JOIN pipeline_executions AS o ON o.concurrency_key = n.concurrency_key AND o.pipeline_id = n.pipeline_id
             WHERE p.pipeline_name = ?1 AND o.execution_number < n.execution_number
               AND NOT COALESCE(o.delivery_id > n.delivery_id, 0) AND o.status IN ('succeeded', 'failed')
               AND iif(o.trigger_event = 'pull_request', o.branch_name, '') = iif(n.trigger_event = 'pull_request', n.branch_name, '')
               AND n.context ->> '$.from_fork' = 0 AND o.ending IS NULL AND unixepoch(o.completed_at) > unixepoch(n.created_at) + 10 LIMIT 1",
            [&spec.name],
        );
        if let Some(row) = rows.first() {
            let (older, newer) = (row.integer(0).unwrap_or(0), row.integer(2).unwrap_or(0));
            let status = row.text(1).unwrap_or_default();
            return Err(format!("#{older} of {} has {status}, though #{newer} takes its place", spec.name));
        }
    }
    Ok(())
}
