//! Whether the process lives, and whether it can serve.

use http::StatusCode;
use penstock_api::problem::Problem;
use penstock_guest::{Answer, Level, Platform, Response, log, success};
use serde_json::json;

pub fn alive() -> Response {
    success(StatusCode::OK, [("status", json!("ok"))])
}

/// Ready once the database can be opened and is at the newest version.
pub async fn ready(platform: &impl Platform) -> Answer {
    match platform.store().await {
        Ok(_) => Ok(success(StatusCode::OK, [("status", json!("ready"))])),
        Err(error) => {
            log(Level::Warn, "-", &format!("not ready: {error}"));
            let detail = "the database can't be opened; the log says why";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "Not ready", detail)
                .with_retry_after(1)
                .into())
        }
    }
}
