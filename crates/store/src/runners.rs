//! Registered runners.

use penstock_domain::{RunnerId, Timestamp};
use penstock_engine::{RunnerSlots, RunnerView};
use serde::Serialize;

use crate::commit::{Cause, Entry};
use crate::connection::Connection;
use crate::{Row, Store, StoreError, Value, id, text};

/// How long a runner is left alone after a push that it did not take: doubled each time, up to the last.
const FIRST_PAUSE_MS: i64 = 500;
const LAST_PAUSE_MS: i64 = 60_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Runner {
    pub id: RunnerId,
    pub name: String,
    pub labels: Vec<String>,
    pub capacity: u32,
    pub url: Option<String>,
}

#[derive(Serialize)]
struct Registration<'a> {
    runners: [&'a Runner; 1],
}

impl<C: Connection> Store<C> {
    /// # Errors
    /// As every read.
    pub async fn runner_by_name(&self, name: &str) -> Result<Option<RunnerId>, StoreError> {
        let sql = "SELECT id FROM runners WHERE runner_name = ?1";
        let rows = self.connection.query(sql, vec![name.into()]).await?;
        Ok(rows.first().map(|r| r.parse(0)).transpose()?)
    }

    /// # Errors
    /// [`StoreError::Exists`] when another took the name at the same time.
    pub async fn register_runner(&self, runner: &Runner, now: Timestamp) -> Result<(), StoreError> {
        let subject = format!("runner:{}", runner.id);
        let expect = self.version(&subject).await?;
        let entry = Entry { subject, expect, change: &Registration { runners: [runner] } };
        self.commit(&entry, &Cause::new(format!("runner:{}", runner.id), "register"), now).await?;
        Ok(())
    }

    /// A push was taken: the runner is well.
    ///
    /// # Errors
    /// As every write.
    pub async fn note_runner_alive(&self, runner: RunnerId, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE runners SET last_seen_at = ?2, failures = 0, unreachable_until = NULL
          WHERE id = ?1 AND (failures > 0 OR last_seen_at < ?3)";
        let parameters = vec![id(runner), text(now), text(now.plus_ms(-5_000))];
        self.connection.query(sql, parameters).await?;
        Ok(())
    }

    /// The runner is well, and busy: it is asked again a little later.
    ///
    /// # Errors
    /// As every write.
    pub async fn pause_runner(&self, runner: RunnerId, until: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE runners SET unreachable_until = ?2 WHERE id = ?1";
        self.connection.query(sql, vec![id(runner), text(until)]).await?;
        Ok(())
    }

    /// A push failed: the runner gets nothing for a while, each time for longer. Answers that while.
    ///
    /// # Errors
    /// As every write.
    pub async fn note_runner_unreachable(&self, runner: RunnerId, now: Timestamp) -> Result<i64, StoreError> {
        let sql = "SELECT failures FROM runners WHERE id = ?1";
        let rows = self.connection.query(sql, vec![id(runner)]).await?;
        let failures = rows.first().map(|r| r.integer(0)).transpose()?.unwrap_or(0);
        let pause = LAST_PAUSE_MS.min(FIRST_PAUSE_MS.saturating_mul(1 << failures.clamp(0, 16)));
        let sql = "UPDATE runners SET failures = ?2, unreachable_until = ?3 WHERE id = ?1";
        self.connection.query(sql, vec![id(runner), (failures + 1).into(), text(now.plus_ms(pause))]).await?;
        Ok(pause)
    }

    /// Where pushes to the runner go.
    ///
    /// # Errors
    /// As every read.
    pub async fn runner_url(&self, runner: RunnerId) -> Result<Option<String>, StoreError> {
        let rows = self.connection.query("SELECT url FROM runners WHERE id = ?1", vec![id(runner)]).await?;
        Ok(rows.first().map(|r| r.optional_text(0)).transpose()?.flatten().map(str::to_owned))
    }

    /// A runner's labels and free slots; None where it is not registered.
    ///
    /// # Errors
    /// As every read.
    pub async fn slots_of(&self, runner: RunnerId) -> Result<Option<RunnerSlots>, StoreError> {
        let sql = "SELECT labels, max(0, capacity
            - (SELECT count(*) FROM jobs WHERE runner_id = runners.id AND status = 'running'))
          FROM runners WHERE id = ?1";
        let rows = self.connection.query(sql, vec![id(runner)]).await?;
        let read =
            |r: &Row| Ok(RunnerSlots { id: runner, labels: r.json(0)?, free: r.unsigned(1)?, failures: 0 });
        rows.first().map(read).transpose()
    }

    /// By name, from behind that of `after`.
    ///
    /// # Errors
    /// As every read.
    pub async fn runners(&self, after: Option<RunnerId>, limit: u32) -> Result<Vec<RunnerView>, StoreError> {
        let sql = "SELECT id, runner_name, labels, capacity,
            (SELECT count(*) FROM jobs WHERE runner_id = runners.id AND status = 'running'), unreachable_until
          FROM runners
          WHERE ?1 IS NULL OR runner_name > (SELECT runner_name FROM runners WHERE id = ?1)
          ORDER BY runner_name LIMIT ?2";
        let rows = self.connection.query(sql, vec![after.map_or(Value::Null, id), limit.into()]).await?;
        let read = |r: &Row| {
            Ok(RunnerView {
                id: r.parse(0)?,
                name: r.text(1)?.to_owned(),
                labels: r.json(2)?,
                capacity: r.unsigned(3)?,
                running: r.unsigned(4)?,
                unreachable_until: r.optional_parse(5)?,
            })
        };
        rows.iter().map(read).collect()
    }
}
