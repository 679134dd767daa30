//! Environments, approvals, deployments as people see them, and the health checks.
//!
//! It decides nothing: yes and no, rollbacks and what a health check came to are handed to the scheduler. It alone
//! reaches what was deployed, and holds no secret.

mod approvals;
mod deployments;
mod environments;
mod health_checks;
mod reason;
pub mod routes;
mod settings;
mod watch;

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn serve(request: spin_sdk::http::Request) -> http::Response<spin_sdk::http::BoxBody> {
    penstock_guest::spin::serve(request, routes::handle).await
}
