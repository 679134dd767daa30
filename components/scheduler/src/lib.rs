//! Turns deliveries into executions, gives jobs to runners, and hears what becomes of them.
//!
//! The decisions are `penstock-engine`'s and the SQL is `penstock-store`'s; here is the order of things: read,
//! decide, commit, then do what follows, which the clock does again should this process die in between.

mod additions;
mod admission;
mod clock;
mod control;
mod definition;
mod deliveries;
mod deployments;
mod dispatch;
mod dispatched;
mod effects;
mod follow;
mod jobs;
mod launch;
pub mod routes;
mod runners;
mod scheduler;
mod schedules;
mod succession;
mod verdicts;

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn serve(request: spin_sdk::http::Request) -> http::Response<spin_sdk::http::BoxBody> {
    penstock_guest::spin::serve(request, routes::handle).await
}
