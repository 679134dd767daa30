//! Speaks to the forges: reads files and commits, and tells commit statuses from the outbox.
//!
//! It alone holds the forges' tokens, and is on no public route: only the other components reach it.

mod commits;
mod files;
mod github;
mod pause;
mod reading;
pub mod routes;
mod statuses;

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn serve(request: spin_sdk::http::Request) -> http::Response<spin_sdk::http::BoxBody> {
    penstock_guest::spin::serve(request, routes::handle).await
}
