//! `spin:sqlite`: guests' connections over [`crate::sqlite`].
//!
//! As in Spin, an error of a statement arrives with its result. Unlike there, a statement on a connection whose
//! last result was not read to its end is an error at once; there it waits for ever.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use rusqlite::types::Value;
use tokio::sync::Mutex;
use wasmtime::component::{
    Accessor, Destination, FutureReader, HasSelf, Resource, StreamProducer, StreamReader, StreamResult,
};
use wasmtime::{Result, StoreContextMut};

use super::bindings::spin::sqlite::sqlite as wit;
use crate::sqlite::{Crowd, Database, Output, Session, SqlError};
use crate::state::State;

/// What stands behind a guest's `connection`.
pub struct Connection {
    session: Arc<Mutex<Session>>,
    /// Rows of the latest result that the guest has not taken yet.
    unread: Arc<AtomicUsize>,
}

type Ready = (Arc<Mutex<Session>>, Arc<AtomicUsize>);

/// Connections that one instance may have open, as in Spin.
const MAX_CONNECTIONS: usize = 256;

const UNREAD: &str = "the rows of the connection's last statement are not read to their end, and on Spin this call \
                      would wait for ever; read them all or drop the result first";

impl State {
    fn database(&self, label: &str) -> Result<Arc<Database>, wit::Error> {
        if !self.grants.sqlite_databases.contains(label) {
            return Err(wit::Error::AccessDenied);
        }
        self.grants.databases.get(label).cloned().ok_or(wit::Error::NoSuchDatabase)
    }

    fn open_connection(&mut self, label: &str) -> Result<Result<Resource<Connection>, wit::Error>> {
        let database = match self.database(label) {
            Ok(database) => database,
            Err(e) => return Ok(Err(e)),
        };
        if self.sqlite_connections >= MAX_CONNECTIONS {
            return Ok(Err(wit::Error::Io("too many connections opened".to_owned())));
        }
        self.sqlite_connections += 1;
        let session = Arc::new(Mutex::new(Session::new(database)));
        Ok(Ok(self.table.push(Connection { session, unread: Arc::default() })?))
    }

    fn session(&self, connection: &Resource<Connection>) -> Result<Arc<Mutex<Session>>> {
        Ok(self.table.get(connection)?.session.clone())
    }

    /// The session, where its last result is out of the way.
    fn ready(&self, connection: &Resource<Connection>) -> Result<Result<Ready, wit::Error>> {
        let Connection { session, unread } = self.table.get(connection)?;
        if unread.load(Ordering::Acquire) > 0 {
            return Ok(Err(wit::Error::Io(UNREAD.to_owned())));
        }
        Ok(Ok((session.clone(), unread.clone())))
    }
}

async fn execute(
    session: &Mutex<Session>,
    sql: String,
    parameters: Vec<wit::Value>,
    crowd: Crowd,
) -> Result<Output, wit::Error> {
    let parameters = parameters.into_iter().map(from_guest).collect();
    session.lock().await.execute(sql, parameters, crowd).await.map_err(to_error)
}

fn to_error(error: SqlError) -> wit::Error {
    wit::Error::Io(error.to_string())
}

fn from_guest(value: wit::Value) -> Value {
    match value {
        wit::Value::Null => Value::Null,
        wit::Value::Integer(i) => Value::Integer(i),
        wit::Value::Real(r) => Value::Real(r),
        wit::Value::Text(t) => Value::Text(t),
        wit::Value::Blob(b) => Value::Blob(b),
    }
}

fn to_guest(row: Vec<Value>) -> wit::RowResult {
    let values = row.into_iter().map(|value| match value {
        Value::Null => wit::Value::Null,
        Value::Integer(i) => wit::Value::Integer(i),
        Value::Real(r) => wit::Value::Real(r),
        Value::Text(t) => wit::Value::Text(t),
        Value::Blob(b) => wit::Value::Blob(b),
    });
    wit::RowResult { values: values.collect() }
}

/// Hands out rows as the guest takes them, so that what it left unread is known.
struct Rows {
    rows: std::vec::IntoIter<Vec<Value>>,
    unread: Arc<AtomicUsize>,
}

impl Rows {
    fn new(rows: Vec<Vec<Value>>, unread: Arc<AtomicUsize>) -> Self {
        unread.store(rows.len(), Ordering::Release);
        Self { rows: rows.into_iter(), unread }
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.unread.store(0, Ordering::Release);
    }
}

impl<D> StreamProducer<D> for Rows {
    type Item = wit::RowResult;
    type Buffer = wasmtime::component::VecBuffer<wit::RowResult>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        _: bool,
    ) -> Poll<Result<StreamResult>> {
        let wanted = destination.remaining(&mut store).unwrap_or(usize::MAX);
        let rows: Vec<_> = self.rows.by_ref().take(wanted).map(to_guest).collect();
        self.unread.store(self.rows.len(), Ordering::Release);
        destination.set_buffer(rows.into());
        Poll::Ready(Ok(if self.rows.len() == 0 { StreamResult::Dropped } else { StreamResult::Completed }))
    }
}

impl wit::Host for State {}

impl wit::HostConnection for State {
    async fn open(&mut self, database: String) -> Result<Result<Resource<Connection>, wit::Error>> {
        self.open_connection(&database)
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        sql: String,
        parameters: Vec<wit::Value>,
    ) -> Result<Result<wit::QueryResult, wit::Error>> {
        let session = match self.ready(&connection)? {
            Ok((session, _)) => session,
            Err(e) => return Ok(Err(e)),
        };
        let crowd = self.grants.crowd();
        Ok(execute(&session, sql, parameters, crowd).await.map(|output| wit::QueryResult {
            columns: output.columns,
            rows: output.rows.into_iter().map(to_guest).collect(),
        }))
    }

    async fn last_insert_rowid(&mut self, connection: Resource<Connection>) -> Result<i64> {
        Ok(self.session(&connection)?.lock().await.last_insert_rowid)
    }

    async fn changes(&mut self, connection: Resource<Connection>) -> Result<u64> {
        Ok(self.session(&connection)?.lock().await.changes)
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> Result<()> {
        self.table.delete(connection)?;
        self.sqlite_connections -= 1;
        Ok(())
    }
}

type Executed = (Vec<String>, StreamReader<wit::RowResult>, FutureReader<Result<(), wit::Error>>);

impl<T: 'static> wit::HostConnectionWithStore<T> for HasSelf<State> {
    async fn open_async(
        accessor: &Accessor<T, Self>,
        database: String,
    ) -> Result<Result<Resource<Connection>, wit::Error>> {
        accessor.with(|mut access| access.get().open_connection(&database))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        sql: String,
        parameters: Vec<wit::Value>,
    ) -> Result<Result<Executed, wit::Error>> {
        let (ready, crowd) = accessor.with(|mut access| {
            let state = access.get();
            (state.ready(&connection), state.grants.crowd())
        });
        let (session, unread) = match ready? {
            Ok(ready) => ready,
            Err(e) => return Ok(Err(e)),
        };
        let (output, result) = match execute(&session, sql, parameters, crowd).await {
            Ok(output) => (output, Ok(())),
            Err(e) => (Output::default(), Err(e)),
        };
        accessor.with(|mut access| {
            let rows = StreamReader::new(&mut access, Rows::new(output.rows, unread))?;
            let result = FutureReader::new(&mut access, async { wasmtime::error::Ok(result) })?;
            Ok(Ok((output.columns, rows, result)))
        })
    }

    async fn last_insert_rowid_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
    ) -> Result<i64> {
        let session = accessor.with(|mut access| access.get().session(&connection))?;
        let rowid = session.lock().await.last_insert_rowid;
        Ok(rowid)
    }

    async fn changes_async(accessor: &Accessor<T, Self>, connection: Resource<Connection>) -> Result<u64> {
        let session = accessor.with(|mut access| access.get().session(&connection))?;
        let changes = session.lock().await.changes;
        Ok(changes)
    }
}
