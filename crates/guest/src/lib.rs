//! The ports that handlers are generic over, their adapter on spin-sdk, and the HTTP glue.
//!
//! A handler sees a [`Platform`]: natively, in tests, it is something else than on Spin, and the handler can't tell.
//! spin-sdk is compiled for Wasm only.

mod answer_once;
mod auth;
mod body;
mod decide;
mod failure;
mod internal;
mod log;
mod ports;
mod respond;
mod room;
mod router;
mod scheduler;
#[cfg(target_family = "wasm")]
pub mod spin;
mod stream;
mod together;
mod tokens;

pub use answer_once::{Once, answer_once};
pub use auth::{Actor, bearer, require_bearer, require_role, same_secret, token_hash};
pub use body::{Body, BodyError, Request, announced_bytes, read_bytes, read_bytes_at_once, read_json};
pub use decide::{Decided, commit_event};
pub use failure::{Answer, Failure};
pub use internal::{NO_REQUEST_ID, REQUEST_ID, internal_post};
#[cfg(not(target_family = "wasm"))]
pub use log::listen;
pub use log::{Level, log};
pub use ports::{
    Background, Clock, Database, KeyValue, Outbound, Platform, Random, SendError, Variables, moment,
};
pub use respond::{Response, ResponseBody, empty, into_problem, json, success, text};
pub use room::{Room, Share};
pub use router::{Matched, Params, Query, Route, find, more};
pub use scheduler::{ask_scheduler, post_to_scheduler, wake_scheduler};
pub use stream::{Gone, Producer, Sink};
pub use together::{run_together, within};
pub use tokens::{LeaseToken, lease_token, read_lease_token, runner_token};

/// The most bytes of a body that no route asks more for.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Where the other components are reached from within the application.
pub const SCHEDULER: &str = "http://scheduler.spin.internal";
pub const FORGE: &str = "http://forge.spin.internal";
pub const APPROVALS: &str = "http://approvals.spin.internal";
