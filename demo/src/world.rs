//! The world outside of Penstock: a forge, a repository that someone pushes to, and the service that it is about.

use anyhow::{Context, Result};
use penstock_testkit::{FakeGitHub, GitRepository, HostedRepository, github_headers, github_push_payload};

use crate::service::Service;

pub const FULL_NAME: &str = "demo/greeter";
const BRANCH: &str = "main";
/// Neither is a secret of anything: the forge that knows them lives as long as the demo does.
pub const WEBHOOK_SECRET: &str = "the demo's webhook secret";
pub const FORGE_TOKEN: &str = "the-demos-forge-token";

/// What the repository holds; kept as files, so that they are what they would be in a repository of their own.
const FILES: [(&str, &str); 6] = [
    (".penstock.yml", include_str!("../repository/penstock.yml")),
    ("src/greet.sh", include_str!("../repository/src/greet.sh")),
    ("tests/instrument.sh", include_str!("../repository/tests/instrument.sh")),
    ("tests/unit.sh", include_str!("../repository/tests/unit.sh")),
    ("service/deploy.sh", include_str!("../repository/service/deploy.sh")),
    ("service/needs", include_str!("../repository/service/needs")),
];
/// What the bad version needs, and nobody committed: no test of the scripts notices.
const BAD_NEEDS: (&str, &str) = ("service/needs", "src/greet.sh\nsrc/farewells.txt\n");
/// In the pipeline's file: what is deployed is called so.
const GOOD_VERSION: &str = "version: \"1\"";
const BAD_VERSION: &str = "version: \"2\"";

pub struct World {
    pub forge: FakeGitHub,
    pub service: Service,
    repository: GitRepository,
    first: String,
}

/// A commit that is pushed.
pub struct Push {
    pub commit: String,
    pub message: String,
    before: String,
}

impl World {
    /// # Errors
    /// Where git or a free port is missing.
    pub fn make() -> Result<Self> {
        let repository =
            GitRepository::of_today().context("can't make a git repository; is `git` installed?")?;
        let [_, rest @ ..] = FILES;
        let first = repository.commit(&rest, "Greet whoever is named").context("can't commit")?;
        let forge = FakeGitHub::start("127.0.0.1:0").context("can't start the fake forge")?;
        forge.require_token(FORGE_TOKEN);
        forge.add_repository(FULL_NAME);
        Ok(Self { forge, service: Service::start()?, repository, first })
    }

    pub fn clone_url(&self) -> String {
        self.repository.url()
    }

    /// # Errors
    /// Where git refuses.
    pub fn commit_good(&self) -> Result<Push> {
        let [definition, ..] = FILES;
        self.commit(&[definition], "Build, test and deploy with Penstock", self.first.clone())
    }

    /// # Errors
    /// Where git refuses.
    pub fn commit_bad(&self, before: &Push) -> Result<Push> {
        let [(name, definition), ..] = FILES;
        let definition = definition.replace(GOOD_VERSION, BAD_VERSION);
        let files = [(name, definition.as_str()), BAD_NEEDS];
        self.commit(&files, "Take farewells from a table", before.commit.clone())
    }

    fn commit(&self, files: &[(&str, &str)], message: &str, before: String) -> Result<Push> {
        let commit = self.repository.commit(files, message).context("can't commit")?;
        self.forge.import(FULL_NAME, &self.repository).context("the fake forge can't read the repository")?;
        Ok(Push { commit, message: message.to_owned(), before })
    }

    /// The push, as the forge would deliver it.
    pub fn deliver(&self, push: &Push) -> Result<Delivery> {
        let hosted = HostedRepository::new(FULL_NAME).cloned_from(&self.repository.url());
        let commit = self.repository.pushed_commit(&push.commit).context("can't read the commit")?;
        let body = github_push_payload(&hosted, BRANCH, Some(&push.before), &[commit]);
        // Every push has another commit, and every delivery has to have another id.
        let id = format!("5d3f7c1e-0f0a-11f0-8000-{:.12}", push.commit);
        let headers = github_headers("push", &id, WEBHOOK_SECRET.as_bytes(), &body);
        Ok(Delivery { headers, body })
    }
}

pub struct Delivery {
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}
