//! The component, what it is asked, and what GitHub answers it.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use penstock_forge_component::routes::handle;
use penstock_testkit::database::Database;
use penstock_testkit::platform::{Answered, TestPlatform, request};
use serde_json::{Value, json};

pub const SHA: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const TOKEN: &str = "ghp_t0ken";

pub fn forge() -> TestPlatform {
    let platform = TestPlatform::new(Database::in_memory());
    platform.set_variable("github_api_url", "https://api.github.example");
    platform.set_variable("github_token", TOKEN);
    platform.set_variable("public_url", "https://penstock.example");
    platform
}

/// What the component answers to another one.
pub fn ask(platform: &TestPlatform, path: &str, body: &Value) -> Value {
    Answered::of(handle(platform.clone(), request("POST", path, None, body))).expect(200)
}

/// Has GitHub answer the next request.
pub fn answers(platform: &TestPlatform, status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) {
    let mut answer = http::Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    platform.answer_next_with(answer.body(body.into()).unwrap());
}

/// The paths that GitHub was asked for since the last time, with the token each.
pub fn asked(platform: &TestPlatform) -> Vec<String> {
    let sent = platform.sent();
    let path = |sent: &penstock_testkit::platform::Sent| {
        assert_eq!(sent.headers["authorization"], format!("Bearer {TOKEN}"));
        format!("{} {}", sent.method, sent.uri.strip_prefix("https://api.github.example").unwrap())
    };
    sent.iter().map(path).collect()
}

/// What is logged from now on, on this thread.
pub fn log() -> Rc<RefCell<Vec<String>>> {
    let lines = Rc::<RefCell<Vec<String>>>::default();
    let kept = lines.clone();
    penstock_guest::listen(move |_, line| {
        assert!(!line.contains(TOKEN), "{line}");
        kept.borrow_mut().push(line.to_owned());
    });
    lines
}

pub fn file(path: &str) -> Value {
    json!({ "forge": "github", "repository": "acme/web", "path": path, "commit_sha": SHA })
}

/// A list of one commit, as GitHub answers it.
pub fn commit(message: &str) -> String {
    let author = json!({ "name": "Ada", "date": "2023-11-14T22:00:00Z" });
    let commit = json!({ "message": message, "author": author });
    json!([{ "sha": SHA, "commit": commit, "author": { "login": "ada" } }]).to_string()
}
