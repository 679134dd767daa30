//! Small payloads with every member that is read, to be changed by a test.

use serde_json::{Value, json};

pub const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
pub const ZERO: &str = "0000000000000000000000000000000000000000";

pub fn repository() -> Value {
    json!({
        "id": 1,
        "full_name": "Octo/hello",
        "private": true,
        "html_url": "https://github.com/Octo/hello",
        "git_url": "git://github.com/Octo/hello.git",
        "ssh_url": "git@github.com:Octo/hello.git",
        "clone_url": "https://github.com/Octo/hello.git",
        "default_branch": "main",
    })
}

pub fn push() -> Value {
    json!({
        "ref": "refs/heads/feature/x",
        "before": A,
        "after": B,
        "created": false,
        "deleted": false,
        "forced": false,
        "commits": [
            {"id": A, "added": ["src/new.rs"], "removed": ["old.rs"], "modified": []},
            {"id": B, "added": [], "removed": [], "modified": ["src/lib.rs", "src/new.rs"]},
        ],
        "head_commit": {
            "id": B,
            "message": "Mend it\n\nAll of it",
            "timestamp": "2024-05-01T10:00:00+02:00",
            "author": {"name": "Ada", "email": "ada@example.com", "username": "ada"},
        },
        "repository": repository(),
        "pusher": {"name": "ada", "email": "ada@example.com"},
        "sender": {"login": "ada"},
    })
}

pub fn tag_push() -> Value {
    let mut payload = push();
    payload["ref"] = json!("refs/tags/v1");
    payload["before"] = json!(ZERO);
    payload["after"] = json!(A);
    payload["commits"] = json!([]);
    payload
}

pub fn tag_create() -> Value {
    json!({
        "ref": "v1",
        "ref_type": "tag",
        "master_branch": "main",
        "description": null,
        "pusher_type": "user",
        "repository": repository(),
        "sender": {"login": "ada"},
    })
}

pub fn pull_request() -> Value {
    let side = |ref_: &str, sha: &str| json!({"ref": ref_, "sha": sha, "repo": {"id": 1, "full_name": "Octo/hello", "fork": false}});
    json!({
        "action": "opened",
        "number": 7,
        "pull_request": {
            "number": 7,
            "title": "Mend it",
            "body": null,
            "user": {"login": "ada"},
            "draft": false,
            "head": side("feature/x", B),
            "base": side("main", A),
        },
        "repository": repository(),
        "sender": {"login": "bob"},
    })
}

pub fn bytes(payload: &Value) -> Vec<u8> {
    payload.to_string().into_bytes()
}

/// The payload with the member at `pointer` changed, or gone where `value` is None.
pub fn with(mut payload: Value, pointer: &str, value: Option<Value>) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer starts with a slash");
    let members =
        payload.pointer_mut(parent).and_then(Value::as_object_mut).expect("the parent is an object");
    match value {
        Some(value) => members.insert(key.to_owned(), value),
        None => members.remove(key),
    };
    payload
}
