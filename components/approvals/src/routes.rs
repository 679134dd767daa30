//! What is asked of this component. What begins with `/internal/` is on no public route: the scheduler alone asks it.

use http::Method;
use penstock_domain::Role;
use penstock_guest::{Actor, Answer, Params, Platform, Request, Route, find, require_role};

use crate::{approvals, deployments, environments, health_checks};

#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    HealthChecks,
    Environments,
    CreateEnvironment,
    Environment,
    UpdateEnvironment,
    Lift,
    Approvals,
    Approve,
    Reject,
    Deployments,
    Deployment,
    RollBack,
}

const ROUTES: &[Route<To>] = &[
    (Method::POST, "/internal/health-checks", To::HealthChecks),
    (Method::GET, "/api/v1/environments", To::Environments),
    (Method::POST, "/api/v1/environments", To::CreateEnvironment),
    (Method::GET, "/api/v1/environments/:id", To::Environment),
    (Method::PUT, "/api/v1/environments/:id", To::UpdateEnvironment),
    (Method::POST, "/api/v1/environments/:id/lift", To::Lift),
    (Method::GET, "/api/v1/approvals", To::Approvals),
    (Method::POST, "/api/v1/approvals/:id/approve", To::Approve),
    (Method::POST, "/api/v1/approvals/:id/reject", To::Reject),
    (Method::GET, "/api/v1/deployments", To::Deployments),
    (Method::GET, "/api/v1/deployments/:id", To::Deployment),
    (Method::POST, "/api/v1/deployments/:id/rollback", To::RollBack),
];

/// The least role that may ask for it.
const fn least_role(to: To) -> Role {
    match to {
        To::CreateEnvironment | To::UpdateEnvironment => Role::Admin,
        To::Lift | To::Approve | To::Reject | To::RollBack => Role::Approver,
        _ => Role::Viewer,
    }
}

/// # Errors
/// As answered: RFC 9457 problems.
pub async fn handle(platform: impl Platform, request: Request) -> Answer {
    let matched = match find(ROUTES, request.method(), request.uri().path()) {
        Ok(matched) => matched,
        // Who may not look learns nothing, not even what there is.
        Err(problem) => {
            if request.uri().path().starts_with("/api/") {
                actor(&platform, &request, Role::Viewer).await?;
            }
            return Err(problem.into());
        }
    };
    if matched.to == To::HealthChecks {
        return health_checks::begin(&platform).await;
    }
    let actor = actor(&platform, &request, least_role(matched.to)).await?;
    for_people(&platform, matched.to, request, &matched.params, &actor).await
}

async fn actor(
    platform: &impl Platform,
    request: &Request,
    least: Role,
) -> Result<Actor, penstock_guest::Failure> {
    let store = platform.store().await?;
    require_role(&store, request.headers(), least, platform.now()).await
}

async fn for_people(
    platform: &impl Platform,
    to: To,
    request: Request,
    params: &Params,
    actor: &Actor,
) -> Answer {
    match to {
        To::HealthChecks => health_checks::begin(platform).await,
        To::Environments => environments::list(platform, &request).await,
        To::CreateEnvironment => environments::create(platform, request, actor).await,
        To::Environment => environments::read(platform, params.id("id", "environment")?).await,
        To::UpdateEnvironment => {
            environments::update(platform, request, params.id("id", "environment")?, actor).await
        }
        To::Lift => environments::lift(platform, request, params.id("id", "environment")?, actor).await,
        To::Approvals => approvals::list(platform, &request).await,
        To::Approve => approvals::approve(platform, request, params.id("id", "approval")?, actor).await,
        To::Reject => approvals::reject(platform, request, params.id("id", "approval")?, actor).await,
        To::Deployments => deployments::list(platform, &request).await,
        To::Deployment => deployments::read(platform, params.id("id", "deployment")?).await,
        To::RollBack => {
            deployments::roll_back(platform, request, params.id("id", "deployment")?, actor).await
        }
    }
}
