//! GitHub and GitHub Enterprise Server: webhooks in, REST requests out.

pub mod commit;
pub mod contents;
pub mod parse;
mod payload;
pub mod repository;
pub mod response;
pub mod status;
pub mod verify;

pub use parse::parse;
pub use response::classify_response;
pub use status::status_request;
pub use verify::{sign, verify};

/// Headers of a delivery. The body's type must be `application/json`.
pub const EVENT_HEADER: &str = "x-github-event";
pub const DELIVERY_HEADER: &str = "x-github-delivery";
pub const SIGNATURE_HEADER: &str = "x-hub-signature-256";

/// The version of the REST API that these requests are written for.
pub const API_VERSION: &str = "2022-11-28";
