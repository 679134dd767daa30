//! Requests to the application's other components.

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;

use crate::ports::Outbound;

/// By which a request is found in the logs of all the components that it went through.
pub const REQUEST_ID: &str = "x-request-id";
/// Stands in for the id where there is none.
pub const NO_REQUEST_ID: &str = "-";

/// A POST of JSON, which bears the id of the request that it is sent for.
///
/// # Errors
/// Where the URL is none.
pub fn internal_post(platform: &impl Outbound, url: &str, body: Bytes) -> http::Result<Request<Bytes>> {
    let mut request = Request::post(url).header(CONTENT_TYPE, "application/json");
    if platform.request_id() != NO_REQUEST_ID {
        request = request.header(REQUEST_ID, platform.request_id());
    }
    request.body(body)
}
