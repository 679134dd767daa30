//! Bearer tokens: those that a variable holds, and those with a name and a role that the database knows.

use http::HeaderMap;
use penstock_api::problem::Problem;
use penstock_domain::{Role, Timestamp};
use penstock_store::{Connection, Store};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::failure::Failure;

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

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The token's name, unique among those that are valid.
    pub name: String,
    pub role: Role,
    /// Who it is at the forge.
    pub forge_login: Option<String>,
}

impl Actor {
    /// # Errors
    /// 403 where the role is less than that.
    pub fn require(&self, least: Role) -> Result<(), Problem> {
        if self.role >= least {
            return Ok(());
        }
        let detail =
            format!("this needs the role {least} or more, and the token `{}` is a {}", self.name, self.role);
        Err(Problem::new(http::StatusCode::FORBIDDEN, "role_required", "Forbidden", detail))
    }
}

/// What a token is found by in the database. It is long and random, so that nothing slower is needed.
pub fn token_hash(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Who bears the request's token, where that is known and may do this much.
///
/// # Errors
/// 401 without a valid token, 403 where its role is less, and as the store.
pub async fn require_role<C: Connection>(
    store: &Store<C>,
    headers: &HeaderMap,
    least: Role,
    now: Timestamp,
) -> Result<Actor, Failure> {
    let unknown = || Problem::unauthorized("this token is not known here, or no longer");
    let none = || Problem::unauthorized("send a token as `Authorization: Bearer …`");
    let given = bearer(headers).ok_or_else(none)?;
    let token = store.valid_token(&token_hash(given), now).await?.ok_or_else(unknown)?;
    let actor = Actor { name: token.token_name, role: token.role, forge_login: token.forge_login };
    actor.require(least)?;
    Ok(actor)
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
