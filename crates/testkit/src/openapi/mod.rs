//! Judges calls by a forge's own OpenAPI description: is there such a call, has it what it needs, and nothing
//! that it does not know?
//!
//! Descriptions of OpenAPI 3.0 are understood as far as GitHub's goes. A keyword that is not understood is a
//! fault of its own, so that nothing passes because it was not looked at.

mod operation;
mod schema;

use std::io;
use std::path::{Path, PathBuf};

use http::{Method, StatusCode};
use serde_json::Value;

use self::operation::{Operation, find};
use self::schema::{Extra, Schema};
use crate::fake_github::RecordedRequest;

/// Names the file of GitHub's description, `generated/api.github.com.json` of `@octokit/openapi`.
pub const GITHUB_OPENAPI: &str = "PENSTOCK_GITHUB_OPENAPI";

pub struct OpenApiJudge {
    description: Value,
}

impl OpenApiJudge {
    /// Reads a description.
    ///
    /// # Errors
    /// Where there is no such file, or it describes no paths.
    pub fn read(file: &Path) -> io::Result<Self> {
        Self::new(serde_json::from_slice(&std::fs::read(file)?)?)
    }

    /// # Errors
    /// Where it describes no paths.
    pub fn new(description: Value) -> io::Result<Self> {
        if description["paths"].is_object() {
            Ok(Self { description })
        } else {
            Err(io::Error::other("that is no OpenAPI description: it has no `paths`"))
        }
    }

    /// The judge by GitHub's description; None, with a message, where [`GITHUB_OPENAPI`] names none.
    ///
    /// # Errors
    /// Where the variable names a file that can't be read.
    pub fn for_github() -> io::Result<Option<Self>> {
        let Some(file) = std::env::var_os(GITHUB_OPENAPI).map(PathBuf::from) else {
            eprintln!("skipped: {GITHUB_OPENAPI} does not name GitHub's OpenAPI description");
            return Ok(None);
        };
        Self::read(&file).map(Some)
    }

    /// Every fault of a call; empty where there is none.
    pub fn faults(&self, request: &RecordedRequest) -> Vec<String> {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let Some(operation) = find(&self.description, &request.method, path) else {
            return vec![format!("there is no {} {path}", request.method)];
        };
        let mut faults = operation.parameter_faults(query, &request.headers);
        faults.extend(self.body_faults(&operation, request));
        faults
    }

    fn body_faults(&self, operation: &Operation<'_>, request: &RecordedRequest) -> Vec<String> {
        let Some(described) = operation.request_body() else {
            return if request.body.is_empty() {
                vec![]
            } else {
                vec!["a body is sent, and none is expected".to_owned()]
            };
        };
        if request.body.is_empty() {
            let required = described["required"] == true;
            return if required { vec!["a body is needed, and none is sent".to_owned()] } else { vec![] };
        }
        let sent_as =
            request.headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value);
        let kind = sent_as.split(';').next().unwrap_or_default().trim();
        let schema = &described["content"][kind]["schema"];
        if schema.is_null() {
            return vec![format!("a body of `{kind}` is not expected")];
        }
        match serde_json::from_slice(&request.body) {
            Ok(body) => self.schema(Extra::Fault).faults(schema, &body),
            Err(error) => vec![format!("the body is not JSON: {error}")],
        }
    }

    /// Every way in which an answer is not the one described: for those who play the forge.
    pub fn answer_faults(&self, method: &Method, path: &str, status: StatusCode, body: &[u8]) -> Vec<String> {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let Some(operation) = find(&self.description, method, path) else {
            return vec![format!("there is no {method} {path}")];
        };
        let Some(described) = operation.response(status) else {
            return vec![format!("{method} {path} never answers {status}")];
        };
        let schema = &described["content"]["application/json"]["schema"];
        match serde_json::from_slice(body) {
            Ok(body) => self.schema(Extra::Fine).faults(schema, &body),
            Err(error) => vec![format!("the answer is not JSON: {error}")],
        }
    }

    fn schema(&self, extra: Extra) -> Schema<'_> {
        Schema { description: &self.description, extra }
    }
}
