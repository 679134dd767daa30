//! People, each with a token of their own.

use serde_json::{Value, json};

use super::http::{Call, Reply};
use super::installation::Installation;
use super::project::text;

pub struct Person<'a> {
    at: &'a Installation,
    token_id: String,
    secret: String,
}

impl Installation {
    /// Somebody new with this role, who is nobody at the forge.
    #[track_caller]
    pub fn person(&self, name: &str, role: &str) -> Person<'_> {
        self.person_with(&json!({ "token_name": name, "role": role }))
    }

    /// Somebody new with this role, whom the forge knows by the same name.
    #[track_caller]
    pub fn person_at_the_forge(&self, name: &str, role: &str) -> Person<'_> {
        self.person_with(&json!({ "token_name": name, "role": role, "forge_login": name }))
    }

    #[track_caller]
    fn person_with(&self, token: &Value) -> Person<'_> {
        let made = self.api("POST", "/api/v1/tokens", Some(token)).expect(201);
        Person { at: self, token_id: text(&made["token"]["id"]), secret: text(&made["secret"]) }
    }
}

impl Person<'_> {
    /// One call with this person's token.
    #[track_caller]
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let mut headers = vec![("authorization", format!("Bearer {}", self.secret))];
        headers.extend(body.map(|_| ("content-type", "application/json".to_owned())));
        let body = body.map(Value::to_string).unwrap_or_default();
        self.at.send(&Call { method, path, headers, body: body.as_bytes() })
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.api("POST", path, Some(body))
    }

    /// The same under an `Idempotency-Key`.
    #[track_caller]
    pub fn post_once(&self, path: &str, key: &str, body: &Value) -> Reply {
        let headers = vec![
            ("authorization", format!("Bearer {}", self.secret)),
            ("content-type", "application/json".to_owned()),
            ("idempotency-key", key.to_owned()),
        ];
        self.at.send(&Call { method: "POST", path, headers, body: body.to_string().as_bytes() })
    }

    /// From now on the token is worth nothing.
    #[track_caller]
    pub fn revoke(&self) {
        self.at.api("DELETE", &format!("/api/v1/tokens/{}", self.token_id), None).expect(200);
    }
}
