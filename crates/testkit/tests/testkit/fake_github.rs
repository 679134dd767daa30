//! What the fake keeps, refuses and loses.

use std::io::Read;
use std::time::Duration;

use http::StatusCode;
use penstock_forge::github::{commit, contents::contents_request, status_request};
use penstock_forge::{CommitState, CommitStatus, RequestSpec};
use penstock_testkit::{FakeGitHub, GitRepository, fake_github::DropAt};
use serde_json::{Value, json};

use crate::client::{get, send};

const SHA: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const AGENT: (&str, &str) = ("user-agent", "test");
const SOON: Duration = Duration::from_secs(20);

fn start() -> FakeGitHub {
    let fake = FakeGitHub::start("127.0.0.1:0").unwrap();
    fake.add_commit("Octo/hello", "main", SHA, &[("ci/a b.yml", b"name: web\n"), ("README", b"\xff\x00")]);
    fake
}

fn status(fake: &FakeGitHub, state: CommitState, context: &str) -> RequestSpec {
    let status = CommitStatus::new(state, context, "said", Some("http://127.0.0.1:3000/e/1"));
    status_request(&fake.url(), "octo/Hello", SHA, &status).unwrap()
}

/// A status that `CommitStatus` would not let through.
fn raw_status(fake: &FakeGitHub, body: &Value) -> RequestSpec {
    RequestSpec { body: body.to_string().into_bytes(), ..status(fake, CommitState::Pending, "x") }
}

#[test]
fn statuses_are_kept_in_order_and_read_back_newest_first() {
    let fake = start();
    for (state, context) in [
        (CommitState::Pending, "a"),
        (CommitState::Success, "A"),
        (CommitState::Pending, "b"),
        (CommitState::Error, "b"),
    ] {
        let reply = send(&status(&fake, state, context), None).unwrap();
        assert_eq!(reply.status, StatusCode::CREATED);
        assert_eq!(reply.json()["state"], state.as_str());
    }
    let kept: Vec<_> =
        fake.statuses("octo/hello", SHA).into_iter().map(|s| (s.id, s.state, s.context)).collect();
    let kept: Vec<_> =
        kept.iter().map(|(id, state, context)| (*id, state.as_str(), context.as_str())).collect();
    assert_eq!(kept, [(1, "pending", "a"), (2, "success", "A"), (3, "pending", "b"), (4, "error", "b")]);

    let base = format!("{}/repos/Octo/hello/commits", fake.url());
    let list = get(&format!("{base}/heads/main/statuses?per_page=3"), &[AGENT]).json();
    let ids: Vec<_> = list.as_array().unwrap().iter().map(|status| status["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [4, 3, 2]);
    let second = get(&format!("{base}/{SHA}/statuses?per_page=3&page=2"), &[AGENT]).json();
    assert_eq!(second.as_array().unwrap().len(), 1);

    let combined = get(&format!("{base}/{SHA}/status"), &[AGENT]).json();
    assert_eq!((&combined["state"], &combined["total_count"]), (&json!("failure"), &json!(2)));
}

#[test]
fn a_commit_is_pending_until_every_context_succeeded() {
    let fake = start();
    let combined = || get(&format!("{}/repos/octo/hello/commits/main/status", fake.url()), &[AGENT]).json();
    assert_eq!(combined()["state"], "pending");
    send(&status(&fake, CommitState::Success, "a"), None).unwrap();
    assert_eq!(combined()["state"], "success");
    send(&status(&fake, CommitState::Pending, "b"), None).unwrap();
    assert_eq!(combined()["state"], "pending");
}

#[test]
fn what_github_would_refuse_is_refused_and_not_kept() {
    let fake = start();
    for body in [
        json!({}),
        json!({"state": "passed"}),
        json!({"state": 1}),
        json!({"state": "success", "description": "x".repeat(141)}),
        json!({"state": "success", "context": "x".repeat(256)}),
        json!({"state": "success", "target_url": "javascript:alert(1)"}),
        json!({"state": "success", "description": 5}),
    ] {
        let reply = send(&raw_status(&fake, &body), None).unwrap();
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(reply.json()["message"], "Validation Failed");
    }
    assert_eq!(send(&raw_status(&fake, &json!([])), None).unwrap().status, StatusCode::BAD_REQUEST);
    let mut broken = raw_status(&fake, &json!({}));
    broken.body.pop();
    assert_eq!(send(&broken, None).unwrap().status, StatusCode::BAD_REQUEST);

    for sha in ["b".repeat(40), "main".to_owned(), SHA[1..].to_owned()] {
        let mut unknown = status(&fake, CommitState::Success, "x");
        unknown.url = unknown.url.replace(SHA, &sha);
        let reply = send(&unknown, None).unwrap();
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(reply.json()["message"], format!("No commit found for SHA: {sha}"));
    }
    assert_eq!(fake.statuses("octo/hello", SHA), []);

    let edge = json!({"state": "success", "description": "é".repeat(140), "context": "x".repeat(255)});
    assert_eq!(send(&raw_status(&fake, &edge), None).unwrap().status, StatusCode::CREATED);
}

#[test]
fn a_call_without_a_user_agent_or_with_a_wrong_token_is_not_looked_at() {
    let fake = start();
    let url = format!("{}/repos/octo/hello", fake.url());
    assert_eq!(get(&url, &[]).status, StatusCode::FORBIDDEN);
    assert_eq!(get(&url, &[AGENT]).status, StatusCode::OK);
    fake.require_token("s3cret");
    let request = status(&fake, CommitState::Success, "x");
    for (token, want) in [
        (None, StatusCode::UNAUTHORIZED),
        (Some("wrong"), StatusCode::UNAUTHORIZED),
        (Some("s3cret"), StatusCode::CREATED),
    ] {
        assert_eq!(send(&request, token).unwrap().status, want);
    }
    assert_eq!(get(&url, &[AGENT, ("authorization", "token s3cret")]).status, StatusCode::OK);
    let old = [AGENT, ("authorization", "token s3cret"), ("x-github-api-version", "1999-01-01")];
    assert_eq!(get(&url, &old).status, StatusCode::BAD_REQUEST);
    let recorded = format!("{:?}", fake.requests());
    assert!(recorded.contains("[redacted]") && !recorded.contains("s3cret"));
}

#[test]
fn files_are_given_raw_and_as_json_at_the_commit_that_was_asked_for() {
    let fake = start();
    let request = contents_request(&fake.url(), "Octo/hello", "ci/a b.yml", SHA).unwrap();
    let raw = send(&request, None).unwrap();
    assert_eq!((raw.status, raw.body.as_slice()), (StatusCode::OK, &b"name: web\n"[..]));
    assert!(penstock_forge::github::contents::is_file(&raw.headers));

    let base = format!("{}/api/v3/repos/octo/hello/contents", fake.url());
    let file = get(&format!("{base}/README"), &[AGENT]).json();
    assert_eq!((&file["encoding"], &file["content"]), (&json!("base64"), &json!("/wA=\n")));
    let folder = get(&format!("{base}/ci"), &[AGENT, ("accept", "application/vnd.github.raw+json")]);
    assert!(!penstock_forge::github::contents::is_file(&folder.headers));
    assert_eq!(folder.json()[0]["path"], "ci/a b.yml");
    let root = get(&format!("{base}/"), &[AGENT]).json();
    assert_eq!((&root[0]["type"], &root[1]["type"]), (&json!("file"), &json!("dir")));

    let missing = contents_request(&fake.url(), "Octo/hello", "ci/a", SHA).unwrap();
    let elsewhere = contents_request(&fake.url(), "Octo/other", "README", SHA).unwrap();
    let never = contents_request(&fake.url(), "Octo/hello", "README", &"c".repeat(40)).unwrap();
    for request in [missing, elsewhere, never] {
        assert_eq!(send(&request, None).unwrap().status, StatusCode::NOT_FOUND, "{}", request.url);
    }
}

#[test]
fn an_imported_repository_answers_with_what_git_has() {
    let git = GitRepository::new().unwrap();
    let first = git.commit(&[(".penstock.yml", "one\n")], "One").unwrap();
    let second = git.commit(&[(".penstock.yml", "two\n")], "Two").unwrap();
    git.tag("v1", Some("First release")).unwrap();
    let fake = FakeGitHub::start("127.0.0.1:0").unwrap();
    fake.import("Octo/real", &git).unwrap();

    for (sha, want) in [(&first, "one\n"), (&second, "two\n")] {
        let request = contents_request(&fake.url(), "Octo/real", ".penstock.yml", sha).unwrap();
        assert_eq!(send(&request, None).unwrap().body, want.as_bytes());
    }
    let reply = send(&commit::tag_request(&fake.url(), "Octo/real", "v1").unwrap(), None).unwrap();
    assert_eq!(commit::parse_id(&reply.body), Ok(second.clone()));
    let reply = send(&commit::commit_request(&fake.url(), "Octo/real", &second).unwrap(), None).unwrap();
    assert_eq!(commit::parse_commit(&reply.body, &second).unwrap().message, "Two");
    let unknown = commit::tag_request(&fake.url(), "Octo/real", "v2").unwrap();
    assert_eq!(send(&unknown, None).unwrap().status, StatusCode::UNPROCESSABLE_ENTITY);
    let unknown = commit::commit_request(&fake.url(), "Octo/real", &"c".repeat(40)).unwrap();
    assert_eq!(send(&unknown, None).unwrap().status, StatusCode::NOT_FOUND);
}

#[test]
fn faults_come_in_the_order_in_which_they_were_asked_for() {
    let fake = start();
    fake.fail_next(2, StatusCode::BAD_GATEWAY, &[("retry-after", "7")]);
    fake.drop_next(1, DropAt::BeforeWork);
    fake.drop_next(1, DropAt::AfterWork);
    fake.delay_next(1, Duration::from_millis(1));
    let request = status(&fake, CommitState::Success, "x");
    for _ in 0..2 {
        let reply = send(&request, None).unwrap();
        assert_eq!(
            (reply.status, &reply.headers["retry-after"]),
            (StatusCode::BAD_GATEWAY, &"7".parse().unwrap())
        );
    }
    assert!(send(&request, None).is_err());
    assert_eq!(fake.statuses("octo/hello", SHA).len(), 0);
    assert!(send(&request, None).is_err());
    assert_eq!(fake.statuses("octo/hello", SHA).len(), 1, "done, though no answer came");
    assert_eq!(send(&request, None).unwrap().status, StatusCode::CREATED);

    let answered: Vec<_> = fake.requests().iter().map(|r| r.answered.map(|status| status.as_u16())).collect();
    assert_eq!(answered, [Some(502), Some(502), None, None, Some(201)]);
    assert_eq!(fake.requests()[4].body, request.body);
}

#[test]
fn a_used_up_budget_says_when_it_is_whole_again() {
    let fake = start();
    fake.set_rate_limit(1, 1_700_000_090);
    let url = format!("{}/repos/octo/hello", fake.url());
    assert_eq!(get(&url, &[AGENT]).status, StatusCode::OK);
    let reply = get(&url, &[AGENT]);
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    assert_eq!(reply.headers["x-ratelimit-remaining"], "0");
    assert_eq!(reply.headers["x-ratelimit-reset"], "1700000090");
}

#[test]
fn one_can_wait_for_what_others_send() {
    let fake = start();
    let request = status(&fake, CommitState::Success, "x");
    std::thread::scope(|scope| {
        scope.spawn(|| send(&request, None).unwrap());
        let found =
            fake.wait_for_statuses("octo/hello", SHA, SOON, |all| all.iter().any(|s| s.state == "success"));
        assert_eq!(found.map(|all| all.len()), Some(1));
    });
    assert!(fake.wait_for_requests(1, SOON));
    assert!(!fake.wait_for_requests(2, Duration::ZERO));
    assert_eq!(fake.wait_for_statuses("octo/hello", SHA, Duration::ZERO, |all| all.len() > 1), None);
}

#[test]
fn nothing_answers_once_it_is_dropped() {
    let fake = start();
    let address = fake.address();
    let mut idle = std::net::TcpStream::connect(address).unwrap();
    idle.set_read_timeout(Some(SOON)).unwrap();
    drop(fake);
    match idle.read(&mut [0]) {
        Ok(read) => assert_eq!(read, 0),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}
