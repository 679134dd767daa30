//! Whether the process lives, and whether it can serve.

use http::StatusCode;
use penstock_api::problem::Problem;
use penstock_guest::{Answer, Level, Platform, Response, log, success};
use penstock_store::StoreError;
use serde_json::json;

use crate::bootstrap;

pub fn alive() -> Response {
    success(StatusCode::OK, [("status", json!("ok"))])
}

/// Ready once the database can be opened, is at the newest version, and knows the bootstrap token.
pub async fn ready(platform: &impl Platform) -> Answer {
    match prepare(platform).await {
        Ok(()) => Ok(success(StatusCode::OK, [("status", json!("ready"))])),
        Err(error) => {
            log(Level::Warn, platform.request_id(), &format!("not ready: {error}"));
            let detail = "the database can't be opened, or not be written; the log says why";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "Not ready", detail)
                .with_retry_after(1)
                .into())
        }
    }
}

async fn prepare(platform: &impl Platform) -> Result<(), StoreError> {
    match bootstrap::secret(platform).await {
        Some(secret) => bootstrap::make_sure(platform, &secret).await,
        None => platform.store().await.map(|_| ()),
    }
}
