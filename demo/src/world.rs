//! The world outside of Penstock: a forge, and a repository that someone pushes to.

use anyhow::{Context, Result};
use penstock_testkit::{FakeGitHub, GitRepository, HostedRepository, github_headers, github_push_payload};

pub const FULL_NAME: &str = "demo/greeter";
const BRANCH: &str = "main";
/// Neither is a secret of anything: the forge that knows them lives as long as the demo does.
pub const WEBHOOK_SECRET: &str = "the demo's webhook secret";
pub const FORGE_TOKEN: &str = "the-demos-forge-token";

/// What the repository holds; kept as files, so that they are what they would be in a repository of their own.
const FILES: [(&str, &str); 4] = [
    (".penstock.yml", include_str!("../repository/penstock.yml")),
    ("src/greet.sh", include_str!("../repository/src/greet.sh")),
    ("tests/greet.sh", include_str!("../repository/tests/greet.sh")),
    ("docs/manual.md", include_str!("../repository/docs/manual.md")),
];

pub struct World {
    pub forge: FakeGitHub,
    repository: GitRepository,
    pub head: String,
    before: String,
}

impl World {
    /// # Errors
    /// Where git or a free port is missing.
    pub fn make() -> Result<Self> {
        let repository = GitRepository::new().context("can't make a git repository; is `git` installed?")?;
        let [definition, rest @ ..] = FILES;
        let before = repository.commit(&rest, "Greet whoever is named").context("can't commit")?;
        let head = repository
            .commit(&[definition], "Build, test and package with Penstock")
            .context("can't commit")?;
        let forge = FakeGitHub::start("127.0.0.1:0").context("can't start the fake forge")?;
        forge.require_token(FORGE_TOKEN);
        forge.import(FULL_NAME, &repository).context("the fake forge can't read the repository")?;
        Ok(Self { forge, repository, head, before })
    }

    pub fn clone_url(&self) -> String {
        self.repository.url()
    }

    /// The push of the head commit, as the forge would deliver it.
    pub fn push(&self) -> Result<Delivery> {
        let hosted = HostedRepository::new(FULL_NAME).cloned_from(&self.repository.url());
        let commit = self.repository.pushed_commit(&self.head).context("can't read the commit")?;
        let body = github_push_payload(&hosted, BRANCH, Some(&self.before), &[commit]);
        let headers = github_headers("push", DELIVERY, WEBHOOK_SECRET.as_bytes(), &body);
        Ok(Delivery { headers, body })
    }
}

const DELIVERY: &str = "5d3f7c1e-0f0a-11f0-8000-0a0b0c0d0e0f";

pub struct Delivery {
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}
