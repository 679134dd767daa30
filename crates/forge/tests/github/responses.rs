//! What each answer of the REST API leads to.

use http::{HeaderMap, HeaderValue, StatusCode};
use penstock_domain::Timestamp;
use penstock_forge::github::commit::{parse_commit, parse_id};
use penstock_forge::github::repository::parse_default_branch;
use penstock_forge::github::{classify_response, contents::is_file};
use penstock_forge::{Outcome, RetryCause};

const NOW_SECONDS: i64 = 1_700_000_000;
const SECONDARY: &str = r#"{"message":"You have exceeded a secondary rate limit. Wait."}"#;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn outcome(status: u16, pairs: &[(&'static str, &str)], body: &str, attempt: u32) -> Outcome {
    let status = StatusCode::from_u16(status).unwrap();
    classify_response(
        status,
        &headers(pairs),
        body.as_bytes(),
        attempt,
        Timestamp::from_millis(NOW_SECONDS * 1000),
    )
}

#[test]
fn an_answer_to_be_tried_again_says_when() {
    use RetryCause::{RateLimit, SecondaryRateLimit, ServerError};
    let in_90 = (NOW_SECONDS + 90).to_string();
    let past = (NOW_SECONDS - 90).to_string();
    let used_up = |reset| [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset)];
    let retry = |after| [("retry-after", after)];
    for (status, pairs, body, attempt, seconds, why) in [
        (500, &[][..], "", 1, 5, ServerError),
        (502, &[], "<html>", 3, 20, ServerError),
        (503, &retry("17"), "", 9, 17, ServerError),
        (504, &[], "", 99, 900, ServerError),
        (408, &[], "", 2, 10, ServerError),
        (403, &used_up(&in_90), "", 1, 91, RateLimit),
        (429, &used_up(&in_90), "", 1, 91, RateLimit),
        (403, &used_up(&past), "", 1, 1, RateLimit),
        (403, &used_up("x"), "", 1, 60, RateLimit),
        (403, &used_up("99999999999"), "", 1, 3_600, RateLimit),
        (403, &used_up("9223372036854775807"), "", 1, 3_600, RateLimit),
        (403, &used_up("-9223372036854775808"), "", 1, 1, RateLimit),
        (403, &[("x-ratelimit-remaining", "0")], "", 1, 60, RateLimit),
        (403, &retry("30"), SECONDARY, 1, 30, SecondaryRateLimit),
        (429, &retry("0"), "", 1, 1, SecondaryRateLimit),
        (429, &retry("999999"), "", 1, 3_600, SecondaryRateLimit),
        (429, &retry("-5"), "", 1, 1, SecondaryRateLimit),
        (429, &retry("soon"), "", 1, 60, SecondaryRateLimit),
        (429, &[], "", 1, 60, SecondaryRateLimit),
        (429, &[], "", 8, 640, SecondaryRateLimit),
        (403, &[("x-ratelimit-remaining", "12")], SECONDARY, 1, 60, SecondaryRateLimit),
    ] {
        let want = Outcome::RetryAfter { seconds, why };
        assert_eq!(outcome(status, pairs, body, attempt), want, "{status} {pairs:?} {body} {attempt}");
    }
}

#[test]
fn an_answer_that_stands_says_what_it_is() {
    for status in [200, 201, 204] {
        assert_eq!(outcome(status, &[("x-ratelimit-remaining", "0")], "", 1), Outcome::Done);
    }
    for status in [404, 410] {
        assert_eq!(outcome(status, &[], r#"{"message":"Not Found"}"#, 1), Outcome::NotFound);
    }
    let moved = Outcome::Moved { location: "https://api.github.com/repositories/1".to_owned() };
    for status in [301, 302, 307, 308] {
        assert_eq!(outcome(status, &[("location", "https://api.github.com/repositories/1")], "", 1), moved);
    }
}

#[test]
fn a_refusal_gives_githubs_reason() {
    let bad = r#"{"message":"Bad credentials","documentation_url":"https://x"}"#;
    let rights = r#"{"message":"Resource not accessible by personal access token"}"#;
    let invalid = r#"{"message":"Validation Failed","errors":[{"field":"description","message":"description is too long"},"No commit found"]}"#;
    for (status, body, want) in [
        (422, invalid, "the forge answered 422: Validation Failed; description is too long; No commit found"),
        (400, "<html>", "the forge answered 400"),
        (304, "", "the forge answered 304"),
        (451, r#"{"message":5}"#, "the forge answered 451"),
        (302, "", "302 Found without a location"),
    ] {
        assert_eq!(outcome(status, &[], body, 1), Outcome::Permanent { why: want.to_owned() });
    }
    let want = "the forge answered 401: Bad credentials".to_owned();
    assert_eq!(outcome(401, &[], bad, 1), Outcome::Unauthorized { why: want });
    let want = "the forge answered 403: Resource not accessible by personal access token".to_owned();
    assert_eq!(outcome(403, &[], rights, 1), Outcome::Forbidden { why: want });

    let endless = format!(r#"{{"message":"{}"}}"#, "x".repeat(60_000));
    let Outcome::Permanent { why } = outcome(422, &[], &endless, 1) else { panic!("422 stands") };
    assert!(why.len() < 400);
}

#[test]
fn a_directory_is_not_taken_for_a_file() {
    for (kind, file) in [
        (Some("application/vnd.github.raw+json; charset=utf-8"), true),
        (Some("application/vnd.github.raw; charset=utf-8"), true),
        (Some("application/octet-stream"), true),
        (None, true),
        (Some("application/json; charset=utf-8"), false),
        (Some("Application/JSON"), false),
    ] {
        let pairs: Vec<_> = kind.map(|kind| ("content-type", kind)).into_iter().collect();
        assert_eq!(is_file(&headers(&pairs)), file, "{kind:?}");
    }
}

#[test]
fn a_limit_is_for_all_requests_and_an_outage_for_one() {
    for (status, pairs, want) in [
        (403, &[("x-ratelimit-remaining", "0")][..], Some(60)),
        (429, &[("retry-after", "7")], Some(7)),
        (503, &[("retry-after", "7")], None),
        (403, &[], None),
        (200, &[("x-ratelimit-remaining", "0")], None),
    ] {
        assert_eq!(outcome(status, pairs, "", 1).limited_seconds(), want, "{status} {pairs:?}");
    }
}

#[test]
fn an_answer_that_is_not_the_commit_is_an_error() {
    let sha = "b".repeat(40);
    let of =
        |sha: &str| format!(r#"[{{"sha":"{sha}","commit":{{"message":"x"}},"author":{{"login":"ada"}}}}]"#);
    let read = parse_commit(of(&sha).as_bytes(), &sha.to_uppercase()).unwrap();
    assert_eq!((read.sha, read.author_login.as_deref()), (sha.clone(), Some("ada")));
    let other = of(&"c".repeat(40));
    for body in ["", "{}", "[]", "[{}]", &of("main"), &other, r#"[{"sha":null,"commit":{"message":"x"}}]"#] {
        assert!(parse_commit(body.as_bytes(), &sha).is_err(), "{body}");
    }
}

#[test]
fn an_answer_that_is_no_id_is_an_error() {
    assert_eq!(parse_id(format!("{}\n", "B".repeat(40)).as_bytes()), Ok("b".repeat(40)));
    for body in [&b""[..], b"main", b"\xff", br#"{"sha":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}"#] {
        assert!(parse_id(body).is_err(), "{body:?}");
    }
}

#[test]
fn a_repository_names_its_default_branch() {
    assert_eq!(parse_default_branch(br#"{"default_branch":"trunk","id":1}"#), Ok("trunk".to_owned()));
    for body in ["", "[]", "{}", r#"{"default_branch":null}"#, r#"{"default_branch":""}"#] {
        assert!(parse_default_branch(body.as_bytes()).is_err(), "{body}");
    }
}
