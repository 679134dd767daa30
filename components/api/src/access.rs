//! Who may do what: every token has a name and a role.

use http::HeaderMap;
use penstock_domain::Role;
use penstock_guest::{
    Actor, Failure, Level, Platform, bearer, log, require_bearer, require_role, same_secret,
};

use crate::bootstrap;

/// Who bears the request's token, where that may do this much. The bootstrap token is an administrator's.
///
/// # Errors
/// 401 without a valid token, 403 where its role is less, 503 where nobody has a token; and as the store.
pub async fn actor(platform: &impl Platform, headers: &HeaderMap, least: Role) -> Result<Actor, Failure> {
    let secret = bootstrap::secret(platform).await;
    let made_known = match &secret {
        Some(secret) => bootstrap::make_known(platform, secret).await,
        None => Ok(()),
    };
    if let (Some(given), Some(secret)) = (bearer(headers), &secret)
        && same_secret(given, secret)
    {
        // Who has to mend the database must get in while it takes no writes.
        if let Err(error) = made_known {
            log(
                Level::Warn,
                platform.request_id(),
                &format!("the other components do not know the admin_token yet: {error}"),
            );
        }
        return Ok(Actor { name: bootstrap::NAME.to_owned(), role: Role::Admin, forge_login: None });
    }
    // As long as the database may know the variable's old value, nobody is believed by it.
    made_known?;
    let store = platform.store().await?;
    let known = require_role(&store, headers, least, platform.now()).await;
    let is_unknown = matches!(&known, Err(Failure::Told(problem)) if problem.status == 401);
    if is_unknown && secret.is_none() && store.tokens(None, 1).await?.is_empty() {
        require_bearer(headers, None, bootstrap::VARIABLE)?;
    }
    known
}
