//! Commits, by whatever name they are asked for.

use serde_json::{Value, json};

use crate::asking::{SHA, answers, ask, asked, commit, forge};

fn of(more: &Value) -> Value {
    let mut asked = json!({ "forge": "github", "repository": "acme/web" });
    for (name, value) in more.as_object().unwrap() {
        asked[name] = value.clone();
    }
    asked
}

fn by_id() -> String {
    format!("GET /repos/acme/web/commits?sha={SHA}&per_page=1")
}

#[test]
fn a_commit_is_told_with_its_message_and_its_author_and_never_with_its_files() {
    let platform = forge();
    answers(&platform, 200, &[], commit("Mend it [skip ci]"));
    let told = ask(&platform, "/internal/commits", &of(&json!({ "commit_sha": SHA })));
    assert_eq!(told["value"]["message"], "Mend it [skip ci]");
    assert_eq!(told["value"]["author_login"], "ada");
    assert_eq!(asked(&platform), [by_id()]);
}

#[test]
fn a_tag_leads_to_a_commit() {
    let platform = forge();
    answers(&platform, 200, &[], SHA);
    answers(&platform, 200, &[], commit("Release it"));
    let told = ask(&platform, "/internal/tags", &of(&json!({ "tag": "v1" })));
    assert_eq!((&told["outcome"], &told["value"]["sha"]), (&json!("found"), &json!(SHA)));
    assert_eq!(asked(&platform), ["GET /repos/acme/web/commits/tags/v1".to_owned(), by_id()]);
}

#[test]
fn a_branch_is_told_by_its_name_and_the_default_one_too() {
    let platform = forge();
    for (branch, expected) in [(json!("release/1"), "release/1"), (json!(null), "trunk")] {
        if branch.is_null() {
            answers(&platform, 200, &[], r#"{"default_branch":"trunk"}"#);
        }
        answers(&platform, 200, &[], SHA);
        answers(&platform, 200, &[], commit("Change it"));
        let told = ask(&platform, "/internal/branches", &of(&json!({ "branch": branch })));
        assert_eq!(told["value"]["branch"], expected);
        assert_eq!(told["value"]["commit"]["sha"], SHA);
        let head = format!("GET /repos/acme/web/commits/heads/{expected}");
        assert!(asked(&platform).ends_with(&[head, by_id()]));
    }
    answers(&platform, 200, &[], r#"{"default_branch":"trunk"}"#);
    answers(&platform, 200, &[], SHA);
    answers(&platform, 200, &[], commit("Change it"));
    let told = ask(&platform, "/internal/branches", &of(&json!({})));
    assert_eq!(told["value"]["branch"], "trunk", "left out is the same as null");
}

#[test]
fn a_name_that_leads_nowhere_is_not_found() {
    let platform = forge();
    let unknown = r#"{"message":"No commit found for SHA: tags/v9"}"#;
    answers(&platform, 422, &[], unknown);
    let told = ask(&platform, "/internal/tags", &of(&json!({ "tag": "v9" })));
    assert_eq!(told, json!({ "outcome": "not_found" }));
    assert_eq!(asked(&platform).len(), 1, "GitHub would not know of commits where it shows no repository");

    answers(&platform, 404, &[], r#"{"message":"Not Found"}"#);
    answers(&platform, 200, &[], "{}");
    let told = ask(&platform, "/internal/commits", &of(&json!({ "commit_sha": SHA })));
    assert_eq!(told, json!({ "outcome": "not_found" }));
}

#[test]
fn an_answer_that_is_something_else_is_no_commit() {
    let platform = forge();
    for (id, list) in [("<html>", None), (SHA, Some("[]")), (SHA, Some("{}"))] {
        answers(&platform, 200, &[], id);
        if let Some(list) = list {
            answers(&platform, 200, &[], list);
        }
        let told = ask(&platform, "/internal/tags", &of(&json!({ "tag": "v1" })));
        assert_eq!(told["outcome"], "failed", "{told}");
    }
}
