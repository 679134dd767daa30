//! What one execution is to another: the newer one of a concurrency group takes the older one's place, and one that
//! has ended starts the pipeline that comes after it.

use std::collections::BTreeMap;

use penstock_api::internal::FromForge;
use penstock_domain::{OutboxId, Reason, TriggerEvent};
use penstock_engine::{Changes, Event, MAX_CHAIN, Origin, StatusTarget, SuccessorDue, SupersedeDue};
use penstock_guest::{Decided, Failure, Platform, commit_event};
use penstock_pipeline::RunContext;
use penstock_store::{Cause, Entry, Pipeline, StoreError};

use crate::definition::{AtForge, definition};
use crate::launch::{Inherited, Launch, Launched};
use crate::scheduler::{DEFAULT_BRANCH, Scheduler};

/// A forge that does not help with the definition is asked no more often.
const MAX_TRIES: u32 = 200;
const MAX_CONFLICTS: u32 = 20;
/// However late an effect is told again, what it started stands.
const FOR_EVER_MS: i64 = 100 * 365 * 24 * 3_600_000;

/// Ends the older execution, unless it has ended.
pub async fn supersede<P: Platform>(
    scheduler: &Scheduler<P>,
    id: OutboxId,
    due: &SupersedeDue,
) -> Result<(), Failure> {
    let event = Event::Cancel { reason: Reason::Superseded, force: false };
    let by = Cause::new(format!("execution:{}", due.by), "supersede");
    let older = Some(due.execution_id);
    if penstock_domain::bugs::is_on("older_ones_go_on") {
        return Ok(scheduler.store.finish_effect(id, "superseded", scheduler.platform.now()).await?);
    }
    let outcome = match commit_event(&scheduler.platform, &scheduler.store, older, None, &event, &by).await? {
        Decided::Committed(changes) => {
            scheduler.follow(&changes);
            "superseded"
        }
        Decided::Nothing | Decided::Refused(_) | Decided::Unknown => "had ended",
    };
    Ok(scheduler.store.finish_effect(id, outcome, scheduler.platform.now()).await?)
}

/// Starts the pipeline that comes after an execution. Done twice, it is the same one.
pub async fn start_successor<P: Platform>(
    scheduler: &Scheduler<P>,
    id: OutboxId,
    due: &SuccessorDue,
    tries: u32,
) -> Result<(), Failure> {
    let now = scheduler.platform.now();
    let outcome = match start(scheduler, id, due, tries).await? {
        Started::As(outcome) => outcome,
        Started::Later { seconds, why } if tries < MAX_TRIES => {
            let again = now.plus_ms(i64::from(seconds) * 1000);
            return Ok(scheduler.store.postpone_effect(id, again, &why).await?);
        }
        Started::Not { why } | Started::Later { why, .. } => {
            tell_refusal(scheduler, due, &why).await?;
            format!("refused: {why}")
        }
    };
    Ok(scheduler.store.finish_effect(id, &outcome, now).await?)
}

enum Started {
    As(String),
    Not { why: String },
    Later { seconds: u32, why: String },
}

/// That nothing followed, and why, is a part of the execution's story.
async fn tell_refusal<P: Platform>(
    scheduler: &Scheduler<P>,
    due: &SuccessorDue,
    why: &str,
) -> Result<(), Failure> {
    let by = Cause::new("scheduler", format!("`{}` is not started: {why}", due.pipeline));
    for _ in 0..MAX_CONFLICTS {
        let subject = format!("execution:{}", due.after);
        let expect = scheduler.store.version(&subject).await?;
        let entry = Entry { subject, expect, change: &Changes::default() };
        match scheduler.store.commit(&entry, &by, scheduler.platform.now()).await {
            Ok(_) => return Ok(()),
            Err(StoreError::Conflict) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

async fn start<P: Platform>(
    scheduler: &Scheduler<P>,
    id: OutboxId,
    due: &SuccessorDue,
    tries: u32,
) -> Result<Started, Failure> {
    let refused = |why: String| Ok(Started::Not { why });
    let Some(pipeline) = scheduler.store.pipeline_by_name(&due.pipeline).await? else {
        return refused(format!("there is no pipeline `{}`", due.pipeline));
    };
    if !pipeline.view.is_active {
        return refused(format!("the pipeline `{}` is not active", due.pipeline));
    }
    if due.chain.contains(&pipeline.view.id) {
        return refused(format!(
            "`{}` led here itself: pipelines can't start each other in a circle",
            due.pipeline
        ));
    }
    if due.chain.len() >= MAX_CHAIN {
        return refused(format!("at most {MAX_CHAIN} pipelines can follow each other"));
    }
    let after = scheduler.store.pipeline_of(due.after).await?;
    let is_same_repository = match after {
        Some(after) => {
            let after = scheduler.store.pipeline(after).await?;
            after.is_some_and(|a| a.repository_key == pipeline.repository_key)
        }
        None => false,
    };
    let at_forge = AtForge::of(&scheduler.platform, &pipeline, tries);
    let branch = due.named_branch.as_deref().filter(|named| !is_same_repository || *named != due.branch);
    let (branch, commit_sha) = match &at_forge {
        // Another branch has other commits, and another repository other branches.
        Some(at_forge) if branch.is_some() || !is_same_repository => match at_forge.branch_head(branch).await
        {
            FromForge::Found { value } => (value.branch, Some(value.commit.sha)),
            FromForge::NotFound => {
                let branch = branch.map_or("default branch".to_owned(), |name| format!("branch `{name}`"));
                return refused(format!("the repository of `{}` has no {branch}", due.pipeline));
            }
            FromForge::Failed { why } => return refused(why),
            FromForge::Later { seconds, why } => return Ok(Started::Later { seconds, why }),
        },
        _ if is_same_repository && branch.is_none() => (due.branch.clone(), due.commit_sha.clone()),
        // Of no commit anybody has told.
        _ => (branch.unwrap_or(DEFAULT_BRANCH).to_owned(), None),
    };
    let launch = launch(&pipeline, id, due, branch, commit_sha);
    let text = match definition(&pipeline, at_forge.as_ref(), launch.run.commit_sha.as_deref()).await {
        FromForge::Found { value } => value,
        FromForge::NotFound => return refused("the commit has no pipeline file".to_owned()),
        FromForge::Failed { why } => return refused(why),
        FromForge::Later { seconds, why } => return Ok(Started::Later { seconds, why }),
    };
    let (launch, order) = match launch.order(&text) {
        Ok(ordered) => ordered,
        Err(why) => return refused(why.to_string()),
    };
    match scheduler.launch(&launch, &order, |_, _| {}).await? {
        Launched::Started(started, changes) => {
            scheduler.follow(&changes);
            Ok(Started::As(format!("started {started}")))
        }
        Launched::Already(started) => Ok(Started::As(format!("started {started} before"))),
        Launched::NotAdmitted(why) => refused(why),
    }
}

fn launch<'a>(
    pipeline: &'a Pipeline,
    id: OutboxId,
    due: &SuccessorDue,
    branch: String,
    commit_sha: Option<String>,
) -> Launch<'a> {
    let forge = pipeline.forge.clone().zip(pipeline.forge_repository.clone());
    let target = forge.zip(commit_sha.clone()).map(|((forge, repository), commit_sha)| StatusTarget {
        forge,
        repository,
        commit_sha,
    });
    let by = format!("{} #{}", due.after_pipeline, due.after_number);
    Launch {
        origin: Origin {
            event_key: Some(format!("then:{id}")),
            trigger_user: Some(by.clone()),
            is_let_go: true,
            ..Origin::default()
        },
        run: RunContext {
            branch,
            tag: None,
            event: TriggerEvent::Webhook,
            commit_sha,
            commit_message: String::new(),
            author: String::new(),
            repository_url: pipeline.view.repository_url.clone(),
            pipeline_name: pipeline.view.pipeline_name.clone(),
            number: 0,
            variables: due.parameters.clone(),
            inputs: BTreeMap::new(),
            changed_paths: None,
            event_name: Some(due.after_pipeline.clone()),
            base_branch: String::new(),
            pull_request: 0,
        },
        target,
        authors: due.authors.clone(),
        inherited: Inherited { chain: due.chain.clone(), ..Inherited::default() },
        is_chosen: true,
        window_ms: FOR_EVER_MS,
        ..Launch::of(pipeline, Cause::new(format!("execution:{}", due.after), "then"))
    }
}
