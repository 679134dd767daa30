//! What the forge component reads of a repository: its commits, and a pipeline's definition where that lies in it.

use bytes::Bytes;
use penstock_api::internal::{FromForge, ReadBranch, ReadCommit, ReadFile, ReadTag};
use penstock_forge::{BranchHead, CommitInfo};
use penstock_guest::{FORGE, Platform, internal_post};
use penstock_store::Pipeline;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Files larger than the parser takes are refused by the forge component.
const MAX_ANSWER_BYTES: usize = 2 * 1024 * 1024;
const TIMEOUT_MS: u64 = 30_000;
const DEFAULT_PATH: &str = ".penstock.yml";

/// A repository at its forge.
pub struct AtForge<'a, P> {
    pub platform: &'a P,
    pub forge: &'a str,
    /// `owner/name`.
    pub repository: &'a str,
    /// How often it was asked for the same, from 1: with each time the forge is given more of it.
    pub attempt: u32,
}

impl<'a, P: Platform> AtForge<'a, P> {
    /// None where no webhook has told yet which forge has the pipeline's repository.
    pub fn of(platform: &'a P, pipeline: &'a Pipeline, attempt: u32) -> Option<Self> {
        let (forge, repository) = pipeline.forge.as_deref().zip(pipeline.forge_repository.as_deref())?;
        Some(Self { platform, forge, repository, attempt })
    }

    async fn file(&self, path: &str, commit_sha: &str) -> FromForge<String> {
        let asked = ReadFile {
            forge: self.forge.to_owned(),
            repository: self.repository.to_owned(),
            path: path.to_owned(),
            commit_sha: commit_sha.to_owned(),
            attempt: self.attempt,
        };
        self.ask("files", &asked).await
    }

    /// The newest commit of a branch, of the default branch where none is named.
    pub async fn branch_head(&self, branch: Option<&str>) -> FromForge<BranchHead> {
        let asked = ReadBranch {
            forge: self.forge.to_owned(),
            repository: self.repository.to_owned(),
            branch: branch.map(str::to_owned),
            attempt: self.attempt,
        };
        self.ask("branches", &asked).await
    }

    /// The commit that a tag leads to.
    pub async fn tagged_commit(&self, tag: &str) -> FromForge<CommitInfo> {
        let asked = ReadTag {
            forge: self.forge.to_owned(),
            repository: self.repository.to_owned(),
            tag: tag.to_owned(),
            attempt: self.attempt,
        };
        self.ask("tags", &asked).await
    }

    pub async fn commit(&self, commit_sha: &str) -> FromForge<CommitInfo> {
        let asked = ReadCommit {
            forge: self.forge.to_owned(),
            repository: self.repository.to_owned(),
            commit_sha: commit_sha.to_owned(),
            attempt: self.attempt,
        };
        self.ask("commits", &asked).await
    }

    async fn ask<T: DeserializeOwned>(&self, what: &str, asked: &impl Serialize) -> FromForge<T> {
        let body = Bytes::from(serde_json::to_vec(asked).unwrap_or_default());
        let later = |why: String| FromForge::Later { seconds: 5, why };
        let Ok(request) = internal_post(self.platform, &format!("{FORGE}/internal/{what}"), body) else {
            return later("the request could not be made".to_owned());
        };
        match self.platform.send(request, TIMEOUT_MS, MAX_ANSWER_BYTES).await {
            Ok(answer) if answer.status().is_success() => serde_json::from_slice(answer.body())
                .unwrap_or_else(|e| later(format!("the forge component's answer can't be read: {e}"))),
            Ok(answer) => later(format!("the forge component answered {}", answer.status())),
            Err(error) => later(error.to_string()),
        }
    }
}

/// The definition's text: from the database, or from the repository at the commit under test.
pub async fn definition<P: Platform>(
    pipeline: &Pipeline,
    at_forge: Option<&AtForge<'_, P>>,
    commit_sha: Option<&str>,
) -> FromForge<String> {
    if let Some(text) = &pipeline.view.definition {
        return FromForge::Found { value: text.clone() };
    }
    let Some(at_forge) = at_forge else {
        let why = "the definition lies in the repository, and no forge is known that serves it; \
                   deliver a webhook of the repository first, or keep the definition in the database";
        return FromForge::Failed { why: why.to_owned() };
    };
    let Some(commit_sha) = commit_sha else {
        let why = "the definition lies in the repository: name the commit_sha to read it at";
        return FromForge::Failed { why: why.to_owned() };
    };
    at_forge.file(pipeline.view.definition_path.as_deref().unwrap_or(DEFAULT_PATH), commit_sha).await
}
