//! Telling commit statuses.

use penstock_domain::Timestamp;
use penstock_guest::Clock;
use penstock_testkit::platform::TestPlatform;
use serde_json::{Value, json};

use crate::asking::{SHA, answers, ask, asked, forge, log};

/// A status that is due now, of a context of its own.
pub fn due(platform: &TestPlatform, number: u8) {
    let id = penstock_domain::id::uuid_v7(platform.now(), [number; 10]);
    let payload = json!({
        "forge": "github", "repository": "acme/web", "commit_sha": SHA, "state": "success",
        "context": format!("penstock/{number}"), "description": "all well",
    });
    let sql = "INSERT INTO outbox (id, kind, topic, payload, due_at, created_at)
      VALUES (?1, 'forge_status', ?1, ?2, ?3, ?3)";
    let row = [id.to_string(), payload.to_string(), platform.now().to_string()];
    platform.database.raw().execute(sql, row).unwrap();
}

pub fn send_due(platform: &TestPlatform) -> Value {
    ask(platform, "/internal/statuses", &Value::Null)
}

/// Outcome and due time of every status, in the order of their making.
pub fn rows(platform: &TestPlatform) -> Vec<(Option<String>, Timestamp)> {
    let mut statement =
        platform.database.raw().prepare("SELECT outcome, due_at FROM outbox ORDER BY seq").unwrap();
    let row = |outcome, due_at: String| (outcome, due_at.parse().unwrap());
    let rows = statement.query_map([], |r| Ok(row(r.get(0)?, r.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn what_is_due_is_told() {
    let platform = forge();
    for number in 1..=3 {
        due(&platform, number);
        answers(&platform, 201, &[], "{}");
    }
    assert_eq!(send_due(&platform)["sent"], 3);
    assert_eq!(asked(&platform), vec![format!("POST /repos/acme/web/statuses/{SHA}"); 3]);
    assert!(rows(&platform).iter().all(|(outcome, _)| outcome.as_deref() == Some("told")));
}

#[test]
fn a_token_that_may_not_is_waited_for_a_day_and_the_log_names_what_it_lacks() {
    for (status, body) in [
        (401, r#"{"message":"Bad credentials"}"#),
        (403, r#"{"message":"Resource not accessible by personal access token"}"#),
        (404, r#"{"message":"Not Found"}"#),
    ] {
        let (platform, lines) = (forge(), log());
        due(&platform, 1);
        answers(&platform, status, &[], body);
        send_due(&platform);
        assert_eq!(rows(&platform), [(None, platform.now().plus_ms(300_000))], "{status}");
        let [line] = lines.take().try_into().unwrap();
        for said in ["acme/web", "`statuses:write`", "`repo:status`", "github_token"] {
            assert!(line.contains(said), "{status}: {line}");
        }

        platform.pass(300_000);
        answers(&platform, 201, &[], "{}");
        send_due(&platform);
        assert_eq!(rows(&platform)[0].0.as_deref(), Some("told"), "{status}: with another token");
    }
}

#[test]
fn a_status_that_nobody_could_tell_for_a_day_is_wanted_by_nobody() {
    let platform = forge();
    due(&platform, 1);
    platform.pass(24 * 3_600_000);
    answers(&platform, 403, &[], "{}");
    send_due(&platform);
    let (outcome, _) = rows(&platform).remove(0);
    assert!(outcome.unwrap().starts_with("failed: the forge answered 403"));
}

#[test]
fn what_the_forge_can_never_take_is_not_told_again() {
    let platform = forge();
    due(&platform, 1);
    answers(&platform, 422, &[], r#"{"message":"No commit found for SHA"}"#);
    send_due(&platform);
    assert!(rows(&platform)[0].0.as_deref().unwrap().starts_with("failed: the forge answered 422"));
}
