//! Deployments beyond their own execution: those that wait are let in, bad ones are taken back.

use http::StatusCode;
use penstock_api::internal::{DeploymentRef, HealthChecked, LiftQuarantine, RollBack};
use penstock_api::problem::Problem;
use penstock_domain::{DeploymentId, EnvironmentId, OutboxId, TriggerEvent};
use penstock_engine::{
    Admission, Changes, Deployment, Environment, Event, Origin, QuarantineLifted, RollbackDue, TakesBack,
    bring_back as work_of, give_up_rollback, roll_back as decide_rollback,
};
use penstock_guest::{
    Answer, Decided, Failure, MAX_BODY_BYTES, Platform, Request, commit_event, empty, json, moment, read_json,
};
use penstock_store::{Cause, StoreError};

use crate::follow::{Occasion, settle_logged};
use crate::launch::{Inherited, Launch, Launched, Order};
use crate::scheduler::{Scheduler, refused};

/// Looked at in one round.
const BATCH: u32 = 50;
/// How often something is decided anew because another was quicker.
const MAX_TRIES: u32 = 20;
/// A deployment is taken back once, however much later somebody asks again.
const FOR_EVER_MS: i64 = 100 * 365 * 24 * 3_600_000;

/// Held stages go in where what held them is gone.
pub async fn let_in<P: Platform>(scheduler: &Scheduler<P>) -> Result<(), Failure> {
    for found in scheduler.store.enterable(BATCH).await? {
        let event = Event::GoIn { stage: found.stage_id };
        let by = Cause::new("scheduler", "go_in");
        let execution = Some(found.execution_id);
        match commit_event(&scheduler.platform, &scheduler.store, execution, None, &event, &by).await? {
            Decided::Committed(changes) => scheduler.follow(&changes),
            // Somebody else was quicker, or it has ended.
            Decided::Nothing | Decided::Refused(_) | Decided::Unknown => {}
        }
    }
    Ok(())
}

/// `POST /internal/settle`: something outside of executions has changed that they may have waited for.
pub fn settle<P: Platform>(platform: &P) -> Answer {
    let occasion = Occasion { jobs: true, room: true, held: true, ..Occasion::default() };
    platform.spawn(settle_logged(platform.clone(), occasion));
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `POST /internal/deployments/:id/health`
pub async fn health<P: Platform>(platform: &P, request: Request, id: DeploymentId) -> Answer {
    let HealthChecked { is_healthy, detail } = read_json(request, MAX_BODY_BYTES).await?;
    let scheduler = Scheduler::open(platform).await?;
    let deployment = known(&scheduler, id).await?;
    let event = Event::HealthChecked { deployment: id, is_healthy, detail };
    let by = Cause::new("health_check", "checked");
    let execution = Some(deployment.execution_id);
    match commit_event(platform, &scheduler.store, execution, None, &event, &by).await? {
        Decided::Committed(changes) => scheduler.follow(&changes),
        Decided::Nothing => {}
        Decided::Refused(why) => return Err(refused(&why).into()),
        Decided::Unknown => return Err(Problem::not_found("deployment").into()),
    }
    Ok(json(StatusCode::OK, &DeploymentRef { deployment_id: id }))
}

async fn known<P: Platform>(scheduler: &Scheduler<P>, id: DeploymentId) -> Result<Deployment, Failure> {
    let found = scheduler.store.deployment_state(id).await?;
    Ok(found.ok_or_else(|| Problem::not_found("deployment"))?)
}

async fn environment<P: Platform>(
    scheduler: &Scheduler<P>,
    deployment: &Deployment,
) -> Result<Environment, Failure> {
    let found = scheduler.store.environment_of(deployment.pipeline_id, deployment.environment_id).await?;
    Ok(found.ok_or_else(|| Problem::not_found("environment"))?)
}

/// `POST /internal/deployments/:id/rollback`
pub async fn roll_back<P: Platform>(platform: &P, request: Request, id: DeploymentId) -> Answer {
    let RollBack { actor, reason } = read_json(request, MAX_BODY_BYTES).await?;
    let scheduler = Scheduler::open(platform).await?;
    let by = Cause::new(format!("user:{actor}"), "rollback");
    for _ in 0..MAX_TRIES {
        let at = moment(platform);
        let deployment = known(&scheduler, id).await?;
        let environment = environment(&scheduler, &deployment).await?;
        let changes =
            decide_rollback(&deployment, &environment, &reason, &at).map_err(|why| refused(&why))?;
        match scheduler.store.commit_on_environment(&environment, &changes, &by, at.now).await {
            Ok(()) => {
                scheduler.follow(&changes);
                return Ok(json(StatusCode::OK, &DeploymentRef { deployment_id: id }));
            }
            Err(StoreError::Conflict) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// `POST /internal/environments/:id/lift`
pub async fn lift<P: Platform>(platform: &P, request: Request, id: EnvironmentId) -> Answer {
    let LiftQuarantine { actor, version } = read_json(request, MAX_BODY_BYTES).await?;
    let scheduler = Scheduler::open(platform).await?;
    let by = Cause::new(format!("user:{actor}"), "lift");
    let subject = format!("environment:{id}");
    for _ in 0..MAX_TRIES {
        let expect = scheduler.store.version(&subject).await?;
        if expect == 0 {
            return Err(Problem::not_found("environment").into());
        }
        let lifted = QuarantineLifted { environment_id: id, version: version.clone() };
        let changes = Changes { quarantine_lifted: vec![lifted], ..Changes::default() };
        let entry = penstock_store::Entry { subject: subject.clone(), expect, change: &changes };
        match scheduler.store.commit(&entry, &by, platform.now()).await {
            Ok(_) => {
                scheduler.follow(&changes);
                return Ok(empty(StatusCode::NO_CONTENT));
            }
            Err(StoreError::Conflict) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// The effect of a rollback: an execution of its own brings back the version before. Done twice, it is the same one.
pub async fn bring_back<P: Platform>(
    scheduler: &Scheduler<P>,
    id: OutboxId,
    due: &RollbackDue,
) -> Result<(), Failure> {
    let bad = known(scheduler, due.deployment_id).await?;
    let environment = environment(scheduler, &bad).await?;
    let outcome = match start(scheduler, &bad, &environment).await? {
        Some(outcome) => outcome,
        None => {
            give_up(scheduler, &bad).await?;
            "nothing to bring back"
        }
    };
    Ok(scheduler.store.finish_effect(id, outcome, scheduler.platform.now()).await?)
}

/// None where there is nothing to start.
async fn start<P: Platform>(
    scheduler: &Scheduler<P>,
    bad: &Deployment,
    environment: &Environment,
) -> Result<Option<&'static str>, Failure> {
    let store = &scheduler.store;
    let Some(version) = environment.previous_to(&bad.version) else { return Ok(None) };
    let Some(good) = store.brought_by(environment, bad, version).await? else { return Ok(None) };
    let Some(pipeline) = store.pipeline(bad.pipeline_id).await? else { return Ok(None) };
    let Some((stage, timeout_ms)) = store.past_stage(good.execution_id, good.stage_id).await? else {
        return Ok(None);
    };
    let Some(snapshot) = store.snapshot(Some(good.execution_id), None, true).await? else { return Ok(None) };
    let inherited = Inherited { outputs: snapshot.outputs(), ..Inherited::from(&snapshot.execution.context) };
    let context = snapshot.execution.context;
    let mut run = context.run;
    run.event = TriggerEvent::Manual;
    let launch = Launch {
        origin: Origin {
            event_key: Some(format!("rollback:{}", bad.id)),
            trigger_user: Some("rollback".to_owned()),
            is_let_go: true,
            ..Origin::default()
        },
        run,
        // Its commit has been told how it went, long ago: there is no target.
        inherited,
        commit_at: context.commit_at,
        takes_back: Some(TakesBack { deployment_id: bad.id, version: version.clone() }),
        window_ms: FOR_EVER_MS,
        ..Launch::of(&pipeline, Cause::new("scheduler", "rollback"))
    };
    match scheduler
        .launch(&launch, &Order::again(work_of(stage, timeout_ms), Admission::default()), |_, _| {})
        .await?
    {
        Launched::Started(_, changes) => {
            scheduler.follow(&changes);
            Ok(Some("started"))
        }
        Launched::Already(_) => Ok(Some("started before")),
        Launched::NotAdmitted(_) => Ok(None),
    }
}

async fn give_up<P: Platform>(scheduler: &Scheduler<P>, bad: &Deployment) -> Result<(), Failure> {
    let changes = give_up_rollback(bad);
    let by = Cause::new("scheduler", "rollback_given_up");
    for _ in 0..MAX_TRIES {
        let environment = environment(scheduler, bad).await?;
        let now = scheduler.platform.now();
        match scheduler.store.commit_on_environment(&environment, &changes, &by, now).await {
            Ok(()) => {
                scheduler.follow(&changes);
                return Ok(());
            }
            Err(StoreError::Conflict) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Err(StoreError::Conflict.into())
}
