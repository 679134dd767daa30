//! Commit statuses: what is accepted, and the three ways to read them.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::routes::Call;
use super::state::{Repository, State, StoredStatus};
use crate::payload::{account, minimal_repository};

const STATES: [&str; 4] = ["error", "failure", "pending", "success"];
const MAX_DESCRIPTION_CHARS: usize = 140;
const MAX_CONTEXT_CHARS: usize = 255;
/// Of one commit and context.
const MAX_STATUSES: usize = 1_000;
const DEFAULT_PAGE: usize = 30;
const MAX_PAGE: usize = 100;

pub(super) fn create(state: &mut State, key: &str, sha: &str, body: &[u8]) -> Answer {
    let id = state.last_id + 1;
    let Some(repository) = state.repositories.get_mut(key) else { return Answer::not_found() };
    let whole = matches!(sha.len(), 40 | 64) && sha.bytes().all(|b| b.is_ascii_hexdigit());
    if !whole || !repository.commits.contains_key(sha) {
        let said = format!("No commit found for SHA: {sha}");
        return Answer::error(StatusCode::UNPROCESSABLE_ENTITY, &said);
    }
    let status = match read(body, id) {
        Ok(status) => status,
        Err(refusal) => return refusal,
    };
    let same = |of: &str, old: &StoredStatus| of == sha && old.context.eq_ignore_ascii_case(&status.context);
    if repository.statuses.iter().filter(|(of, old)| same(of, old)).count() >= MAX_STATUSES {
        return Answer::invalid("base", "This SHA and context has reached the maximum number of statuses.");
    }
    let json = json(repository, sha, &status);
    let location = format!("{}/statuses/{sha}", repository.hosted.api());
    repository.statuses.push((sha.to_owned(), status));
    state.last_id = id;
    Answer::json(StatusCode::CREATED, &json).with_header("location", location)
}

fn read(body: &[u8], id: u64) -> Result<StoredStatus, Answer> {
    let parsed: Value = serde_json::from_slice(body)
        .map_err(|_| Answer::error(StatusCode::BAD_REQUEST, "Problems parsing JSON"))?;
    let Value::Object(members) = parsed else {
        return Err(Answer::error(StatusCode::BAD_REQUEST, "Body should be a JSON object"));
    };
    let state = text(&members, "state")?.unwrap_or_default();
    if !STATES.contains(&state.as_str()) {
        return Err(Answer::invalid("state", "state is not included in the list"));
    }
    let description = text(&members, "description")?;
    if description.as_ref().is_some_and(|text| text.chars().count() > MAX_DESCRIPTION_CHARS) {
        return Err(Answer::invalid("description", "description is too long (maximum is 140 characters)"));
    }
    let context = text(&members, "context")?.unwrap_or_else(|| "default".to_owned());
    if context.chars().count() > MAX_CONTEXT_CHARS {
        return Err(Answer::invalid("context", "context is too long (maximum is 255 characters)"));
    }
    let target_url = text(&members, "target_url")?.filter(|url| !url.is_empty());
    if target_url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        return Err(Answer::invalid("target_url", "target_url must use http(s) scheme"));
    }
    Ok(StoredStatus { id, state, context, description, target_url })
}

fn text(members: &Map<String, Value>, name: &str) -> Result<Option<String>, Answer> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Answer::invalid(name, &format!("{name} is not a string"))),
    }
}

/// The latest first, by pages.
pub(super) fn list(repository: &Repository, ref_: &str, call: &Call<'_>) -> Answer {
    let Some((sha, _)) = repository.resolve(ref_) else { return Answer::not_found() };
    let mut statuses = repository.statuses_of(sha);
    statuses.reverse();
    let list: Vec<_> = page(&statuses, call).iter().map(|status| json(repository, sha, status)).collect();
    Answer::json(StatusCode::OK, &json!(list))
}

/// The latest of each context, and what they come to.
pub(super) fn combined(repository: &Repository, ref_: &str, call: &Call<'_>) -> Answer {
    let Some((sha, _)) = repository.resolve(ref_) else { return Answer::not_found() };
    let mut latest: Vec<StoredStatus> = vec![];
    for status in repository.statuses_of(sha).into_iter().rev() {
        if !latest.iter().any(|newer| newer.context.eq_ignore_ascii_case(&status.context)) {
            latest.push(status);
        }
    }
    let any = |states: &[&str]| latest.iter().any(|status| states.contains(&status.state.as_str()));
    let state = match () {
        () if any(&["error", "failure"]) => "failure",
        () if latest.is_empty() || any(&["pending"]) => "pending",
        () => "success",
    };
    let statuses = page(&latest, call).iter().map(|status| {
        let mut json = json(repository, sha, status);
        if let Some(members) = json.as_object_mut() {
            members.remove("creator");
        }
        json
    });
    let api = repository.hosted.api();
    let body = json!({
        "state": state,
        "statuses": statuses.collect::<Vec<_>>(),
        "sha": sha,
        "total_count": latest.len(),
        "repository": minimal_repository(&repository.hosted),
        "commit_url": format!("{api}/commits/{sha}"),
        "url": format!("{api}/commits/{sha}/status"),
    });
    Answer::json(StatusCode::OK, &body)
}

fn page<'a>(statuses: &'a [StoredStatus], call: &Call<'_>) -> &'a [StoredStatus] {
    let number = |name| call.query(name).and_then(|text| text.parse::<usize>().ok());
    let size = number("per_page").unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE);
    let page = number("page").unwrap_or(1).max(1);
    statuses.chunks(size).nth(page - 1).unwrap_or_default()
}

fn json(repository: &Repository, sha: &str, status: &StoredStatus) -> Value {
    let creator = account(repository.hosted.owner());
    // A second per status: later ones are later, and no clock is read.
    let at =
        format!("2023-11-14T{:02}:{:02}:{:02}Z", status.id / 3600 % 24, status.id / 60 % 60, status.id % 60);
    json!({
        "url": format!("{}/statuses/{sha}", repository.hosted.api()),
        "avatar_url": creator["avatar_url"],
        "id": status.id,
        "node_id": format!("SC_{}", status.id),
        "state": status.state,
        "description": status.description,
        "target_url": status.target_url,
        "context": status.context,
        "created_at": at,
        "updated_at": at,
        "creator": creator,
    })
}
