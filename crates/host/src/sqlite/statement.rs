//! One statement: what kind it is, and running it to its end within its limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ErrorCode};

use super::{AT_ONCE, SqlError};

/// What the host has to know of a statement before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// INSERT, REPLACE: a write that makes row ids.
    Insert,
    /// UPDATE, DELETE.
    Change,
    /// SELECT, VALUES, EXPLAIN, and whatever SQLite will refuse.
    Read,
    /// WITH: a read or a write; only SQLite can tell.
    With,
    /// BEGIN and SAVEPOINT: what follows belongs to this connection.
    Begin { writes: bool },
    /// COMMIT, END, ROLLBACK, RELEASE.
    End,
    /// Changes of the schema, and upkeep of the file.
    Schema,
    /// PRAGMA, temporary tables: leaves a mark on the connection.
    Session,
}

impl Kind {
    pub fn of(sql: &str) -> Self {
        let mut words = Words(sql);
        let mut word = || words.next().unwrap_or_default().to_ascii_uppercase();
        match word().as_str() {
            "INSERT" | "REPLACE" => Self::Insert,
            "UPDATE" | "DELETE" => Self::Change,
            "WITH" => Self::With,
            "BEGIN" => Self::Begin { writes: matches!(word().as_str(), "IMMEDIATE" | "EXCLUSIVE") },
            "SAVEPOINT" => Self::Begin { writes: false },
            "COMMIT" | "END" | "ROLLBACK" | "RELEASE" => Self::End,
            "CREATE" if matches!(word().as_str(), "TEMP" | "TEMPORARY") => Self::Session,
            "CREATE" | "DROP" | "ALTER" | "REINDEX" | "ANALYZE" | "VACUUM" => Self::Schema,
            "PRAGMA" | "ATTACH" | "DETACH" => Self::Session,
            _ => Self::Read,
        }
    }
}

/// The first statement of a text, and whether more follow. Spin runs the first and no other; the driver beneath
/// this host would refuse the whole.
///
/// A trigger has statements within it: its text is left whole.
pub fn first(sql: &str) -> (&str, bool) {
    let mut words = Words(sql).take(3).map(str::to_ascii_uppercase);
    if words.next().as_deref() == Some("CREATE") && words.any(|word| word == "TRIGGER") {
        return (sql, false);
    }
    let mut rest = sql;
    while let Some(at) = rest.find([';', '\'', '"', '`', '[', '-', '/']) {
        let (mark, after) = (&rest[at..], &rest[at + 1..]);
        let skip_to = |end: &str| after.split_once(end).map_or("", |(_, rest)| rest);
        rest = match mark.as_bytes()[0] {
            b';' => {
                let more = Words(after).rest();
                return (&sql[..sql.len() - after.len()], !more.is_empty());
            }
            b'[' => skip_to("]"),
            b'-' if after.starts_with('-') => skip_to("\n"),
            b'/' if after.starts_with('*') => skip_to("*/"),
            b'-' | b'/' => after,
            quote => skip_to(if quote == b'\'' {
                "'"
            } else if quote == b'"' {
                "\""
            } else {
                "`"
            }),
        };
    }
    (sql, false)
}

/// The words that a statement begins with, comments left out.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    /// What comes after blanks, comments and empty statements.
    fn rest(&self) -> &'a str {
        let mut text = self.0;
        loop {
            text = text.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
            if let Some(comment) = text.strip_prefix("--") {
                text = comment.split_once('\n').map_or("", |(_, rest)| rest);
            } else if let Some(comment) = text.strip_prefix("/*") {
                text = comment.split_once("*/").map_or("", |(_, rest)| rest);
            } else {
                return text;
            }
        }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0 = self.rest();
        let end = self.0.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }
}

/// A statement's answer, whole.
#[derive(Debug, Default, PartialEq)]
pub struct Output {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
}

/// When the running statement has to end; SQLite asks now and then.
#[derive(Debug, Clone)]
pub struct Deadline {
    base: Instant,
    at_ms: Arc<AtomicU64>,
}

impl Deadline {
    pub fn new() -> Self {
        Self { base: Instant::now(), at_ms: Arc::new(AtomicU64::new(u64::MAX)) }
    }

    fn start(&self, allowed: Duration) {
        self.at_ms.store(millis(self.base.elapsed() + allowed), Ordering::Relaxed);
    }

    /// For what can't be given up any more.
    pub fn lift(&self) {
        self.at_ms.store(u64::MAX, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub fn end_now(&self) {
        self.at_ms.store(0, Ordering::Relaxed);
    }

    pub fn is_over(&self) -> bool {
        millis(self.base.elapsed()) > self.at_ms.load(Ordering::Relaxed)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

const SCHEMA_FACTOR: u32 = 6;

/// What a statement may take.
#[derive(Debug, Clone, Copy)]
pub struct StatementLimits {
    pub time: Duration,
    pub result_bytes: usize,
}

impl StatementLimits {
    /// A change of the schema may have to look at all of a large table; an upgrade that is given up each time is none.
    pub fn of(self, kind: Kind) -> Self {
        let factor = if kind == Kind::Schema { SCHEMA_FACTOR } else { 1 };
        Self { time: self.time * factor, ..self }
    }

    /// For a statement that keeps an async thread meanwhile.
    pub fn at_once(self) -> Self {
        Self { time: self.time.min(AT_ONCE), ..self }
    }
}

/// Runs the first statement of `sql` and collects its rows.
pub fn run(
    connection: &Connection,
    deadline: &Deadline,
    limits: StatementLimits,
    sql: &str,
    parameters: &[Value],
) -> Result<Output, SqlError> {
    deadline.start(limits.time);
    collect(connection, limits, sql, parameters).map_err(|error| match error {
        SqlError::Sqlite(rusqlite::Error::SqliteFailure(e, _))
            if e.code == ErrorCode::OperationInterrupted =>
        {
            SqlError::TooLong(limits.time)
        }
        other => other,
    })
}

/// Of a row and of a value, beside the bytes of texts and blobs.
const ROW_BYTES: usize = 32;
const VALUE_BYTES: usize = 32;

fn collect(
    connection: &Connection,
    limits: StatementLimits,
    sql: &str,
    parameters: &[Value],
) -> Result<Output, SqlError> {
    let mut statement = connection.prepare_cached(sql)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut bytes = 0;
    let mut output = Vec::new();
    let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
    while let Some(row) = rows.next()? {
        bytes += ROW_BYTES + columns.len() * VALUE_BYTES;
        let mut values = Vec::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            let value = row.get_ref(index)?;
            if let ValueRef::Text(b) | ValueRef::Blob(b) = value {
                bytes += b.len();
            }
            if bytes > limits.result_bytes {
                return Err(SqlError::TooLarge(limits.result_bytes));
            }
            values.push(Value::try_from(value).map_err(|_| SqlError::NotUtf8(column.clone()))?);
        }
        output.push(values);
    }
    Ok(Output { columns, rows: output })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_told_by_the_first_words() {
        for (sql, want) in [
            ("select 1", Kind::Read),
            ("  \n-- c\n/* d */ InSeRt INTO t VALUES (1)", Kind::Insert),
            ("REPLACE INTO t VALUES (1)", Kind::Insert),
            ("UPDATE t SET a = 1", Kind::Change),
            ("delete from t", Kind::Change),
            ("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", Kind::With),
            ("BEGIN", Kind::Begin { writes: false }),
            ("begin/**/immediate", Kind::Begin { writes: true }),
            ("BEGIN EXCLUSIVE TRANSACTION", Kind::Begin { writes: true }),
            ("SAVEPOINT a", Kind::Begin { writes: false }),
            ("COMMIT;", Kind::End),
            ("CREATE TABLE t(a)", Kind::Schema),
            ("CREATE TEMP TABLE t(a)", Kind::Session),
            ("PRAGMA foreign_keys", Kind::Session),
            ("", Kind::Read),
            ("/* never closed", Kind::Read),
            (";", Kind::Read),
        ] {
            assert_eq!(Kind::of(sql), want, "{sql}");
        }
    }

    #[test]
    fn the_first_statement_ends_at_its_own_semicolon() {
        for (sql, want, more) in [
            ("SELECT 1", "SELECT 1", false),
            ("SELECT 1; ", "SELECT 1;", false),
            ("SELECT 1;; -- no more", "SELECT 1;", false),
            ("SELECT 1; SELECT 2", "SELECT 1;", true),
            (
                "SELECT ';', \";\", `;`, [;] /* ; */ -- ;\n; x",
                "SELECT ';', \";\", `;`, [;] /* ; */ -- ;\n;",
                true,
            ),
            ("SELECT 'it''s; ' - 1 / 2; x", "SELECT 'it''s; ' - 1 / 2;", true),
            ("SELECT 'never closed; x", "SELECT 'never closed; x", false),
            ("CREATE TEMP TRIGGER a BEGIN SELECT 1; END", "CREATE TEMP TRIGGER a BEGIN SELECT 1; END", false),
            (";SELECT 1", ";", true),
        ] {
            assert_eq!(first(sql), (want, more), "{sql}");
        }
    }
}
