//! Requests, byte by byte, as they would be sent.

use expect_test::{Expect, expect};
use penstock_forge::github::commit::{commit_request, head_request, tag_request};
use penstock_forge::github::repository::repository_request;
use penstock_forge::github::{contents, status_request};
use penstock_forge::{CommitState, CommitStatus, RequestError, RequestSpec};

use crate::payloads::{A, B};

const API: &str = "https://api.github.com";

#[expect(clippy::needless_pass_by_value, reason = "snapshots are written in place")]
fn check(request: Result<RequestSpec, RequestError>, want: Expect) {
    let RequestSpec { method, url, headers, body } = request.unwrap();
    let mut text = format!("{method} {url}\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\n");
    }
    text += std::str::from_utf8(&body).unwrap();
    want.assert_eq(&text.replace(env!("CARGO_PKG_VERSION"), "[version]"));
}

#[test]
fn a_status_is_posted_to_the_commit() {
    let status = CommitStatus::new(
        CommitState::Failure,
        "penstock/web",
        "2 of 9 tests \"failed\"",
        Some("https://p/e/1"),
    );
    check(
        status_request(API, "Octo/hello", A, &status),
        expect![[r#"
            POST https://api.github.com/repos/Octo/hello/statuses/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
            accept: application/vnd.github+json
            user-agent: penstock/[version]
            x-github-api-version: 2022-11-28
            content-type: application/json
            {"context":"penstock/web","description":"2 of 9 tests \"failed\"","state":"failure","target_url":"https://p/e/1"}"#]],
    );
    for state in [CommitState::Pending, CommitState::Success, CommitState::Failure, CommitState::Error] {
        let request = status_request(API, "a/b", A, &CommitStatus::new(state, "c", "", None)).unwrap();
        let want = format!(r#"{{"context":"c","description":"","state":"{}"}}"#, state.as_str());
        assert_eq!(std::str::from_utf8(&request.body).unwrap(), want);
    }
}

#[test]
fn an_enterprise_base_keeps_its_path() {
    for base in ["https://ghe.example/api/v3", "https://ghe.example/api/v3/"] {
        let status = CommitStatus::new(CommitState::Success, "c", "d", None);
        let request = status_request(base, "a/b", B, &status).unwrap();
        assert_eq!(request.url, format!("https://ghe.example/api/v3/repos/a/b/statuses/{B}"));
    }
}

#[test]
fn a_file_is_read_raw_at_a_commit() {
    check(
        contents::contents_request("http://127.0.0.1:9", "Octo/he.llo", "ci files/ü?#%.yml", B),
        expect![[r#"
            GET http://127.0.0.1:9/repos/Octo/he.llo/contents/ci%20files/%C3%BC%3F%23%25.yml?ref=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
            accept: application/vnd.github.raw+json
            user-agent: penstock/[version]
            x-github-api-version: 2022-11-28
        "#]],
    );
}

#[test]
fn of_a_tag_and_of_a_branch_only_the_id_of_its_commit_is_asked_for() {
    check(
        tag_request(API, "Octo/hello", "release/v1+2"),
        expect![[r#"
            GET https://api.github.com/repos/Octo/hello/commits/tags/release/v1%2B2
            accept: application/vnd.github.sha
            user-agent: penstock/[version]
            x-github-api-version: 2022-11-28
        "#]],
    );
    let head = head_request(API, "Octo/hello", "release/1").unwrap();
    assert_eq!(head.url, format!("{API}/repos/Octo/hello/commits/heads/release/1"));
    assert_eq!(head.headers[0], ("accept", "application/vnd.github.sha".to_owned()));
}

#[test]
fn a_commit_is_asked_for_without_the_files_that_it_changed() {
    check(
        commit_request(API, "Octo/hello", A),
        expect![[r#"
            GET https://api.github.com/repos/Octo/hello/commits?sha=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa&per_page=1
            accept: application/vnd.github+json
            user-agent: penstock/[version]
            x-github-api-version: 2022-11-28
        "#]],
    );
}

#[test]
fn a_repository_is_asked_for_itself() {
    let request = repository_request(API, "Octo/he llo").unwrap();
    assert_eq!((request.method, request.url), (http::Method::GET, format!("{API}/repos/Octo/he%20llo")));
}

#[test]
fn nothing_is_asked_for_that_lies_outside_the_repository() {
    let status = CommitStatus::new(CommitState::Success, "c", "d", None);
    for name in ["", "a", "a/", "/b", "a/b/c", "../user", "a/..", "./b", "a\\b/c"] {
        let want = Err(RequestError::Repository(name.to_owned()));
        assert_eq!(status_request(API, name, A, &status), want);
        assert_eq!(repository_request(API, name), want);
    }
    for sha in ["", "main", "../x", &A[1..], &format!("{A}/")] {
        assert_eq!(status_request(API, "a/b", sha, &status), Err(RequestError::Commit(sha.to_owned())));
        assert_eq!(
            contents::contents_request(API, "a/b", "x", sha),
            Err(RequestError::Commit(sha.to_owned()))
        );
        assert_eq!(commit_request(API, "a/b", sha), Err(RequestError::Commit(sha.to_owned())));
    }
    for path in ["", "/etc/passwd", "../../../user", "a/../../b", "a//b", "."] {
        assert_eq!(contents::contents_request(API, "a/b", path, A), Err(RequestError::Path(path.to_owned())));
        assert_eq!(tag_request(API, "a/b", path), Err(RequestError::Path(path.to_owned())));
        assert_eq!(head_request(API, "a/b", path), Err(RequestError::Path(path.to_owned())));
    }
    assert_eq!(status_request("ftp://x", "a/b", A, &status), Err(RequestError::ApiUrl));
    let odd = contents::contents_request(API, "a?b/c#d", "x", A).unwrap().url;
    assert_eq!(odd, format!("{API}/repos/a%3Fb/c%23d/contents/x?ref={A}"));
}
