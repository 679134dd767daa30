//! A stored delivery is worked off: every pipeline of its repository that wants it starts an execution.
//!
//! Done twice, or by two at once, it comes to the same: an execution is unique to its delivery and pipeline.

use std::collections::BTreeMap;

use http::StatusCode;
use penstock_api::internal::{FromForge, MAX_DELIVERIES, WorkOff};
use penstock_domain::{DeliveryId, TriggerEvent};
use penstock_engine::{Changes, DeliveryDone, Origin, StatusTarget, nothing_to_do};
use penstock_forge::{CommitInfo, EventKind, ForgeEvent, IgnoreReason, Parsed, PullRequest, skips_ci};
use penstock_guest::{
    Answer, Failure, MAX_BODY_BYTES, Platform, Request, empty, moment, read_json, run_together, within,
};
use penstock_pipeline::{Patterns, RunContext};
use penstock_store::{Cause, Delivery, Entry, NO_PIPELINE, Pipeline, StoreError};
use serde_json::{Value, json};

use crate::definition::{AtForge, definition};
use crate::launch::{Launch, Launched, NotOrdered, Order};
use crate::scheduler::Scheduler;

/// A delivery that the forge does not help with is given up after so long.
const MAX_AGE_MS: i64 = 24 * 3_600_000;
/// One that had to be put off holds up the later ones of its repository for so long: they go in their order, and are not
/// lost with it.
const HOLDS_UP_MS: i64 = 10 * 60_000;
/// More changed paths than this are not kept; what is not known counts as changed.
const MAX_CHANGED_PATHS: usize = 3_000;
/// One that was taken up so often and never even postponed brings down whoever works on it.
const MAX_CRASHES: u32 = 5;

/// How long the caller waits for what it told of; what takes longer, such as a slow forge, goes on.
const ANSWER_WITHIN_MS: u64 = 500;
/// How long the message of a pull request's commit is waited for.
const MESSAGE_WITHIN_MS: u64 = 5_000;

/// `POST /internal/deliveries`: the webhook component has just stored them.
///
/// Those of one repository are worked off in their order; one repository does not wait for another.
pub async fn work_off<P: Platform>(platform: &P, request: Request) -> Answer {
    let WorkOff { mut deliveries } = read_json(request, MAX_BODY_BYTES).await?;
    // The clock finds the others.
    deliveries.truncate(MAX_DELIVERIES);
    let found = Scheduler::open(platform).await?.store.deliveries(&deliveries).await?;
    let tasks = by_repository(found).map(|of_one| work_off_in_order(platform.clone(), of_one));
    run_together(platform, tasks, ANSWER_WITHIN_MS).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Those of each repository, the oldest first.
pub fn by_repository(mut deliveries: Vec<Delivery>) -> impl Iterator<Item = Vec<Delivery>> {
    deliveries.sort_by_key(|delivery| delivery.id);
    let mut by_repository: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
    for delivery in deliveries {
        by_repository.entry(repository_of(&delivery)).or_default().push(delivery);
    }
    by_repository.into_values()
}

fn repository_of(delivery: &Delivery) -> String {
    let event = delivery.event.as_deref().and_then(|e| serde_json::from_str::<ForgeEvent>(e).ok());
    event.map_or_else(|| delivery.id.to_string(), |event| event.repository.full_name)
}

/// A failure is logged: the delivery stays, and the clock takes it up.
pub async fn work_off_in_order<P: Platform>(platform: P, deliveries: Vec<Delivery>) {
    for delivery in &deliveries {
        let done = match Scheduler::open(&platform).await {
            Ok(scheduler) => scheduler.work_off(delivery).await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = done {
            failure.log(platform.request_id(), "a delivery is left for the next time");
        }
    }
}

/// Why a delivery can't be finished now.
enum Unfinished {
    Later {
        seconds: u32,
        why: String,
    },
    /// What it needs is not to be had.
    Never {
        why: String,
    },
    Failure(Failure),
}

impl<E: Into<Failure>> From<E> for Unfinished {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

impl<P: Platform> Scheduler<P> {
    /// # Errors
    /// As the store; the delivery stays, and the clock takes it up.
    pub async fn work_off(&self, delivery: &Delivery) -> Result<(), Failure> {
        if delivery.status != "received" {
            return Ok(());
        }
        if delivery.attempts > MAX_CRASHES && !delivery.was_postponed {
            let why = "it was taken up again and again and never finished";
            return self.finish(delivery, "failed", Some(why), &json!([])).await;
        }
        match self.start_all(delivery).await {
            Ok(()) => Ok(()),
            Err(Unfinished::Failure(failure)) => Err(failure),
            Err(Unfinished::Never { why }) => self.finish(delivery, "failed", Some(&why), &json!([])).await,
            Err(Unfinished::Later { why, .. })
                if self.platform.now().since_ms(delivery.received_at) > MAX_AGE_MS =>
            {
                self.finish(delivery, "failed", Some(&why), &json!([])).await
            }
            Err(Unfinished::Later { seconds, why }) => {
                let due_at = self.platform.now().plus_ms(i64::from(seconds) * 1000);
                Ok(self.store.postpone_delivery(delivery.id, due_at, &why).await?)
            }
        }
    }

    async fn start_all(&self, delivery: &Delivery) -> Result<(), Unfinished> {
        if penstock_domain::bugs::is_on("delivery_ended_first") {
            self.finish(delivery, "processed", None, &json!([])).await?;
        }
        let Some(event) = delivery.event.as_deref().and_then(|e| serde_json::from_str::<ForgeEvent>(e).ok())
        else {
            return Ok(self.finish(delivery, "failed", Some("unreadable_event"), &json!([])).await?);
        };
        let since = self.platform.now().plus_ms(-HOLDS_UP_MS);
        let repository = &event.repository.full_name;
        if let Some(first) = self.store.postponed_before(delivery, repository, since).await? {
            let seconds = first.since_ms(self.platform.now()) / 1000 + 1;
            let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
            return Err(Unfinished::Later {
                seconds,
                why: "an earlier one of its repository comes first".to_owned(),
            });
        }
        let keys: Vec<String> = event.repository.keys().into_iter().collect();
        let pipelines = self.store.pipelines_of_repository(&keys).await?;
        if pipelines.is_empty() {
            return Ok(self.finish(delivery, "ignored", Some(NO_PIPELINE), &json!([])).await?);
        }
        let at_forge = AtForge {
            platform: &self.platform,
            forge: &delivery.forge,
            repository: &event.repository.full_name.clone(),
            attempt: delivery.attempts.max(1),
        };
        let event = match with_commit(&at_forge, event).await? {
            Parsed::Event(event) => event,
            Parsed::Ignored(reason) => {
                return Ok(self.finish(delivery, "ignored", Some(reason.as_str()), &json!([])).await?);
            }
        };
        let mut outcomes = vec![];
        let mut is_finished = false;
        for (index, pipeline) in pipelines.iter().enumerate() {
            let is_last = index + 1 == pipelines.len();
            let started =
                self.start_one((delivery, &event), &at_forge, pipeline, &mut outcomes, is_last).await?;
            is_finished = is_last && started;
        }
        if !is_finished {
            let started = outcomes.iter().any(|o| o.get("execution_id").is_some());
            let status = if started { "processed" } else { "ignored" };
            self.finish(delivery, status, (!started).then_some("nothing_started"), &json!(outcomes)).await?;
        }
        Ok(())
    }

    /// Whether an execution was committed, together with the end of the delivery if this was the `last` pipeline.
    async fn start_one(
        &self,
        (delivery, event): (&Delivery, &ForgeEvent),
        at_forge: &AtForge<'_, P>,
        pipeline: &Pipeline,
        outcomes: &mut Vec<Value>,
        is_last: bool,
    ) -> Result<bool, Unfinished> {
        let name = &pipeline.view.pipeline_name;
        let run = run_context(event, pipeline);
        if let Some(why) = not_wanted(pipeline, &run) {
            outcomes.push(json!({ "pipeline": name, "not_started": why }));
            return Ok(false);
        }
        self.learn_forge(pipeline, &delivery.forge, &event.repository.full_name).await?;
        let launch = launch(delivery, event, pipeline, run);
        let target = launch.target.clone();
        let (launch, order) = match definition(pipeline, Some(at_forge), event.commit_sha()).await {
            FromForge::Found { value } => match self.order(pipeline, event, launch, &value).await? {
                Ok(ordered) => ordered,
                Err(why) => {
                    if matches!(why, NotOrdered::NothingChanged(_)) {
                        self.tell_nothing_to_do(
                            (delivery, event.trigger()),
                            pipeline,
                            target.as_ref(),
                            &why.to_string(),
                        )
                        .await?;
                    }
                    outcomes.push(json!({ "pipeline": name, "not_started": why.to_string() }));
                    return Ok(false);
                }
            },
            FromForge::NotFound => {
                outcomes.push(json!({ "pipeline": name, "not_started": "the commit has no pipeline file" }));
                return Ok(false);
            }
            FromForge::Later { seconds, why } => return Err(Unfinished::Later { seconds, why }),
            FromForge::Failed { why } => {
                (launch, Order::broken(format!("the pipeline file can't be read: {why}")))
            }
        };
        let told = outcomes.clone();
        let complete = |id, changes: &mut Changes| {
            if is_last {
                let mut told = told.clone();
                told.push(json!({ "pipeline": name, "execution_id": id }));
                changes.deliveries.push(done(delivery.id, "processed", None, &json!(told)));
            }
        };
        match self.launch(&launch, &order, complete).await? {
            Launched::Started(id, changes) => {
                outcomes.push(json!({ "pipeline": name, "execution_id": id }));
                self.follow(&changes);
                Ok(true)
            }
            Launched::Already(id) => {
                outcomes.push(json!({ "pipeline": name, "execution_id": id, "already": true }));
                Ok(false)
            }
            Launched::NotAdmitted(why) => {
                outcomes.push(json!({ "pipeline": name, "not_started": why }));
                Ok(false)
            }
        }
    }

    /// What the file asks for; the default branch's tells when the clock starts the pipeline, too.
    async fn order<'a>(
        &self,
        pipeline: &Pipeline,
        event: &ForgeEvent,
        launch: Launch<'a>,
        text: &str,
    ) -> Result<Result<(Launch<'a>, Order), NotOrdered>, Failure> {
        let default_branch = event.repository.default_branch.as_deref();
        let is_default =
            matches!(&event.kind, EventKind::Push(push) if Some(push.branch.as_str()) == default_branch);
        if is_default && pipeline.view.definition.is_none() {
            self.keep_schedules(pipeline, text).await?;
        }
        Ok(launch.order(text))
    }

    /// A commit whose paths leave nothing to do has its check all the same: it is told once, and only where no
    /// execution of the pipeline is there for the commit.
    async fn tell_nothing_to_do(
        &self,
        (delivery, event): (&Delivery, TriggerEvent),
        pipeline: &Pipeline,
        target: Option<&StatusTarget>,
        why: &str,
    ) -> Result<(), Failure> {
        let Some(target) = target else { return Ok(()) };
        if self.store.has_execution_of_commit(pipeline.view.id, &target.commit_sha).await? {
            return Ok(());
        }
        let at = moment(&self.platform);
        let effect = nothing_to_do(target, &pipeline.view.pipeline_name, event, why, &at);
        let change = Changes { outbox: vec![effect], ..Changes::default() };
        // Its version guards that it is told once: the delivery may be worked off again.
        let subject = format!("filtered:{}:{}", delivery.id, pipeline.view.id);
        let by = Cause::new(format!("forge:{}", delivery.forge), "filtered");
        match self.store.commit(&Entry { subject, expect: 0, change: &change }, &by, at.now).await {
            Ok(_) => {
                self.follow(&change);
                Ok(())
            }
            Err(StoreError::Conflict) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }

    /// The first webhook of a repository tells where its statuses go when somebody starts it by hand.
    async fn learn_forge(&self, pipeline: &Pipeline, forge: &str, repository: &str) -> Result<(), Failure> {
        if pipeline.forge.as_deref() == Some(forge)
            && pipeline.forge_repository.as_deref() == Some(repository)
        {
            return Ok(());
        }
        // The version first: whoever changes or deletes the pipeline after that wins.
        let expect = self.store.version(&format!("pipeline:{}", pipeline.view.id)).await?;
        let Some(present) = self.store.pipeline(pipeline.view.id).await? else { return Ok(()) };
        let learned = Pipeline {
            forge: Some(forge.to_owned()),
            forge_repository: Some(repository.to_owned()),
            ..present
        };
        let by = Cause::new(format!("forge:{forge}"), "learn_forge");
        match self.store.save_pipeline(&learned, None, expect, &by, self.platform.now()).await {
            // Somebody else has changed the pipeline: the next webhook tells it again.
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }

    async fn finish(
        &self,
        delivery: &Delivery,
        status: &str,
        reason: Option<&str>,
        outcome: &Value,
    ) -> Result<(), Failure> {
        let done = done(delivery.id, status, reason, outcome);
        let change = Changes { deliveries: vec![done], ..Changes::default() };
        let subject = format!("delivery:{}", delivery.id);
        let entry = Entry { subject, expect: delivery.version, change: &change };
        let by = Cause::new("scheduler", "work_off");
        match self.store.commit(&entry, &by, self.platform.now()).await {
            // Finished before, by another.
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }
}

/// What the event does not tell of its commit, the forge does: of a tag which one it is, of a pull request whether it
/// asks for no work.
async fn with_commit(at_forge: &AtForge<'_, impl Platform>, event: ForgeEvent) -> Result<Parsed, Unfinished> {
    match &event.kind {
        EventKind::Tag(tag) if tag.commit.is_none() => match at_forge.tagged_commit(&tag.name).await {
            FromForge::Found { value } => Ok(event.with_tag_commit(value)),
            FromForge::NotFound => Ok(Parsed::Ignored(IgnoreReason::RefDeleted)),
            FromForge::Later { seconds, why } => Err(Unfinished::Later { seconds, why }),
            FromForge::Failed { why } => Err(Unfinished::Never { why }),
        },
        EventKind::PullRequest(pr) => {
            // Work that needs nothing else of the forge does not wait for it.
            match within(at_forge.platform, MESSAGE_WITHIN_MS, at_forge.commit(&pr.head_sha)).await {
                Some(FromForge::Found { value }) if skips_ci(&value.message) => {
                    Ok(Parsed::Ignored(IgnoreReason::SkipCi))
                }
                _ => Ok(Parsed::Event(event)),
            }
        }
        EventKind::Push(_) | EventKind::Tag(_) => Ok(Parsed::Event(event)),
    }
}

fn done(id: DeliveryId, status: &str, reason: Option<&str>, outcome: &Value) -> DeliveryDone {
    DeliveryDone {
        id,
        status: status.to_owned(),
        reason: reason.map(str::to_owned),
        outcome: Some(outcome.to_string()),
    }
}

/// The pipeline's own filters, which stand before those of its file.
fn not_wanted(pipeline: &Pipeline, run: &RunContext) -> Option<String> {
    let events = &pipeline.view.trigger_events;
    if !events.is_empty() && !events.contains(&run.event) {
        return Some(format!("the pipeline is not triggered by {}", run.event));
    }
    let patterns = &pipeline.view.branch_patterns;
    if patterns.is_empty() || run.event == TriggerEvent::Tag {
        return None;
    }
    let mut wanted = Patterns::default();
    // They were looked at when the pipeline was saved: one that is bad now selects nothing.
    let branch = target_branch(run);
    let fits = patterns.iter().all(|p| wanted.push(p).is_ok()) && wanted.matches(branch);
    (!fits).then(|| format!("the branch {branch} fits none of {}", patterns.join(", ")))
}

/// What filters go by: for a pull request the branch that it would go to.
pub fn target_branch(run: &RunContext) -> &str {
    if run.base_branch.is_empty() { &run.branch } else { &run.base_branch }
}

/// Also for runs by hand.
pub fn refuses(pipeline: &Pipeline, run: &RunContext) -> Option<String> {
    not_wanted(pipeline, run)
}

fn run_context(event: &ForgeEvent, pipeline: &Pipeline) -> RunContext {
    let (branch, tag) = match &event.kind {
        EventKind::Push(push) => (push.branch.clone(), None),
        EventKind::PullRequest(pr) => (head_branch(pr), None),
        EventKind::Tag(tag) => (tag.name.clone(), Some(tag.name.clone())),
    };
    let (base_branch, pull_request) = match &event.kind {
        EventKind::PullRequest(pr) => (pr.base_branch.clone(), pr.number),
        EventKind::Push(_) | EventKind::Tag(_) => (String::new(), 0),
    };
    let commit = commit_of(event);
    let title = match &event.kind {
        EventKind::PullRequest(pr) => pr.title.clone(),
        _ => String::new(),
    };
    let author = commit.and_then(|c| c.author_login.clone().or_else(|| c.author_name.clone()));
    RunContext {
        branch,
        tag,
        base_branch,
        pull_request,
        event: event.trigger(),
        commit_sha: event.commit_sha().map(str::to_owned),
        commit_message: commit.map_or(title, |c| c.message.clone()),
        author: author.or_else(|| event.actor.clone()).unwrap_or_default(),
        repository_url: pipeline.view.repository_url.clone(),
        pipeline_name: pipeline.view.pipeline_name.clone(),
        number: 0,
        variables: BTreeMap::new(),
        inputs: BTreeMap::new(),
        changed_paths: match &event.kind {
            EventKind::Push(push) => push.changed_paths.clone().filter(|all| all.len() <= MAX_CHANGED_PATHS),
            EventKind::PullRequest(_) | EventKind::Tag(_) => None,
        },
        event_name: None,
    }
}

/// `owner:branch` where it is of a fork: nobody is to take a stranger's `main` for the own one.
fn head_branch(pr: &PullRequest) -> String {
    if !pr.from_fork {
        return pr.head_branch.clone();
    }
    let owner = pr.head_repository.as_deref().and_then(|name| name.split('/').next()).unwrap_or("unknown");
    format!("{owner}:{}", pr.head_branch)
}

fn commit_of(event: &ForgeEvent) -> Option<&CommitInfo> {
    match &event.kind {
        EventKind::Push(push) => push.head_commit.as_ref(),
        EventKind::PullRequest(_) => None,
        EventKind::Tag(tag) => tag.commit.as_ref(),
    }
}

/// Who wrote it and who sent it, by their logins.
fn authors(event: &ForgeEvent) -> Vec<String> {
    let wrote = match &event.kind {
        EventKind::PullRequest(pr) => pr.author.clone(),
        _ => commit_of(event).and_then(|c| c.author_login.clone()),
    };
    let mut authors: Vec<_> = [wrote, event.actor.clone()].into_iter().flatten().collect();
    authors.sort();
    authors.dedup();
    authors
}

fn launch<'a>(
    delivery: &Delivery,
    event: &ForgeEvent,
    pipeline: &'a Pipeline,
    run: RunContext,
) -> Launch<'a> {
    let (action, from_fork) = match &event.kind {
        EventKind::PullRequest(pr) => (Some(pr.action.as_str().to_owned()), pr.from_fork),
        EventKind::Push(_) | EventKind::Tag(_) => (None, false),
    };
    let target = event.commit_sha().map(|sha| StatusTarget {
        forge: delivery.forge.clone(),
        repository: event.repository.full_name.clone(),
        commit_sha: sha.to_owned(),
    });
    Launch {
        origin: Origin {
            delivery_id: Some(delivery.id),
            event_key: event.dedup_key(),
            trigger_user: event.actor.clone(),
            ..Origin::default()
        },
        run,
        target,
        from_fork,
        authors: authors(event),
        commit_at: commit_of(event).and_then(|c| c.committed_at),
        action,
        window_ms: i64::from(penstock_forge::DEDUP_WINDOW_SECONDS) * 1000,
        ..Launch::of(pipeline, Cause::new(format!("forge:{}", delivery.forge), "webhook"))
    }
}
