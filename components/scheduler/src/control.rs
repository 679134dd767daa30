//! What people and programs ask for through the API: start, cancel, retry, let go.

use std::collections::BTreeMap;

use http::StatusCode;
use penstock_api::internal::{
    Actor, CancelExecution, ExecutionRef, FromForge, RetryExecution, StartExecution,
};
use penstock_api::problem::{FieldError, Problem};
use penstock_domain::{ExecutionId, Reason, TriggerEvent};
use penstock_engine::{Event, Origin, Scope, StatusTarget, rerun};
use penstock_forge::BranchHead;
use penstock_guest::{
    Answer, Decided, Failure, MAX_BODY_BYTES, Platform, Request, commit_event, json, read_json,
};
use penstock_pipeline::{InputProblem, RunContext};
use penstock_store::{Cause, KEY_KEPT_MS, Pipeline};
use serde_json::Value;

use crate::definition::{AtForge, definition};
use crate::deliveries::refuses;
use crate::launch::{Inherited, Launch, Launched, NotOrdered, Order};
use crate::scheduler::{DEFAULT_BRANCH, Scheduler, refused};

/// The name that the token of the variable `admin_token` has.
const BOOTSTRAP: &str = "admin";
const MAX_PARAMETERS: usize = 256;
const MAX_PARAMETER_BYTES: usize = 32 * 1024;

pub async fn start<P: Platform>(platform: &P, request: Request) -> Answer {
    let StartExecution { pipeline_id, request, actor, once } = read_json(request, MAX_BODY_BYTES).await?;
    let scheduler = Scheduler::open(platform).await?;
    let pipeline =
        scheduler.store.pipeline(pipeline_id).await?.ok_or_else(|| Problem::not_found("pipeline"))?;
    if !pipeline.view.is_active {
        return Err(refusal("the pipeline is not active; set is_active first").into());
    }
    let event = request.trigger_event.unwrap_or(TriggerEvent::Manual);
    let mut run = RunContext {
        branch: request.branch.clone().unwrap_or_else(|| DEFAULT_BRANCH.to_owned()),
        tag: request.branch.clone().filter(|_| event == TriggerEvent::Tag),
        event,
        commit_sha: request.commit_sha.map(|sha| sha.to_ascii_lowercase()),
        commit_message: String::new(),
        author: actor.clone(),
        repository_url: pipeline.view.repository_url.clone(),
        pipeline_name: pipeline.view.pipeline_name.clone(),
        number: 0,
        variables: parameters(request.parameters)?,
        inputs: BTreeMap::new(),
        changed_paths: None,
        event_name: request.event_name,
        base_branch: String::new(),
        pull_request: 0,
    };
    check(&run)?;
    let at_forge = AtForge::of(platform, &pipeline, 1);
    // The newest, as in everything else that is started by hand.
    if let (None, Some(at_forge)) = (&run.commit_sha, &at_forge) {
        let head = match &run.tag {
            Some(tag) => {
                at_forge.tagged_commit(tag).await.map(|commit| BranchHead { branch: tag.clone(), commit })
            }
            None => at_forge.branch_head(request.branch.as_deref()).await,
        };
        match head {
            FromForge::Found { value: head } => {
                (run.branch, run.commit_sha) = (head.branch, Some(head.commit.sha));
                run.commit_message = head.commit.message;
            }
            // A repository that has nothing in it yet; what is kept here needs none of it.
            FromForge::NotFound if request.branch.is_none() && pipeline.view.definition.is_some() => {}
            FromForge::NotFound => {
                let what = if run.tag.is_some() { "tag" } else { "branch" };
                return Err(refusal(&format!("there is no {what} {}", run.branch)).into());
            }
            other => return Err(unread(other).into()),
        }
    }
    if let Some(why) = refuses(&pipeline, &run) {
        return Err(refusal(&why).into());
    }
    let launch = by_hand(&pipeline, run, &actor, None, once);
    let text = match definition(&pipeline, at_forge.as_ref(), launch.run.commit_sha.as_deref()).await {
        FromForge::Found { value } => value,
        FromForge::NotFound => return Err(refusal("the commit has no pipeline file").into()),
        other => return Err(unread(other).into()),
    };
    let (launch, order) = launch.order(&text).map_err(|why| match why {
        NotOrdered::BadInputs(problems) => bad_inputs(&problems),
        other => refusal(&other.to_string()),
    })?;
    start_launched(&scheduler, &launch, &order).await
}

async fn start_launched<P: Platform>(scheduler: &Scheduler<P>, launch: &Launch<'_>, order: &Order) -> Answer {
    match scheduler.launch(launch, order, |_, _| {}).await? {
        Launched::Started(execution_id, changes) => {
            scheduler.follow(&changes);
            Ok(json(StatusCode::CREATED, &ExecutionRef { execution_id }))
        }
        Launched::Already(execution_id) => Ok(json(StatusCode::CREATED, &ExecutionRef { execution_id })),
        Launched::NotAdmitted(why) => Err(refusal(&why).into()),
    }
}

fn by_hand<'a>(
    pipeline: &'a Pipeline,
    run: RunContext,
    actor: &str,
    retry_of: Option<ExecutionId>,
    once: Option<String>,
) -> Launch<'a> {
    let forge = pipeline.forge.clone().zip(pipeline.forge_repository.clone());
    let target = forge.zip(run.commit_sha.clone()).map(|((forge, repository), commit_sha)| StatusTarget {
        forge,
        repository,
        commit_sha,
    });
    let cause = if retry_of.is_some() { "retry" } else { "execute" };
    Launch {
        origin: Origin {
            trigger_user: Some(actor.to_owned()),
            retry_of,
            event_key: once.map(|key| format!("request:{key}")),
            is_let_go: true,
            ..Origin::default()
        },
        run,
        target,
        // The bootstrap token is nobody in particular.
        authors: if actor == BOOTSTRAP { vec![] } else { vec![actor.to_owned()] },
        window_ms: KEY_KEPT_MS,
        ..Launch::of(pipeline, Cause::new(format!("user:{actor}"), cause))
    }
}

pub async fn cancel<P: Platform>(platform: &P, request: Request, execution: ExecutionId) -> Answer {
    let CancelExecution { actor, force } = read_json(request, MAX_BODY_BYTES).await?;
    let event = Event::Cancel { reason: Reason::CancelledByUser, force };
    decide(platform, &actor, execution, &event, "cancel").await
}

pub async fn release<P: Platform>(platform: &P, request: Request, execution: ExecutionId) -> Answer {
    let Actor { actor } = read_json(request, MAX_BODY_BYTES).await?;
    let answer = decide(platform, &actor, execution, &Event::Release, "release").await?;
    let occasion = crate::follow::Occasion { room: true, ..Default::default() };
    platform.spawn(crate::follow::settle_logged(platform.clone(), occasion));
    Ok(answer)
}

async fn decide<P: Platform>(
    platform: &P,
    actor: &str,
    execution: ExecutionId,
    event: &Event,
    cause: &str,
) -> Answer {
    let scheduler = Scheduler::open(platform).await?;
    let by = Cause::new(format!("user:{actor}"), cause);
    match commit_event(platform, &scheduler.store, Some(execution), None, event, &by).await? {
        Decided::Committed(changes) => scheduler.follow(&changes),
        Decided::Nothing => {}
        Decided::Refused(why) => return Err(refused(&why).into()),
        Decided::Unknown => return Err(Problem::not_found("execution").into()),
    }
    Ok(json(StatusCode::OK, &ExecutionRef { execution_id: execution }))
}

pub async fn retry<P: Platform>(platform: &P, request: Request, execution: ExecutionId) -> Answer {
    let wanted: RetryExecution = read_json(request, MAX_BODY_BYTES).await?;
    let scheduler = Scheduler::open(platform).await?;
    let execution_id = start_again(&scheduler, execution, wanted).await?;
    Ok(json(StatusCode::CREATED, &ExecutionRef { execution_id }))
}

/// A new execution of an ended one's work.
///
/// # Errors
/// 404, 409 while it runs or where nothing is left to do, and as the store.
pub async fn start_again<P: Platform>(
    scheduler: &Scheduler<P>,
    execution: ExecutionId,
    wanted: RetryExecution,
) -> Result<ExecutionId, Failure> {
    let RetryExecution { actor, only_failed, from_stage, once } = wanted;
    let scope = match from_stage {
        Some(stage) => Scope::From(stage),
        None if only_failed => Scope::Failed,
        None => Scope::All,
    };
    let store = &scheduler.store;
    let unknown = || Problem::not_found("execution");
    let snapshot = store.snapshot(Some(execution), None, true).await?.ok_or_else(unknown)?;
    if !snapshot.execution.status.is_final() {
        let detail = "it has not ended; cancel it first, or wait";
        return Err(Problem::conflict("still_running", detail).into());
    }
    let pipeline = store.pipeline(snapshot.execution.pipeline_id).await?;
    let pipeline = pipeline.ok_or_else(|| refusal("its pipeline was deleted"))?;
    let past = store.planned_work(execution).await?.ok_or_else(unknown)?;
    let work = rerun(past.stages, past.timeout_ms, &scope)
        .map_err(|e| Problem::conflict("nothing_to_retry", e.to_string()))?;
    let has_run = snapshot.execution.started_at.is_some();
    let context = snapshot.execution.context;
    let mut launch = by_hand(&pipeline, context.run.clone(), &actor, Some(execution), once);
    // Whoever may retry may not give leave to a fork's pull request: only what had it runs again without.
    launch.origin.is_let_go = has_run || !context.from_fork;
    launch.inherited = Inherited::from(&context);
    (launch.target, launch.from_fork) = (context.target, context.from_fork);
    // It stays the change of whoever made it; a retry asked for by another does not make it theirs.
    launch.authors = context.authors;
    (launch.commit_at, launch.takes_back) = (context.commit_at, context.takes_back);
    match scheduler.launch(&launch, &Order::again(work, past.admission), |_, _| {}).await? {
        Launched::Started(id, changes) => {
            scheduler.follow(&changes);
            Ok(id)
        }
        Launched::Already(id) => Ok(id),
        Launched::NotAdmitted(why) => Err(refusal(&why).into()),
    }
}

fn refusal(why: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "execution_refused", "Execution refused", why)
}

fn bad_inputs(problems: &[InputProblem]) -> Problem {
    let error = |p: &InputProblem| {
        let pointer = format!("/parameters/{}", p.name.replace('~', "~0").replace('/', "~1"));
        FieldError::invalid_value(&pointer, format!("`{}` {}", p.name, p.message))
    };
    Problem::invalid(problems.iter().map(error).collect())
}

/// What the forge did not hand out.
fn unread<T>(answer: FromForge<T>) -> Problem {
    match answer {
        FromForge::Later { seconds, why } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "forge_unavailable", "Service unavailable", why)
                .with_retry_after(seconds)
        }
        FromForge::Failed { why } => refusal(&why),
        FromForge::Found { .. } | FromForge::NotFound => refusal("the forge does not have it"),
    }
}

fn check(run: &RunContext) -> Result<(), Problem> {
    let mut errors = vec![];
    let mut wrong = |pointer: &str, message: &str| {
        errors.push(FieldError {
            pointer: pointer.to_owned(),
            line: None,
            column: None,
            code: "invalid_value".to_owned(),
            message: message.to_owned(),
        });
    };
    if run.branch.is_empty() || run.branch.len() > 255 || run.branch.chars().any(char::is_control) {
        wrong("/branch", "a branch's name has 1 to 255 bytes");
    }
    let is_sha = |sha: &str| matches!(sha.len(), 40 | 64) && sha.bytes().all(|b| b.is_ascii_hexdigit());
    if run.commit_sha.as_deref().is_some_and(|sha| !is_sha(sha)) {
        wrong("/commit_sha", "a commit's id has 40 or 64 hexadecimal digits");
    }
    let is_name = |name: &str| !name.is_empty() && name.len() <= 100 && !name.chars().any(char::is_control);
    match run.event_name.as_deref() {
        Some(name) if run.event != TriggerEvent::Webhook || !is_name(name) => {
            wrong("/event_name", "an event's name has 1 to 100 bytes, and goes with trigger_event `webhook`");
        }
        _ => {}
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}

/// Parameters become variables: text, numbers and booleans as text.
fn parameters(given: BTreeMap<String, Value>) -> Result<BTreeMap<String, String>, Problem> {
    let mut errors = vec![];
    let mut wrong = |name: &str, message: String| {
        let pointer = format!("/parameters/{}", name.replace('~', "~0").replace('/', "~1"));
        errors.push(FieldError {
            pointer,
            line: None,
            column: None,
            code: "invalid_value".to_owned(),
            message,
        });
    };
    if given.len() > MAX_PARAMETERS {
        wrong("", format!("at most {MAX_PARAMETERS} parameters"));
    }
    let mut variables = BTreeMap::new();
    for (name, value) in given.into_iter().take(MAX_PARAMETERS) {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => {
                wrong(&name, "a parameter is text, a number or a boolean".to_owned());
                continue;
            }
        };
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.len() <= 128;
        if !is_name {
            wrong(
                &name,
                "a parameter's name has letters, digits and `_`, and begins with no digit".to_owned(),
            );
        } else if text.len() > MAX_PARAMETER_BYTES || text.contains('\0') {
            wrong(&name, format!("a parameter has at most {MAX_PARAMETER_BYTES} bytes, and no NUL"));
        } else {
            variables.insert(name, text);
        }
    }
    if errors.is_empty() { Ok(variables) } else { Err(Problem::invalid(errors)) }
}
