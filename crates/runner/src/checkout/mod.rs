//! Puts the exact commit of a repository into a workspace.
//!
//! A bare mirror per repository keeps what was fetched before, so a commit that is there already costs one git
//! process. The workspace is a real repository of its own that borrows the mirror's objects: a step that commits,
//! tags or breaks something in it changes nothing for the next job. No submodules, no LFS.

mod git;
mod mirror;
mod workspace;

use std::sync::Arc;

pub use mirror::{Generation, Mirrors};
use thiserror::Error;

use crate::folder::{AttemptFolder, probe};
use crate::outbox::Outbox;
use crate::repository;

/// What to check out.
pub struct Wanted<'a> {
    pub repository_url: &'a str,
    pub commit_sha: &'a str,
    /// Names the ref under which the mirror keeps the commit.
    pub branch: &'a str,
    /// The run is of a tag of this name: then the workspace has to know it.
    pub tag: Option<&'a str>,
}

/// Why there is no workspace: what git said, and what to do about it.
#[derive(Debug, Error)]
#[error("{cause}; {hint}")]
pub struct CheckoutError {
    cause: String,
    hint: &'static str,
}

impl CheckoutError {
    fn new(cause: impl Into<String>, hint: &'static str) -> Self {
        Self { cause: cause.into(), hint }
    }
}

/// What is said where the disk or its file system does not take what is written: a new mirror would not help.
const OF_THE_DISK: &[&str] =
    &["no space left", "quota exceeded", "file name too long", "unable to create file"];
const LOCAL_HINT: &str = "look at the disk and the rights of the runner's work folder";

/// Fills the workspace. Gives what it borrows from, to be kept as long as the workspace is in use.
///
/// # Errors
/// [`CheckoutError`]; the workspace holds nothing of use then.
pub(crate) async fn checkout(
    mirrors: &Mirrors,
    wanted: &Wanted<'_>,
    folder: &AttemptFolder,
    outbox: &Outbox,
) -> Result<Arc<Generation>, CheckoutError> {
    check(wanted)?;
    let mirror = mirrors.of(wanted.repository_url, wanted.commit_sha.len() > 40);
    // The quick way: one process, and no look at what is there before it.
    if let Some(generation) = mirror.current()
        && wanted.tag.is_none_or(|tag| workspace::knows_tag(&generation, tag))
    {
        match workspace::fill(mirrors.git(), &generation, wanted, folder).await {
            Ok(()) => return Ok(generation),
            Err(failure) => tracing::debug!(failure = failure.words(), "not in the mirror yet"),
        }
    }
    let _alone = mirror.fetching().await;
    outbox.say(None, &format!("Fetching {}", repository::without_credentials(wanted.repository_url)));
    mirror.mark_used();
    let first = fetch_and_fill(mirrors, &mirror, wanted, folder).await;
    match first {
        Err(Trouble::Mirror(cause)) if !mirror.is_fresh() => {
            tracing::warn!(cause, "a mirror is broken: it is made anew");
            outbox.say(None, "The runner's copy of the repository is broken and is made anew.");
            mirror.condemn();
            fetch_and_fill(mirrors, &mirror, wanted, folder).await.map_err(CheckoutError::from)
        }
        other => other.map_err(CheckoutError::from),
    }
}

enum Trouble {
    /// The far side, or what was asked of it: a new mirror would not help.
    Final(CheckoutError),
    /// The mirror itself seems to be broken.
    Mirror(String),
}

impl From<Trouble> for CheckoutError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Final(error) => error,
            Trouble::Mirror(cause) => Self::new(cause, LOCAL_HINT),
        }
    }
}

async fn fetch_and_fill(
    mirrors: &Mirrors,
    mirror: &Arc<mirror::Mirror>,
    wanted: &Wanted<'_>,
    folder: &AttemptFolder,
) -> Result<Arc<Generation>, Trouble> {
    let local = |error: std::io::Error| Trouble::Final(CheckoutError::new(error.to_string(), LOCAL_HINT));
    let generation = mirror.current_or_new().map_err(local)?;
    mirror.remove_leftovers(&generation);
    let fetched = mirror::fetch(mirrors.git(), &generation, wanted).await?;
    mirror.pack_after_fetch(mirrors.git(), &generation).await;
    folder.renew_workspace().map_err(local)?;
    match workspace::fill(mirrors.git(), &generation, wanted, folder).await {
        Ok(()) => Ok(generation),
        // Everything that there is was fetched, and it is not among it.
        Err(_)
            if fetched == mirror::Fetched::EveryRef
                && !workspace::has_commit(mirrors.git(), &generation, wanted).await =>
        {
            Err(Trouble::Final(CheckoutError::new(
                format!("the repository has no commit {}", wanted.commit_sha),
                "it may have been forced away; run the pipeline for a commit that is on a branch or a tag",
            )))
        }
        Err(failure) if failure.says(OF_THE_DISK) || probe(&folder.workspace).is_err() => {
            Err(Trouble::Final(CheckoutError::new(failure.words(), LOCAL_HINT)))
        }
        Err(failure) => Err(Trouble::Mirror(failure.words())),
    }
}

fn check(wanted: &Wanted<'_>) -> Result<(), CheckoutError> {
    if let Some(objection) = repository::objection(wanted.repository_url) {
        return Err(CheckoutError::new("the repository's address is not allowed", objection));
    }
    let sha = wanted.commit_sha;
    if !matches!(sha.len(), 40 | 64) || !sha.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(CheckoutError::new("the commit is no full id", "give its 40 or 64 hexadecimal digits"));
    }
    Ok(())
}
