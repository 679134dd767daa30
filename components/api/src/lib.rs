//! The HTTP API: reads, and what people ask for.
//!
//! It reads the database itself and writes pipelines and tokens into it; whatever starts, stops or repeats work it hands on to
//! the scheduler.

mod access;
mod badge;
mod bootstrap;
mod chains;
mod event_stream;
mod execution_page;
mod executions;
mod health;
mod journal;
mod log_stream;
mod pipelines;
pub mod routes;
mod runners;
mod scheduler;
mod status;
mod tokens;
mod validate;

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn serve(request: spin_sdk::http::Request) -> http::Response<spin_sdk::http::BoxBody> {
    penstock_guest::spin::serve(request, routes::handle).await
}
