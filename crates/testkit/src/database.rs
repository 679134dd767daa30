//! The store on a real SQLite, natively: a file or memory, set up as the host sets its own up.

use std::cell::RefCell;
use std::path::Path;

use penstock_store::{Connection, DbError, Row, Store, Value, migrate};
use rusqlite::types::{ToSqlOutput, ValueRef};

/// One connection. What fails next can be chosen, to see what comes of it.
pub struct Database {
    connection: rusqlite::Connection,
    fail_in: RefCell<Option<u32>>,
}

impl Database {
    pub fn in_memory() -> Self {
        Self::over(rusqlite::Connection::open_in_memory().expect("memory can be opened"))
    }

    pub fn open(path: &Path) -> Self {
        let connection = rusqlite::Connection::open(path).expect("the file can be opened");
        connection.busy_timeout(std::time::Duration::from_secs(5)).expect("a timeout can be set");
        Self::over(connection)
    }

    fn over(connection: rusqlite::Connection) -> Self {
        connection.pragma_update(None, "foreign_keys", true).expect("foreign keys can be switched on");
        Self { connection, fail_in: RefCell::new(None) }
    }

    /// The statement after `statements` further ones fails, as a lost connection would.
    pub fn fail_after(&self, statements: u32) {
        *self.fail_in.borrow_mut() = Some(statements);
    }

    /// For looking at what is there.
    pub fn raw(&self) -> &rusqlite::Connection {
        &self.connection
    }

    fn is_to_fail(&self) -> bool {
        let mut fail_in = self.fail_in.borrow_mut();
        let now = *fail_in == Some(0);
        *fail_in = fail_in.and_then(|n| n.checked_sub(1));
        now
    }

    fn run(&self, sql: &str, parameters: Vec<Value>) -> rusqlite::Result<Vec<Row>> {
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

impl Connection for &Database {
    async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, DbError> {
        if self.is_to_fail() {
            return Err(DbError::Other("the connection was lost".to_owned()));
        }
        self.run(sql, parameters).map_err(|e| DbError::from_message(&e.to_string()))
    }
}

/// A database that several hold, for as long as they like.
#[derive(Clone)]
pub struct Shared(pub std::rc::Rc<Database>);

impl Connection for Shared {
    async fn query(&self, sql: &str, parameters: Vec<Value>) -> Result<Vec<Row>, DbError> {
        (&*self.0).query(sql, parameters).await
    }
}

/// The store over a database that is at the newest version.
pub async fn migrated(database: &Database) -> Store<&Database> {
    migrate(&database).await.expect("the migrations run");
    Store::new(database)
}

/// Runs a future that never waits, as the store's over [`Database`] are.
pub fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the future waits for something outside"),
    }
}
