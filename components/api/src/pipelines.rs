//! Pipeline configurations: create, list, read, update, delete.

use http::StatusCode;
use penstock_api::problem::{FieldError, Problem};
use penstock_api::request::{CreatePipeline, UpdatePipeline};
use penstock_api::view;
use penstock_domain::{PipelineId, PipelineType, id::uuid_v7};
use penstock_engine::{Changes, ScheduleRow, schedules};
use penstock_forge::{BadCloneUrl, clone_url, repository_key};
use penstock_guest::{
    Answer, Failure, MAX_BODY_BYTES, Platform, Query, Request, answer_once, moment, more, read_json, success,
};
use penstock_pipeline::{Configuration, Patterns, Severity, definition_from, parse};
use penstock_store::{Cause, KEY_KEPT_MS, Pipeline, StoreError};
use serde_json::json;

use crate::chains::refuse_circle;
use crate::validate::field_error;

const DEFAULT_PATH: &str = ".penstock.yml";
const DEFAULT_CONCURRENT: u32 = 5;
const MAX_NAME_CHARS: usize = 100;
const MAX_URL_BYTES: usize = 2_000;
const MAX_PATTERNS: usize = 100;

pub async fn list(platform: &impl Platform, request: &Request) -> Answer {
    let query = Query::of(request.uri())?;
    let limit = query.limit()?;
    let store = platform.store().await?;
    let mut found = store.pipelines(query.parse("after")?, limit + 1).await?;
    let next = more(&mut found, limit).map(|p| p.view.id);
    let views: Vec<_> = found.into_iter().map(|p| p.view).collect();
    let summary = store.pipeline_summary().await?;
    Ok(success(
        StatusCode::OK,
        [("pipelines", json!(views)), ("summary", json!(summary)), ("next", json!(next))],
    ))
}

pub async fn create(platform: &impl Platform, request: Request, actor: &str) -> Answer {
    answer_once(platform, request, |wanted: CreatePipeline, once| async move {
        create_one(platform, wanted, actor, once.is_some_and(|once| once.again)).await
    })
    .await
}

/// `may_be_there`: an earlier try may have made it, and ended before that was answered.
async fn create_one(
    platform: &impl Platform,
    wanted: CreatePipeline,
    actor: &str,
    may_be_there: bool,
) -> Answer {
    let mut errors = not_supported_yet(&wanted);
    if wanted.definition.is_some() && wanted.definition_path.is_some() {
        errors.push(wrong("/definition_path", "give either definition or definition_path"));
    }
    let now = platform.now();
    let mut random = [0; 10];
    random.copy_from_slice(&platform.random()[..10]);
    let configuration = view::Configuration {
        build_configuration: wanted.build_configuration,
        test_configuration: wanted.test_configuration,
        quality_gates: wanted.quality_gates,
        deployment_configuration: wanted.deployment_configuration,
    };
    let is_defined = wanted.definition.is_some() || wanted.definition_path.is_some();
    let made = made_from(&configuration, is_defined, &mut errors);
    let definition = wanted.definition.or(made);
    let definition_path = match (&definition, wanted.definition_path) {
        (None, path) => Some(path.unwrap_or_else(|| DEFAULT_PATH.to_owned())),
        (Some(_), _) => None,
    };
    let view = view::Pipeline {
        id: PipelineId(uuid_v7(now, random)),
        pipeline_name: wanted.pipeline_name,
        pipeline_type: wanted.pipeline_type.unwrap_or(PipelineType::FullCicd),
        repository_url: wanted.repository_url,
        definition,
        definition_path,
        branch_patterns: wanted.branch_patterns.unwrap_or_default(),
        trigger_events: wanted.trigger_events.unwrap_or_default(),
        max_concurrent_executions: wanted.max_concurrent_executions.unwrap_or(DEFAULT_CONCURRENT),
        public_status: wanted.public_status.unwrap_or(false),
        is_active: wanted.is_active.unwrap_or(true),
        configuration,
        created_by: actor.to_owned(),
        created_at: now,
        updated_at: now,
    };
    let pipeline = checked(view, errors)?;
    let by = Cause::new(format!("user:{actor}"), "create_pipeline");
    let store = platform.store().await?;
    refuse_circle(&store, &pipeline).await?;
    let schedules = schedules_of(platform, &pipeline, &[]);
    let saved = store.save_pipeline(&pipeline, schedules.as_ref(), 0, &by, now).await;
    let made = match saved {
        Err(StoreError::Exists(_)) if may_be_there => {
            let there = store.pipeline_by_name(&pipeline.view.pipeline_name).await?;
            there.map(|there| there.view).filter(|there| is_of_the_same_request(there, &pipeline.view))
        }
        _ => None,
    };
    let view = match made {
        Some(made) => made,
        None => saved.map(|()| pipeline.view).map_err(name_taken)?,
    };
    Ok(success(StatusCode::CREATED, [("pipeline", json!(view))]))
}

fn is_of_the_same_request(there: &view::Pipeline, wanted: &view::Pipeline) -> bool {
    let same = view::Pipeline {
        id: there.id,
        created_at: there.created_at,
        updated_at: there.created_at,
        ..wanted.clone()
    };
    *there == same && wanted.created_at.since_ms(there.created_at) < KEY_KEPT_MS
}

/// The definition that the configuration stands for, where it stands alone.
fn made_from(
    configuration: &view::Configuration,
    is_defined: bool,
    errors: &mut Vec<FieldError>,
) -> Option<String> {
    let made = definition_from(Configuration {
        build: configuration.build_configuration.as_ref(),
        test: configuration.test_configuration.as_ref(),
        quality_gates: configuration.quality_gates.as_ref(),
        deployment: configuration.deployment_configuration.as_ref(),
    })?;
    if is_defined {
        errors.push(wrong("/definition", "give either a definition or its path, or a configuration"));
        return None;
    }
    match made {
        Ok(text) => Some(text),
        Err(problems) => {
            errors.extend(problems.iter().map(|p| wrong(&p.pointer, &p.message)));
            None
        }
    }
}

/// When the clock starts the pipeline, as far as its definition is here; None where nothing of that changes.
fn schedules_of(platform: &impl Platform, pipeline: &Pipeline, present: &[ScheduleRow]) -> Option<Changes> {
    let text = pipeline.view.definition.as_deref().filter(|_| pipeline.deleted_at.is_none());
    let definition = text.and_then(|text| parse(text).definition);
    let wanted = definition.map(|d| d.triggers.schedule).unwrap_or_default();
    schedules(pipeline.view.id, &wanted, present, &moment(platform))
}

fn name_taken(error: StoreError) -> Failure {
    match error {
        StoreError::Exists(_) => {
            let detail = "a pipeline of this name exists; choose another, or update that one";
            Problem::conflict("pipeline_name_taken", detail).into()
        }
        other => other.into(),
    }
}

pub async fn read(platform: &impl Platform, id: PipelineId) -> Answer {
    let store = platform.store().await?;
    let pipeline = store.pipeline(id).await?.ok_or_else(|| Problem::not_found("pipeline"))?;
    Ok(success(StatusCode::OK, [("pipeline", json!(pipeline.view))]))
}

/// A busy pipeline moves on between reading and writing: so often it is read again.
const MAX_TRIES: u32 = 10;

pub async fn update(platform: &impl Platform, request: Request, id: PipelineId, actor: &str) -> Answer {
    let wanted: UpdatePipeline = read_json(request, MAX_BODY_BYTES).await?;
    let now = platform.now();
    change(platform, id, &Cause::new(format!("user:{actor}"), "update_pipeline"), |before| {
        let (view, errors) = merged(before.view, wanted.clone(), now);
        let checked = checked(view, errors)?;
        let is_same_repository = checked.repository_key == before.repository_key;
        let (forge, forge_repository) =
            if is_same_repository { (before.forge, before.forge_repository) } else { (None, None) };
        Ok(Pipeline { forge, forge_repository, ..checked })
    })
    .await
}

/// Reads, changes and writes the pipeline, again when it has moved on meanwhile.
async fn change(
    platform: &impl Platform,
    id: PipelineId,
    by: &Cause,
    changed: impl Fn(Pipeline) -> Result<Pipeline, Problem>,
) -> Answer {
    let store = platform.store().await?;
    for _ in 0..MAX_TRIES {
        let expect = store.version(&format!("pipeline:{id}")).await?;
        let before = store.pipeline(id).await?.ok_or_else(|| Problem::not_found("pipeline"))?;
        let pipeline = changed(before)?;
        if pipeline.deleted_at.is_none() {
            refuse_circle(&store, &pipeline).await?;
        }
        // Those of a definition in the repository are kept by whoever reads that.
        let is_kept_here = pipeline.view.definition.is_some() || pipeline.deleted_at.is_some();
        let schedules = match is_kept_here {
            true => schedules_of(platform, &pipeline, &store.schedules_of(id).await?),
            false => None,
        };
        match store.save_pipeline(&pipeline, schedules.as_ref(), expect, by, platform.now()).await {
            Ok(()) => return Ok(success(StatusCode::OK, [("pipeline", json!(pipeline.view))])),
            Err(StoreError::Conflict) => {}
            Err(other) => return Err(name_taken(other)),
        }
    }
    Err(StoreError::Conflict.into())
}

fn merged(
    before: view::Pipeline,
    wanted: UpdatePipeline,
    now: penstock_domain::Timestamp,
) -> (view::Pipeline, Vec<FieldError>) {
    let mut errors = vec![];
    if wanted.definition.is_some() && wanted.definition_path.is_some() {
        errors.push(wrong("/definition_path", "give either definition or definition_path"));
    }
    let is_redefined = wanted.definition.is_some() || wanted.definition_path.is_some();
    let (definition, definition_path) = match (wanted.definition, wanted.definition_path) {
        (Some(text), _) => (Some(text), None),
        (None, Some(path)) => (None, Some(path)),
        (None, None) => (before.definition, before.definition_path),
    };
    let view = view::Pipeline {
        pipeline_name: wanted.pipeline_name.unwrap_or(before.pipeline_name),
        repository_url: wanted.repository_url.unwrap_or(before.repository_url),
        pipeline_type: wanted.pipeline_type.unwrap_or(before.pipeline_type),
        definition,
        definition_path,
        branch_patterns: wanted.branch_patterns.unwrap_or(before.branch_patterns),
        trigger_events: wanted.trigger_events.unwrap_or(before.trigger_events),
        max_concurrent_executions: wanted
            .max_concurrent_executions
            .unwrap_or(before.max_concurrent_executions),
        public_status: wanted.public_status.unwrap_or(before.public_status),
        is_active: wanted.is_active.unwrap_or(before.is_active),
        // Whoever gives a definition has taken it into their own hands.
        configuration: if is_redefined { view::Configuration::default() } else { before.configuration },
        updated_at: now,
        id: before.id,
        created_by: before.created_by,
        created_at: before.created_at,
    };
    (view, errors)
}

pub async fn delete(platform: &impl Platform, id: PipelineId, actor: &str) -> Answer {
    let now = platform.now();
    let by = Cause::new(format!("user:{actor}"), "delete_pipeline");
    change(platform, id, &by, |before| Ok(Pipeline { deleted_at: Some(now), ..before })).await
}

/// The pipeline, where all of it may be kept; else everything that is wrong with it.
fn checked(mut view: view::Pipeline, mut errors: Vec<FieldError>) -> Result<Pipeline, Problem> {
    let name = view.pipeline_name.as_str();
    if name.trim().is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        errors.push(wrong("/pipeline_name", "a name has 1 to 100 characters"));
    }
    let mut key = None;
    match repository(&view.repository_url) {
        Ok((url, found)) => (view.repository_url, key) = (url, Some(found)),
        Err(bad) => errors.push(wrong("/repository_url", &bad.to_string())),
    }
    if !(1..=1000).contains(&view.max_concurrent_executions) {
        errors.push(wrong("/max_concurrent_executions", "from 1 to 1000"));
    }
    if view.branch_patterns.len() > MAX_PATTERNS {
        errors.push(wrong("/branch_patterns", "at most 100 patterns"));
    }
    let mut patterns = Patterns::default();
    for (index, pattern) in view.branch_patterns.iter().enumerate() {
        if let Err(error) = patterns.push(pattern) {
            errors.push(wrong(&format!("/branch_patterns/{index}"), &error.to_string()));
        }
    }
    if patterns.only_exclude() {
        errors.push(wrong(
            "/branch_patterns",
            "they only take out, so that nothing is left; put `**` before them",
        ));
    }
    if let Some(path) = &view.definition_path {
        let is_inside =
            !path.is_empty() && path.len() <= 500 && path.split('/').all(|p| !matches!(p, "" | "." | ".."));
        if !is_inside {
            errors.push(wrong("/definition_path", "a path inside the repository, without `.` and `..`"));
        }
    }
    if let Some(text) = &view.definition {
        let diagnostics = parse(text).diagnostics;
        errors.extend(diagnostics.iter().filter(|d| d.severity == Severity::Error).map(field_error));
    }
    match key {
        Some(repository_key) if errors.is_empty() => {
            Ok(Pipeline { forge: None, forge_repository: None, deleted_at: None, repository_key, view })
        }
        _ => Err(Problem::invalid(errors)),
    }
}

/// The address as it is kept, and by what a webhook finds the pipeline.
fn repository(url: &str) -> Result<(String, String), BadCloneUrl> {
    let url = clone_url(url)?;
    let key = repository_key(&url).filter(|_| url.len() <= MAX_URL_BYTES).ok_or(BadCloneUrl::Form)?;
    Ok((url, key))
}

fn not_supported_yet(wanted: &CreatePipeline) -> Vec<FieldError> {
    let members = [
        ("notification_config", &wanted.notification_config),
        ("environment_promotions", &wanted.environment_promotions),
        ("rollback_strategy", &wanted.rollback_strategy),
    ];
    let given = members.into_iter().filter(|(_, value)| value.is_some());
    given
        .map(|(name, _)| FieldError {
            pointer: format!("/{name}"),
            line: None,
            column: None,
            code: "not_supported_yet".to_owned(),
            message: format!("`{name}` is not supported yet; give a definition"),
        })
        .collect()
}

pub fn wrong(pointer: &str, message: &str) -> FieldError {
    FieldError::invalid_value(pointer, message)
}
