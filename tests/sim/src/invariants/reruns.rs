//! A retry runs again what it was asked to and what comes after that, and takes over how all else ended.

use std::collections::BTreeSet;

use super::Change;
use crate::scenario::PipelineSpec;
use crate::view::{self, Execution, Stage};

/// What was asked for: that all is run again, or what failed alone, or also this stage.
enum Asked<'a> {
    All,
    Failed,
    From(&'a str),
}

pub fn check(change: &Change<'_>) -> Result<(), String> {
    let (None, Some(past)) = (change.before, &change.after.retry_of) else { return Ok(()) };
    let key = change.after.event_key.as_deref().and_then(|key| key.strip_prefix("request:"));
    let facts = change.world.facts.borrow();
    let Some((only_failed, stage)) = key.and_then(|key| facts.retries.get(key)) else { return Ok(()) };
    let asked = match (stage, only_failed) {
        (Some(stage), _) => Asked::From(stage),
        (None, true) => Asked::Failed,
        (None, false) => Asked::All,
    };
    let Some(past) = view::execution(&change.world.database, past) else {
        return Err(format!("a retry of {past}, which is not there"));
    };
    // What brings back an earlier version is one stage by itself, however often.
    if past.takes_back {
        return Ok(());
    }
    if !past.is_final() {
        return Err(format!("a retry of {}, which is {}", past.id, past.status));
    }
    let again = again(&past, change.spec, &asked);
    for was in &past.stages {
        let Some(now) = change.after.stages.iter().find(|s| s.name == was.name) else {
            return Err(format!("the retry has no stage {}", was.name));
        };
        one(was, now, again.contains(was.name.as_str()), &asked, change, &again)?;
    }
    Ok(())
}

/// The names of the stages that run again: what was asked for, what did not do its work, what cleans up, and what waits
/// for any of them.
fn again<'a>(past: &'a Execution, spec: &PipelineSpec, asked: &Asked<'_>) -> BTreeSet<&'a str> {
    let cleans_up = |name: &str| spec.stages.iter().any(|s| s.name == name && s.cleans_up);
    let starts = |stage: &&Stage| match asked {
        Asked::All => true,
        Asked::Failed => !is_done(stage) || cleans_up(&stage.name),
        Asked::From(name) => stage.name == *name || !is_done(stage) || cleans_up(&stage.name),
    };
    let mut again: BTreeSet<&str> = past.stages.iter().filter(starts).map(|s| s.name.as_str()).collect();
    loop {
        let before = again.len();
        for stage in &past.stages {
            if needs(spec, &stage.name).iter().any(|name| again.contains(name)) {
                again.insert(&stage.name);
            }
        }
        if again.len() == before {
            return again;
        }
    }
}

/// It succeeded, or was left out on purpose.
fn is_done(stage: &Stage) -> bool {
    let is_left_out = matches!(stage.reason.as_deref(), Some("condition_false" | "disabled"));
    stage.status == "succeeded" || (stage.status == "skipped" && is_left_out)
}

fn needs<'a>(spec: &'a PipelineSpec, name: &str) -> Vec<&'a str> {
    let stage = spec.stages.iter().find(|s| s.name == name);
    stage.iter().flat_map(|s| spec.needs(s)).map(|index| spec.stages[index].name.as_str()).collect()
}

fn one(
    was: &Stage,
    now: &Stage,
    runs_again: bool,
    asked: &Asked<'_>,
    change: &Change<'_>,
    again: &BTreeSet<&str>,
) -> Result<(), String> {
    let name = &was.name;
    if !runs_again {
        let is_whole =
            (&now.status, &now.reason) == (&was.status, &was.reason) && now.jobs.len() == was.jobs.len();
        return match now.jobs.iter().find(|j| !j.is_carried && j.status != "skipped" && j.status != "failed")
        {
            None if is_whole => Ok(()),
            _ => Err(format!("stage {name} was {}, and is {} in the retry", was.status, now.status)),
        };
    }
    // Of a stage that failed by itself alone, the jobs that succeeded stand.
    let spec = change.spec.stages.iter().find(|s| s.name == *name);
    let is_whole = spec.is_none_or(|s| s.deploy.is_some() || s.cleans_up);
    let is_new = matches!(asked, Asked::All)
        || matches!(asked, Asked::From(stage) if stage == name)
        || is_done(was)
        || needs(change.spec, name).iter().any(|needed| again.contains(needed));
    for job in &now.jobs {
        let before = was.jobs.iter().find(|j| j.name == job.name);
        let Some(before) = before else { return Err(format!("the retry has a job {name}/{}", job.name)) };
        let stands = !is_whole && !is_new && before.status == "succeeded";
        if job.is_carried != stands {
            return Err(format!(
                "job {name}/{} was {}, and is carried over: {}",
                job.name, before.status, job.is_carried
            ));
        }
    }
    Ok(())
}
