//! The judge finds what is wrong and nothing else; and by it, the fake speaks as GitHub does.

use http::{Method, StatusCode};
use penstock_forge::github::commit::{commit_request, head_request, tag_request};
use penstock_forge::github::repository::repository_request;
use penstock_forge::github::{contents::contents_request, status_request};
use penstock_forge::{CommitState, CommitStatus};
use penstock_testkit::{FakeGitHub, OpenApiJudge, RecordedRequest};
use serde_json::{Value, json};

use crate::client::{get, send};

const SHA: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const AGENT: (&str, &str) = ("user-agent", "test");

fn description() -> Value {
    let named = |name: &str| json!({"name": name, "in": "path", "required": true});
    let body = json!({
        "type": "object",
        "required": ["state"],
        "properties": {
            "state": {"$ref": "#/components/schemas/state"},
            "note": {"type": "string", "nullable": true, "maxLength": 3},
            "count": {"type": "integer", "minimum": 1},
            "tags": {"type": "array", "maxItems": 2, "items": {"type": "string"}},
            "either": {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"a": {"type": "number"}}}]},
            "odd": {"multipleOf": 2},
        },
    });
    json!({
        "paths": {
            "/things/{id}": {
                "parameters": [named("id")],
                "get": {"parameters": [
                    {"name": "page", "in": "query"},
                    {"$ref": "#/components/parameters/ref"},
                    {"name": "X-Needed", "in": "header", "required": true},
                ]},
                "post": {"requestBody": {"required": true, "content": {"application/json": {"schema": body}}}},
            },
            "/things/{id}/{path}/end": {"parameters": [
                named("id"),
                {"name": "path", "in": "path", "required": true, "x-multi-segment": true},
            ], "get": {}},
        },
        "components": {
            "schemas": {"state": {"type": "string", "enum": ["on", "off"]}},
            "parameters": {"ref": {"name": "ref", "in": "query", "required": true}},
        },
    })
}

fn faults(method: Method, path: &str, body: &str) -> Vec<String> {
    let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
    let request = RecordedRequest {
        method,
        path: path.to_owned(),
        headers,
        body: body.as_bytes().to_vec(),
        answered: None,
    };
    OpenApiJudge::new(description()).unwrap().faults(&request)
}

#[test]
fn a_call_that_is_not_described_is_a_fault() {
    assert_eq!(faults(Method::GET, "/other", ""), ["there is no GET /other"]);
    assert_eq!(faults(Method::DELETE, "/things/1", ""), ["there is no DELETE /things/1"]);
    assert_eq!(faults(Method::GET, "/things/", ""), ["there is no GET /things/"]);
    assert_eq!(faults(Method::GET, "/things/1/2", ""), ["there is no GET /things/1/2"]);
    assert_eq!(faults(Method::GET, "/things/1/a/b/c/end", ""), [""; 0]);
}

#[test]
fn parameters_are_known_and_there() {
    assert_eq!(
        faults(Method::GET, "/things/1?page=2&pages=3", ""),
        ["the query's `pages` is not known", "the query lacks `ref`", "the header `X-Needed` is missing"]
    );
}

#[test]
fn bodies_fit_their_schema() {
    for (body, want) in [
        (r#"{"state":"on","note":null,"count":1,"tags":["a"],"either":"x"}"#, &[][..]),
        (r#"{"state":"on","either":{"a":1.5}}"#, &[]),
        ("", &["a body is needed, and none is sent"]),
        ("[]", &[": [] does not fit `type` \"object\""]),
        ("{}", &[": `state` is missing"]),
        (r#"{"state":"no"}"#, &[r#"/state: "no" does not fit `enum` ["on","off"]"#]),
        (r#"{"state":"on","stats":1}"#, &["/stats is not known"]),
        (r#"{"state":"on","note":"éééé"}"#, &[r#"/note: "éééé" does not fit `maxLength` 3"#]),
        (r#"{"state":"on","count":0}"#, &["/count: 0 does not fit `minimum` 1"]),
        (r#"{"state":"on","count":1.5}"#, &["/count: 1.5 does not fit `type` \"integer\""]),
        (r#"{"state":"on","count":null}"#, &["/count: null does not fit `type` \"integer\""]),
        (r#"{"state":"on","tags":["a",1]}"#, &["/tags/1: 1 does not fit `type` \"string\""]),
        (r#"{"state":"on","either":1}"#, &["/either: fits none of 2 alternatives"]),
        (r#"{"state":"on","odd":4}"#, &["/odd: the keyword `multipleOf` is not understood here"]),
    ] {
        assert_eq!(faults(Method::POST, "/things/1", body), want, "{body}");
    }
    assert!(faults(Method::POST, "/things/1", "{")[0].starts_with("the body is not JSON"));
    assert_eq!(faults(Method::GET, "/things/1/a/end", "x"), ["a body is sent, and none is expected"]);
}

#[test]
fn calls_made_here_are_calls_of_github_and_its_answers_are_githubs() {
    let Some(judge) = OpenApiJudge::for_github().unwrap() else { return };
    let fake = FakeGitHub::start("127.0.0.1:0").unwrap();
    fake.add_commit("Octo/hello", "main", SHA, &[(".penstock.yml", b"name: web\n"), ("src/lib.rs", b"")]);
    fake.add_tag("Octo/hello", "v/1", SHA);

    let status = CommitStatus::new(CommitState::Success, "penstock/web", "all well", Some("https://p/e/1"));
    let refused = CommitStatus::new(CommitState::Success, "penstock/web", "", None);
    for request in [
        status_request(&fake.url(), "Octo/hello", SHA, &status).unwrap(),
        status_request(&fake.url(), "Octo/hello", SHA, &refused).unwrap(),
        contents_request(&fake.url(), "Octo/hello", "src/lib.rs", SHA).unwrap(),
        tag_request(&fake.url(), "Octo/hello", "v/1").unwrap(),
        head_request(&fake.url(), "Octo/hello", "main").unwrap(),
        commit_request(&fake.url(), "Octo/hello", SHA).unwrap(),
        repository_request(&fake.url(), "Octo/hello").unwrap(),
    ] {
        send(&request, None).unwrap();
    }
    let requests = fake.requests();
    assert_eq!(requests.len(), 7);
    for request in &requests {
        assert_eq!(judge.faults(request), [""; 0], "{} {}", request.method, request.path);
        assert_eq!(request.answered.map(|status| status.is_success()), Some(true));
    }
    let mut wrong = requests[0].clone();
    wrong.body = br#"{"state":"passed","descripton":"x"}"#.to_vec();
    assert_eq!(judge.faults(&wrong).len(), 2, "{:?}", judge.faults(&wrong));

    for path in [
        "/repos/Octo/hello",
        "/repos/Octo/hello/commits?sha=main&per_page=1",
        "/repos/Octo/hello/commits/main",
        "/repos/Octo/hello/commits/main/status",
        "/repos/Octo/hello/commits/heads/main/statuses",
        "/repos/Octo/hello/contents/.penstock.yml?ref=main",
        "/repos/Octo/hello/contents/src",
        "/repos/Octo/hello/contents/missing",
    ] {
        let reply = get(&format!("{}{path}", fake.url()), &[AGENT]);
        assert_eq!(judge.answer_faults(&Method::GET, path, reply.status, &reply.body), [""; 0], "{path}");
    }
    let posted = send(&status_request(&fake.url(), "Octo/hello", SHA, &status).unwrap(), None).unwrap();
    let path = format!("/repos/Octo/hello/statuses/{SHA}");
    assert_eq!(judge.answer_faults(&Method::POST, &path, StatusCode::CREATED, &posted.body), [""; 0]);
}
