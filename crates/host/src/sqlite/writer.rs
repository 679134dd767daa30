//! The one connection that writes to a database: a thread's, which writes in groups, or that of whoever writes alone.
//!
//! SQLite has one writer at a time, and a durable commit is mostly a wait for the disk. So single statements that
//! arrive while one group is being committed become the next group, and share its commit. Each is still atomic by
//! itself and is answered after the commit: a statement that fails undoes itself only, and where a group as a
//! whole fails its statements are run again one by one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::Value;
use tokio::runtime::RuntimeFlavor;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::SqlError;
use super::connection::{BUSY_TIMEOUT, Durability, open};
use super::statement::{Deadline, Output, StatementLimits, run};

/// Statements in one commit: bounds what a later one waits for those before it.
const MAX_GROUP: usize = 64;
/// Statements that wait; more senders than this wait themselves.
const QUEUE: usize = 1024;

/// A statement that wrote.
#[derive(Debug)]
pub struct Written {
    pub output: Output,
    pub changes: u64,
    pub last_insert_rowid: i64,
}

struct Job {
    sql: String,
    parameters: Vec<Value>,
    reply: oneshot::Sender<Result<Written, SqlError>>,
}

/// Sends statements to the writing thread.
#[derive(Debug)]
pub struct Writer {
    pen: Arc<Pen>,
    jobs: mpsc::Sender<Job>,
    thread: Option<std::thread::JoinHandle<()>>,
    /// Statements that were ever queued.
    #[cfg(test)]
    queued: std::sync::atomic::AtomicUsize,
}

impl Writer {
    /// `gate` is held by whoever writes to the database, this thread or a guest's transaction.
    pub fn start(
        path: &std::path::Path,
        durability: Durability,
        limits: StatementLimits,
        gate: Arc<Semaphore>,
    ) -> Result<Self, SqlError> {
        let deadline = Deadline::new();
        let connection = Mutex::new(open(path, durability, &deadline)?);
        let pen = Arc::new(Pen { connection, deadline, limits, gate });
        let (jobs, queue) = mpsc::channel(QUEUE);
        let runtime = tokio::runtime::Handle::current();
        let thread = Thread { pen: pen.clone(), runtime };
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || thread.work(queue))
            .map_err(SqlError::Thread)?;
        Ok(Self {
            pen,
            jobs,
            thread: Some(thread),
            #[cfg(test)]
            queued: std::sync::atomic::AtomicUsize::new(0),
        })
    }

    /// Writes here and now, where nobody else writes or waits to. None where it was not written: it then belongs in
    /// the queue.
    pub fn write_at_once(&self, sql: &str, parameters: &[Value]) -> Option<Result<Written, SqlError>> {
        let runtime = tokio::runtime::Handle::current();
        if runtime.runtime_flavor() != RuntimeFlavor::MultiThread || self.jobs.capacity() < QUEUE {
            return None;
        }
        let _permit = self.pen.gate.try_acquire().ok()?;
        // The disk decides how long it takes, so the thread's other tasks go to another.
        let written = tokio::task::block_in_place(|| {
            let connection = self.pen.connection.lock().unwrap_or_else(PoisonError::into_inner);
            self.pen.write_one(&connection, self.pen.limits.at_once(), sql, parameters)
        });
        (!matches!(written, Err(SqlError::TooLong(_)))).then_some(written)
    }

    pub(crate) async fn write(&self, sql: String, parameters: Vec<Value>) -> Result<Written, SqlError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job { sql, parameters, reply }).await.map_err(|_| SqlError::Closed)?;
        #[cfg(test)]
        self.queued.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        answer.await.map_err(|_| SqlError::Closed)?
    }

    #[cfg(test)]
    pub fn queued(&self) -> usize {
        self.queued.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Closing the queue ends the thread once what is in it is written.
        let (closed, _) = mpsc::channel(1);
        self.jobs = closed;
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

/// What is written with, by whoever holds the gate.
#[derive(Debug)]
struct Pen {
    connection: Mutex<Connection>,
    deadline: Deadline,
    limits: StatementLimits,
    gate: Arc<Semaphore>,
}

struct Thread {
    pen: Arc<Pen>,
    runtime: tokio::runtime::Handle,
}

impl Thread {
    fn work(self, mut queue: mpsc::Receiver<Job>) {
        let mut group = Vec::with_capacity(MAX_GROUP);
        while let Some(first) = queue.blocking_recv() {
            group.push(first);
            while group.len() < MAX_GROUP
                && let Ok(next) = queue.try_recv()
            {
                group.push(next);
            }
            let gate = &self.pen.gate;
            let permit = gate.try_acquire().ok().or_else(|| self.wait_for_gate(BUSY_TIMEOUT));
            if permit.is_none() {
                group.drain(..).for_each(|job| _ = job.reply.send(Err(SqlError::Locked)));
                continue;
            }
            let results = self.pen.write_group(&group);
            drop(permit);
            for (job, result) in group.drain(..).zip(results) {
                _ = job.reply.send(result);
            }
        }
    }

    fn wait_for_gate(&self, at_most: Duration) -> Option<tokio::sync::SemaphorePermit<'_>> {
        let permit = self.pen.gate.acquire();
        self.runtime.block_on(async { tokio::time::timeout(at_most, permit).await.ok()?.ok() })
    }
}

impl Pen {
    fn write_group(&self, group: &[Job]) -> Vec<Result<Written, SqlError>> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let [alone] = group {
            return vec![self.write_job(&connection, alone)];
        }
        self.write_together(&connection, group)
            .unwrap_or_else(|| group.iter().map(|job| self.write_job(&connection, job)).collect())
    }

    /// None where the group left nothing behind, and has to be run one by one.
    fn write_together(
        &self,
        connection: &Connection,
        group: &[Job],
    ) -> Option<Vec<Result<Written, SqlError>>> {
        connection.execute_batch("BEGIN IMMEDIATE").ok()?;
        let mut results = Vec::with_capacity(group.len());
        for job in group {
            results.push(self.write_job(connection, job));
            // A statement may end the transaction, and take those before it along.
            if connection.is_autocommit() {
                return None;
            }
        }
        if connection.execute_batch("COMMIT").is_ok() {
            return Some(results);
        }
        if !connection.is_autocommit() {
            _ = connection.execute_batch("ROLLBACK");
        }
        None
    }

    fn write_job(&self, connection: &Connection, job: &Job) -> Result<Written, SqlError> {
        self.write_one(connection, self.limits, &job.sql, &job.parameters)
    }

    fn write_one(
        &self,
        connection: &Connection,
        limits: StatementLimits,
        sql: &str,
        parameters: &[Value],
    ) -> Result<Written, SqlError> {
        let output = run(connection, &self.deadline, limits, sql, parameters)?;
        Ok(Written {
            output,
            changes: connection.changes(),
            last_insert_rowid: connection.last_insert_rowid(),
        })
    }
}
