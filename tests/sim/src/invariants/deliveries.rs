//! Every accepted webhook comes to what it has to, once, however often it was told.

use std::collections::{BTreeMap, BTreeSet};

use crate::forge::sha;
use crate::scenario::{PipelineSpec, Triggers, What};
use crate::world::World;

/// Beyond it the same happening counts as another one.
const WINDOW_MS: i64 = 600_000;

/// What an execution that a webhook has started is known by: pipeline, event, branch or tag, commit.
type Started = (String, &'static str, String, String);

pub fn check(world: &World) -> Result<(), String> {
    let facts = world.facts.borrow();
    let given_up = "SELECT delivery_key FROM deliveries WHERE status = 'failed'";
    let given_up: BTreeSet<_> =
        world.database.look(given_up, []).iter().filter_map(|r| r.text(0).ok().map(str::to_owned)).collect();
    let mut expected: BTreeMap<Started, BTreeSet<String>> = BTreeMap::new();
    let mut uncertain: BTreeSet<Started> = BTreeSet::new();
    for (key, delivery) in &facts.accepted {
        let rows = world.database.look("SELECT status FROM deliveries WHERE delivery_key = ?1", [key]);
        match rows.first().and_then(|r| r.text(0).ok()) {
            None => return Err(format!("the accepted webhook {key} is gone")),
            Some("rejected") => return Err(format!("the accepted webhook {key} was rejected")),
            _ => {}
        }
        let what = &world.scenario.deeds[delivery.deed].what;
        for spec in &world.scenario.pipelines {
            if let Some((started, happening)) = starts(spec, what) {
                if given_up.contains(key) {
                    uncertain.insert(started.clone());
                }
                expected.entry(started).or_default().insert(happening);
            }
        }
    }
    let is_long = world.common_now().as_millis() - crate::world::BEGINNING_MS > WINDOW_MS;
    let found = found(world);
    for (started, count) in &found {
        let happenings = expected.get(started).map_or(0, BTreeSet::len);
        // Not accepted, for all that its sender knows, and yet received.
        let may_be_unknown = world.scenario.deeds.iter().any(|d| {
            world.scenario.pipelines.iter().any(|p| starts(p, &d.what).is_some_and(|(s, _)| s == *started))
        });
        if happenings == 0 && !may_be_unknown {
            return Err(format!("{started:?} was started, and nobody told of it"));
        }
        if happenings > 0 && *count > happenings && !is_long {
            return Err(format!("{started:?} was started {count} times for {happenings} happenings"));
        }
    }
    for (started, happenings) in &expected {
        let count = found.get(started).copied().unwrap_or(0);
        if count < happenings.len() && !uncertain.contains(started) {
            return Err(format!("{started:?} was started {count} times for {happenings:?}"));
        }
    }
    Ok(())
}

/// What the deed starts of this pipeline, and which happening it is: told twice, it is the same one.
fn starts(spec: &PipelineSpec, what: &What) -> Option<(Started, String)> {
    let (repository, event, branch, commit, happening) = match what {
        What::Push { repository, branch, commit, .. } => {
            (repository, "push", (*branch).to_owned(), sha(*commit), format!("{branch} {commit}"))
        }
        What::PullRequest { repository, number, commit, is_fork } => {
            let head = if *is_fork { "linus:feature" } else { "feature" };
            (repository, "pull_request", head.to_owned(), sha(*commit), format!("{number} {commit}"))
        }
        What::Tag { repository, tag, .. } => {
            let number = tag.trim_start_matches('v').parse().unwrap_or(0);
            (repository, "tag", tag.clone(), sha(number), tag.clone())
        }
        _ => return None,
    };
    let is_wanted = match (&spec.on, event) {
        // Without a readable `on` nothing is filtered: the execution says what is wrong.
        _ if spec.is_broken => true,
        (Triggers::Default, "push" | "pull_request") | (Triggers::PushAndTag, "push" | "tag") => true,
        (Triggers::Scheduled(_), "push") => true,
        (Triggers::PushToMain, "push") => branch == "main",
        _ => false,
    };
    let is_meant = is_wanted && spec.repository == *repository;
    is_meant.then(|| ((spec.name.clone(), event, branch, commit), happening))
}

fn found(world: &World) -> BTreeMap<Started, usize> {
    let rows = world.database.look(
        "SELECT p.pipeline_name, e.trigger_event, e.branch_name, e.commit_sha, count(*)
         FROM pipeline_executions AS e JOIN pipeline_configurations AS p ON p.id = e.pipeline_id
         WHERE e.delivery_id IS NOT NULL GROUP BY 1, 2, 3, 4",
        [],
    );
    let event = |word: &str| match word {
        "push" => "push",
        "pull_request" => "pull_request",
        _ => "tag",
    };
    let text = |r: &penstock_store::Row, n: usize| r.text(n).unwrap_or_default().to_owned();
    rows.iter()
        .map(|r| {
            let started = (text(r, 0), event(&text(r, 1)), text(r, 2), text(r, 3));
            (started, usize::try_from(r.integer(4).unwrap_or(0)).unwrap_or(0))
        })
        .collect()
}
