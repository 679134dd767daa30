//! Bearer tokens.

use http::HeaderMap;
use penstock_api::problem::Problem;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The token of `Authorization: Bearer …`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|t| !t.is_empty())
}

/// Whether two secrets are equal, in a time that tells neither their content nor their length.
pub fn same_secret(given: &str, expected: &str) -> bool {
    Sha256::digest(given).ct_eq(&Sha256::digest(expected)).into()
}

/// # Errors
/// 401 without the expected token; 503 where none is configured, for then nobody may pass.
pub fn require_bearer(headers: &HeaderMap, expected: Option<&str>, what: &str) -> Result<(), Problem> {
    let Some(expected) = expected else {
        let detail = format!(
            "the variable {what} is not set; set SPIN_VARIABLE_{} and start again",
            what.to_uppercase()
        );
        return Err(Problem::new(
            http::StatusCode::SERVICE_UNAVAILABLE,
            "token_not_configured",
            "Service unavailable",
            detail,
        ));
    };
    match bearer(headers) {
        Some(given) if same_secret(given, expected) => Ok(()),
        Some(_) => Err(Problem::unauthorized("this token is not known here")),
        None => Err(Problem::unauthorized("send a token as `Authorization: Bearer …`")),
    }
}
