//! The real store's database: SQLite in memory, made once and copied for every run.

use std::sync::OnceLock;

use penstock_store::{MIGRATIONS, Row, Value, statements};
use rusqlite::MAIN_DB;
use rusqlite::types::{ToSqlOutput, ValueRef};

/// Statements that are kept prepared.
const KEPT_STATEMENTS: usize = 256;

pub struct Database {
    connection: rusqlite::Connection,
}

static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();

fn open() -> rusqlite::Connection {
    let connection = rusqlite::Connection::open_in_memory().expect("memory can be opened");
    connection.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true).expect("foreign keys can be switched on");
    connection
}

/// The migrated database's bytes.
fn empty() -> &'static [u8] {
    EMPTY.get_or_init(|| {
        let mut connection = open();
        for migration in MIGRATIONS {
            for statement in statements(migration.sql) {
                connection.execute_batch(&statement).expect("the migrations run");
            }
        }
        connection.serialize(MAIN_DB).expect("the database can be copied").to_vec()
    })
}

impl Database {
    /// At the newest version, with nothing in it.
    pub fn new() -> Self {
        let mut connection = open();
        let bytes = empty();
        connection
            .deserialize_read_exact(MAIN_DB, bytes, bytes.len(), false)
            .expect("the copy can be opened");
        Self { connection }
    }

    /// Rewrites a trigger, to see what comes of it. False where it does not have the text.
    pub fn change_trigger(&self, name: &str, from: &str, to: &str) -> bool {
        let sql: String = self
            .connection
            .query_row("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?1", [name], |r| {
                r.get(0)
            })
            .expect("the trigger is there");
        if !sql.contains(from) {
            return false;
        }
        let changed = format!("DROP TRIGGER {name};\n{};", sql.replacen(from, to, 1));
        self.connection.execute_batch(&changed).expect("the changed trigger is SQL");
        true
    }

    /// For looking at what is there.
    pub const fn raw(&self) -> &rusqlite::Connection {
        &self.connection
    }

    pub fn run(&self, sql: &str, parameters: Vec<Value>) -> rusqlite::Result<Vec<Row>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let columns = statement.column_count();
        let parameters = rusqlite::params_from_iter(parameters.into_iter().map(Parameter));
        let mut rows = statement.query(parameters)?;
        let mut found = vec![];
        while let Some(row) = rows.next()? {
            let values = (0..columns).map(|i| row.get_ref(i).map(value)).collect::<rusqlite::Result<_>>()?;
            found.push(Row(values));
        }
        Ok(found)
    }

    /// Looks something up; the simulator's own SQL is right.
    pub fn look(&self, sql: &str, parameters: impl rusqlite::Params) -> Vec<Row> {
        let mut statement = self.connection.prepare_cached(sql).expect("the simulator's SQL is SQL");
        let columns = statement.column_count();
        let mut rows = statement.query(parameters).expect("the simulator asks what can be asked");
        let mut found = vec![];
        while let Some(row) = rows.next().expect("rows can be read") {
            found.push(Row((0..columns).map(|i| row.get_ref(i).map_or(Value::Null, value)).collect()));
        }
        found
    }

    pub fn count(&self, sql: &str) -> i64 {
        self.look(sql, []).first().and_then(|row| row.integer(0).ok()).unwrap_or(0)
    }
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::Integer(n),
        ValueRef::Real(r) => Value::Real(r),
        ValueRef::Text(t) => Value::Text(String::from_utf8_lossy(t).into_owned()),
        ValueRef::Blob(b) => Value::Blob(b.to_vec()),
    }
}

struct Parameter(Value);

impl rusqlite::ToSql for Parameter {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match &self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(n) => ValueRef::Integer(*n),
            Value::Real(r) => ValueRef::Real(*r),
            Value::Text(t) => ValueRef::Text(t.as_bytes()),
            Value::Blob(b) => ValueRef::Blob(b),
        }))
    }
}
