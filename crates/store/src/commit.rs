//! The one way to change state: an INSERT into the journal.

use penstock_domain::{ExecutionId, Timestamp};
use penstock_engine::{Changes, Decision};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::connection::Connection;
use crate::{Store, StoreError, Value, text};

/// Who did it, and why: the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// `user:…`, `forge:github`, `runner:<id>`, `clock`.
    pub actor: String,
    /// What happened, in a word: `webhook`, `report`, `cancel`, …
    pub cause: String,
}

impl Cause {
    pub fn new(actor: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { actor: actor.into(), cause: cause.into() }
    }
}

/// A change of one subject, decided on its version `expect`.
#[derive(Debug, Clone)]
pub struct Entry<'a, T> {
    pub subject: String,
    pub expect: i64,
    pub change: &'a T,
}

impl<'a> Entry<'a, Changes> {
    pub fn of_execution(id: ExecutionId, decision: &'a Decision) -> Self {
        Self { subject: execution_subject(id), expect: decision.version, change: &decision.changes }
    }
}

pub(crate) fn execution_subject(id: ExecutionId) -> String {
    format!("execution:{id}")
}

/// One entry of an execution's story.
#[derive(Debug, Clone)]
pub struct JournalEvent {
    pub seq: i64,
    pub at: Timestamp,
    pub actor: String,
    pub cause: String,
    pub change: Box<RawValue>,
}

impl<C: Connection> Store<C> {
    /// Applies the change, wholly or not at all. Answers its number in the journal.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the subject, or one that the change guards, is no longer at the expected
    /// version; [`StoreError::RunnerFull`] when a runner is given more than it has slots for;
    /// [`StoreError::Exists`] when a unique index refuses a new row.
    pub async fn commit<T: Serialize>(
        &self,
        entry: &Entry<'_, T>,
        by: &Cause,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let sql = "INSERT INTO journal (subject, expect, at, actor, cause, change)
          VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING seq";
        let parameters = vec![
            Value::Text(entry.subject.clone()),
            Value::Integer(entry.expect),
            text(now),
            Value::Text(by.actor.clone()),
            Value::Text(by.cause.clone()),
            Value::Text(serde_json::to_string(entry.change)?),
        ];
        let rows = self.connection.query(sql, parameters).await?;
        Ok(rows.first().map(|r| r.integer(0)).transpose()?.unwrap_or(0))
    }

    /// What happened to an execution after `after`, oldest first.
    ///
    /// # Errors
    /// As every read.
    pub async fn journal_of_execution(
        &self,
        execution: ExecutionId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<JournalEvent>, StoreError> {
        let sql = "SELECT seq, at, actor, cause, change FROM journal
          WHERE subject = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
        let parameters = vec![execution_subject(execution).into(), after.into(), limit.into()];
        let rows = self.connection.query(sql, parameters).await?;
        let event = |r: &crate::Row| {
            Ok(JournalEvent {
                seq: r.integer(0)?,
                at: r.parse(1)?,
                actor: r.text(2)?.to_owned(),
                cause: r.text(3)?.to_owned(),
                change: r.json(4)?,
            })
        };
        rows.iter().map(event).collect()
    }

    /// The version that the next change of the subject must expect.
    ///
    /// # Errors
    /// As every read.
    pub async fn version(&self, subject: &str) -> Result<i64, StoreError> {
        let sql = "SELECT COALESCE((SELECT version FROM subjects WHERE subject = ?1), 0)";
        let rows = self.connection.query(sql, vec![subject.into()]).await?;
        Ok(rows.first().map(|r| r.integer(0)).transpose()?.unwrap_or(0))
    }
}
