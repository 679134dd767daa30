//! Once nothing goes wrong any more, everything comes to its end.

use crate::world::World;

/// What is still open, in words.
pub fn open(world: &World) -> Vec<String> {
    let rows = world.database.look(
        "SELECT 'execution #' || execution_number || ' ' || status || ' ' || COALESCE(reason, '')
           FROM pipeline_executions WHERE status IN ('queued', 'running')
         UNION ALL SELECT 'delivery ' || delivery_key || ' ' || COALESCE(reason, '') FROM deliveries WHERE status = 'received'
         UNION ALL SELECT 'effect ' || kind || ' ' || topic || ' ' || COALESCE(last_error, '') FROM outbox WHERE done_at IS NULL
         UNION ALL SELECT 'timer ' || kind FROM timers
         UNION ALL SELECT 'environment ' || environment_name FROM deployment_environments WHERE holder_deployment_id IS NOT NULL
         LIMIT 20",
        [],
    );
    rows.iter().filter_map(|r| r.text(0).ok().map(str::to_owned)).collect()
}

pub fn check(world: &World) -> Result<(), String> {
    let open = open(world);
    if !open.is_empty() {
        return Err(format!("left over: {open:?}"));
    }
    let rows = world.database.look(
        "SELECT 'approval ' || id FROM pipeline_approvals WHERE status = 'pending'
         UNION ALL SELECT 'deployment ' || id FROM deployments WHERE status IN ('initiated', 'deploying')
         UNION ALL SELECT 'gate ' || g.id FROM quality_gate_evaluations AS g JOIN pipeline_stages AS s ON s.id = g.stage_id
           WHERE g.status = 'pending' AND s.status IN ('succeeded', 'failed') AND s.reason IS NOT 'timed_out'
         UNION ALL SELECT 'job ' || id FROM jobs WHERE status IN ('pending', 'running')
         UNION ALL SELECT 'a figure of ' || p.pipeline_name FROM pipeline_configurations AS p
           WHERE (SELECT count(*) FROM pipeline_executions WHERE pipeline_id = p.id)
             <> COALESCE((SELECT sum(runs) FROM run_totals WHERE pipeline_id = p.id), 0) LIMIT 20",
        [],
    );
    let left: Vec<_> = rows.iter().filter_map(|r| r.text(0).ok()).collect();
    if left.is_empty() { keyed(world) } else { Err(format!("left over: {left:?}")) }
}

/// The same key stands for the same execution.
fn keyed(world: &World) -> Result<(), String> {
    for (key, executions) in &world.facts.borrow().keyed {
        if executions.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(format!("the key {key} was answered with {executions:?}"));
        }
    }
    Ok(())
}
