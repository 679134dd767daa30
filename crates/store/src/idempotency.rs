//! Answers that were given to an `Idempotency-Key`.

use penstock_domain::Timestamp;

use crate::connection::Connection;
use crate::{Store, StoreError, Value, text};

/// How long a key stands for its answer.
pub const KEY_KEPT_MS: i64 = 24 * 3_600_000;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remembered {
    /// It is the caller's now: do the work, then [`Store::remember`]. `again`: whoever had it for the same request
    /// before ended without an answer, and may have done the work.
    New { again: bool },
    /// The same request was answered before.
    Answered { status: u16, body: String },
    /// The same request is under way.
    UnderWay,
    /// The key was used for another request.
    OtherRequest,
}

impl<C: Connection> Store<C> {
    /// Takes the key, or tells what it was used for within the last 24 hours. A request that took a key and died
    /// gives it free after `abandoned_ms`.
    ///
    /// # Errors
    /// As every write.
    pub async fn take_key(
        &self,
        key: &str,
        request_hash: &str,
        now: Timestamp,
        abandoned_ms: i64,
    ) -> Result<Remembered, StoreError> {
        let sql = "INSERT INTO idempotency_keys (key, request_hash, created_at) VALUES (?1, ?2, ?3)
          ON CONFLICT (key) DO UPDATE SET request_hash = excluded.request_hash, created_at = excluded.created_at,
            body = iif(status IS NULL AND request_hash = excluded.request_hash, '', NULL), status = NULL
          WHERE created_at < ?4 OR (status IS NULL AND created_at < ?5)
          RETURNING body IS NOT NULL";
        let parameters = vec![
            key.into(),
            request_hash.into(),
            text(now),
            text(now.plus_ms(-KEY_KEPT_MS)),
            text(now.plus_ms(-abandoned_ms)),
        ];
        if let Some(taken) = self.connection.query(sql, parameters).await?.first() {
            return Ok(Remembered::New { again: taken.integer(0)? != 0 });
        }
        let sql = "SELECT request_hash, status, body FROM idempotency_keys WHERE key = ?1";
        let rows = self.connection.query(sql, vec![key.into()]).await?;
        let Some(row) = rows.first() else { return Ok(Remembered::UnderWay) };
        if row.text(0)? != request_hash {
            return Ok(Remembered::OtherRequest);
        }
        match row.0.get(1) {
            Some(Value::Integer(_)) => {
                Ok(Remembered::Answered { status: row.unsigned(1)?, body: row.text(2)?.to_owned() })
            }
            _ => Ok(Remembered::UnderWay),
        }
    }

    /// Keeps the answer that the key stands for.
    ///
    /// # Errors
    /// As every write.
    pub async fn remember(&self, key: &str, status: u16, body: &str) -> Result<(), StoreError> {
        let sql = "UPDATE idempotency_keys SET status = ?2, body = ?3 WHERE key = ?1";
        self.connection.query(sql, vec![key.into(), u32::from(status).into(), body.into()]).await?;
        Ok(())
    }

    /// Gives the key free: the request failed in a way that may be tried again.
    ///
    /// # Errors
    /// As every write.
    pub async fn forget_key(&self, key: &str) -> Result<(), StoreError> {
        self.connection.query("DELETE FROM idempotency_keys WHERE key = ?1", vec![key.into()]).await?;
        Ok(())
    }

    /// Forgets keys that are older than a day, up to `limit`.
    ///
    /// # Errors
    /// As every write.
    pub async fn forget_old_keys(&self, now: Timestamp, limit: u32) -> Result<(), StoreError> {
        let sql = "DELETE FROM idempotency_keys WHERE key IN (
          SELECT key FROM idempotency_keys WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)";
        self.connection.query(sql, vec![text(now.plus_ms(-KEY_KEPT_MS)), limit.into()]).await?;
        Ok(())
    }
}
