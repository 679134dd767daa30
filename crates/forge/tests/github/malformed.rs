//! Payloads that are the sender's fault, and what it is told.

use penstock_forge::ParseError;
use penstock_forge::github::parse;
use penstock_forge::parsed::{MAX_BODY_BYTES, MAX_NAME_BYTES};
use serde_json::json;

use crate::payloads::{bytes, pull_request, push, tag_create, with};

#[test]
fn a_payload_without_what_is_needed_says_what_is_missing() {
    let table = [
        ("push", push(), "/ref"),
        ("push", push(), "/after"),
        ("push", push(), "/before"),
        ("push", push(), "/repository"),
        ("push", push(), "/repository/full_name"),
        ("push", push(), "/head_commit/id"),
        ("pull_request", pull_request(), "/action"),
        ("pull_request", pull_request(), "/number"),
        ("pull_request", pull_request(), "/pull_request"),
        ("pull_request", pull_request(), "/pull_request/head"),
        ("pull_request", pull_request(), "/pull_request/head/sha"),
        ("pull_request", pull_request(), "/pull_request/base/ref"),
        ("create", tag_create(), "/ref"),
        ("create", tag_create(), "/ref_type"),
        ("create", tag_create(), "/repository"),
    ];
    for (name, payload, pointer) in table {
        let error = parse(name, &bytes(&with(payload, pointer, None))).unwrap_err();
        let member = pointer[1..].replace('/', ".");
        assert_eq!(error, ParseError::Malformed(format!("`{member}` is missing")));
    }
}

#[test]
fn a_member_of_the_wrong_kind_is_the_senders_fault() {
    let long = "x".repeat(1_000_000);
    for (name, payload, pointer, value) in [
        ("push", push(), "/ref", json!(5)),
        ("push", push(), "/ref", json!("refs/heads/a\nb")),
        ("push", push(), "/ref", json!(format!("refs/heads/{}", "x".repeat(MAX_NAME_BYTES)))),
        ("push", push(), "/after", json!("main")),
        ("push", push(), "/after", json!("g".repeat(40))),
        ("push", push(), "/after", json!("a".repeat(41))),
        ("push", push(), "/commits", json!(long.clone())),
        ("push", push(), "/repository", json!("Octo/hello")),
        ("push", push(), "/repository/full_name", json!("hello")),
        ("push", push(), "/repository/full_name", json!("Octo/..")),
        ("push", push(), "/repository/full_name", json!("Octo/hello/x")),
        ("push", push(), "/head_commit/id", json!("")),
        ("pull_request", pull_request(), "/number", json!(-1)),
        ("pull_request", pull_request(), "/number", json!(1.5)),
        ("pull_request", pull_request(), "/pull_request/head/ref", json!("")),
        ("pull_request", pull_request(), "/action", json!({})),
        ("create", tag_create(), "/ref", json!(["v1"])),
    ] {
        let error = parse(name, &bytes(&with(payload, pointer, Some(value.clone())))).unwrap_err();
        assert!(matches!(error, ParseError::Malformed(_)), "{pointer}: {error}");
        assert!(error.to_string().len() < 500, "an error never quotes a whole payload");
    }
    for body in ["[]", "null", "5", "\"push\"", r#"["refs/heads/main"]"#] {
        assert!(matches!(parse("push", body.as_bytes()), Err(ParseError::Malformed(_))), "{body}");
    }
    let nowhere = ["clone_url", "ssh_url", "html_url", "git_url"]
        .iter()
        .fold(push(), |payload, url| with(payload, &format!("/repository/{url}"), None));
    assert!(matches!(parse("push", &bytes(&nowhere)), Err(ParseError::Malformed(_))));
}

#[test]
fn what_is_not_json_is_an_error_for_every_event() {
    let whole = bytes(&push());
    let form = b"payload=%7B%22ref%22%3A%22x%22%7D";
    for name in ["push", "pull_request", "create", "ping", "delete", "star"] {
        for body in [
            &b""[..],
            b" ",
            b"{",
            b"{\"a\":}",
            b"{} {}",
            form,
            b"\xff\xfe",
            b"\"\xff\"",
            &whole[..whole.len() - 1],
        ] {
            let error = parse(name, body).unwrap_err();
            assert_eq!(error.code(), "invalid_json", "{name} {error}");
        }
    }
}

#[test]
fn depth_and_size_are_bounded() {
    for name in ["push", "pull_request", "create", "star"] {
        let deep = "[".repeat(1_000_000);
        assert!(parse(name, deep.as_bytes()).is_err());
        let inside = format!("{{\"x\":{}1{}}}", "[".repeat(500_000), "]".repeat(500_000));
        let _ = parse(name, inside.as_bytes());
        let too_long = vec![b' '; MAX_BODY_BYTES + 1];
        assert_eq!(parse(name, &too_long), Err(ParseError::TooLarge { bytes: MAX_BODY_BYTES + 1 }));
    }
}
