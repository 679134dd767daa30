//! What follows a pipeline is started once for each success of it, and for nothing else.

use crate::world::World;

pub fn check(world: &World) -> Result<(), String> {
    for spec in &world.scenario.pipelines {
        let Some(then) = spec.then.map(|then| &world.scenario.pipelines[then]) else { continue };
        // A file in the repository may not be there to be read.
        if then.is_in_forge {
            continue;
        }
        let count = |sql: &str, name: &str| {
            let rows = world.database.look(sql, [name]);
            rows.first().and_then(|r| r.integer(0).ok()).unwrap_or(0)
        };
        let ended = count(
            "SELECT count(*) FROM pipeline_executions AS e JOIN pipeline_configurations AS p ON p.id = e.pipeline_id
             WHERE p.pipeline_name = ?1 AND e.status = 'succeeded' AND e.context ->> '$.takes_back' IS NULL
               AND e.context ->> '$.from_fork' = 0",
            &spec.name,
        );
        let started = count(
            "SELECT count(*) FROM pipeline_executions AS e JOIN pipeline_configurations AS p ON p.id = e.pipeline_id
             WHERE p.pipeline_name = ?1 AND e.event_key LIKE 'then:%'",
            &then.name,
        );
        if started != ended {
            return Err(format!(
                "{} succeeded {ended} times, and {} followed {started} times",
                spec.name, then.name
            ));
        }
    }
    Ok(())
}
