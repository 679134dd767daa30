//! An attempt has one holder: it goes to another only after the first has certainly not taken it, and every further
//! attempt follows a failed one.

use super::Change;

pub fn check(change: &Change<'_>) -> Result<(), String> {
    for job in change.jobs() {
        let (name, after) = (job.name(), job.after);
        let Some(before) = job.before else {
            if after.attempt != 1 {
                return Err(format!("{name} is new, and at attempt {}", after.attempt));
            }
            if after.status == "running" {
                fits(change, &job)?;
            }
            continue;
        };
        let cause = change.entry.cause.as_str();
        match after.attempt - before.attempt {
            0 => {}
            1 if before.status == "running" && after.status == "pending" => {}
            _ => return Err(format!("{name} went from attempt {} to {}", before.attempt, after.attempt)),
        }
        if before.status == "running" && after.status == "running" && before.runner_id != after.runner_id {
            return Err(format!(
                "{name}: attempt {} was taken from its holder and given away",
                after.attempt
            ));
        }
        let is_taken_back =
            before.status == "running" && after.status == "pending" && before.attempt == after.attempt;
        if is_taken_back && cause != "refused" && !(cause == "lease_expired" && is_with_nobody(change, &job))
        {
            return Err(format!("{name}: attempt {} goes back without having been refused", after.attempt));
        }
        if is_taken_back && before.started_at.is_some() {
            return Err(format!("{name}: attempt {} goes back although it has begun", after.attempt));
        }
        let is_ended_with_another = after.reason.as_deref() == Some("fail_fast");
        if before.status == "running"
            && cause == "lease_expired"
            && after.status != "running"
            && !is_ended_with_another
        {
            ran_out(change, &job)?;
        }
        if before.status != "running" && after.status == "running" {
            fits(change, &job)?;
        }
        // Only its holder can say that it is done.
        let has_ended = before.status == "running" && after.status != "running" && cause == "report";
        // One of a matrix may end the others.
        let has_ended = has_ended && after.reason.as_deref() != Some("fail_fast");
        let reporter = change.entry.actor.strip_prefix("runner:");
        if has_ended && reporter != before.runner_id.as_deref() {
            return Err(format!("{name} was ended by {reporter:?}, and {:?} has it", before.runner_id));
        }
    }
    Ok(())
}

/// No runner has got hold of the attempt, for all that the world outside knows.
fn is_with_nobody(change: &Change<'_>, job: &super::JobChange<'_>) -> bool {
    let key = job.after.id.parse().ok().zip(u32::try_from(job.after.attempt).ok());
    let facts = change.world.facts.borrow();
    key.and_then(|key| facts.attempts.get(&key)).is_none_or(|a| a.taken_by.is_empty())
}

/// A lease that was prolonged does not run out before its time.
fn ran_out(change: &Change<'_>, job: &super::JobChange<'_>) -> Result<(), String> {
    let Some(before) = job.before else { return Ok(()) };
    let key = job.after.id.parse().ok().zip(u32::try_from(before.attempt).ok());
    let facts = change.world.facts.borrow();
    let until = key.and_then(|key| facts.attempts.get(&key)).and_then(|a| a.lease_until_ms);
    match until.filter(|until| *until > change.entry.at_ms + change.world.unsteady_ms.get()) {
        Some(until) => {
            let early = until - change.entry.at_ms;
            Err(format!("{}: its lease ran out {early} ms before what its runner was promised", job.name()))
        }
        None => Ok(()),
    }
}

/// The runner has every label that the job asks for.
fn fits(change: &Change<'_>, job: &super::JobChange<'_>) -> Result<(), String> {
    let Some(spec) = job.spec else { return Err(format!("nobody wrote {}", job.name())) };
    let id = job.after.runner_id.as_deref().and_then(|id| id.parse().ok());
    let index = id.and_then(|id| crate::runners::index_of(change.world, id));
    // One that has just registered may not know of it yet.
    let Some(runner) = index.and_then(|index| change.world.scenario.runners.get(index)) else {
        return Ok(());
    };
    let rows = change.world.database.look(
        "SELECT count(*) FROM jobs WHERE runner_id = ?1 AND status = 'running'",
        [job.after.runner_id.as_deref().unwrap_or_default()],
    );
    let has = rows.first().and_then(|r| r.integer(0).ok()).unwrap_or(0);
    if has > i64::from(runner.capacity) {
        return Err(format!("runner {index:?} has {has} jobs, and {} slots", runner.capacity));
    }
    match spec.runs_on.iter().find(|label| !runner.labels.contains(label)) {
        Some(label) => Err(format!("{} needs {label}, and runner {index:?} does not have it", job.name())),
        None => Ok(()),
    }
}
