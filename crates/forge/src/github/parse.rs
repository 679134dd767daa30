//! A delivery of GitHub to one [`ForgeEvent`], or to the reason why it starts nothing.
//!
//! Used are `push` (branches and tags), `pull_request` and `create` (tags). A change of a pull request's base
//! (`edited`) starts nothing: its head is the same.

use std::collections::BTreeSet;

use serde::de::{DeserializeOwned, IgnoredAny};

use super::payload::{
    Account, ActionPayload, CreatePayload, PullRequestPayload, PushPayload, PushedCommit, Side, is_zero,
    name, need, sha, text,
};
use crate::event::{EventKind, ForgeEvent, PullRequest, PullRequestAction, Push, Tag};
use crate::parsed::{IgnoreReason, MAX_BODY_BYTES, MAX_NAME_BYTES, ParseError, Parsed, skips_ci};
use crate::text::cut_bytes;

/// Some servers cut the list of a push's commits here, and nothing in the payload says so.
const TRUSTED_COMMITS: usize = 20;
/// GitHub cuts a commit's lists of files here.
const TRUSTED_FILES: usize = 3_000;
/// Of one event; a filter by path is worth no more memory than that.
const MAX_CHANGED_PATHS: usize = 10_000;
/// Of an error that quotes what was found.
const MAX_ERROR_BYTES: usize = 200;

/// Reads one delivery; `event` is its `X-GitHub-Event`.
///
/// # Errors
/// [`ParseError`]: the body is too long, not JSON, or lacks what such an event carries.
pub fn parse(event: &str, body: &[u8]) -> Result<Parsed, ParseError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(ParseError::TooLarge { bytes: body.len() });
    }
    let body = std::str::from_utf8(body).map_err(|e| ParseError::NotJson(e.to_string()))?;
    match event {
        "push" => push(read(body)?),
        "pull_request" => pull_request(body),
        "create" => create(read(body)?),
        "ping" => ignored(body, IgnoreReason::Ping),
        "delete" => ignored(body, IgnoreReason::RefDeleted),
        _ => ignored(body, IgnoreReason::EventNotUsed),
    }
}

fn push(payload: PushPayload) -> Result<Parsed, ParseError> {
    let ref_ = name(payload.ref_, "ref")?;
    let after = sha(payload.after, "after")?;
    let branch = ref_.strip_prefix("refs/heads/");
    let tag = ref_.strip_prefix("refs/tags/");
    if branch.or(tag).is_none_or(str::is_empty) {
        return Ok(Parsed::Ignored(IgnoreReason::RefNotUsed));
    }
    if payload.deleted == Some(true) || is_zero(&after) {
        return Ok(Parsed::Ignored(IgnoreReason::RefDeleted));
    }
    if payload.head_commit.as_ref().and_then(|c| c.message.as_deref()).is_some_and(skips_ci) {
        return Ok(Parsed::Ignored(IgnoreReason::SkipCi));
    }
    let repository = need(payload.repository, "repository")?.read()?;
    let head_commit = payload.head_commit.map(|c| c.read("head_commit")).transpose()?;
    let pusher = payload.pusher.and_then(|p| p.name).map(text);
    let actor = Account::login(payload.sender).or_else(|| pusher.clone());
    let kind = if let Some(branch) = branch {
        let before = Some(sha(payload.before, "before")?).filter(|sha| !is_zero(sha));
        let forced = payload.forced.unwrap_or(false);
        let changed_paths = if forced { None } else { changed_paths(payload.commits, &after) };
        EventKind::Push(Push {
            branch: branch.to_owned(),
            before,
            after,
            forced,
            changed_paths,
            head_commit,
            pusher,
        })
    } else {
        // `after` of an annotated tag is the tag object; the head commit is what it leads to.
        EventKind::Tag(Tag { name: tag.unwrap_or_default().to_owned(), commit: head_commit })
    };
    Ok(Parsed::Event(ForgeEvent { repository, kind, actor }))
}

/// Every path that the pushed commits touched; None where the list may be cut.
fn changed_paths(commits: Option<Vec<PushedCommit>>, after: &str) -> Option<Vec<String>> {
    let commits = commits?;
    let has_head = commits.iter().any(|c| c.id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(after)));
    if !has_head || commits.len() >= TRUSTED_COMMITS {
        return None;
    }
    let mut paths = BTreeSet::new();
    for commit in commits {
        for list in [commit.added, commit.removed, commit.modified] {
            let list = list?;
            if list.len() >= TRUSTED_FILES || list.iter().any(|path| path.len() > MAX_NAME_BYTES) {
                return None;
            }
            paths.extend(list);
        }
        if paths.len() > MAX_CHANGED_PATHS {
            return None;
        }
    }
    Some(paths.into_iter().collect())
}

fn create(payload: CreatePayload) -> Result<Parsed, ParseError> {
    if need(payload.ref_type, "ref_type")? != "tag" {
        return Ok(Parsed::Ignored(IgnoreReason::BranchArrivesAsPush));
    }
    Ok(Parsed::Event(ForgeEvent {
        kind: EventKind::Tag(Tag { name: name(payload.ref_, "ref")?, commit: None }),
        repository: need(payload.repository, "repository")?.read()?,
        actor: Account::login(payload.sender),
    }))
}

fn pull_request(body: &str) -> Result<Parsed, ParseError> {
    let action = need(read::<ActionPayload>(body)?.action, "action")?;
    let Some(action) = PullRequestAction::ALL.into_iter().find(|a| a.as_str() == action) else {
        return Ok(Parsed::Ignored(IgnoreReason::ActionNotUsed));
    };
    let payload: PullRequestPayload = read(body)?;
    let member = need(payload.pull_request, "pull_request")?;
    let head = need(member.head, "pull_request.head")?;
    let base = need(member.base, "pull_request.base")?;
    let repository = need(payload.repository, "repository")?.read()?;
    let pr = PullRequest {
        number: need(payload.number, "number")?,
        action,
        title: member.title.map(text).unwrap_or_default(),
        author: Account::login(member.user),
        draft: member.draft.unwrap_or(false),
        from_fork: from_fork(&head, &base, &repository.full_name),
        head_sha: sha(head.sha, "pull_request.head.sha")?,
        head_branch: name(head.ref_, "pull_request.head.ref")?,
        head_repository: head
            .repo
            .and_then(|repo| repo.full_name)
            .filter(|name| name.len() <= MAX_NAME_BYTES),
        base_sha: sha(base.sha, "pull_request.base.sha")?,
        base_branch: name(base.ref_, "pull_request.base.ref")?,
    };
    let actor = Account::login(payload.sender).or_else(|| pr.author.clone());
    Ok(Parsed::Event(ForgeEvent { repository, kind: EventKind::PullRequest(pr), actor }))
}

/// True unless head and base are known to be one repository: what isn't known gets no secrets.
fn from_fork(head: &Side, base: &Side, repository: &str) -> bool {
    let Some(head) = &head.repo else { return true };
    let base = base.repo.as_ref();
    if let (Some(head), Some(base)) = (head.id, base.and_then(|repo| repo.id)) {
        return head != base;
    }
    let base = base.and_then(|repo| repo.full_name.as_deref()).unwrap_or(repository);
    !head.full_name.as_deref().is_some_and(|head| head.eq_ignore_ascii_case(base))
}

fn ignored(body: &str, reason: IgnoreReason) -> Result<Parsed, ParseError> {
    serde_json::from_str::<IgnoredAny>(body).map_err(|e| ParseError::NotJson(quote(&e)))?;
    Ok(Parsed::Ignored(reason))
}

fn read<T: DeserializeOwned>(body: &str) -> Result<T, ParseError> {
    // An array would be taken for the members in their order.
    if !body.trim_start().starts_with('{') {
        ignored(body, IgnoreReason::EventNotUsed)?;
        return Err(ParseError::Malformed("it is not a JSON object".to_owned()));
    }
    serde_json::from_str(body).map_err(|e| match e.classify() {
        serde_json::error::Category::Data => ParseError::Malformed(quote(&e)),
        _ => ParseError::NotJson(quote(&e)),
    })
}

fn quote(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let cut = cut_bytes(&whole, MAX_ERROR_BYTES);
    if cut.len() == whole.len() {
        return whole;
    }
    format!("{cut}… at line {} column {}", error.line(), error.column())
}
