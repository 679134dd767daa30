//! `GET …/contents/{path}`: a file as raw bytes or as JSON, a directory as a list.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::routes::Call;
use super::state::Repository;

/// Beyond this GitHub gives a file only raw.
const MAX_JSON_BYTES: usize = 1024 * 1024;
/// Beyond this it gives it not at all.
const MAX_RAW_BYTES: usize = 100 * 1024 * 1024;
/// Characters per line of a file in JSON.
const LINE: usize = 60;

pub(super) fn get(repository: &Repository, path: &str, call: &Call<'_>) -> Answer {
    let ref_ = call.query("ref").unwrap_or(&repository.hosted.default_branch);
    let Some((sha, commit)) = repository.resolve(ref_) else {
        return Answer::error(StatusCode::NOT_FOUND, &format!("No commit found for the ref {ref_}"));
    };
    let path = path.trim_end_matches('/');
    let Some(content) = commit.files.get(path) else {
        let entries = directory(repository, sha, path, &commit.files.keys().collect::<Vec<_>>());
        return if entries.is_empty() {
            Answer::not_found()
        } else {
            Answer::json(StatusCode::OK, &json!(entries))
        };
    };
    if content.len() > MAX_RAW_BYTES {
        return Answer::error(StatusCode::FORBIDDEN, "This API returns blobs up to 100 MB in size.");
    }
    let accept = call.header(header::ACCEPT);
    if ["application/vnd.github.raw", "application/vnd.github.v3.raw"].iter().any(|raw| accept.contains(raw))
    {
        return Answer::raw("application/vnd.github.raw+json; charset=utf-8", content.clone());
    }
    Answer::json(StatusCode::OK, &file(repository, sha, path, content))
}

fn file(repository: &Repository, sha: &str, path: &str, content: &[u8]) -> Value {
    let fits = content.len() <= MAX_JSON_BYTES;
    let mut json = entry(repository, sha, path, "file", content);
    json["encoding"] = json!(if fits { "base64" } else { "none" });
    json["content"] = json!(if fits { lines(&STANDARD.encode(content)) } else { String::new() });
    json
}

fn directory(repository: &Repository, sha: &str, path: &str, files: &[&String]) -> Vec<Value> {
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    let mut names: Vec<(&str, &str)> = vec![];
    for below in files.iter().filter_map(|file| file.strip_prefix(&prefix)) {
        let entry = below.split_once('/').map_or((below, "file"), |(folder, _)| (folder, "dir"));
        if !names.contains(&entry) {
            names.push(entry);
        }
    }
    names.iter().map(|(name, kind)| entry(repository, sha, &format!("{prefix}{name}"), kind, &[])).collect()
}

fn entry(repository: &Repository, sha: &str, path: &str, kind: &str, content: &[u8]) -> Value {
    let (api, page) = (repository.hosted.api(), repository.hosted.page());
    let blob = blob_id(path, content);
    let url = format!("{api}/contents/{path}?ref={sha}");
    let html = format!("{page}/blob/{sha}/{path}");
    let git = format!("{api}/git/blobs/{blob}");
    json!({
        "type": kind,
        "name": path.rsplit('/').next(),
        "path": path,
        "sha": blob,
        "size": content.len(),
        "url": url,
        "git_url": git,
        "html_url": html,
        "download_url": (kind == "file").then(|| format!("{page}/raw/{sha}/{path}")),
        "_links": {"self": url, "git": git, "html": html},
    })
}

/// Stands in for git's id of the blob: as long, and as different.
fn blob_id(path: &str, content: &[u8]) -> String {
    let digest = Sha256::new().chain_update(path).chain_update(content).finalize();
    digest.iter().take(20).fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

fn lines(text: &str) -> String {
    let lines = text.as_bytes().chunks(LINE).map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
    lines.collect()
}
