//! Who may call, and which call goes where. Everything that is not here is 404, as at GitHub.

use http::{HeaderMap, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::answer::Answer;
use super::state::{Commit, RATE_LIMIT, Repository, State};
use super::{contents, statuses};
use crate::payload::{account, full_repository};

pub(super) struct Call<'a> {
    pub method: Method,
    /// Decoded.
    pub parts: Vec<String>,
    query: Vec<(String, String)>,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

impl<'a> Call<'a> {
    pub fn new(head: &'a http::request::Parts, body: &'a [u8]) -> Self {
        let path = head.uri.path();
        let path = path.strip_prefix("/api/v3").unwrap_or(path);
        let query = head.uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        Self {
            method: head.method.clone(),
            parts: path.trim_start_matches('/').split('/').map(decode).collect(),
            query: query.map(|(name, value)| (decode(name), decode(value))).collect(),
            headers: &head.headers,
            body,
        }
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

pub(super) fn answer(state: &mut State, call: &Call<'_>) -> Answer {
    if call.header(header::USER_AGENT).is_empty() {
        let rule = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.";
        return Answer::raw("text/html", rule.as_bytes().to_vec()).with_status(StatusCode::FORBIDDEN);
    }
    let answer = match refused(state, call) {
        Some(refusal) => refusal,
        None => route(state, call),
    };
    answer
        .with_header("x-github-api-version-selected", "2022-11-28")
        .with_header("x-ratelimit-limit", RATE_LIMIT)
        .with_header("x-ratelimit-remaining", state.rate_remaining)
        .with_header("x-ratelimit-reset", state.rate_reset_seconds)
}

/// Why a call is not even looked at.
fn refused(state: &mut State, call: &Call<'_>) -> Option<Answer> {
    let given = call.header(header::AUTHORIZATION);
    let given =
        given.split_once(' ').filter(|(scheme, _)| ["bearer", "token"].contains(&&*scheme.to_lowercase()));
    match (&state.token, given) {
        (Some(_), None) => return Some(Answer::error(StatusCode::UNAUTHORIZED, "Requires authentication")),
        (Some(token), Some((_, given))) if given.trim() != token => {
            return Some(Answer::error(StatusCode::UNAUTHORIZED, "Bad credentials"));
        }
        _ => {}
    }
    let Some(remaining) = state.rate_remaining.checked_sub(1) else {
        return Some(Answer::error(StatusCode::FORBIDDEN, "API rate limit exceeded for this token."));
    };
    state.rate_remaining = remaining;
    let version = call.headers.get("x-github-api-version");
    let known =
        version.is_none_or(|version| version.as_bytes() == penstock_forge::github::API_VERSION.as_bytes());
    (!known).then(|| Answer::error(StatusCode::BAD_REQUEST, "This version of the API is not supported"))
}

fn route(state: &mut State, call: &Call<'_>) -> Answer {
    let parts: Vec<&str> = call.parts.iter().map(String::as_str).collect();
    let ["repos", owner, name, rest @ ..] = parts.as_slice() else { return Answer::not_found() };
    let key = format!("{owner}/{name}").to_ascii_lowercase();
    if let (&Method::POST, ["statuses", sha @ ..]) = (&call.method, rest) {
        return statuses::create(state, &key, &sha.join("/"), call.body);
    }
    let Some(repository) = state.repository(&key).filter(|_| call.method == Method::GET) else {
        return Answer::not_found();
    };
    match rest {
        [] => {
            let mut json = full_repository(&repository.hosted);
            json["network_count"] = json!(0);
            json["subscribers_count"] = json!(0);
            Answer::json(StatusCode::OK, &json)
        }
        ["contents", path @ ..] => contents::get(repository, &path.join("/"), call),
        ["commits"] => commits(repository, call),
        ["commits", ref_ @ .., "statuses"] => statuses::list(repository, &ref_.join("/"), call),
        ["commits", ref_ @ .., "status"] => statuses::combined(repository, &ref_.join("/"), call),
        ["commits", ref_ @ ..] => commit(repository, &ref_.join("/"), call),
        _ => Answer::not_found(),
    }
}

/// Where the list begins: what a commit stands on is not known here.
fn commits(repository: &Repository, call: &Call<'_>) -> Answer {
    let sha = call.query("sha").unwrap_or(&repository.hosted.default_branch);
    match repository.resolve(sha) {
        Some((sha, commit)) => Answer::json(StatusCode::OK, &json!([shown(repository, sha, commit)])),
        None => Answer::not_found(),
    }
}

fn commit(repository: &Repository, ref_: &str, call: &Call<'_>) -> Answer {
    let Some((sha, commit)) = repository.resolve(ref_) else {
        let said = format!("No commit found for SHA: {ref_}");
        return Answer::error(StatusCode::UNPROCESSABLE_ENTITY, &said);
    };
    if call.header(header::ACCEPT).contains("application/vnd.github.sha") {
        return Answer::raw("application/vnd.github.sha; charset=utf-8", sha.as_bytes().to_vec());
    }
    Answer::json(StatusCode::OK, &shown(repository, sha, commit))
}

fn shown(repository: &Repository, sha: &str, commit: &Commit) -> Value {
    let (api, page) = (repository.hosted.api(), repository.hosted.page());
    let who = json!({"name": "Ada Example", "email": "ada@example.com", "date": "2023-11-14T22:13:20Z"});
    json!({
        "sha": sha,
        "node_id": format!("C_{sha}"),
        "url": format!("{api}/commits/{sha}"),
        "html_url": format!("{page}/commit/{sha}"),
        "comments_url": format!("{api}/commits/{sha}/comments"),
        "commit": {
            "url": format!("{api}/git/commits/{sha}"),
            "message": commit.message,
            "author": who,
            "committer": who,
            "comment_count": 0,
            "tree": {"sha": sha, "url": format!("{api}/git/trees/{sha}")},
        },
        "author": account("ada"),
        "committer": account("ada"),
        "parents": [],
    })
}
