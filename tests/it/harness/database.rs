//! A look into the database beside the running server: what no user is shown, and what must be true at every rest.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::wait::SOON;

/// What is still to be done or told, in words.
const UNDONE: &str = "
    SELECT 'delivery ' || event_name || ', tried ' || attempts || ' times, due at ' || due_at || ', '
      || coalesce(reason, 'without a reason') FROM deliveries WHERE status = 'received'
    UNION ALL
    SELECT 'execution ' || id || ' ' || status || ', ' || coalesce(reason, 'without a reason')
      FROM pipeline_executions WHERE status IN ('queued', 'running')
    UNION ALL
    SELECT 'effect ' || kind || ', tried ' || attempts || ' times, due at ' || due_at || ', '
      || coalesce(last_error, 'without an error') FROM outbox WHERE done_at IS NULL
    UNION ALL
    SELECT 'timer ' || kind || ', due at ' || due_at FROM timers";

pub struct Database(Connection);

impl Database {
    pub fn open(data: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(data.join("sqlite-default.db"), flags);
        let connection = connection.expect("the database can be read");
        connection.busy_timeout(SOON).expect("a timeout can be set");
        Self(connection)
    }

    /// Changes what otherwise only time would.
    #[track_caller]
    pub fn alter(data: &Path, sql: &str) {
        let connection = Connection::open(data.join("sqlite-default.db")).expect("the database opens");
        connection.busy_timeout(SOON).expect("a timeout can be set");
        connection.execute(sql, []).expect("the statement is right");
    }

    /// The number of rows of `rows`, which is a table and perhaps a condition.
    #[track_caller]
    pub fn count(&self, rows: &str) -> u32 {
        let sql = format!("SELECT count(*) FROM {rows}");
        self.0.query_row(&sql, [], |row| row.get(0)).expect("rows can be counted")
    }

    /// One column, in order; NULL is the empty text.
    #[track_caller]
    pub fn texts(&self, sql: &str) -> Vec<String> {
        let mut statement = self.0.prepare(sql).expect("the statement is right");
        let text = |row: &rusqlite::Row<'_>| row.get::<_, Option<String>>(0);
        let rows = statement.query_map([], text).expect("rows can be read");
        rows.map(|row| row.expect("a column of text").unwrap_or_default()).collect()
    }

    /// All that is not at rest, in words; empty where everything is.
    pub fn undone(&self) -> Vec<String> {
        self.texts(UNDONE)
    }
}
