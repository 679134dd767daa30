//! What the fake knows: repositories, commits, refs, statuses, and every call that was made.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::StatusCode;

use super::faults::Injected;
use crate::payload::HostedRepository;

/// Calls per hour that a token has.
pub(super) const RATE_LIMIT: u32 = 5_000;
/// Far away: nothing here reads a clock.
const RATE_RESET_SECONDS: i64 = 4_102_444_800;

pub(super) struct State {
    pub url: String,
    pub token: Option<String>,
    /// By full name in lower case, which is how GitHub compares them.
    pub repositories: BTreeMap<String, Repository>,
    pub faults: VecDeque<Injected>,
    pub requests: Vec<RecordedRequest>,
    pub rate_remaining: u32,
    pub rate_reset_seconds: i64,
    pub last_id: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            url: String::new(),
            token: None,
            repositories: BTreeMap::new(),
            faults: VecDeque::new(),
            requests: vec![],
            rate_remaining: RATE_LIMIT,
            rate_reset_seconds: RATE_RESET_SECONDS,
            last_id: 0,
        }
    }
}

/// A call as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRequest {
    pub method: http::Method,
    /// With its query.
    pub path: String,
    /// Names in lower case; of `authorization` only the scheme.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// None while it is worked on, and where the connection was dropped.
    pub answered: Option<StatusCode>,
}

/// A status as it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredStatus {
    /// From 1, over all repositories.
    pub id: u64,
    pub state: String,
    pub context: String,
    pub description: Option<String>,
    pub target_url: Option<String>,
}

pub(super) struct Repository {
    pub hosted: HostedRepository,
    pub commits: BTreeMap<String, Commit>,
    /// `heads/main`, `tags/v1`.
    refs: BTreeMap<String, String>,
    /// With the commit's id, in the order of arrival.
    pub statuses: Vec<(String, StoredStatus)>,
}

pub(super) struct Commit {
    pub message: String,
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Repository {
    pub fn new(hosted: HostedRepository) -> Self {
        Self { hosted, commits: BTreeMap::new(), refs: BTreeMap::new(), statuses: vec![] }
    }

    pub fn add_commit(&mut self, sha: &str, message: &str, files: BTreeMap<String, Vec<u8>>) {
        self.commits.insert(sha.to_owned(), Commit { message: message.to_owned(), files });
    }

    pub fn set_ref(&mut self, name: &str, sha: &str) {
        self.refs.insert(name.to_owned(), sha.to_owned());
    }

    /// The commit that an id, `heads/…`, `tags/…`, a branch or a tag leads to.
    pub fn resolve<'a>(&'a self, name: &'a str) -> Option<(&'a str, &'a Commit)> {
        let name = name.strip_prefix("refs/").unwrap_or(name);
        let by_ref = [name.to_owned(), format!("heads/{name}"), format!("tags/{name}")];
        let sha = by_ref.iter().find_map(|name| self.refs.get(name)).map_or(name, String::as_str);
        self.commits.get_key_value(sha).map(|(sha, commit)| (sha.as_str(), commit))
    }

    pub fn statuses_of(&self, sha: &str) -> Vec<StoredStatus> {
        self.statuses.iter().filter(|(of, _)| of == sha).map(|(_, status)| status.clone()).collect()
    }
}

impl State {
    pub fn repository_or_new(&mut self, full_name: &str) -> &mut Repository {
        let hosted = HostedRepository { api_url: self.url.clone(), ..HostedRepository::new(full_name) };
        self.repositories.entry(full_name.to_ascii_lowercase()).or_insert_with(|| Repository::new(hosted))
    }

    /// Adds the repository in place of one of that name, whose statuses stay.
    pub fn take_over(&mut self, mut repository: Repository) {
        self.url.clone_into(&mut repository.hosted.api_url);
        let key = repository.hosted.full_name.to_ascii_lowercase();
        repository.statuses = self.repositories.remove(&key).map(|old| old.statuses).unwrap_or_default();
        self.repositories.insert(key, repository);
    }

    pub fn repository(&self, full_name: &str) -> Option<&Repository> {
        self.repositories.get(&full_name.to_ascii_lowercase())
    }

    pub fn statuses_of(&self, full_name: &str, sha: &str) -> Vec<StoredStatus> {
        self.repository(full_name).map(|repository| repository.statuses_of(sha)).unwrap_or_default()
    }
}

/// The state, and a bell that rings at every change.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<(Mutex<State>, Condvar)>);

impl Shared {
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.0.1.notify_all();
        result
    }

    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock())
    }

    /// Waits until `look` finds something.
    pub fn wait<T>(&self, until: Instant, look: impl Fn(&State) -> Option<T>) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(found) = look(&state) {
                return Some(found);
            }
            let left = until.checked_duration_since(Instant::now())?;
            state = self.0.1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A test that failed while it held the lock has said so itself.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
