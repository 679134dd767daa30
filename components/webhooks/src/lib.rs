//! Receives the forges' webhooks: verifies them over the raw bytes, stores them, answers, and wakes the scheduler.
//!
//! It holds the webhook secrets and nothing else: it can call the scheduler, and no forge.

mod body;
mod github;
mod receive;
pub mod routes;
mod wake;

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn serve(request: spin_sdk::http::Request) -> http::Response<spin_sdk::http::BoxBody> {
    penstock_guest::spin::serve(request, routes::handle).await
}
