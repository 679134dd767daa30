//! The real store's database: SQLite in memory, made once and copied, and emptied for the next run.
//!
//! To read the schema and to prepare a statement that fires triggers takes longer than most runs take: connections are
//! kept with their statements, unless somebody has changed their triggers.

use std::sync::{Mutex, OnceLock, PoisonError};

use penstock_store::{MIGRATIONS, Row, Value, statements};
use rusqlite::MAIN_DB;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};

/// Statements that are kept prepared.
const KEPT_STATEMENTS: usize = 256;

pub struct Database {
    /// None once it is given back.
    connection: Option<rusqlite::Connection>,
    kind: Kind,
}

/// What a connection can be used for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Guarded,
    /// Without the journal's guard: for what is applied again.
    Unguarded,
    /// Nobody else can use it.
    Changed,
}

/// Empty ones that wait for the next run.
static KEPT: [Mutex<Vec<rusqlite::Connection>>; 2] = [Mutex::new(vec![]), Mutex::new(vec![])];

/// Those that refer to others first.
const TABLES: &[&str] = &[
    "quarantined_versions",
    "pipeline_approvals",
    "deployments",
    "quality_gate_evaluations",
    "test_results",
    "log_chunks",
    "timers",
    "outbox",
    "steps",
    "jobs",
    "pipeline_stages",
    "run_totals",
    "pipeline_metrics",
    "schedules",
    "pipeline_executions",
    "deliveries",
    "deployment_environments",
    "pipeline_configurations",
    "runners",
    "tokens",
    "metrics_dirty",
    "clock",
    "idempotency_keys",
    "journal",
    "subjects",
    "sqlite_sequence",
];

static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();

fn open() -> rusqlite::Connection {
    let connection = rusqlite::Connection::open_in_memory().expect("memory can be opened");
    connection.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
    // Else SQLite plans some statements anew for each value that they are given.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).expect("plans can be kept");
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
        Self::of(Kind::Guarded)
    }

    /// The same, that takes what was decided on whatever state.
    pub fn unguarded() -> Self {
        Self::of(Kind::Unguarded)
    }

    fn of(kind: Kind) -> Self {
        let kept = KEPT[kind as usize].lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = kept.unwrap_or_else(|| {
            let mut connection = open();
            let bytes = empty();
            connection
                .deserialize_read_exact(MAIN_DB, bytes, bytes.len(), false)
                .expect("the copy can be opened");
            if kind == Kind::Unguarded {
                connection.execute_batch("DROP TRIGGER journal_guard").expect("the guard is there");
            }
            connection
        });
        Self { connection: Some(connection), kind }
    }

    /// The same triggers as another one's, however those were changed.
    pub fn with_triggers_of(&mut self, other: &Self) {
        if other.kind != Kind::Changed {
            return;
        }
        self.kind = Kind::Changed;
        for row in other.look("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'", []) {
            let (name, sql) = (row.text(0).unwrap_or_default(), row.text(1).unwrap_or_default());
            if name != "journal_guard" {
                let changed = format!("DROP TRIGGER {name};\n{sql};");
                self.raw().execute_batch(&changed).expect("the trigger is SQL");
            }
        }
    }

    /// Rewrites a trigger, to see what comes of it. False where it does not have the text.
    pub fn change_trigger(&mut self, name: &str, from: &str, to: &str) -> bool {
        self.kind = Kind::Changed;
        let sql: String = self
            .raw()
            .query_row("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?1", [name], |r| {
                r.get(0)
            })
            .expect("the trigger is there");
        if !sql.contains(from) {
            return false;
        }
        let changed = format!("DROP TRIGGER {name};\n{};", sql.replacen(from, to, 1));
        self.raw().execute_batch(&changed).expect("the changed trigger is SQL");
        true
    }

    /// For looking at what is there.
    pub fn raw(&self) -> &rusqlite::Connection {
        self.connection.as_ref().expect("it is given back when it is dropped")
    }

    pub fn run(&self, sql: &str, parameters: Vec<Value>) -> rusqlite::Result<Vec<Row>> {
        let mut statement = self.raw().prepare_cached(sql)?;
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
        let mut statement = self.raw().prepare_cached(sql).expect("the simulator's SQL is SQL");
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

impl Drop for Database {
    fn drop(&mut self) {
        let Some(connection) =
            self.connection.take().filter(|c| self.kind != Kind::Changed && c.is_autocommit())
        else {
            return;
        };
        for table in TABLES {
            let emptied =
                connection.prepare_cached(&format!("DELETE FROM {table}")).and_then(|mut s| s.execute([]));
            if emptied.is_err() {
                return;
            }
        }
        KEPT[self.kind as usize].lock().unwrap_or_else(PoisonError::into_inner).push(connection);
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
