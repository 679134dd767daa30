//! What the clock starts: schedules whose time has come, and which of them a pipeline has.
//!
//! The execution and the schedule's next time are one commit, guarded by the schedule's version: of two that find it
//! due, one starts it.

use penstock_api::internal::FromForge;
use penstock_domain::TriggerEvent;
use penstock_engine::{Changes, Origin, StatusTarget, schedules};
use penstock_guest::{Failure, Platform, moment, run_together};
use penstock_pipeline::{RunContext, parse};
use penstock_store::{Cause, DueSchedule, Entry, Pipeline, StoreError};

use crate::definition::{AtForge, definition};
use crate::launch::{Launch, Launched, Order};
use crate::scheduler::{DEFAULT_BRANCH, Scheduler};

/// Started in one tick.
const BATCH: u32 = 50;
/// How long a due schedule is this tick's own.
const CLAIM_MS: i64 = 60_000;
/// A tick waits for them no longer; what takes longer, such as a slow forge, goes on.
const WAIT_MS: u64 = 200;
/// A forge that does not answer is given more time with every such while that the schedule is due.
const ATTEMPT_MS: i64 = 60_000;
/// However late a time is looked at again, what it started stands.
const FOR_EVER_MS: i64 = 100 * 365 * 24 * 3_600_000;

/// What becomes of a due time.
enum Due {
    /// It has started an execution, and was put off with it.
    Done,
    /// It starts nothing, for this reason.
    Nothing(String),
    /// It is looked at again after so long.
    Later { seconds: u32 },
}

impl<P: Platform> Scheduler<P> {
    /// Each by itself: one slow forge holds up no other schedule, and not the clock.
    ///
    /// # Errors
    /// As the store.
    pub async fn start_scheduled(&self) -> Result<(), Failure> {
        let now = self.platform.now();
        let due = self.store.claim_schedules(now, now.plus_ms(CLAIM_MS), BATCH).await?;
        let tasks = due.into_iter().map(|due| start_logged(self.platform.clone(), due));
        run_together(&self.platform, tasks, WAIT_MS).await;
        Ok(())
    }

    async fn start(&self, due: &DueSchedule) -> Result<(), Failure> {
        match self.start_due(due).await? {
            Due::Done => Ok(()),
            Due::Nothing(why) => self.put_off(due, &why).await,
            Due::Later { seconds } => {
                let until = self.platform.now().plus_ms(i64::from(seconds) * 1000);
                Ok(self.store.postpone_schedule(due.row.id, until).await?)
            }
        }
    }

    async fn start_due(&self, due: &DueSchedule) -> Result<Due, Failure> {
        let now = self.platform.now();
        let row = &due.row;
        if !row.is_worth_running(now) {
            return Ok(Due::Nothing("missed".to_owned()));
        }
        let Some(pipeline) = self.store.pipeline(row.pipeline_id).await? else {
            return Ok(Due::Nothing("its pipeline was deleted".to_owned()));
        };
        let waited_ms = row.next_at.map_or(0, |at| now.since_ms(at));
        let attempt = u32::try_from(1 + waited_ms / ATTEMPT_MS).unwrap_or(1);
        let at_forge = AtForge::of(&self.platform, &pipeline, attempt);
        let wanted = row.schedule.branch.as_deref();
        let (branch, commit_sha) = match &at_forge {
            None => (wanted.unwrap_or(DEFAULT_BRANCH).to_owned(), None),
            Some(at_forge) => match at_forge.branch_head(wanted).await {
                FromForge::Found { value } => (value.branch, Some(value.commit.sha)),
                FromForge::NotFound => {
                    let branch = wanted.map_or("default branch".to_owned(), |name| format!("branch {name}"));
                    return Ok(Due::Nothing(format!("there is no {branch}")));
                }
                FromForge::Failed { why } => return Ok(Due::Nothing(why)),
                FromForge::Later { seconds, .. } => return Ok(Due::Later { seconds }),
            },
        };
        let launch = launch(&pipeline, due, branch, commit_sha);
        let text = match definition(&pipeline, at_forge.as_ref(), launch.run.commit_sha.as_deref()).await {
            FromForge::Found { value } => value,
            FromForge::NotFound => return Ok(Due::Nothing("the commit has no pipeline file".to_owned())),
            FromForge::Failed { why } => return Ok(Due::Nothing(why)),
            FromForge::Later { seconds, .. } => return Ok(Due::Later { seconds }),
        };
        match launch.order(&text) {
            Ok((launch, order)) => self.commit_due(due, &launch, &order).await,
            Err(why) => Ok(Due::Nothing(why.to_string())),
        }
    }

    async fn commit_due(
        &self,
        due: &DueSchedule,
        launch: &Launch<'_>,
        order: &Order,
    ) -> Result<Due, Failure> {
        let advanced = due.row.advanced(self.platform.now());
        let complete = |_, changes: &mut Changes| {
            changes.guards.push(due.row.guard(due.version));
            changes.schedules.push(advanced.clone());
        };
        match self.launch(launch, order, complete).await? {
            Launched::Started(_, changes) => {
                self.follow(&changes);
                Ok(Due::Done)
            }
            Launched::Already(_) => Ok(Due::Nothing("started before".to_owned())),
            Launched::NotAdmitted(why) => Ok(Due::Nothing(why)),
        }
    }

    /// The schedule's next time comes; why this one came to nothing is in the journal.
    async fn put_off(&self, due: &DueSchedule, why: &str) -> Result<(), Failure> {
        let now = self.platform.now();
        let change = Changes { schedules: vec![due.row.advanced(now)], ..Changes::default() };
        let by = Cause::new("clock", format!("schedule: {why}"));
        let entry = Entry { subject: due.row.subject(), expect: due.version, change: &change };
        match self.store.commit(&entry, &by, now).await {
            // Somebody else has.
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }

    /// The default branch's file says which schedules a pipeline has whose definition lies in the repository.
    ///
    /// # Errors
    /// As the store.
    pub async fn keep_schedules(&self, pipeline: &Pipeline, text: &str) -> Result<(), Failure> {
        let Some(definition) = parse(text).definition else { return Ok(()) };
        let wanted = &definition.triggers.schedule;
        // The version first: of two that see different files, the later one wins.
        let subject = format!("schedules:{}", pipeline.view.id);
        let expect = self.store.version(&subject).await?;
        let present = self.store.schedules_of(pipeline.view.id).await?;
        let at = moment(&self.platform);
        let Some(change) = schedules(pipeline.view.id, wanted, &present, &at) else { return Ok(()) };
        let by = Cause::new("scheduler", "keep_schedules");
        match self.store.commit(&Entry { subject, expect, change: &change }, &by, at.now).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }
}

/// A failure is logged: the schedule stays due, and the clock takes it up.
async fn start_logged<P: Platform>(platform: P, due: DueSchedule) {
    let started = match Scheduler::open(&platform).await {
        Ok(scheduler) => scheduler.start(&due).await,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = started {
        failure.log(platform.request_id(), "a schedule is left for the next time");
    }
}

fn launch<'a>(
    pipeline: &'a Pipeline,
    due: &DueSchedule,
    branch: String,
    commit_sha: Option<String>,
) -> Launch<'a> {
    let row = &due.row;
    let forge = pipeline.forge.clone().zip(pipeline.forge_repository.clone());
    let target = forge.zip(commit_sha.clone()).map(|((forge, repository), commit_sha)| StatusTarget {
        forge,
        repository,
        commit_sha,
    });
    let at = row.next_at.map(|at| at.to_string()).unwrap_or_default();
    let by = Launch::of(pipeline, Cause::new("clock", "schedule"));
    Launch {
        origin: Origin {
            event_key: Some(format!("schedule:{}:{at}", row.id)),
            trigger_user: Some("schedule".to_owned()),
            is_let_go: true,
            ..Origin::default()
        },
        run: RunContext {
            branch,
            event: TriggerEvent::Schedule,
            commit_sha,
            variables: row.schedule.parameters.clone(),
            ..by.run.clone()
        },
        target,
        window_ms: FOR_EVER_MS,
        ..by
    }
}
