//! An answer before it is HTTP.

use http::StatusCode;
use serde_json::{Value, json};

pub(super) struct Answer {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

pub(super) const JSON: &str = "application/json; charset=utf-8";
const DOCUMENTATION: &str = "https://docs.github.com/rest";

impl Answer {
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self { status, content_type: JSON, headers: vec![], body: body.to_string().into_bytes() }
    }

    pub fn raw(content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status: StatusCode::OK, content_type, headers: vec![], body }
    }

    pub const fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub fn error(status: StatusCode, message: &str) -> Self {
        let status_text = status.as_u16().to_string();
        Self::json(
            status,
            &json!({"message": message, "documentation_url": DOCUMENTATION, "status": status_text}),
        )
    }

    pub fn not_found() -> Self {
        Self::error(StatusCode::NOT_FOUND, "Not Found")
    }

    /// 422, as for a member of a status.
    pub fn invalid(field: &str, message: &str) -> Self {
        let error = json!({"resource": "Status", "code": "custom", "field": field, "message": message});
        let body = json!({
            "message": "Validation Failed",
            "errors": [error],
            "documentation_url": DOCUMENTATION,
            "status": "422",
        });
        Self::json(StatusCode::UNPROCESSABLE_ENTITY, &body)
    }

    pub fn with_header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}
