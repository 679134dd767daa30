//! What is asked of this component. From outside come the runners' calls and the tick; what begins with
//! `/internal/` otherwise is on no public route, and is reached by the other components alone.

use http::Method;
use penstock_guest::{Answer, Platform, Request, Route, find};

use crate::{additions, clock, control, deliveries, deployments, jobs, runners, verdicts};

#[derive(Clone, Copy)]
enum To {
    Tick,
    Claim,
    Heartbeat,
    Logs,
    Events,
    AddJobs,
    NotYet,
    Lease,
    Deliveries,
    Register,
    Start,
    Cancel,
    Retry,
    Release,
    Approval,
    OverrideGate,
    Health,
    RollBack,
    Lift,
    Settle,
}

const ROUTES: &[Route<To>] = &[
    (Method::POST, "/internal/tick", To::Tick),
    (Method::POST, "/api/v1/runners/:id/claim", To::Claim),
    (Method::POST, "/api/v1/jobs/:id/heartbeat", To::Heartbeat),
    (Method::POST, "/api/v1/jobs/:id/logs", To::Logs),
    (Method::POST, "/api/v1/jobs/:id/events", To::Events),
    (Method::POST, "/api/v1/jobs/:id/jobs", To::AddJobs),
    (Method::POST, "/api/v1/jobs/:id/artifacts", To::NotYet),
    (Method::POST, "/api/v1/jobs/:id/caches", To::NotYet),
    (Method::POST, "/internal/deliveries", To::Deliveries),
    (Method::POST, "/internal/runners", To::Register),
    (Method::POST, "/internal/executions", To::Start),
    (Method::POST, "/internal/executions/:id/cancel", To::Cancel),
    (Method::POST, "/internal/executions/:id/retry", To::Retry),
    (Method::POST, "/internal/executions/:id/release", To::Release),
    (Method::POST, "/internal/jobs/:id/lease", To::Lease),
    (Method::POST, "/internal/approvals/:id", To::Approval),
    (Method::POST, "/internal/gates/:id/override", To::OverrideGate),
    (Method::POST, "/internal/deployments/:id/health", To::Health),
    (Method::POST, "/internal/deployments/:id/rollback", To::RollBack),
    (Method::POST, "/internal/environments/:id/lift", To::Lift),
    (Method::POST, "/internal/settle", To::Settle),
];

/// # Errors
/// As answered: RFC 9457 problems.
pub async fn handle(platform: impl Platform, request: Request) -> Answer {
    let matched = find(ROUTES, request.method(), request.uri().path())?;
    let params = matched.params;
    match matched.to {
        To::Tick => clock::tick(&platform, request).await,
        To::Claim => runners::claim(&platform, request, params.id("id", "runner")?).await,
        To::Heartbeat => jobs::heartbeat(&platform, request, params.id("id", "job")?).await,
        To::Logs => jobs::logs(&platform, request, params.id("id", "job")?).await,
        To::Events => jobs::events(&platform, request, params.id("id", "job")?).await,
        To::AddJobs => additions::add(&platform, request, params.id("id", "job")?).await,
        To::NotYet => jobs::not_supported_yet(&platform, &request, params.id("id", "job")?).await,
        To::Deliveries => deliveries::work_off(&platform, request).await,
        To::Register => runners::register(&platform, request).await,
        To::Start => control::start(&platform, request).await,
        To::Cancel => control::cancel(&platform, request, params.id("id", "execution")?).await,
        To::Retry => control::retry(&platform, request, params.id("id", "execution")?).await,
        To::Release => control::release(&platform, request, params.id("id", "execution")?).await,
        To::Lease => jobs::holder(&platform, &request, params.id("id", "job")?).await,
        To::Approval => verdicts::decide_approval(&platform, request, params.id("id", "approval")?).await,
        To::OverrideGate => verdicts::override_gate(&platform, request, params.id("id", "gate")?).await,
        To::Health => deployments::health(&platform, request, params.id("id", "deployment")?).await,
        To::RollBack => deployments::roll_back(&platform, request, params.id("id", "deployment")?).await,
        To::Lift => deployments::lift(&platform, request, params.id("id", "environment")?).await,
        To::Settle => deployments::settle(&platform),
    }
}
