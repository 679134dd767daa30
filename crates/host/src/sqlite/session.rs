//! One guest's view of a database: where each of its statements runs, and what it holds between them.

use std::sync::Arc;

use rusqlite::types::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::statement::{Kind, Output, first, run};
use super::{Database, Pooled, SqlError};

pub struct Session {
    database: Arc<Database>,
    own: Own,
    pub last_insert_rowid: i64,
    pub changes: u64,
}

/// How much else is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowd {
    /// Nobody is kept waiting by a write, and nobody would share its commit.
    Alone,
    Several,
}

enum Own {
    /// No state: any connection will do.
    Nothing,
    Connection(Box<Pinned>),
    /// A statement was given up while it ran, and its connection went with it.
    GivenUp,
}

/// A connection that this session has to itself. Dropped in a transaction, it rolls back.
struct Pinned {
    database: Arc<Database>,
    pooled: Option<Pooled>,
    /// Held from the first write of a transaction to its end.
    gate: Option<OwnedSemaphorePermit>,
    _slot: OwnedSemaphorePermit,
    /// It has a pragma or a temporary table that no other session may meet.
    marked: bool,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let Some(pooled) = self.pooled.take() else { return };
        let (database, gate, marked) = (self.database.clone(), self.gate.take(), self.marked);
        let release = move || {
            if !marked {
                database.give_back(pooled);
            } else {
                drop(pooled);
            }
            drop(gate);
        };
        // A rollback touches the file, and a session is dropped on an async thread.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(release)),
            Err(_) => release(),
        }
    }
}

impl Session {
    pub fn new(database: Arc<Database>) -> Self {
        Self { database, own: Own::Nothing, last_insert_rowid: 0, changes: 0 }
    }

    /// Runs the first statement of `sql`. `crowd`: whether others may be about to write at the same time.
    pub(crate) async fn execute(
        &mut self,
        mut sql: String,
        parameters: Vec<Value>,
        crowd: Crowd,
    ) -> Result<Output, SqlError> {
        let (statement, more) = first(&sql);
        if more {
            tracing::warn!(
                "a component sent several SQL statements in one text; only the first of them runs"
            );
        }
        let end = statement.len();
        sql.truncate(end);
        let kind = Kind::of(&sql);
        match (&self.own, kind) {
            (Own::GivenUp, _) => Err(SqlError::GivenUp),
            (Own::Nothing, Kind::Insert) => self.write(sql, parameters, true, crowd).await,
            (Own::Nothing, Kind::Change) => self.write(sql, parameters, false, crowd).await,
            (Own::Nothing, Kind::Read) => self.read(sql, parameters).await,
            (Own::Nothing, Kind::With) => match self.read_if_it_is_one(&sql, &parameters).await? {
                Some(output) => Ok(output),
                None => self.write(sql, parameters, true, crowd).await,
            },
            _ => self.execute_pinned(kind, sql, parameters).await,
        }
    }

    async fn write(
        &mut self,
        sql: String,
        parameters: Vec<Value>,
        inserts: bool,
        crowd: Crowd,
    ) -> Result<Output, SqlError> {
        let at_once = match crowd {
            Crowd::Alone => self.database.writer.write_at_once(&sql, &parameters),
            Crowd::Several => None,
        };
        let written = match at_once {
            Some(written) => written?,
            None => self.database.writer.write(sql, parameters).await?,
        };
        self.changes = written.changes;
        if inserts && written.changes > 0 {
            self.last_insert_rowid = written.last_insert_rowid;
        }
        Ok(written.output)
    }

    async fn read(&mut self, sql: String, parameters: Vec<Value>) -> Result<Output, SqlError> {
        let slot = self.database.slot().await?;
        if let Some(output) = self.database.read_at_once(&sql, &parameters) {
            return output;
        }
        let database = self.database.clone();
        blocking(move || {
            let pooled = database.take()?;
            let output = run(&pooled.connection, &pooled.deadline, database.limits, &sql, &parameters);
            database.give_back(pooled);
            drop(slot);
            output
        })
        .await
    }

    /// None where SQLite says that the statement writes.
    async fn read_if_it_is_one(
        &mut self,
        sql: &str,
        parameters: &[Value],
    ) -> Result<Option<Output>, SqlError> {
        let slot = self.database.slot().await?;
        if let Some(output) = self.database.read_at_once_if_it_is_one(sql, parameters) {
            return output;
        }
        let (database, sql, parameters) = (self.database.clone(), sql.to_owned(), parameters.to_vec());
        blocking(move || {
            let pooled = database.take()?;
            let output = pooled.read_if_it_is_one(database.limits, &sql, &parameters);
            database.give_back(pooled);
            drop(slot);
            output
        })
        .await
    }

    async fn execute_pinned(
        &mut self,
        kind: Kind,
        sql: String,
        parameters: Vec<Value>,
    ) -> Result<Output, SqlError> {
        let mut pinned = match std::mem::replace(&mut self.own, Own::GivenUp) {
            Own::Connection(pinned) => pinned,
            _ => match self.pin().await {
                Ok(pinned) => pinned,
                Err(e) => {
                    self.own = Own::Nothing;
                    return Err(e);
                }
            },
        };
        if pinned.gate.is_none() && !matches!(kind, Kind::Read | Kind::End | Kind::Begin { writes: false }) {
            match self.database.gate().await {
                Ok(gate) => pinned.gate = Some(gate),
                Err(e) => {
                    self.own = Own::Connection(pinned);
                    return Err(e);
                }
            }
        }
        pinned.marked |= kind == Kind::Session;
        // Given up here, the session stays so, and the connection rolls back where it is dropped.
        let (pinned, result, changes, rowid) = blocking(move || Ok(pinned.run(&sql, &parameters))).await?;
        if matches!(kind, Kind::Insert | Kind::Change | Kind::With) && result.is_ok() {
            (self.changes, self.last_insert_rowid) = (changes, rowid.unwrap_or(self.last_insert_rowid));
        }
        self.own = if pinned.holds_state() { Own::Connection(pinned) } else { Own::Nothing };
        result
    }

    async fn pin(&mut self) -> Result<Box<Pinned>, SqlError> {
        let slot = self.database.slot().await?;
        let database = self.database.clone();
        blocking(move || {
            let pooled = Some(database.take()?);
            Ok(Box::new(Pinned { database, pooled, gate: None, _slot: slot, marked: false }))
        })
        .await
    }
}

type Ran = (Box<Pinned>, Result<Output, SqlError>, u64, Option<i64>);

impl Pinned {
    fn run(mut self: Box<Self>, sql: &str, parameters: &[Value]) -> Ran {
        let Some(pooled) = &self.pooled else {
            return (self, Err(SqlError::GivenUp), 0, None);
        };
        let before = pooled.connection.last_insert_rowid();
        let kind = Kind::of(sql);
        let limits = self.database.limits.of(kind);
        let result = run(&pooled.connection, &pooled.deadline, limits, sql, parameters);
        let (changes, after) = (pooled.connection.changes(), pooled.connection.last_insert_rowid());
        let inserted = kind == Kind::Insert && changes > 0;
        if pooled.connection.is_autocommit() {
            self.gate = None;
        }
        (self, result, changes, (inserted || before != after).then_some(after))
    }

    fn holds_state(&self) -> bool {
        self.marked || self.pooled.as_ref().is_some_and(|p| !p.connection.is_autocommit())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SqlError> + Send + 'static,
) -> Result<T, SqlError> {
    // It can only fail where the runtime ends or the work panicked; either way there is no answer.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(SqlError::Closed))
}
