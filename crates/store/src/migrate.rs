//! Embedded migrations, applied by whichever component opens an older database first.

use crate::connection::{Connection, DbError};
use crate::{StoreError, Value};

/// One numbered file of `migrations/`.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    pub version: i64,
    pub name: &'static str,
    pub sql: &'static str,
}

pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "initial", sql: include_str!("../../../migrations/0001_initial.sql") },
    Migration { version: 2, name: "release", sql: include_str!("../../../migrations/0002_release.sql") },
    Migration { version: 3, name: "metrics", sql: include_str!("../../../migrations/0003_metrics.sql") },
    Migration {
        version: 4,
        name: "whole_model",
        sql: include_str!("../../../migrations/0004_whole_model.sql"),
    },
    Migration { version: 5, name: "in_turn", sql: include_str!("../../../migrations/0005_in_turn.sql") },
    Migration { version: 6, name: "any_case", sql: include_str!("../../../migrations/0006_any_case.sql") },
    Migration { version: 7, name: "slots", sql: include_str!("../../../migrations/0007_slots.sql") },
];

/// How often another's lock is waited for.
const MAX_TRIES: u32 = 20;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
  version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT";

/// Brings the database to the newest version; answers at once where it is there.
///
/// Several may do this at the same time: the write lock is taken before the version is asked, so one migrates and
/// the others find it done. Everything is one transaction: a process that dies in it leaves the old version.
///
/// # Errors
/// [`StoreError::Database`], also when the database is newer than this program.
pub async fn migrate(connection: &impl Connection) -> Result<(), StoreError> {
    for _ in 0..MAX_TRIES {
        match try_to_migrate(connection).await {
            Err(StoreError::Database(DbError::Busy)) => wait_for_writer(connection).await,
            done => return done,
        }
    }
    Err(StoreError::Database(DbError::Busy))
}

/// Whoever changes the journal's mode locks out everybody else, and SQLite tells those at once that it is busy,
/// instead of letting them wait. The write lock is waited for.
async fn wait_for_writer(connection: &impl Connection) {
    if connection.query("BEGIN IMMEDIATE", vec![]).await.is_ok() {
        // Nothing was done that could fail to be undone.
        let _ = connection.query("ROLLBACK", vec![]).await;
    }
}

async fn try_to_migrate(connection: &impl Connection) -> Result<(), StoreError> {
    if current_version(connection).await? == newest() {
        return Ok(());
    }
    // Outside the transaction: SQLite changes the journal's mode only there, and keeps it in the file.
    connection.query("PRAGMA journal_mode = WAL", vec![]).await?;
    connection.query("BEGIN IMMEDIATE", vec![]).await?;
    match apply_missing(connection).await {
        Ok(()) => {
            connection.query("COMMIT", vec![]).await?;
            Ok(())
        }
        Err(error) => {
            // The first error is the one to tell; a failed rollback ends with the connection.
            let _ = connection.query("ROLLBACK", vec![]).await;
            Err(error)
        }
    }
}

fn newest() -> i64 {
    MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0)
}

async fn current_version(connection: &impl Connection) -> Result<i64, StoreError> {
    let rows = match connection.query("SELECT COALESCE(max(version), 0) FROM schema_migrations", vec![]).await
    {
        Err(DbError::NoSchema) => return Ok(0),
        rows => rows?,
    };
    let version = rows.first().map(|r| r.integer(0)).transpose()?.unwrap_or(0);
    if version > newest() {
        let text = format!(
            "the database has schema {version}, and this program knows {}; run a newer one",
            newest()
        );
        return Err(StoreError::Database(DbError::Other(text)));
    }
    Ok(version)
}

async fn apply_missing(connection: &impl Connection) -> Result<(), StoreError> {
    connection.query(TABLE, vec![]).await?;
    let version = current_version(connection).await?;
    for migration in MIGRATIONS.iter().filter(|m| m.version > version) {
        for statement in statements(migration.sql) {
            connection.query(&statement, vec![]).await?;
        }
        let sql = "INSERT INTO schema_migrations (version, name, applied_at)
          VALUES (?1, ?2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))";
        connection.query(sql, vec![Value::Integer(migration.version), migration.name.into()]).await?;
    }
    Ok(())
}

/// The statements of a migration file, which are run one by one: a `;` at the end of a line ends one, but within a
/// trigger only a line `END;` does. Comment lines are left out.
pub fn statements(sql: &str) -> Vec<String> {
    let mut found = vec![];
    let mut current = String::new();
    for line in sql.lines().filter(|l| !l.trim_start().starts_with("--") && !l.trim().is_empty()) {
        current.push_str(line);
        current.push('\n');
        let is_trigger = current.trim_start().starts_with("CREATE TRIGGER");
        if if is_trigger { line == "END;" } else { line.trim_end().ends_with(';') } {
            found.push(std::mem::take(&mut current));
        }
    }
    if !current.trim().is_empty() {
        found.push(current);
    }
    found
}
