//! Typed reading of a row's columns, by position.

use std::str::FromStr;

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::StoreError;
use crate::connection::Value;

#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Vec<Value>);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("column {column} is not {wanted}")]
pub struct RowError {
    column: usize,
    wanted: &'static str,
}

impl Row {
    pub fn text(&self, column: usize) -> Result<&str, RowError> {
        self.optional_text(column)?.ok_or(RowError { column, wanted: "text" })
    }

    pub fn optional_text(&self, column: usize) -> Result<Option<&str>, RowError> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            _ => Err(RowError { column, wanted: "text or NULL" }),
        }
    }

    pub fn integer(&self, column: usize) -> Result<i64, RowError> {
        match self.0.get(column) {
            Some(Value::Integer(n)) => Ok(*n),
            _ => Err(RowError { column, wanted: "an integer" }),
        }
    }

    pub fn unsigned<T: TryFrom<i64>>(&self, column: usize) -> Result<T, RowError> {
        T::try_from(self.integer(column)?)
            .map_err(|_| RowError { column, wanted: "an integer within bounds" })
    }

    /// Text in a type's own spelling: an id, a time, a word of a closed list.
    pub fn parse<T: FromStr>(&self, column: usize) -> Result<T, RowError> {
        self.text(column)?.parse().map_err(|_| RowError { column, wanted: std::any::type_name::<T>() })
    }

    pub fn optional_parse<T: FromStr>(&self, column: usize) -> Result<Option<T>, RowError> {
        let text = self.optional_text(column)?;
        text.map(|t| t.parse().map_err(|_| RowError { column, wanted: std::any::type_name::<T>() }))
            .transpose()
    }

    pub fn json<T: DeserializeOwned>(&self, column: usize) -> Result<T, StoreError> {
        Ok(serde_json::from_str(self.text(column)?)?)
    }

    pub fn optional_json<T: DeserializeOwned>(&self, column: usize) -> Result<Option<T>, StoreError> {
        Ok(self.optional_text(column)?.map(serde_json::from_str).transpose()?)
    }
}
