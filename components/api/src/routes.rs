//! What is asked of this component.

use http::{Method, StatusCode};
use penstock_api::problem::Problem;
use penstock_domain::Role;
use penstock_guest::{Actor, Answer, Params, Platform, Request, ResponseBody, Route, find};

use crate::{
    access, badge, event_stream, execution_page, executions, health, journal, log_stream, pipelines, runners,
    status, tokens, validate,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Healthz,
    Readyz,
    OpenApi,
    PipelineSchema,
    Status,
    Badge,
    ExecutionPage,
    RegisterRunner,
    Runners,
    Pipelines,
    CreatePipeline,
    Validate,
    Pipeline,
    UpdatePipeline,
    DeletePipeline,
    Execute,
    PipelineExecutions,
    Executions,
    Execution,
    ExecutionStatus,
    Cancel,
    Retry,
    Approve,
    Logs,
    Events,
    Journal,
    Tokens,
    CreateToken,
    RevokeToken,
    WhoAmI,
    /// Part of the contract, and of a later version.
    Later,
}

const ROUTES: &[Route<To>] = &[
    (Method::GET, "/healthz", To::Healthz),
    (Method::GET, "/readyz", To::Readyz),
    (Method::GET, "/openapi.json", To::OpenApi),
    (Method::GET, "/schema/pipeline.json", To::PipelineSchema),
    (Method::GET, "/status/:owner/:repo", To::Status),
    (Method::GET, "/badge/:owner/:repo", To::Badge),
    (Method::GET, "/executions/:id", To::ExecutionPage),
    (Method::POST, "/api/v1/runners", To::RegisterRunner),
    (Method::GET, "/api/v1/runners", To::Runners),
    (Method::GET, "/api/v1/pipelines", To::Pipelines),
    (Method::POST, "/api/v1/pipelines", To::CreatePipeline),
    (Method::POST, "/api/v1/pipelines/validate", To::Validate),
    (Method::GET, "/api/v1/pipelines/templates", To::Later),
    (Method::POST, "/api/v1/pipelines/import", To::Later),
    (Method::GET, "/api/v1/pipelines/:id", To::Pipeline),
    (Method::PUT, "/api/v1/pipelines/:id", To::UpdatePipeline),
    (Method::DELETE, "/api/v1/pipelines/:id", To::DeletePipeline),
    (Method::POST, "/api/v1/pipelines/:id/execute", To::Execute),
    (Method::GET, "/api/v1/pipelines/:id/executions", To::PipelineExecutions),
    (Method::GET, "/api/v1/pipelines/:id/export", To::Later),
    (Method::GET, "/api/v1/executions", To::Executions),
    (Method::GET, "/api/v1/executions/:id", To::Execution),
    (Method::GET, "/api/v1/executions/:id/status", To::ExecutionStatus),
    (Method::POST, "/api/v1/executions/:id/cancel", To::Cancel),
    (Method::POST, "/api/v1/executions/:id/retry", To::Retry),
    (Method::POST, "/api/v1/executions/:id/approve", To::Approve),
    (Method::GET, "/api/v1/executions/:id/logs", To::Logs),
    (Method::GET, "/api/v1/executions/:id/events", To::Events),
    (Method::GET, "/api/v1/executions/:id/journal", To::Journal),
    (Method::GET, "/api/v1/tokens", To::Tokens),
    (Method::POST, "/api/v1/tokens", To::CreateToken),
    (Method::DELETE, "/api/v1/tokens/:id", To::RevokeToken),
    (Method::GET, "/api/v1/whoami", To::WhoAmI),
    (Method::GET, "/api/v1/executions/:id/artifacts", To::Later),
    (Method::GET, "/api/v1/artifacts/:id/download", To::Later),
];

/// The least role that a route takes. Written out, so that a new route can't forget to be asked for one.
fn least(to: To) -> Role {
    match to {
        To::Healthz | To::Readyz | To::OpenApi | To::PipelineSchema => Role::Viewer,
        To::Status | To::Badge | To::ExecutionPage => Role::Viewer,
        To::RegisterRunner | To::Runners | To::WhoAmI | To::Later => Role::Viewer,
        To::Pipelines | To::Pipeline | To::PipelineExecutions | To::Executions | To::Execution => {
            Role::Viewer
        }
        To::ExecutionStatus | To::Logs | To::Events | To::Journal => Role::Viewer,
        To::CreatePipeline | To::UpdatePipeline | To::Validate => Role::Developer,
        To::Execute | To::Cancel | To::Retry => Role::Developer,
        To::Approve => Role::Approver,
        To::DeletePipeline | To::Tokens | To::CreateToken | To::RevokeToken => Role::Admin,
    }
}

/// # Errors
/// As answered: RFC 9457 problems.
pub async fn handle(platform: impl Platform, request: Request) -> Answer {
    let matched = match find(ROUTES, request.method(), request.uri().path()) {
        Ok(matched) => matched,
        // Who may not look learns nothing, not even what there is.
        Err(problem) if request.uri().path().starts_with("/api/") => {
            access::actor(&platform, request.headers(), Role::Viewer).await?;
            return Err(problem.into());
        }
        Err(problem) => return Err(problem.into()),
    };
    match matched.to {
        To::Healthz => Ok(health::alive()),
        To::Readyz => health::ready(&platform).await,
        To::OpenApi => Ok(document(include_bytes!("../openapi.json"))),
        To::PipelineSchema => Ok(pipeline_schema()),
        To::Status => status::show(&platform, &request, &matched.params).await,
        To::Badge => badge::show(&platform, &request, &matched.params).await,
        To::ExecutionPage => execution_page::show(&platform, matched.params.id("id", "execution")?).await,
        To::RegisterRunner => runners::register(&platform, request).await,
        to => {
            let actor = access::actor(&platform, request.headers(), least(to)).await?;
            for_people(&platform, to, request, &matched.params, &actor).await
        }
    }
}

async fn for_people(
    platform: &impl Platform,
    to: To,
    request: Request,
    params: &Params,
    who: &Actor,
) -> Answer {
    let actor = who.name.as_str();
    match to {
        To::Runners => runners::list(platform, &request).await,
        To::Pipelines => pipelines::list(platform, &request).await,
        To::CreatePipeline => pipelines::create(platform, request, actor).await,
        To::Validate => validate::validate(request).await,
        To::Pipeline => pipelines::read(platform, params.id("id", "pipeline")?).await,
        To::UpdatePipeline => pipelines::update(platform, request, params.id("id", "pipeline")?, actor).await,
        To::DeletePipeline => pipelines::delete(platform, params.id("id", "pipeline")?, actor).await,
        To::Execute => executions::execute(platform, request, params.id("id", "pipeline")?, actor).await,
        To::PipelineExecutions => {
            executions::list(platform, &request, Some(params.id("id", "pipeline")?)).await
        }
        To::Executions => executions::list(platform, &request, None).await,
        To::Execution => executions::read(platform, params.id("id", "execution")?).await,
        To::ExecutionStatus => executions::status(platform, params.id("id", "execution")?).await,
        To::Cancel => executions::cancel(platform, &request, params.id("id", "execution")?, actor).await,
        To::Retry => executions::retry(platform, request, params.id("id", "execution")?, actor).await,
        To::Approve => executions::approve(platform, params.id("id", "execution")?, actor).await,
        To::Logs => log_stream::logs(platform, &request, params.id("id", "execution")?).await,
        To::Journal => journal::read(platform, &request, params.id("id", "execution")?).await,
        To::Events => event_stream::events(platform, &request, params.id("id", "execution")?).await,
        To::Tokens => tokens::list(platform, &request).await,
        To::CreateToken => tokens::create(platform, request, actor).await,
        To::RevokeToken => tokens::revoke(platform, params.id("id", "token")?, actor).await,
        To::WhoAmI => tokens::whoami(who),
        _ => Err(later(request.uri().path()).into()),
    }
}

fn later(path: &str) -> Problem {
    let detail = format!("{path} is not supported yet by this version");
    Problem::new(StatusCode::NOT_IMPLEMENTED, "not_supported_yet", "Not supported yet", detail)
}

/// A checked-in file, which is JSON.
fn document(text: &'static [u8]) -> penstock_guest::Response {
    let mut response = penstock_guest::text(StatusCode::OK, "");
    *response.body_mut() = ResponseBody::Whole(bytes::Bytes::from_static(text));
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

/// Editors ask for it with every file that they open.
fn pipeline_schema() -> penstock_guest::Response {
    let mut response = document(include_bytes!("../pipeline.schema.json"));
    response
        .headers_mut()
        .insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("public, max-age=3600"));
    response
}
