//! The one thread that writes to a database, in groups.
//!
//! SQLite has one writer at a time, and a durable commit is mostly a wait for the disk. So single statements that
//! arrive while one group is being committed become the next group, and share its commit. Each is still atomic by
//! itself and is answered after the commit: a statement that fails undoes itself only, and where a group as a
//! whole fails its statements are run again one by one.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::Value;
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
    jobs: mpsc::Sender<Job>,
    thread: Option<std::thread::JoinHandle<()>>,
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
        let connection = open(path, durability, &deadline)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let runtime = tokio::runtime::Handle::current();
        let thread = Thread { connection, deadline, limits, gate, runtime };
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || thread.work(queue))
            .map_err(SqlError::Thread)?;
        Ok(Self { jobs, thread: Some(thread) })
    }

    pub async fn write(&self, sql: String, parameters: Vec<Value>) -> Result<Written, SqlError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job { sql, parameters, reply }).await.map_err(|_| SqlError::Closed)?;
        answer.await.map_err(|_| SqlError::Closed)?
    }

    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        QUEUE - self.jobs.capacity()
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

struct Thread {
    connection: Connection,
    deadline: Deadline,
    limits: StatementLimits,
    gate: Arc<Semaphore>,
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
            let permit = self.gate.try_acquire().ok().or_else(|| self.wait_for_gate(BUSY_TIMEOUT));
            if permit.is_none() {
                group.drain(..).for_each(|job| _ = job.reply.send(Err(SqlError::Locked)));
                continue;
            }
            let results = self.write_group(&group);
            drop(permit);
            for (job, result) in group.drain(..).zip(results) {
                _ = job.reply.send(result);
            }
        }
    }

    fn wait_for_gate(&self, at_most: Duration) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.runtime.block_on(async { tokio::time::timeout(at_most, self.gate.acquire()).await.ok()?.ok() })
    }

    fn write_group(&self, group: &[Job]) -> Vec<Result<Written, SqlError>> {
        if let [alone] = group {
            return vec![self.write_one(alone)];
        }
        self.write_together(group).unwrap_or_else(|| group.iter().map(|job| self.write_one(job)).collect())
    }

    /// None where the group left nothing behind, and has to be run one by one.
    fn write_together(&self, group: &[Job]) -> Option<Vec<Result<Written, SqlError>>> {
        self.connection.execute_batch("BEGIN IMMEDIATE").ok()?;
        let mut results = Vec::with_capacity(group.len());
        for job in group {
            results.push(self.write_one(job));
            // A statement may end the transaction, and take those before it along.
            if self.connection.is_autocommit() {
                return None;
            }
        }
        if self.connection.execute_batch("COMMIT").is_ok() {
            return Some(results);
        }
        if !self.connection.is_autocommit() {
            _ = self.connection.execute_batch("ROLLBACK");
        }
        None
    }

    fn write_one(&self, job: &Job) -> Result<Written, SqlError> {
        let output = run(&self.connection, &self.deadline, self.limits, &job.sql, &job.parameters)?;
        Ok(Written {
            output,
            changes: self.connection.changes(),
            last_insert_rowid: self.connection.last_insert_rowid(),
        })
    }
}
