//! `spin:key-value`: stores of all labels in one SQLite file.

use std::sync::Arc;

use rusqlite::types::Value;
use wasmtime::Result;
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use super::bindings::spin::key_value::key_value as wit;
use crate::sqlite::{Crowd, Database, Session};
use crate::state::State;

/// What stands behind a guest's `store`.
pub struct Store {
    label: String,
    database: Arc<Database>,
}

/// Stores that one instance may have open, as in Spin.
const MAX_STORES: usize = 256;
/// What can be set can be read again.
const MAX_VALUE_BYTES: usize = 31 << 20;

/// The table; Spin's shape, so that either can read the other's file.
pub const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS spin_key_value (store TEXT NOT NULL, key TEXT NOT NULL, \
                          value BLOB NOT NULL, PRIMARY KEY (store, key))";

type Rows = Vec<Vec<Value>>;

async fn run<T: 'static>(
    accessor: &Accessor<T, HasSelf<State>>,
    store: &Resource<Store>,
    sql: &str,
    parameters: impl IntoIterator<Item = Value>,
) -> Result<Result<Rows, wit::Error>> {
    let (label, database) = accessor.with(|mut access| {
        access.get().table.get(store).map(|store| (store.label.clone(), store.database.clone()))
    })?;
    let parameters = std::iter::once(Value::Text(label)).chain(parameters).collect();
    // What may be lost waits for no disk: there is no commit to share.
    let output = Session::new(database).execute(sql.to_owned(), parameters, Crowd::Alone).await;
    Ok(output.map(|output| output.rows).map_err(|e| wit::Error::Other(e.to_string())))
}

impl wit::Host for State {}

impl wit::HostStore for State {
    async fn drop(&mut self, store: Resource<Store>) -> Result<()> {
        self.table.delete(store)?;
        self.key_value_stores -= 1;
        Ok(())
    }
}

impl<T: 'static> wit::HostStoreWithStore<T> for HasSelf<State> {
    async fn open(
        accessor: &Accessor<T, Self>,
        label: String,
    ) -> Result<Result<Resource<Store>, wit::Error>> {
        accessor.with(|mut access| {
            let state = access.get();
            if !state.grants.key_value_stores.contains(&label) {
                return Ok(Err(wit::Error::AccessDenied));
            }
            let Some(database) = state.grants.key_value.clone() else {
                return Ok(Err(wit::Error::NoSuchStore));
            };
            if state.key_value_stores >= MAX_STORES {
                return Ok(Err(wit::Error::StoreTableFull));
            }
            state.key_value_stores += 1;
            Ok(Ok(state.table.push(Store { label, database })?))
        })
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Result<Result<Option<Vec<u8>>, wit::Error>> {
        const SQL: &str = "SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2";
        let rows = run(accessor, &store, SQL, [Value::Text(key)]).await?;
        Ok(rows.map(|rows| match rows.into_iter().next()?.into_iter().next()? {
            Value::Blob(bytes) => Some(bytes),
            Value::Text(text) => Some(text.into_bytes()),
            _ => None,
        }))
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> Result<Result<(), wit::Error>> {
        if value.len() > MAX_VALUE_BYTES {
            let why = format!("a value has at most {MAX_VALUE_BYTES} bytes; keep it in pieces");
            return Ok(Err(wit::Error::Other(why)));
        }
        const SQL: &str = "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3) \
                           ON CONFLICT (store, key) DO UPDATE SET value = excluded.value";
        let rows = run(accessor, &store, SQL, [Value::Text(key), Value::Blob(value)]).await?;
        Ok(rows.map(drop))
    }

    async fn delete(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Result<Result<(), wit::Error>> {
        const SQL: &str = "DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2";
        Ok(run(accessor, &store, SQL, [Value::Text(key)]).await?.map(drop))
    }

    async fn exists(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Result<Result<bool, wit::Error>> {
        const SQL: &str = "SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?2";
        Ok(run(accessor, &store, SQL, [Value::Text(key)]).await?.map(|rows| !rows.is_empty()))
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
    ) -> Result<(StreamReader<String>, FutureReader<Result<(), wit::Error>>)> {
        const SQL: &str = "SELECT key FROM spin_key_value WHERE store = ?1 ORDER BY key";
        let (rows, result) = match run(accessor, &store, SQL, []).await? {
            Ok(rows) => (rows, Ok(())),
            Err(e) => (vec![], Err(e)),
        };
        let keys = rows.into_iter().filter_map(|row| match row.into_iter().next()? {
            Value::Text(key) => Some(key),
            _ => None,
        });
        let keys: Vec<String> = keys.collect();
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, keys)?;
            let result = FutureReader::new(&mut access, async { wasmtime::error::Ok(result) })?;
            Ok((keys, result))
        })
    }
}
