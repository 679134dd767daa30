//! Figures: of a range of time, for the dashboard, and for Prometheus.
//!
//! It computes days that have changed and keeps them; it changes nothing else, calls nobody, and holds no secret.

mod answers;
mod dashboard;
mod exposition;
mod prometheus;
mod report;
pub mod routes;

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn serve(request: spin_sdk::http::Request) -> http::Response<spin_sdk::http::BoxBody> {
    penstock_guest::spin::serve(request, routes::handle).await
}
