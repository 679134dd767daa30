//! Reading pipeline files.

use penstock_guest::SendError;
use penstock_testkit::platform::TestPlatform;
use serde_json::{Value, json};

use crate::asking::{SHA, answers, ask, asked, file, forge, log};

const RAW: (&str, &str) = ("content-type", "application/vnd.github.raw+json; charset=utf-8");
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

fn read(platform: &TestPlatform) -> Value {
    ask(platform, "/internal/files", &file(".penstock.yml"))
}

fn contents() -> String {
    format!("GET /repos/acme/web/contents/.penstock.yml?ref={SHA}")
}

#[test]
fn a_file_is_read_at_its_commit() {
    let platform = forge();
    answers(&platform, 200, &[RAW], "name: web\n");
    assert_eq!(read(&platform), json!({ "outcome": "found", "value": "name: web\n" }));
    assert_eq!(asked(&platform), [contents()]);
}

#[test]
fn what_can_never_be_a_pipeline_file_is_no_outage() {
    let platform = forge();
    let large = vec![b'#'; 1024 * 1024 + 1];
    let folder = r#"[{"type":"file","name":"web.yml"}]"#.as_bytes().to_vec();
    for (headers, body, said) in [
        (RAW, large, "1024 KiB"),
        (JSON, folder, "`.penstock.yml` is a directory"),
        (RAW, vec![0xff], "not UTF-8"),
    ] {
        answers(&platform, 200, &[headers], body);
        let told = read(&platform);
        assert_eq!(told["outcome"], "failed", "{told}");
        assert!(told["why"].as_str().unwrap().contains(said), "{told}");
    }
}

#[test]
fn a_file_is_missing_only_where_the_repository_is_seen() {
    let platform = forge();
    answers(&platform, 404, &[], r#"{"message":"Not Found"}"#);
    answers(&platform, 200, &[JSON], r#"{"default_branch":"main"}"#);
    assert_eq!(read(&platform), json!({ "outcome": "not_found" }));
    assert_eq!(asked(&platform), [contents(), "GET /repos/acme/web".to_owned()]);
}

#[test]
fn a_repository_that_is_not_shown_is_waited_for_and_the_log_says_what_to_do() {
    let (platform, lines) = (forge(), log());
    for _ in 0..2 {
        answers(&platform, 404, &[], r#"{"message":"Not Found"}"#);
    }
    let told = read(&platform);
    assert_eq!((&told["outcome"], &told["seconds"]), (&json!("later"), &json!(60)));
    let [line] = lines.take().try_into().unwrap();
    assert!(line.contains("acme/web") && line.contains("github_token"), "{line}");
    assert!(line.contains("`contents:read`") && line.contains("`repo`"), "{line}");
    assert_eq!(told["why"], line);
}

#[test]
fn a_token_that_is_refused_is_waited_for_and_one_without_the_right_is_an_error() {
    let (platform, lines) = (forge(), log());
    answers(&platform, 401, &[], r#"{"message":"Bad credentials"}"#);
    assert_eq!(read(&platform)["outcome"], "later");
    assert!(lines.take()[0].contains("Bad credentials"));
    answers(&platform, 403, &[], r#"{"message":"Resource not accessible by personal access token"}"#);
    let told = read(&platform);
    assert_eq!(told["outcome"], "failed");
    assert!(told["why"].as_str().unwrap().contains("`contents:read`"), "{told}");
}

#[test]
fn a_forge_that_is_away_for_long_is_given_more_time_with_each_attempt() {
    let platform = forge();
    for (attempt, seconds) in [(None, 5), (Some(1), 5), (Some(4), 40), (Some(9), 900), (Some(99), 900)] {
        platform.fail_next(SendError::NoAnswer("api.github.example".to_owned(), "nothing came".to_owned()));
        let mut asked = file(".penstock.yml");
        if let Some(attempt) = attempt {
            asked["attempt"] = json!(attempt);
        }
        let told = ask(&platform, "/internal/files", &asked);
        assert_eq!((&told["outcome"], &told["seconds"]), (&json!("later"), &json!(seconds)), "{attempt:?}");
    }
}

#[test]
fn a_forge_that_is_not_served_is_told_by_name() {
    let platform = forge();
    let mut asked_for = file(".penstock.yml");
    asked_for["forge"] = json!("gitea");
    let told = ask(&platform, "/internal/files", &asked_for);
    assert_eq!(told, json!({ "outcome": "failed", "why": "gitea is not supported yet" }));
    assert!(asked(&platform).is_empty());
}
