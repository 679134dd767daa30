//! Takes the reports that runners hand in, shows what they and the gates say, and hands overrides on.
//!
//! It decides nothing: gates are evaluated when a stage's jobs have ended, and overridden, by the scheduler's engine.

mod gates;
mod reports;
pub mod routes;
mod rows;
mod test_results;

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn serve(request: spin_sdk::http::Request) -> http::Response<spin_sdk::http::BoxBody> {
    penstock_guest::spin::serve(request, routes::handle).await
}
