//! A GitHub that keeps what it is told and judges what it receives as GitHub does, over real HTTP.
//!
//! It runs on a thread of its own, so that tests with and without async can use it, and stops when dropped. It
//! has repositories with files at commits, statuses, tokens, limits and faults; no pages, no git, no webhooks out.

mod answer;
mod contents;
mod faults;
mod routes;
mod server;
mod state;
mod statuses;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

pub use faults::DropAt;
use faults::{Fault, Injected};
use http::StatusCode;
use server::Server;
pub use state::{RecordedRequest, StoredStatus};
use state::{Repository, Shared};

use crate::git_repository::GitRepository;
use crate::payload::HostedRepository;

pub struct FakeGitHub {
    server: Server,
    shared: Shared,
}

impl FakeGitHub {
    /// Serves at once; `127.0.0.1:0` takes a free port.
    ///
    /// # Errors
    /// Where the address can't be had.
    pub fn start(address: impl ToSocketAddrs) -> io::Result<Self> {
        let shared = Shared::default();
        let server = Server::start(address, shared.clone())?;
        shared.change(|state| state.url = format!("http://{}", server.address));
        Ok(Self { server, shared })
    }

    pub const fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// What `github_api_url` is set to. The same with `/api/v3` behind it works too, as Enterprise has it.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// From now on every call needs this token.
    pub fn require_token(&self, token: &str) {
        self.shared.change(|state| state.token = Some(token.to_owned()));
    }

    /// An empty repository; one of that name which is here already stays as it is.
    pub fn add_repository(&self, full_name: &str) {
        self.shared.change(|state| {
            state.repository_or_new(full_name);
        });
    }

    /// A commit with all its files, which becomes the head of `branch`.
    pub fn add_commit(&self, full_name: &str, branch: &str, sha: &str, files: &[(&str, &[u8])]) {
        let files = files.iter().map(|(path, content)| ((*path).to_owned(), content.to_vec())).collect();
        self.shared.change(|state| {
            let repository = state.repository_or_new(full_name);
            repository.add_commit(sha, "Change it", files);
            repository.set_ref(&format!("heads/{branch}"), sha);
        });
    }

    pub fn add_tag(&self, full_name: &str, tag: &str, sha: &str) {
        self.shared.change(|state| state.repository_or_new(full_name).set_ref(&format!("tags/{tag}"), sha));
    }

    /// Takes over every commit, branch and tag of a real repository.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn import(&self, full_name: &str, git: &GitRepository) -> io::Result<()> {
        let mut repository = Repository::new(HostedRepository::new(full_name).cloned_from(&git.url()));
        for sha in git.all_commits()? {
            let message = git.pushed_commit(&sha)?.message;
            repository.add_commit(&sha, &message, git.files_at(&sha)?.into_iter().collect());
        }
        for (name, sha) in git.refs()? {
            repository.set_ref(&name, &sha);
        }
        self.shared.change(|state| state.take_over(repository));
        Ok(())
    }

    /// The next `times` calls are answered with this instead of being worked on.
    pub fn fail_next(&self, times: usize, status: StatusCode, headers: &[(&'static str, &str)]) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.inject(times, Fault::Answer { status, headers });
    }

    /// The next `times` calls are worked on this much later.
    pub fn delay_next(&self, times: usize, delay: Duration) {
        self.inject(times, Fault::Delay(delay));
    }

    /// The next `times` connections end without an answer, before or after the work.
    pub fn drop_next(&self, times: usize, at: DropAt) {
        self.inject(times, Fault::Drop(at));
    }

    fn inject(&self, times: usize, fault: Fault) {
        self.shared.change(|state| state.faults.push_back(Injected { times, fault }));
    }

    /// What is left of the token's budget, and when (in seconds since 1970) it is whole again.
    pub fn set_rate_limit(&self, remaining: u32, reset_seconds: i64) {
        self.shared
            .change(|state| (state.rate_remaining, state.rate_reset_seconds) = (remaining, reset_seconds));
    }

    /// Every call so far, in the order of arrival.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.read(|state| state.requests.clone())
    }

    /// The commit's statuses, in the order of arrival.
    pub fn statuses(&self, full_name: &str, sha: &str) -> Vec<StoredStatus> {
        self.shared.read(|state| state.statuses_of(full_name, sha))
    }

    /// Waits until the commit's statuses are as wished, and answers them; None when `within` has passed.
    ///
    /// This blocks its thread: on an async runtime of one thread, call it where blocking is allowed.
    pub fn wait_for_statuses(
        &self,
        full_name: &str,
        sha: &str,
        within: Duration,
        wish: impl Fn(&[StoredStatus]) -> bool,
    ) -> Option<Vec<StoredStatus>> {
        self.shared.wait(Instant::now() + within, |state| {
            Some(state.statuses_of(full_name, sha)).filter(|statuses| wish(statuses))
        })
    }

    /// Waits until there were this many calls; false when `within` has passed.
    pub fn wait_for_requests(&self, count: usize, within: Duration) -> bool {
        self.shared
            .wait(Instant::now() + within, |state| (state.requests.len() >= count).then_some(()))
            .is_some()
    }
}
