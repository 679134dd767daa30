//! What the store asks of a database: one statement in, rows out.

use thiserror::Error;

use crate::row::Row;

/// A SQLite value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Integer(n)
    }
}

impl From<u32> for Value {
    fn from(n: u32) -> Self {
        Self::Integer(i64::from(n))
    }
}

/// Runs one statement and reads all of its rows.
///
/// An implementation must report a statement's failure from this call, whenever the database tells of it.
pub trait Connection {
    #[allow(
        async_fn_in_trait,
        reason = "components are single-threaded; nobody asks these futures to be Send"
    )]
    async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, DbError>;
}

/// A database's refusal. SQLite's errors are text on every platform; [`DbError::from_message`] reads them, once.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DbError {
    /// The journal's guard.
    #[error("conflict")]
    Conflict,
    /// The same, of a runner that is given more jobs than it has slots.
    #[error("runner is full")]
    RunnerFull,
    /// Names the columns of the unique index.
    #[error("unique constraint failed: {0}")]
    Unique(String),
    #[error("the database is busy")]
    Busy,
    #[error("the schema is missing")]
    NoSchema,
    #[error("{0}")]
    Other(String),
}

impl DbError {
    pub fn from_message(message: &str) -> Self {
        if let Some((_, columns)) = message.split_once("UNIQUE constraint failed: ") {
            let columns = columns.split(['\n', '"', ')']).next().unwrap_or(columns);
            return Self::Unique(columns.trim().to_owned());
        }
        let lower = message.to_ascii_lowercase();
        if lower.contains("conflict") {
            Self::Conflict
        } else if lower.contains("runner is full") {
            Self::RunnerFull
        } else if lower.contains("database is locked") || lower.contains("database table is locked") {
            Self::Busy
        } else if lower.contains("no such table") {
            Self::NoSchema
        } else {
            Self::Other(message.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_every_adapter_are_told_apart() {
        let of = DbError::from_message;
        assert_eq!(of("conflict"), DbError::Conflict);
        assert_eq!(of("SQLITE_CONSTRAINT_TRIGGER: conflict (code 1811)"), DbError::Conflict);
        assert_eq!(of("runner is full"), DbError::RunnerFull);
        let unique = "UNIQUE constraint failed: deliveries.forge, deliveries.delivery_key";
        assert_eq!(of(unique), DbError::Unique("deliveries.forge, deliveries.delivery_key".into()));
        assert_eq!(of("database is locked"), DbError::Busy);
        assert_eq!(of("no such table: journal"), DbError::NoSchema);
        assert_eq!(of("disk I/O error"), DbError::Other("disk I/O error".into()));
    }
}
