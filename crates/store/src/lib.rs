//! All the SQL, over a small [`Connection`] trait; nothing else spells SQL.
//!
//! Every change of state is one INSERT into `journal` ([`Store::commit`]): its triggers refuse what was decided on
//! an older state and apply the rest. Reads that a decision is made on are one query each. There are no
//! transactions across calls, for a write lock that is held while a component thinks stops everybody else.

mod approvals;
mod commit;
mod connection;
mod deliveries;
mod deployments;
mod due;
mod environments;
mod executions;
mod gates;
mod held;
mod idempotency;
mod logs;
mod metrics;
mod migrate;
mod outbox;
mod pipelines;
mod queue;
mod row;
mod run_totals;
mod runners;
mod schedules;
mod snapshot;
mod test_results;
mod timers;
mod tokens;

pub use approvals::ApprovalFilter;
pub use commit::{Cause, Entry, JournalEvent};
pub use connection::{Connection, DbError, Value};
pub use deliveries::{Delivery, NO_PIPELINE, NewDelivery, Received};
pub use deployments::DeploymentFilter;
pub use due::Due;
pub use environments::Promotion;
pub use executions::{BranchStatus, ExecutionDetail, ExecutionFilter, GroupDetail, PastWork};
pub use held::Enterable;
pub use idempotency::{KEY_KEPT_MS, Remembered};
pub use logs::{Appended, LogFilter, StoredChunk};
pub use metrics::DirtyDay;
pub use migrate::{MIGRATIONS, Migration, migrate, statements};
pub use outbox::{Claimed, DeployedByJob, DispatchJob};
pub use pipelines::{Pipeline, PipelineSummary};
pub use queue::Admissible;
pub use row::{Row, RowError};
pub use run_totals::{PipelineRuns, RunTotal};
pub use runners::Runner;
pub use schedules::DueSchedule;
pub use snapshot::Holder;
pub use test_results::{HandedIn, NewReport, NewTestResult, TestResultFilter, TestResults};
pub use timers::DueTimer;
pub use tokens::Token;

use penstock_domain::Timestamp;
use thiserror::Error;

/// The database, as this project's other crates see it.
#[derive(Debug, Clone)]
pub struct Store<C> {
    connection: C,
}

impl<C: Connection> Store<C> {
    /// Over a database that is known to be migrated; see [`migrate`].
    pub const fn new(connection: C) -> Self {
        Self { connection }
    }
}

#[derive(Debug, Error)]
pub enum StoreError {
    /// The state has changed since it was read: read again, decide again.
    #[error("the state has changed meanwhile")]
    Conflict,
    /// A runner that the change gives a job to has no free slot any more.
    #[error("the runner has no free slot any more")]
    RunnerFull,
    /// A unique index refused the row.
    #[error("{0} is already there")]
    Exists(String),
    #[error("the database failed")]
    Database(#[source] DbError),
    #[error("a row does not have the expected shape")]
    Row(#[from] RowError),
    #[error("JSON in the database can't be read")]
    Json(#[from] serde_json::Error),
}

impl From<DbError> for StoreError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Conflict => Self::Conflict,
            DbError::RunnerFull => Self::RunnerFull,
            DbError::Unique(what) => Self::Exists(what),
            other => Self::Database(other),
        }
    }
}

/// The most rows that one list answers.
pub const MAX_LIST: u32 = 200;

pub(crate) fn text(at: Timestamp) -> Value {
    Value::Text(at.to_string())
}

pub(crate) fn id(id: impl std::fmt::Display) -> Value {
    Value::Text(id.to_string())
}

pub(crate) fn optional(value: Option<impl Into<String>>) -> Value {
    value.map_or(Value::Null, |v| Value::Text(v.into()))
}

/// What is wanted of those conditions, joined, with the parameters in their order; true where nothing is.
pub(crate) fn condition<const N: usize>(wanted: [(&str, Option<Value>); N]) -> (String, Vec<Value>) {
    let (mut conditions, mut parameters) = (vec![], vec![]);
    for (relation, value) in wanted {
        if let Some(value) = value {
            parameters.push(value);
            conditions.push(format!("{relation} ?{}", parameters.len()));
        }
    }
    let condition = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") };
    (condition, parameters)
}
