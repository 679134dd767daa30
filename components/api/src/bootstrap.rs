//! The bootstrap token: the variable that only this component has, made known to the others by way of the database.

use std::cell::RefCell;

use penstock_domain::{Role, TokenId};
use penstock_guest::{Level, Platform, log, token_hash};
use penstock_store::{Cause, StoreError, Token};

pub const VARIABLE: &str = "admin_token";
/// How its bearer is called; no other token may be called that.
pub const NAME: &str = "admin";

/// Instances that begin at the same time all write it, and one of them is first.
const MAX_TRIES: u32 = 10;

thread_local! {
    /// The hash that this instance has seen in the database; forgotten with the instance.
    static SEEN: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The variable, where it is set.
pub async fn secret(platform: &impl Platform) -> Option<String> {
    platform.variable(VARIABLE).await
}

/// Makes sure, once for each instance and secret, that the database knows it.
///
/// # Errors
/// As the store.
pub async fn make_known(platform: &impl Platform, secret: &str) -> Result<(), StoreError> {
    if SEEN.with_borrow(|seen| *seen == token_hash(secret)) {
        return Ok(());
    }
    make_sure(platform, secret).await
}

/// As [`make_known`], but looks in the database whatever was seen there before. A secret that is no longer the
/// variable's is worth nothing from then on, in any component.
///
/// # Errors
/// As the store; [`StoreError::Conflict`] when somebody else was quicker again and again.
pub async fn make_sure(platform: &impl Platform, secret: &str) -> Result<(), StoreError> {
    let hash = token_hash(secret);
    let store = platform.store().await?;
    let by = Cause::new("variable:admin_token", "bootstrap_token");
    for _ in 0..MAX_TRIES {
        let expect = store.version(&format!("token:{}", TokenId::BOOTSTRAP)).await?;
        let before = store.token(TokenId::BOOTSTRAP).await?;
        if before.as_ref().is_some_and(|token| token.token_hash == hash && token.revoked_at.is_none()) {
            SEEN.set(hash);
            return Ok(());
        }
        let now = platform.now();
        match store.save_token(&token(&hash, now), expect, &by, now).await {
            // Looked at once more: what was written is what the database knows.
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(StoreError::Exists(_)) => {
                log(
                    Level::Error,
                    platform.request_id(),
                    "the admin_token is another token's secret; choose another, and restart",
                );
                let Some(old) = before.filter(|token| token.revoked_at.is_none()) else { return Ok(()) };
                match store.save_token(&Token { revoked_at: Some(now), ..old }, expect, &by, now).await {
                    Ok(()) => return Ok(()),
                    Err(StoreError::Conflict) => {}
                    Err(other) => return Err(other),
                }
            }
            Err(other) => return Err(other),
        }
    }
    Err(StoreError::Conflict)
}

fn token(hash: &str, now: penstock_domain::Timestamp) -> Token {
    Token {
        id: TokenId::BOOTSTRAP,
        token_name: NAME.to_owned(),
        role: Role::Admin,
        forge_login: None,
        token_hash: hash.to_owned(),
        created_by: NAME.to_owned(),
        created_at: now,
        expires_at: None,
        revoked_at: None,
    }
}
