//! Webhook deliveries: stored before they are answered, worked off afterwards.

use penstock_domain::{DeliveryId, Timestamp};

use crate::connection::Connection;
use crate::{Row, Store, StoreError, Value, id, optional, text};

/// A delivery as it came in.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDelivery<'a> {
    pub id: DeliveryId,
    pub forge: &'a str,
    /// The forge's own id of it; the same id is the same delivery.
    pub delivery_key: &'a str,
    pub event_name: &'a str,
    /// received, ignored or rejected.
    pub status: &'a str,
    pub reason: Option<&'a str>,
    /// What it means, as JSON; None where it means nothing to us.
    pub event: Option<String>,
    /// The raw body, where it may be needed again.
    pub payload: Option<Vec<u8>>,
    /// The names that a pipeline may know its repository by; looked at where the status is `received`.
    pub repository_keys: &'a [String],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Kept as it was told to be.
    New,
    /// Kept as ignored: no pipeline is of its repository.
    NoPipeline,
    /// It had failed, and begins anew under the id that it has.
    Again(DeliveryId),
    Duplicate,
}

/// The reason of a delivery that no pipeline is there for.
pub const NO_PIPELINE: &str = "no_pipeline";

/// A delivery that waits to be worked off.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub forge: String,
    pub event_name: String,
    pub status: String,
    pub event: Option<String>,
    pub attempts: u32,
    pub received_at: Timestamp,
    /// It could not be worked off before, for a reason that was told.
    pub was_postponed: bool,
    /// Of the subject `delivery:<id>`, which its end has to expect: one that had failed ends a second time.
    pub version: i64,
}

const COLUMNS: &str = "id, forge, event_name, status, event, attempts, received_at, reason IS NOT NULL,
    COALESCE((SELECT version FROM subjects WHERE subject = 'delivery:' || id), 0)";

fn delivery(r: &Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: r.parse(0)?,
        forge: r.text(1)?.to_owned(),
        event_name: r.text(2)?.to_owned(),
        status: r.text(3)?.to_owned(),
        event: r.optional_text(4)?.map(str::to_owned),
        attempts: r.unsigned(5)?,
        received_at: r.parse(6)?,
        was_postponed: r.integer(7)? != 0,
        version: r.integer(8)?,
    })
}

impl<C: Connection> Store<C> {
    /// Keeps the delivery, once. `retry_at`: when the clock takes it up if nobody has by then. One that no pipeline
    /// is there for has ended with that, so that the forge's answer says so and nobody is woken for it. One that has
    /// failed, could not be understood, or came before its pipeline was there is kept anew: whoever mended the cause
    /// delivers it again, and executions that it did start know it.
    ///
    /// # Errors
    /// As every write.
    pub async fn receive(
        &self,
        new: NewDelivery<'_>,
        now: Timestamp,
        retry_at: Timestamp,
    ) -> Result<Received, StoreError> {
        let sql = format!(
            "INSERT INTO deliveries (id, forge, delivery_key, event_name, status, reason, event, payload,
            due_at, received_at, completed_at)
          SELECT ?1, ?2, ?3, ?4, iif(is_unwanted, 'ignored', ?5), iif(is_unwanted, '{NO_PIPELINE}', ?6), ?7, ?8,
            ?9, ?10, iif(?5 = 'received' AND NOT is_unwanted, NULL, ?10)
          FROM (SELECT ?5 = 'received' AND NOT EXISTS (SELECT 1 FROM pipeline_configurations
            WHERE repository_key IN (SELECT value FROM json_each(?11)) AND deleted_at IS NULL AND is_active = 1)
            AS is_unwanted)
          WHERE true
          ON CONFLICT (forge, delivery_key) DO UPDATE SET event_name = excluded.event_name,
            status = excluded.status, reason = excluded.reason, event = excluded.event, payload = excluded.payload,
            outcome = NULL, attempts = 0, due_at = excluded.due_at, received_at = excluded.received_at,
            completed_at = excluded.completed_at
          WHERE deliveries.status = 'failed' OR (deliveries.status = 'rejected' AND excluded.status <> 'rejected')
            OR (deliveries.status = 'ignored' AND deliveries.reason = '{NO_PIPELINE}' AND excluded.status = 'received')
          RETURNING id, status"
        );
        let parameters = vec![
            id(new.id),
            new.forge.into(),
            new.delivery_key.into(),
            new.event_name.into(),
            new.status.into(),
            optional(new.reason),
            optional(new.event),
            new.payload.map_or(Value::Null, Value::Blob),
            text(retry_at),
            text(now),
            serde_json::to_string(new.repository_keys)?.into(),
        ];
        let rows = self.connection.query(&sql, parameters).await?;
        let Some(row) = rows.first() else { return Ok(Received::Duplicate) };
        let kept: DeliveryId = row.parse(0)?;
        Ok(match row.text(1)? == new.status {
            false => Received::NoPipeline,
            true if kept == new.id => Received::New,
            true => Received::Again(kept),
        })
    }

    /// Those of the deliveries that are there, oldest first.
    ///
    /// # Errors
    /// As every read.
    pub async fn deliveries(&self, ids: &[DeliveryId]) -> Result<Vec<Delivery>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM deliveries WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY id"
        );
        let rows = self.connection.query(&sql, vec![serde_json::to_string(ids)?.into()]).await?;
        rows.iter().map(delivery).collect()
    }

    /// Takes up to `limit` deliveries that are due, and puts them off to `until` should the taker die.
    ///
    /// # Errors
    /// As every write.
    pub async fn claim_deliveries(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let sql = format!(
            "UPDATE deliveries SET due_at = ?2, attempts = attempts + 1
             WHERE id IN (SELECT id FROM deliveries WHERE status = 'received' AND due_at <= ?1 ORDER BY due_at LIMIT ?3)
             RETURNING {COLUMNS}"
        );
        let rows = self.connection.query(&sql, vec![text(now), text(until), limit.into()]).await?;
        rows.iter().map(delivery).collect()
    }

    /// When the last of the deliveries that came before this one, since then and of the same repository (`owner/name`),
    /// and that had to be put off, is due.
    ///
    /// # Errors
    /// As every read.
    pub async fn postponed_before(
        &self,
        delivery: &Delivery,
        repository: &str,
        since: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT max(due_at) FROM deliveries INDEXED BY deliveries_postponed
          WHERE forge = ?1 AND event ->> '$.repository.full_name' = ?2 AND id < ?3
            AND status = 'received' AND reason IS NOT NULL AND received_at > ?4";
        let parameters =
            vec![delivery.forge.as_str().into(), repository.into(), id(delivery.id), text(since)];
        let rows = self.connection.query(sql, parameters).await?;
        Ok(rows.first().map(|r| r.optional_parse(0)).transpose()?.flatten())
    }

    /// The delivery could not be worked off yet: again at `due_at`.
    ///
    /// # Errors
    /// As every write.
    pub async fn postpone_delivery(
        &self,
        delivery_id: DeliveryId,
        due_at: Timestamp,
        reason: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE deliveries SET due_at = ?2, reason = ?3 WHERE id = ?1 AND status = 'received'";
        self.connection.query(sql, vec![id(delivery_id), text(due_at), reason.into()]).await?;
        Ok(())
    }
}
