//! Which event a payload becomes, and why others start nothing.

use expect_test::expect;
use penstock_domain::TriggerEvent;
use penstock_forge::github::{commit::parse_commit, parse};
use penstock_forge::parsed::{MAX_MESSAGE_BYTES, MAX_NAME_BYTES, MAX_TEXT_BYTES};
use penstock_forge::{EventKind, ForgeEvent, IgnoreReason, Parsed, PullRequest, Push, Tag};
use serde_json::{Value, json};

use crate::payloads::{A, B, ZERO, bytes, pull_request, push, tag_create, tag_push, with};

fn event(name: &str, payload: &Value) -> ForgeEvent {
    match parse(name, &bytes(payload)) {
        Ok(Parsed::Event(event)) => event,
        other => panic!("{other:?}"),
    }
}

fn ignored(name: &str, payload: &Value) -> &'static str {
    match parse(name, &bytes(payload)) {
        Ok(Parsed::Ignored(reason)) => reason.as_str(),
        other => panic!("{other:?}"),
    }
}

fn pushed(payload: &Value) -> Push {
    match event("push", payload).kind {
        EventKind::Push(push) => push,
        other => panic!("{other:?}"),
    }
}

fn opened(payload: &Value) -> PullRequest {
    match event("pull_request", payload).kind {
        EventKind::PullRequest(pr) => pr,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_push_says_who_changed_what_where() {
    let event = event("push", &push());
    expect![[r#"
        {
          "repository": {
            "full_name": "Octo/hello",
            "owner": "Octo",
            "name": "hello",
            "clone_urls": [
              "https://github.com/Octo/hello.git",
              "git@github.com:Octo/hello.git",
              "https://github.com/Octo/hello",
              "git://github.com/Octo/hello.git"
            ],
            "default_branch": "main",
            "private": true
          },
          "kind": {
            "type": "push",
            "branch": "feature/x",
            "before": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "after": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
            "forced": false,
            "changed_paths": [
              "old.rs",
              "src/lib.rs",
              "src/new.rs"
            ],
            "head_commit": {
              "sha": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
              "message": "Mend it\n\nAll of it",
              "author_name": "Ada",
              "author_login": "ada",
              "committed_at": "2024-05-01T08:00:00.000Z"
            },
            "pusher": "ada"
          },
          "actor": "ada"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&event).unwrap());
    assert_eq!(event.trigger(), TriggerEvent::Push);
    assert_eq!((event.commit_sha(), event.ref_name()), (Some(B), "feature/x"));
    assert_eq!(event.repository.keys().into_iter().collect::<Vec<_>>(), ["github.com/octo/hello"]);
}

#[test]
fn a_pull_request_says_what_would_be_merged_where() {
    let event = event("pull_request", &pull_request());
    expect![[r#"
        {
          "type": "pull_request",
          "number": 7,
          "action": "opened",
          "title": "Mend it",
          "author": "ada",
          "draft": false,
          "from_fork": false,
          "head_sha": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
          "head_branch": "feature/x",
          "head_repository": "Octo/hello",
          "base_sha": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "base_branch": "main"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&event.kind).unwrap());
    assert_eq!((event.actor.as_deref(), event.trigger()), (Some("bob"), TriggerEvent::PullRequest));
    assert_eq!((event.commit_sha(), event.ref_name()), (Some(B), "feature/x"));
}

#[test]
fn a_pushed_tag_is_a_tag_of_the_commit_and_not_of_the_tag_object() {
    let event = event("push", &tag_push());
    assert_eq!(event.trigger(), TriggerEvent::Tag);
    assert_eq!((event.commit_sha(), event.ref_name()), (Some(B), "v1"));
}

#[test]
fn one_tag_reported_by_two_events_has_one_key_once_its_commit_is_known() {
    let by_push = event("push", &tag_push());
    let by_create = event("create", &tag_create());
    assert!(matches!(&by_create.kind, EventKind::Tag(Tag { name, commit: None }) if name == "v1"));
    assert_eq!((by_create.dedup_key(), by_create.commit_sha()), (None, None));

    let answer = json!([{
        "sha": B,
        "commit": {"message": "Mend it", "author": {"name": "Ada", "date": "2024-05-01T08:00:00Z"}},
        "author": null,
    }]);
    let commit = parse_commit(&bytes(&answer), B).unwrap();
    let Parsed::Event(by_create) = by_create.with_tag_commit(commit) else {
        panic!("the tag's commit asks for a run")
    };
    assert_eq!(by_create.dedup_key(), Some(format!("tag:octo/hello:{B}:v1")));
    assert_eq!(by_create.dedup_key(), by_push.dedup_key());
}

#[test]
fn a_created_tag_whose_commit_skips_ci_starts_nothing_either() {
    let answer = json!([{"sha": B, "commit": {"message": "Docs [skip ci]"}}]);
    let commit = parse_commit(&bytes(&answer), B).unwrap();
    let parsed = event("create", &tag_create()).with_tag_commit(commit);
    assert_eq!(parsed, Parsed::Ignored(IgnoreReason::SkipCi));
}

#[test]
fn keys_differ_where_the_happenings_do() {
    let other = |pointer, value| event("push", &with(push(), pointer, Some(value))).dedup_key();
    let key = event("push", &push()).dedup_key();
    assert_eq!(key, Some(format!("push:octo/hello:{A}:{B}:feature/x")));
    assert_eq!(key, other("/repository/full_name", json!("octo/Hello")));
    for (pointer, value) in [
        ("/ref", json!("refs/heads/feature/X")),
        ("/before", json!(ZERO)),
        ("/after", json!("c".repeat(40))),
        ("/ref", json!("refs/tags/feature/x")),
        ("/repository/full_name", json!("octo/other")),
    ] {
        assert_ne!(key, other(pointer, value.clone()), "{pointer} {value}");
    }
    let key = event("pull_request", &pull_request()).dedup_key();
    assert_eq!(key, Some(format!("pull_request:octo/hello:7:opened:{B}")));
    for (pointer, value) in
        [("/action", json!("reopened")), ("/number", json!(8)), ("/pull_request/head/sha", json!(A))]
    {
        let other = event("pull_request", &with(pull_request(), pointer, Some(value)));
        assert_ne!(key, other.dedup_key(), "{pointer}");
    }
}

#[test]
fn what_starts_nothing_says_why() {
    let after_zero = with(push(), "/after", Some(json!(ZERO)));
    let deleted =
        with(with(after_zero.clone(), "/deleted", Some(json!(true))), "/head_commit", Some(json!(null)));
    let said = |message: &str| with(push(), "/head_commit/message", Some(json!(message)));
    let buried = format!("{}[ci skip]", "x".repeat(2 * MAX_MESSAGE_BYTES));
    let action = |action: &str| with(pull_request(), "/action", Some(json!(action)));
    let table = [
        ("ping", json!({"zen": "x"}), "ping"),
        ("push", deleted.clone(), "ref_deleted"),
        ("push", with(deleted, "/ref", Some(json!("refs/tags/v1"))), "ref_deleted"),
        ("push", after_zero, "ref_deleted"),
        ("push", said("Docs [skip ci]"), "skip_ci"),
        ("push", said(&buried), "skip_ci"),
        ("push", with(said("[ci skip]"), "/ref", Some(json!("refs/tags/v1"))), "skip_ci"),
        ("push", with(push(), "/ref", Some(json!("refs/notes/commits"))), "ref_not_used"),
        ("push", with(push(), "/ref", Some(json!("refs/heads/"))), "ref_not_used"),
        ("push", with(push(), "/ref", Some(json!("main"))), "ref_not_used"),
        ("create", with(tag_create(), "/ref_type", Some(json!("branch"))), "branch_arrives_as_push"),
        ("create", with(tag_create(), "/ref_type", Some(json!("repository"))), "branch_arrives_as_push"),
        ("delete", json!({"ref": "v1", "ref_type": "tag"}), "ref_deleted"),
        ("pull_request", action("closed"), "action_not_used"),
        ("pull_request", action("edited"), "action_not_used"),
        ("pull_request", action("labeled"), "action_not_used"),
        ("pull_request", json!({"action": "something_new"}), "action_not_used"),
        ("merge_group", json!({"action": "checks_requested"}), "event_not_used"),
        ("star", json!([]), "event_not_used"),
        ("star", json!("odd"), "event_not_used"),
        ("star", json!(null), "event_not_used"),
        ("PUSH", push(), "event_not_used"),
        ("", push(), "event_not_used"),
    ];
    for (name, payload, reason) in table {
        assert_eq!(ignored(name, &payload), reason, "{name} {payload}");
    }
}

#[test]
fn every_action_that_changes_what_is_tested_starts_work() {
    for action in ["opened", "synchronize", "reopened", "ready_for_review"] {
        let pr = opened(&with(pull_request(), "/action", Some(json!(action))));
        assert_eq!(pr.action.as_str(), action);
    }
    assert!(opened(&with(pull_request(), "/pull_request/draft", Some(json!(true)))).draft);
}

#[test]
fn a_head_that_is_not_known_to_be_ours_is_a_fork() {
    let head = |value| opened(&with(pull_request(), "/pull_request/head/repo", Some(value))).from_fork;
    assert!(head(json!({"id": 2, "full_name": "mallory/hello"})));
    assert!(head(json!({"id": 2, "full_name": "Octo/hello"})));
    assert!(head(json!({"full_name": "mallory/hello"})));
    assert!(head(json!({})));
    assert!(head(json!(null)));
    assert!(!head(json!({"id": 1, "full_name": "Octo/renamed"})));
    assert!(!head(json!({"full_name": "octo/Hello"})));
    assert!(
        !opened(&with(
            with(pull_request(), "/pull_request/base/repo", None),
            "/pull_request/head/repo",
            Some(json!({"id": 1, "full_name": "Octo/hello"}))
        ))
        .from_fork
    );
}

#[test]
fn a_list_of_paths_that_may_be_cut_is_none() {
    let added =
        |id: &str, files: Vec<String>| json!({"id": id, "added": files, "removed": [], "modified": []});
    let commits = |n: usize| {
        let commits = (1..=n).map(|i| added(if i == n { B } else { A }, vec![format!("f{i}")]));
        json!(commits.collect::<Vec<_>>())
    };
    let files = |n: usize| json!([added(B, (0..n).map(|i| format!("f{i}")).collect())]);
    let known = |payload: &Value| pushed(payload).changed_paths.map(|paths| paths.len());
    let list = |commits| known(&with(push(), "/commits", Some(commits)));

    assert_eq!(list(commits(19)), Some(19));
    assert_eq!(list(commits(20)), None, "some servers send 20 at most");
    assert_eq!(list(files(2_999)), Some(2_999));
    assert_eq!(list(files(3_000)), None);
    assert_eq!(list(json!([])), None);
    assert_eq!(list(json!(null)), None);
    assert_eq!(list(json!([added(A, vec![])])), None, "without the head");
    assert_eq!(list(json!([{"id": B}])), None, "without lists");
    assert_eq!(list(json!([added(B, vec!["x".repeat(MAX_NAME_BYTES + 1)])])), None);
    assert_eq!(known(&with(push(), "/forced", Some(json!(true)))), None);
}

#[test]
fn a_new_branch_has_no_commit_before() {
    let push = pushed(&with(push(), "/before", Some(json!(ZERO))));
    assert_eq!((push.before, push.after.as_str()), (None, B));
    assert_eq!(push.changed_paths.map(|p| p.len()), Some(3));
}

#[test]
fn ids_of_sha_256_repositories_are_ids() {
    let long = "C".repeat(64);
    let payload = with(with(push(), "/after", Some(json!(long))), "/before", Some(json!("0".repeat(64))));
    let push = pushed(&payload);
    assert_eq!((push.after, push.before), (long.to_lowercase(), None));
}

#[test]
fn long_texts_are_cut_between_characters() {
    let push = pushed(&with(push(), "/head_commit/message", Some(json!("é😀".repeat(2_000)))));
    let message = push.head_commit.unwrap().message;
    assert!(message.len() <= MAX_MESSAGE_BYTES && message.len() > MAX_MESSAGE_BYTES - 4);
    let pr = opened(&with(pull_request(), "/pull_request/title", Some(json!("😀".repeat(1_000)))));
    assert_eq!(pr.title.len(), MAX_TEXT_BYTES);
}

#[test]
fn what_github_may_leave_out_is_no_error() {
    for (name, payload, pointers) in [
        (
            "push",
            push(),
            &[
                "/commits",
                "/head_commit",
                "/pusher",
                "/sender",
                "/forced",
                "/deleted",
                "/head_commit/author",
                "/head_commit/timestamp",
                "/head_commit/message",
                "/repository/private",
                "/repository/default_branch",
                "/repository/clone_url",
            ][..],
        ),
        (
            "pull_request",
            pull_request(),
            &[
                "/pull_request/user",
                "/pull_request/draft",
                "/pull_request/head/repo",
                "/sender",
                "/pull_request/title",
            ],
        ),
        ("create", tag_create(), &["/sender", "/repository/ssh_url"]),
    ] {
        for pointer in pointers {
            event(name, &with(payload.clone(), pointer, None));
            event(name, &with(payload.clone(), pointer, Some(Value::Null)));
        }
    }
    let anonymous = with(with(push(), "/sender", None), "/pusher", Some(json!({"name": "ada"})));
    assert_eq!(event("push", &anonymous).actor.as_deref(), Some("ada"));
    assert!(event("push", &with(push(), "/repository/private", None)).repository.private);
}
