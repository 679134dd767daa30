//! Environments: create, list, read, change, and let a rolled back version in again.

use http::StatusCode;
use penstock_api::internal::LiftQuarantine;
use penstock_api::problem::{FieldError, Problem};
use penstock_api::release::Environment;
use penstock_api::release::request::{ChangeEnvironment, Lift, NewEnvironment};
use penstock_domain::{EnvironmentId, EnvironmentType, Timestamp, id::uuid_v7};
use penstock_guest::{
    Actor, Answer, Failure, MAX_BODY_BYTES, Platform, Query, Request, answer_once, ask_scheduler, more,
    read_json, success, wake_scheduler,
};
use penstock_pipeline::limits::MAX_VERSION_BYTES;
use penstock_store::{Cause, Connection, KEY_KEPT_MS, Promotion, Store, StoreError};
use serde_json::json;

use crate::settings::{changed, check, default_approval};

/// All of them are looked at when one takes over from others.
const MAX_ENVIRONMENTS: u32 = 1_000;
/// Deployments move a busy environment on between reading and writing: so often it is read again.
const MAX_TRIES: u32 = 10;

pub async fn list(platform: &impl Platform, request: &Request) -> Answer {
    let query = Query::of(request.uri())?;
    let limit = query.limit()?;
    let store = platform.store().await?;
    let mut found = store.environments(query.parse("after")?, limit + 1).await?;
    let next = more(&mut found, limit).map(|e| e.id);
    Ok(success(StatusCode::OK, [("environments", json!(found)), ("next", json!(next))]))
}

pub async fn read(platform: &impl Platform, id: EnvironmentId) -> Answer {
    let store = platform.store().await?;
    let environment = store.environment(id).await?.ok_or_else(|| Problem::not_found("environment"))?;
    Ok(success(StatusCode::OK, [("environment", json!(environment))]))
}

pub async fn create(platform: &impl Platform, request: Request, actor: &Actor) -> Answer {
    answer_once(platform, request, |wanted: NewEnvironment, once| async move {
        create_one(platform, wanted, actor, once.is_some_and(|once| once.again)).await
    })
    .await
}

/// `may_be_there`: an earlier try may have made it, and ended before that was answered.
async fn create_one(
    platform: &impl Platform,
    wanted: NewEnvironment,
    actor: &Actor,
    may_be_there: bool,
) -> Answer {
    let now = platform.now();
    let mut random = [0; 10];
    random.copy_from_slice(&platform.random()[..10]);
    let id = EnvironmentId(uuid_v7(now, random));
    let store = platform.store().await?;
    let others = store.promotions(MAX_ENVIRONMENTS).await?;
    if others.len() >= MAX_ENVIRONMENTS as usize {
        let detail = format!("there are {MAX_ENVIRONMENTS} environments; give one of them another purpose");
        return Err(Problem::conflict("too_many_environments", detail).into());
    }
    let environment = checked(empty(id, &actor.name, now), wanted.into(), now, &others)?;
    let by = Cause::new(format!("user:{}", actor.name), "create_environment");
    let saved = store.save_environment(&environment, 0, &by, now).await;
    let made = match saved {
        Err(StoreError::Exists(_)) if may_be_there => {
            let there = store.environment_by_name(&environment.environment_name).await?;
            there.filter(|there| is_of_the_same_request(there, &environment))
        }
        _ => None,
    };
    let environment = match made {
        Some(made) => made,
        None => saved.map(|()| environment).map_err(name_taken)?,
    };
    wake_scheduler(platform);
    Ok(success(StatusCode::CREATED, [("environment", json!(environment))]))
}

fn is_of_the_same_request(there: &Environment, wanted: &Environment) -> bool {
    let same = Environment {
        id: there.id,
        created_at: there.created_at,
        updated_at: there.created_at,
        held_by: there.held_by,
        live: there.live.clone(),
        quarantined: there.quarantined.clone(),
        ..wanted.clone()
    };
    *there == same && wanted.created_at.since_ms(there.created_at) < KEY_KEPT_MS
}

/// An environment of which nothing has been said.
fn empty(id: EnvironmentId, created_by: &str, now: Timestamp) -> Environment {
    Environment {
        id,
        environment_name: String::new(),
        environment_type: EnvironmentType::Development,
        deployment_url: None,
        environment_variables: Default::default(),
        resource_limits: None,
        monitoring_config: None,
        infrastructure_config: None,
        approval_required: false,
        approval: default_approval(),
        auto_promote_from: vec![],
        rollback_enabled: true,
        health_check: None,
        is_active: true,
        held_by: None,
        live: vec![],
        quarantined: vec![],
        created_by: created_by.to_owned(),
        created_at: now,
        updated_at: now,
    }
}

fn checked(
    before: Environment,
    wanted: ChangeEnvironment,
    now: Timestamp,
    others: &[Promotion],
) -> Result<Environment, Problem> {
    let environment = Environment { updated_at: now, ..changed(before, wanted) };
    let errors = check(&environment, others);
    if errors.is_empty() { Ok(environment) } else { Err(Problem::invalid(errors)) }
}

fn name_taken(error: StoreError) -> Failure {
    match error {
        StoreError::Exists(_) => {
            let detail = "an environment of this name exists; choose another, or update that one";
            Problem::conflict("environment_name_taken", detail).into()
        }
        other => other.into(),
    }
}

pub async fn update(platform: &impl Platform, request: Request, id: EnvironmentId, actor: &Actor) -> Answer {
    let wanted: ChangeEnvironment = read_json(request, MAX_BODY_BYTES).await?;
    let by = Cause::new(format!("user:{}", actor.name), "update_environment");
    let store = platform.store().await?;
    for _ in 0..MAX_TRIES {
        // The version first: whoever changes the environment after that wins, a deployment among them.
        let expect = store.version(&format!("environment:{id}")).await?;
        let before = store.environment(id).await?.ok_or_else(|| Problem::not_found("environment"))?;
        let others = store.promotions(MAX_ENVIRONMENTS).await?;
        let name = before.environment_name.clone();
        let environment = checked(before, wanted.clone(), platform.now(), &others)?;
        if environment.environment_name != name {
            refuse_if_named(&store, id, &name, &others).await?;
        }
        match store.save_environment(&environment, expect, &by, platform.now()).await {
            Ok(()) => {
                // What waits may go on now: it needs no approval any more, or the environment is active again.
                wake_scheduler(platform);
                return Ok(success(StatusCode::OK, [("environment", json!(environment))]));
            }
            Err(StoreError::Conflict) => {}
            Err(other) => return Err(name_taken(other)),
        }
    }
    Err(StoreError::Conflict.into())
}

/// History and other environments know it by its name.
async fn refuse_if_named<C: Connection>(
    store: &Store<C>,
    id: EnvironmentId,
    name: &str,
    others: &[Promotion],
) -> Result<(), Failure> {
    let refused = |detail: String| Problem::conflict("environment_name_in_use", detail);
    if let Some(other) = others.iter().find(|o| o.id != id && o.auto_promote_from.iter().any(|n| n == name)) {
        let detail = format!("{} takes over from {name}; change that first", other.environment_name);
        return Err(refused(detail).into());
    }
    if store.has_deployments(id).await? {
        let detail = format!("something was deployed to {name}, and its history knows it by this name");
        return Err(refused(detail).into());
    }
    Ok(())
}

pub async fn lift(platform: &impl Platform, request: Request, id: EnvironmentId, actor: &Actor) -> Answer {
    let Lift { version } = read_json(request, MAX_BODY_BYTES).await?;
    if version.is_empty() || version.len() > MAX_VERSION_BYTES || version.contains(char::is_control) {
        let message = format!("a version has 1 to {MAX_VERSION_BYTES} bytes");
        return Err(Problem::invalid(vec![FieldError::invalid_value("/version", message)]).into());
    }
    let lifted = LiftQuarantine { actor: actor.name.clone(), version };
    ask_scheduler(platform, &format!("/internal/environments/{id}/lift"), &lifted).await?;
    read(platform, id).await
}
