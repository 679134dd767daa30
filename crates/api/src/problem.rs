//! RFC 9457 problem details: the one shape of every error that leaves the system.

use http::StatusCode;
use serde::{Deserialize, Serialize};

pub const CONTENT_TYPE: &str = "application/problem+json";

/// An error for the outside. What may not leave (SQL, traces, secrets) has no place in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schemars(extend("format" = "uri")))]
    pub type_: String,
    pub title: String,
    #[cfg_attr(feature = "schema", schemars(range(min = 400, max = 599)))]
    pub status: u16,
    /// What happened here, and what to do next.
    pub detail: String,
    #[cfg_attr(feature = "schema", schemars(extend("const" = false)))]
    pub success: bool,
    /// Stable and snake_case: what a program may match on.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[a-z_]+$")))]
    pub code: String,
    /// Equal to `title`.
    pub error: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Answered as `Retry-After`.
    #[serde(skip)]
    pub retry_after_seconds: Option<u32>,
    /// Answered as `Allow`.
    #[serde(skip)]
    pub allow: Option<String>,
}

/// One thing that is wrong with the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FieldError {
    /// JSON pointer into the body; empty for the whole of it.
    pub pointer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    pub code: String,
    pub message: String,
}

impl FieldError {
    /// A value that can't be.
    pub fn invalid_value(pointer: &str, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.to_owned(),
            line: None,
            column: None,
            code: "invalid_value".to_owned(),
            message: message.into(),
        }
    }
}

impl Problem {
    pub fn new(status: StatusCode, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            type_: format!("urn:penstock:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            success: false,
            code: code.to_owned(),
            error: title.to_owned(),
            errors: vec![],
            retry_after_seconds: None,
            allow: None,
        }
    }

    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    pub fn bad_request(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, "Bad request", detail)
    }

    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] => one.message.clone(),
            many => format!("{} things are wrong; `errors` names each", many.len()),
        };
        Self::bad_request("invalid_input", detail).with_errors(errors)
    }

    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized", detail)
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", format!("there is no such {what}"))
    }

    pub fn conflict(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, "Conflict", detail)
    }

    /// The fault is ours. What it was goes to the log, under the request's id.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "Internal error",
            "something failed on the server; it is in the log under this request's id",
        )
    }
}
