//! What is asked of this component.

use http::{Method, StatusCode};
use penstock_api::problem::Problem;
use penstock_guest::{Answer, Platform, Request, Route, find};

use crate::github;

#[derive(Clone, Copy)]
enum To {
    GitHub,
    /// A forge that is known by name and not served yet.
    Later(&'static str),
}

const ROUTES: &[Route<To>] = &[
    (Method::POST, "/hooks/github", To::GitHub),
    (Method::POST, "/hooks/gitlab", To::Later("gitlab_webhook_token")),
    (Method::POST, "/hooks/gitea", To::Later("gitea_webhook_secret")),
    (Method::POST, "/hooks/bitbucket", To::Later("bitbucket_webhook_secret")),
];

/// # Errors
/// As answered: RFC 9457 problems.
pub async fn handle(platform: impl Platform, request: Request) -> Answer {
    let matched = find(ROUTES, request.method(), request.uri().path())?;
    match matched.to {
        To::GitHub => github::receive(&platform, request).await,
        To::Later(variable) if platform.variable(variable).await.is_some() => Err(later().into()),
        To::Later(variable) => Err(not_configured(variable).into()),
    }
}

fn later() -> Problem {
    let detail = "this version takes GitHub's webhooks alone";
    Problem::new(StatusCode::NOT_IMPLEMENTED, "not_supported_yet", "Not supported yet", detail)
}

/// The answer of a route whose secret is not set: nobody can be believed.
pub(crate) fn not_configured(variable: &str) -> Problem {
    let detail = format!("the variable {variable} is not set; set SPIN_VARIABLE_{}", variable.to_uppercase());
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "webhook_secret_not_configured",
        "Webhook secret not configured",
        detail,
    )
}
