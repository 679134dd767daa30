//! Tokens: who may do what, and by which name it is told.

use serde_json::{Value, json};

use super::operation::Operation;
use super::refusals::{
    ADMIN, BOOTSTRAP_TOKEN, JSON_BODY, NEVER_AGAIN, NOT_FOUND, OVERTAKEN, QUERY, STORE, TOKEN,
    TOKEN_NAME_TAKEN,
};
use super::schemas::{Schemas, cursor, list_of};
use crate::request::CreateToken;
use crate::view;

const TAG: &str = "tokens";
const PATH: &str = "/api/v1/tokens";

pub fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let token = schemas.answered::<view::Token>();
    vec![list(&token), create(schemas, &token), revoke(token), whoami(schemas)]
}

fn list(token: &Value) -> Operation {
    Operation::new("get", PATH, "listTokens", TAG, "List the tokens")
        .about("Those that were not revoked, expired ones among them. `admin` is the variable `admin_token`.")
        .shared("Limit")
        .shared("After")
        .success(
            200,
            "A page of tokens, the newest first.",
            [("tokens", list_of(token.clone())), ("next", cursor())],
        )
        .refuses(&[QUERY, ADMIN, TOKEN, STORE])
}

fn create(schemas: &mut Schemas, token: &Value) -> Operation {
    let secret = json!({ "type": "string", "pattern": "^pst_[A-Za-z0-9_-]{43}$" });
    Operation::new("post", PATH, "createToken", TAG, "Create a token")
        .about(
            "`secret` is what its bearer sends. It is answered this once and kept nowhere, and so the request takes no \
             `Idempotency-Key`: its name makes sure that it happens once. Should the answer get lost, revoke the \
             token and create it again.",
        )
        .body(schemas.asked::<CreateToken>())
        .success(201, "The new token and its secret.", [("token", token.clone()), ("secret", secret)])
        .refuses(&[JSON_BODY, NEVER_AGAIN, TOKEN_NAME_TAKEN, ADMIN, TOKEN, STORE])
}

fn revoke(token: Value) -> Operation {
    Operation::new("delete", "/api/v1/tokens/{id}", "revokeToken", TAG, "Revoke a token")
        .about("It is worth nothing from now on, and its name is free again. Revoking it twice does no harm.")
        .success(200, "The token as it was.", [("token", token)])
        .refuses(&[NOT_FOUND, BOOTSTRAP_TOKEN, OVERTAKEN, ADMIN, TOKEN, STORE])
}

fn whoami(schemas: &mut Schemas) -> Operation {
    Operation::new("get", "/api/v1/whoami", "whoami", TAG, "See who you are")
        .success(200, "Whom the request's token stands for.", [("actor", schemas.answered::<view::Actor>())])
        .refuses(&[TOKEN, STORE])
}
