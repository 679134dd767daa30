//! What is asked of this component: by runners with a lease's token, and by people and programs with their own.

use http::Method;
use penstock_domain::Role;
use penstock_guest::{Answer, Platform, Request, Route, find, require_role};

use crate::{gates, reports, test_results};

#[derive(Clone, Copy)]
enum To {
    Report,
    TestResults,
    Gates,
    Override,
}

const ROUTES: &[Route<To>] = &[
    (Method::POST, "/api/v1/jobs/:id/reports", To::Report),
    (Method::GET, "/api/v1/executions/:id/test-results", To::TestResults),
    (Method::GET, "/api/v1/executions/:id/quality-gates", To::Gates),
    (Method::POST, "/api/v1/quality-gates/:id/override", To::Override),
];

/// # Errors
/// As answered: RFC 9457 problems.
pub async fn handle(platform: impl Platform, request: Request) -> Answer {
    let path = request.uri().path();
    let matched = match find(ROUTES, request.method(), path) {
        Ok(matched) => matched,
        // The runners' paths are known to all of them.
        Err(problem) if path.starts_with("/api/v1/jobs/") => return Err(problem.into()),
        // Who may not look learns nothing, not even what there is.
        Err(problem) => {
            let store = platform.store().await?;
            require_role(&store, request.headers(), Role::Viewer, platform.now()).await?;
            return Err(problem.into());
        }
    };
    let params = matched.params;
    match matched.to {
        To::Report => reports::hand_in(&platform, request, params.id("id", "job")?).await,
        to => {
            let store = platform.store().await?;
            let least = if matches!(to, To::Override) { Role::Approver } else { Role::Viewer };
            let actor = require_role(&store, request.headers(), least, platform.now()).await?;
            match to {
                To::Override => {
                    gates::override_one(&platform, &store, request, params.id("id", "gate")?, actor).await
                }
                To::Gates => gates::list(&store, params.id("id", "execution")?).await,
                _ => test_results::list(&store, &request, params.id("id", "execution")?).await,
            }
        }
    }
}
