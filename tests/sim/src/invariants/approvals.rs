//! As many different people as are asked for say yes, and nobody to a change of their own. A no, and no answer in time,
//! end the stage.

use std::collections::BTreeSet;

use super::Change;

pub fn check(change: &Change<'_>) -> Result<(), String> {
    for approval in change.entry.change["approvals"].as_array().into_iter().flatten() {
        let id = approval["id"].as_str().unwrap_or_default();
        let rows = change.world.database.look(
            "SELECT a.status, a.votes, a.approval_criteria, v.environment_name, a.stage_id FROM pipeline_approvals AS a
             JOIN deployment_environments AS v ON v.id = a.environment_id WHERE a.id = ?1",
            [id],
        );
        let Some(row) = rows.first() else { return Err(format!("approval {id} is not kept")) };
        let status = row.text(0).unwrap_or_default();
        if Some(status) != approval["status"].as_str() {
            return Err(format!("approval {id} is kept as {status}"));
        }
        if let "rejected" | "expired" = status {
            let stage = row.text(4).ok().and_then(|id| change.after.stage(id));
            // One that nobody needs any more has expired as well.
            let fits = stage.is_some_and(|s| match status {
                "rejected" => s.status == "failed" && s.reason.as_deref() == Some("approval_rejected"),
                _ => s.is_final() && s.status != "succeeded",
            });
            if !fits {
                let stage = stage.map(|s| (&s.name, &s.status, &s.reason));
                return Err(format!("approval {id} is {status}, and its stage is {stage:?}"));
            }
        }
        if status != "approved" {
            continue;
        }
        let votes: serde_json::Value = row.json(1).unwrap_or_default();
        let criteria: serde_json::Value = row.json(2).unwrap_or_default();
        let people: BTreeSet<_> =
            votes.as_array().into_iter().flatten().filter_map(|v| v["by"].as_str()).collect();
        let authors: Vec<_> =
            criteria["authors"].as_array().into_iter().flatten().filter_map(|a| a.as_str()).collect();
        if let Some(author) = authors.iter().find(|a| people.contains(*a)) {
            return Err(format!("{author} has approved a change of their own"));
        }
        let environment = row.text(3).unwrap_or_default();
        let asked = change.world.scenario.environments.iter().find(|e| e.name == environment);
        let required = asked.map_or(1, |e| e.required as usize);
        if people.len() < required {
            return Err(format!("approval {id} is given by {people:?}, and {required} are asked for"));
        }
    }
    Ok(())
}
