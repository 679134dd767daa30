//! A component that knows its secret, and deliveries that bear it.

use bytes::Bytes;
use penstock_guest::{Body, Request};
use penstock_testkit::database::Database;
use penstock_testkit::github_headers;
use penstock_testkit::platform::{Answered, TestPlatform};
use penstock_webhooks::routes::handle;

const SECRET: &str = "It's a Secret to Everybody";

pub fn receiver() -> TestPlatform {
    let platform = TestPlatform::new(Database::in_memory());
    platform.set_variable("github_webhook_secret", SECRET);
    platform
}

/// A delivery as GitHub sends it.
pub fn signed(event: &str, id: &str, body: &[u8]) -> Request {
    let mut request = http::Request::post("/hooks/github").header("content-length", body.len());
    for (name, value) in github_headers(event, id, SECRET.as_bytes(), body) {
        request = request.header(name, value);
    }
    request.body(Body::Whole(Bytes::copy_from_slice(body))).unwrap()
}

pub fn deliver(platform: &TestPlatform, event: &str, id: &str, body: &[u8]) -> Answered {
    Answered::of(handle(platform.clone(), signed(event, id, body)))
}
