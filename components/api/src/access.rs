//! Who may do what. In this version there is one token, the administrator's.

use http::HeaderMap;
use penstock_api::problem::Problem;
use penstock_guest::{Platform, require_bearer};

/// The actor that the token stands for.
///
/// # Errors
/// 401 without the token, 503 where none is configured.
pub async fn require_admin(platform: &impl Platform, headers: &HeaderMap) -> Result<&'static str, Problem> {
    require_bearer(headers, platform.variable("admin_token").await.as_deref(), "admin_token")?;
    Ok("admin")
}
