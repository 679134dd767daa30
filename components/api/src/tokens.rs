//! Tokens: create, list, revoke; and who asks.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, StatusCode, header};
use penstock_api::problem::{FieldError, Problem};
use penstock_api::request::CreateToken;
use penstock_api::view;
use penstock_domain::{Timestamp, TokenId, id::uuid_v7};
use penstock_guest::{
    Actor, Answer, Failure, MAX_BODY_BYTES, Platform, Query, Request, more, read_json, success, token_hash,
};
use penstock_store::{Cause, StoreError, Token};
use serde_json::json;

use crate::bootstrap;
use crate::pipelines::wrong;

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const MAX_NAME_CHARS: usize = 100;
const MAX_DAYS: u32 = 3_650;
const DAY_MS: i64 = 24 * 3_600_000;
/// A token that is changed between reading and writing is read again so often.
const MAX_TRIES: u32 = 10;

pub fn whoami(actor: &Actor) -> Answer {
    let Actor { name, role, forge_login } = actor.clone();
    Ok(success(StatusCode::OK, [("actor", json!(view::Actor { name, role, forge_login }))]))
}

pub async fn list(platform: &impl Platform, request: &Request) -> Answer {
    let query = Query::of(request.uri())?;
    let limit = query.limit()?;
    let mut found = platform.store().await?.tokens(query.parse("after")?, limit + 1).await?;
    let next = more(&mut found, limit).map(|token| token.id);
    let views: Vec<_> = found.into_iter().map(shown).collect();
    Ok(success(StatusCode::OK, [("tokens", json!(views)), ("next", json!(next))]))
}

/// Answers the secret this once: only its hash is kept.
pub async fn create(platform: &impl Platform, request: Request, actor: &str) -> Answer {
    if request.headers().contains_key(IDEMPOTENCY_KEY) {
        let detail = "a token's secret is answered once and kept nowhere, so this request can't be answered again; \
            send it without Idempotency-Key: its name makes sure that it happens once";
        return Err(Problem::bad_request("idempotency_key_not_supported", detail).into());
    }
    let wanted: CreateToken = read_json(request, MAX_BODY_BYTES).await?;
    check(&wanted)?;
    let now = platform.now();
    let secret = secret(platform);
    let token = Token {
        id: new_id(platform, now),
        token_name: wanted.token_name,
        role: wanted.role,
        forge_login: wanted.forge_login,
        token_hash: token_hash(&secret),
        created_by: actor.to_owned(),
        created_at: now,
        expires_at: wanted.expires_in_days.map(|days| now.plus_ms(i64::from(days) * DAY_MS)),
        revoked_at: None,
    };
    let by = Cause::new(format!("user:{actor}"), "create_token");
    platform.store().await?.save_token(&token, 0, &by, now).await.map_err(name_taken)?;
    let members = [("token", json!(shown(token))), ("secret", json!(secret))];
    let mut response = success(StatusCode::CREATED, members);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `pst_` and 32 random bytes: the prefix is for whoever finds one where it should not be.
fn secret(platform: &impl Platform) -> String {
    let bytes = [platform.random(), platform.random()].concat();
    format!("pst_{}", URL_SAFE_NO_PAD.encode(bytes))
}

fn new_id(platform: &impl Platform, now: Timestamp) -> TokenId {
    let mut random = [0; 10];
    random.copy_from_slice(&platform.random()[..10]);
    TokenId(uuid_v7(now, random))
}

fn name_taken(error: StoreError) -> Failure {
    match error {
        StoreError::Exists(_) => {
            let detail = "a token of this name exists; choose another name, or revoke that one first";
            Problem::conflict("token_name_taken", detail).into()
        }
        other => other.into(),
    }
}

/// Revoked is revoked: a second time changes nothing, and is answered as the first.
pub async fn revoke(platform: &impl Platform, id: TokenId, actor: &str) -> Answer {
    if id == TokenId::BOOTSTRAP {
        let detail = "this is the token of the variable admin_token: set the variable to another value and start \
            again, and the old one ends";
        return Err(Problem::conflict("bootstrap_token", detail).into());
    }
    let store = platform.store().await?;
    let by = Cause::new(format!("user:{actor}"), "revoke_token");
    for _ in 0..MAX_TRIES {
        let expect = store.version(&format!("token:{id}")).await?;
        let mut token = store.token(id).await?.ok_or_else(|| Problem::not_found("token"))?;
        if token.revoked_at.is_none() {
            let now = platform.now();
            token.revoked_at = Some(now);
            match store.save_token(&token, expect, &by, now).await {
                Ok(()) => {}
                Err(StoreError::Conflict) => continue,
                Err(other) => return Err(other.into()),
            }
        }
        return Ok(success(StatusCode::OK, [("token", json!(shown(token)))]));
    }
    Err(StoreError::Conflict.into())
}

fn shown(token: Token) -> view::Token {
    view::Token {
        id: token.id,
        token_name: token.token_name,
        role: token.role,
        forge_login: token.forge_login,
        created_by: token.created_by,
        created_at: token.created_at,
        expires_at: token.expires_at,
        revoked_at: token.revoked_at,
    }
}

/// # Errors
/// 400 with everything that is wrong with it.
fn check(wanted: &CreateToken) -> Result<(), Problem> {
    let mut errors: Vec<FieldError> = vec![];
    let name = wanted.token_name.as_str();
    let is_name_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '@' | '-');
    if name.is_empty() || name.len() > MAX_NAME_CHARS || !name.chars().all(is_name_part) {
        errors.push(wrong("/token_name", "a name has 1 to 100 of the characters A-Z a-z 0-9 . _ @ -"));
    } else if name.eq_ignore_ascii_case(bootstrap::NAME) {
        errors.push(wrong("/token_name", "`admin` is the token of the variable admin_token; choose another"));
    }
    let is_login = |login: &str| {
        !login.trim().is_empty()
            && login.chars().count() <= MAX_NAME_CHARS
            && !login.chars().any(char::is_control)
    };
    if wanted.forge_login.as_deref().is_some_and(|login| !is_login(login)) {
        errors.push(wrong("/forge_login", "a login has 1 to 100 characters"));
    }
    if wanted.expires_in_days.is_some_and(|days| !(1..=MAX_DAYS).contains(&days)) {
        errors
            .push(wrong("/expires_in_days", "from 1 to 3650 days; leave it out for a token without an end"));
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}
