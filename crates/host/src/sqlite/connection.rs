//! How a connection is opened: the pragmas, and what guests may not do.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;

use super::statement::Deadline;

/// How long SQLite waits for a lock of another process. Within the host, writers queue instead.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Virtual machine steps between two looks at the clock: a fraction of a millisecond.
const STEPS_PER_CHECK: i32 = 20_000;
/// The longest text or blob, and the longest statement.
const MAX_VALUE_BYTES: i32 = 64 << 20;
/// Statements kept prepared.
const CACHED_STATEMENTS: usize = 128;

const PRIVATE: u32 = 0o600;
const OTHERS: u32 = 0o007;

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: synchronised at every commit.
    Full,
    /// The end of the process; a power cut may lose the latest commits, never the file.
    Process,
}

/// Makes the file where it is not there, for this user alone; SQLite gives those beside it the same mode. One that is
/// there is closed to others, and to a group only by its owner. What stands in the way is told by whoever opens it.
pub fn make_private(path: &Path) {
    let Ok(file) = OpenOptions::new().append(true).create(true).mode(PRIVATE).open(path) else { return };
    let Ok(mode) = file.metadata().map(|found| found.permissions().mode()) else { return };
    if mode & OTHERS != 0 {
        _ = file.set_permissions(Permissions::from_mode(mode & !OTHERS));
    }
}

pub fn open(path: &Path, durability: Durability, deadline: &Deadline) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(
        None,
        "synchronous",
        if durability == Durability::Full { "FULL" } else { "NORMAL" },
    )?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // 1 MiB of pages each: the pages that matter are in the system's cache anyway.
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // Otherwise SQLite plans many statements anew at each run, because what is bound might make another plan better;
    // for a queue of a few rows that takes twenty times as long as the rows do.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)?;
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, MAX_VALUE_BYTES)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    let deadline = deadline.clone();
    // SQLite asks once more when all is committed, and an interruption then would say that nothing was.
    let committing = deadline.clone();
    connection.commit_hook(Some(move || {
        committing.lift();
        false
    }))?;
    connection.progress_handler(STEPS_PER_CHECK, Some(move || deadline.is_over()))?;
    connection.authorizer(Some(authorize))?;
    Ok(connection)
}

fn authorize(context: AuthContext<'_>) -> Authorization {
    let denied = match context.action {
        // The empty name is the temporary file that VACUUM attaches by itself.
        AuthAction::Attach { filename } => !filename.is_empty(),
        AuthAction::Pragma { pragma_name, pragma_value } => is_denied_pragma(pragma_name, pragma_value),
        // Statements of one guest run on several connections, so at the top level these would tell of others.
        AuthAction::Function { function_name } => {
            context.accessor.is_none()
                && ["changes", "total_changes", "last_insert_rowid", "load_extension"]
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(function_name))
        }
        _ => false,
    };
    if denied { Authorization::Deny } else { Authorization::Allow }
}

/// Pragmas that reach beyond the connection, or take the limits off it.
fn is_denied_pragma(name: &str, value: Option<&str>) -> bool {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "journal_mode" => value.is_some_and(|mode| !mode.eq_ignore_ascii_case("wal")),
        "locking_mode"
        | "writable_schema"
        | "trusted_schema"
        | "temp_store_directory"
        | "data_store_directory"
        | "busy_timeout"
        | "cache_size"
        | "default_cache_size"
        | "mmap_size"
        | "hard_heap_limit"
        | "soft_heap_limit"
        | "threads"
        | "synchronous"
        | "wal_autocheckpoint"
        | "journal_size_limit" => value.is_some(),
        _ => false,
    }
}
