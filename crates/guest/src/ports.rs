//! What a component may ask of the world. Each component is given only the ones it needs, by `spin.toml`.

use std::future::Future;

use bytes::Bytes;
use penstock_domain::Timestamp;
use penstock_engine::Moment;
use penstock_store::{Connection, Store, StoreError};
use thiserror::Error;

use crate::internal::NO_REQUEST_ID;

pub trait Clock {
    fn now(&self) -> Timestamp;
}

pub trait Random {
    /// From a generator fit for secrets.
    fn random(&self) -> [u8; 16];
}

#[allow(async_fn_in_trait, reason = "components are single-threaded; nobody asks these futures to be Send")]
pub trait Variables {
    /// None where it is not set, or empty, or not this component's.
    async fn variable(&self, name: &str) -> Option<String>;
}

/// A store of what may be lost: caches, hints, counters.
#[allow(async_fn_in_trait, reason = "as above")]
pub trait KeyValue {
    async fn get(&self, key: &str) -> Option<Vec<u8>>;
    async fn set(&self, key: &str, value: &[u8]);
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SendError {
    /// Nobody has received it: no connection, or not allowed to make one.
    #[error("{0} can't be reached: {1}")]
    Unreachable(String, String),
    /// It may have been received; the answer was lost, or took too long.
    #[error("no whole answer came from {0}: {1}")]
    NoAnswer(String, String),
    /// It was received and answered, with more bytes than are read; so it will be the next time.
    #[error("the answer of {0} is larger than {1} bytes")]
    TooLarge(String, usize),
}

#[allow(async_fn_in_trait, reason = "as above")]
pub trait Outbound {
    /// The id of the request that is answered: calls to other components bear it, and what is logged for it.
    fn request_id(&self) -> &str {
        NO_REQUEST_ID
    }

    /// Sends, and reads the whole answer, of at most `max_bytes`, within `timeout_ms`.
    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeout_ms: u64,
        max_bytes: usize,
    ) -> Result<http::Response<Bytes>, SendError>;

    /// Sends, and learns the answer's status alone: of a body larger than `max_bytes` the rest is left unread.
    async fn status_of(
        &self,
        request: http::Request<Bytes>,
        timeout_ms: u64,
        max_bytes: usize,
    ) -> Result<http::StatusCode, SendError> {
        self.send(request, timeout_ms, max_bytes).await.map(|answer| answer.status())
    }
}

#[allow(async_fn_in_trait, reason = "as above")]
pub trait Background {
    /// Goes on after the answer. Whatever it does must be found again by the clock should it be cut off.
    fn spawn(&self, task: impl Future<Output = ()> + 'static);
    async fn sleep(&self, ms: u64);
}

#[allow(async_fn_in_trait, reason = "as above")]
pub trait Database {
    type Connection: Connection;
    /// The migrated database.
    async fn store(&self) -> Result<Store<Self::Connection>, StoreError>;
}

/// All of them. A component that calls what it was not given gets an error from the platform.
pub trait Platform:
    Clock + Random + Variables + KeyValue + Outbound + Background + Database + Clone + 'static
{
}

impl<T: Clock + Random + Variables + KeyValue + Outbound + Background + Database + Clone + 'static> Platform
    for T
{
}

/// Now, and a seed for the ids of one decision.
pub fn moment(platform: &(impl Clock + Random)) -> Moment {
    Moment { now: platform.now(), seed: platform.random() }
}
