//! What is asked of this component.

use http::Method;
use penstock_domain::Role;
use penstock_guest::{Answer, Platform, Request, Route, find, require_role};

use crate::{dashboard, prometheus, report};

#[derive(Clone, Copy)]
enum To {
    Metrics,
    Dashboard,
    Prometheus,
}

const ROUTES: &[Route<To>] = &[
    (Method::GET, "/api/v1/metrics", To::Metrics),
    (Method::GET, "/api/v1/analytics/dashboard", To::Dashboard),
    (Method::GET, "/metrics", To::Prometheus),
];

/// # Errors
/// As answered: RFC 9457 problems.
pub async fn handle(platform: impl Platform, request: Request) -> Answer {
    let store = platform.store().await?;
    // Who may not look learns nothing, not even what there is.
    require_role(&store, request.headers(), Role::Viewer, platform.now()).await?;
    let matched = find(ROUTES, request.method(), request.uri().path())?;
    match matched.to {
        To::Metrics => report::show(&platform, &store, &request).await,
        To::Dashboard => dashboard::show(&platform, &store, &request).await,
        To::Prometheus => prometheus::show(&platform, &store).await,
    }
}
