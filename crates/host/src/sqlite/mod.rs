//! SQLite for guests: a file in WAL mode, one writing thread, a bounded pool of connections for the rest.
//!
//! A guest's connection is a [`Session`]. As long as it holds no state, each of its statements runs where it is
//! cheapest: writes in the writer's next group, reads on any pooled connection. From `BEGIN`, a pragma or a
//! temporary table on it keeps one connection to itself; a transaction that its guest left is rolled back.
//! Writers queue at a gate, in their order, rather than in SQLite's busy handler, which sleeps and is unfair.
//!
//! Most statements are done sooner than another thread would wake. So each is tried at once, where its guest is: a
//! read for as long as [`AT_ONCE`], a write where nothing else writes and nobody would share its commit. What is not
//! done by then leaves nothing behind, and begins anew off the async threads: a write in the writer's thread, which
//! works without pause and whose queue is what makes groups; everything else on one of the runtime's blocking
//! threads, which come and go with the load. On a busy two-core machine, 16 clients through HTTP and a guest made
//! about nine times the durable inserts that one bare connection made beside it.

mod connection;
mod session;
mod statement;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::Value;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use connection::Durability;
pub use session::{Crowd, Session};
pub use statement::{Output, StatementLimits};

use crate::running::Alive;
use connection::BUSY_TIMEOUT;
use statement::{Deadline, run};
use writer::Writer;

/// Connections kept open while nothing needs them.
const IDLE_CONNECTIONS: usize = 4;

/// How long a statement may keep its guest's thread. Less than a guest may compute before others get their turn.
const AT_ONCE: Duration = Duration::from_millis(2);

/// What a guest is told; SQLite's own words where it has any.
#[derive(Debug, Error)]
pub enum SqlError {
    #[error("{}", explain(.0))]
    Sqlite(#[from] rusqlite::Error),
    #[error("the statement ran longer than {} s and was stopped; do less in one", .0.as_secs_f32())]
    TooLong(Duration),
    #[error("the result is larger than {0} bytes; read less at once, with LIMIT")]
    TooLarge(usize),
    #[error("the column `{0}` has a text that is not UTF-8; read it as a blob, with CAST")]
    NotUtf8(String),
    #[error("database is locked: another transaction has been writing for {} s", BUSY_TIMEOUT.as_secs())]
    Locked,
    #[error("database is locked: all connections to it have been in use for {} s; end transactions earlier", BUSY_TIMEOUT.as_secs())]
    Busy,
    #[error("an earlier statement of this connection was given up while it ran; open another connection")]
    GivenUp,
    #[error("the host is stopping")]
    Closed,
    #[error("no thread for the database")]
    Thread(#[source] std::io::Error),
}

fn explain(error: &rusqlite::Error) -> String {
    let text = error.to_string();
    if text.contains("not authorized to use function") {
        return format!("{text}; use RETURNING, or ask the connection");
    }
    text
}

/// One database file, shared by every component that was granted it.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    durability: Durability,
    limits: StatementLimits,
    writer: Writer,
    /// Held while writing outside of the writer's thread too.
    gate: Arc<Semaphore>,
    /// One permit per open pooled connection in use.
    slots: Arc<Semaphore>,
    idle: Mutex<Vec<Pooled>>,
    _alive: Alive,
}

#[derive(Debug)]
struct Pooled {
    connection: Connection,
    deadline: Deadline,
}

impl Pooled {
    fn read(&self, limits: StatementLimits, sql: &str, parameters: &[Value]) -> Result<Output, SqlError> {
        run(&self.connection, &self.deadline, limits, sql, parameters)
    }

    /// None where SQLite says that the statement writes.
    fn read_if_it_is_one(
        &self,
        limits: StatementLimits,
        sql: &str,
        parameters: &[Value],
    ) -> Result<Option<Output>, SqlError> {
        let reads = self.connection.prepare_cached(sql)?.readonly();
        if reads { self.read(limits, sql, parameters).map(Some) } else { Ok(None) }
    }
}

impl Database {
    /// Opens or creates the file. Needs a tokio runtime.
    pub fn open(
        path: &Path,
        durability: Durability,
        limits: StatementLimits,
        connections: usize,
        alive: Alive,
    ) -> Result<Self, SqlError> {
        connection::make_private(path);
        let gate = Arc::new(Semaphore::new(1));
        Ok(Self {
            path: path.to_owned(),
            durability,
            limits,
            writer: Writer::start(path, durability, limits, gate.clone())?,
            gate,
            slots: Arc::new(Semaphore::new(connections)),
            idle: Mutex::default(),
            _alive: alive,
        })
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, SqlError> {
        acquire(&self.slots).await.ok_or(SqlError::Busy)
    }

    async fn gate(&self) -> Result<OwnedSemaphorePermit, SqlError> {
        acquire(&self.gate).await.ok_or(SqlError::Locked)
    }

    /// None where no connection is open for it, or where it takes longer.
    fn read_at_once(&self, sql: &str, parameters: &[Value]) -> Option<Result<Output, SqlError>> {
        self.at_once(|pooled, limits| pooled.read(limits, sql, parameters))
    }

    /// As [`Database::read_at_once`]; within it None where the statement writes.
    fn read_at_once_if_it_is_one(
        &self,
        sql: &str,
        parameters: &[Value],
    ) -> Option<Result<Option<Output>, SqlError>> {
        self.at_once(|pooled, limits| pooled.read_if_it_is_one(limits, sql, parameters))
    }

    fn at_once<T>(
        &self,
        read: impl FnOnce(&Pooled, StatementLimits) -> Result<T, SqlError>,
    ) -> Option<Result<T, SqlError>> {
        let pooled = self.idle()?;
        let result = read(&pooled, self.limits.at_once());
        self.give_back(pooled);
        (!matches!(result, Err(SqlError::TooLong(_)))).then_some(result)
    }

    fn idle(&self) -> Option<Pooled> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn take(&self) -> Result<Pooled, SqlError> {
        match self.idle() {
            Some(pooled) => Ok(pooled),
            None => {
                let deadline = Deadline::new();
                let connection = connection::open(&self.path, self.durability, &deadline)?;
                Ok(Pooled { connection, deadline })
            }
        }
    }

    fn give_back(&self, pooled: Pooled) {
        if !pooled.connection.is_autocommit() && pooled.connection.execute_batch("ROLLBACK").is_err() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_CONNECTIONS {
            idle.push(pooled);
        }
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = semaphore.clone().try_acquire_owned() {
        return Some(permit);
    }
    tokio::time::timeout(BUSY_TIMEOUT, semaphore.clone().acquire_owned()).await.ok()?.ok()
}

#[cfg(test)]
mod tests;
