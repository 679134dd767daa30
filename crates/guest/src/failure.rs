//! Two kinds of errors: those for the outside, and those that are logged once, here, and never leave.

use std::fmt;

use http::StatusCode;
use penstock_api::problem::Problem;
use penstock_store::{DbError, StoreError};

use crate::log::{Level, log};
use crate::respond::{Response, into_problem};
use crate::stream::Gone;

pub type Answer = Result<Response, Failure>;

#[derive(Debug)]
pub enum Failure {
    Told(Problem),
    Internal(Box<dyn std::error::Error>),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Told(problem)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict | StoreError::RunnerFull => Self::Told(Problem::conflict(
                "conflict",
                "it was changed by somebody else meanwhile; read it and try again",
            )),
            StoreError::Database(DbError::Busy) => Self::Told(busy()),
            other => Self::Internal(Box::new(other)),
        }
    }
}

impl From<Gone> for Failure {
    fn from(gone: Gone) -> Self {
        Self::Internal(Box::new(gone))
    }
}

fn busy() -> Problem {
    let detail = "the database is busy; send the request again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Service unavailable", detail).with_retry_after(1)
}

impl Failure {
    /// Logs what work in the background came to, that somebody takes up later. Where another was faster, that is no
    /// cause for a warning.
    pub fn log(&self, request_id: &str, what: &str) {
        let overtaken = matches!(self, Self::Told(problem) if problem.status == 409);
        let level = if overtaken { Level::Info } else { Level::Warn };
        log(level, request_id, &format!("{what}: {self}"));
    }

    /// The answer; what is internal is logged under the request's id.
    pub fn respond(self, request_id: &str) -> Response {
        match self {
            Self::Told(problem) => into_problem(&problem),
            Self::Internal(error) => {
                log(Level::Error, request_id, &chain(&*error));
                into_problem(&Problem::internal())
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(problem) => f.write_str(&problem.detail),
            Self::Internal(error) => f.write_str(&chain(&**error)),
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
