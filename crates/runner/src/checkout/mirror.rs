//! The mirrors: one bare repository per address, in generations, so that a broken one can be made anew while
//! jobs still borrow from it.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard};
use tokio::time::Instant;

use super::git::{self, Failure, Git};
use super::{CheckoutError, Trouble, Wanted};
use crate::folder::remove_tree;
use crate::guardian::Guardian;

/// The repositories that are kept; of more, the one that was not used for the longest time goes.
const MAX_MIRRORS: usize = 100;
/// After so many fetches git packs what they brought.
const FETCHES_BEFORE_PACKING: u32 = 25;

pub struct Mirrors {
    root: PathBuf,
    git: Arc<Git>,
    all: Mutex<HashMap<String, (Arc<Mirror>, Instant)>>,
}

pub struct Mirror {
    folder: PathBuf,
    sha256: bool,
    current: Mutex<Option<Arc<Generation>>>,
    fetching: AsyncMutex<()>,
    fetches: AtomicU32,
    packing: Arc<AtomicBool>,
}

/// One bare repository. The last who lets go of a condemned one removes it.
pub struct Generation {
    pub path: PathBuf,
    pub sha256: bool,
    /// Made by this very checkout: what is wrong with it is not its age.
    fresh: AtomicBool,
    condemned: AtomicBool,
}

impl Mirrors {
    /// # Errors
    /// Where the folder can't be made or written to.
    pub fn open(work_dir: &Path, guardian: Arc<Guardian>) -> io::Result<Self> {
        let root = work_dir.join("mirrors");
        fs::create_dir_all(&root)?;
        forget_oldest(&root)?;
        Ok(Self { root, git: Arc::new(Git::new(work_dir, guardian)?), all: Mutex::default() })
    }

    pub fn git(&self) -> &Arc<Git> {
        &self.git
    }

    /// The mirror of an address, credentials and all: who has no access shares nothing with who has.
    pub fn of(&self, url: &str, sha256: bool) -> Arc<Mirror> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let key = hex(format!("{sha256} {url}").as_bytes());
        if !all.contains_key(&key) && all.len() >= MAX_MIRRORS {
            let oldest = all.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            if let Some((mirror, _)) = oldest.and_then(|key| all.remove(&key)) {
                mirror.condemn();
            }
        }
        let folder = self.root.join(&key);
        let entry =
            all.entry(key).or_insert_with(|| (Arc::new(Mirror::open(folder, sha256)), Instant::now()));
        entry.1 = Instant::now();
        Arc::clone(&entry.0)
    }
}

impl Mirror {
    fn open(folder: PathBuf, sha256: bool) -> Self {
        let mut numbers: Vec<u32> = generations(&folder);
        numbers.sort_unstable();
        let newest =
            numbers.pop().map(|number| Arc::new(Generation::new(folder.join(number.to_string()), sha256)));
        Self {
            folder,
            sha256,
            current: Mutex::new(newest),
            fetching: AsyncMutex::new(()),
            fetches: AtomicU32::new(0),
            packing: Arc::default(),
        }
    }

    pub fn current(&self) -> Option<Arc<Generation>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One fetch at a time.
    pub(crate) async fn fetching(&self) -> MutexGuard<'_, ()> {
        self.fetching.lock().await
    }

    pub fn current_or_new(&self) -> io::Result<Arc<Generation>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(generation) = &*current {
            return Ok(Arc::clone(generation));
        }
        let number = generations(&self.folder).into_iter().max().unwrap_or(0) + 1;
        let generation = Generation::new(self.folder.join(number.to_string()), self.sha256);
        super::workspace::make_repository(&generation.path, self.sha256, true, "")?;
        generation.fresh.store(true, Ordering::Relaxed);
        Ok(Arc::clone(current.insert(Arc::new(generation))))
    }

    pub fn is_fresh(&self) -> bool {
        self.current().is_none_or(|generation| generation.fresh.load(Ordering::Relaxed))
    }

    /// A use is about to begin: what is here now was there before it.
    pub fn mark_used(&self) {
        if let Some(generation) = self.current() {
            generation.fresh.store(false, Ordering::Relaxed);
        }
        // The time of the folder tells, after a restart, which mirrors were used last.
        let _ = fs::create_dir_all(&self.folder).and_then(|()| fs::write(self.folder.join("used"), ""));
    }

    /// The next checkout starts from nothing.
    pub fn condemn(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(generation) = current.take() {
            generation.condemned.store(true, Ordering::Relaxed);
        }
    }

    /// Removes what fetches have left that were killed: up to the whole repository, each time. While nobody fetches.
    pub fn remove_leftovers(&self, generation: &Generation) {
        if self.packing.load(Ordering::Relaxed) {
            return;
        }
        let entries = fs::read_dir(generation.path.join("objects/pack")).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"tmp_")) {
            let _ = fs::remove_file(entry.path());
        }
    }

    /// Packs tags at once, and objects now and then beside the work: git keeps readers and writers apart here by itself.
    pub(crate) async fn pack_after_fetch(&self, git: &Arc<Git>, generation: &Arc<Generation>) {
        if super::workspace::has_many_loose_tags(&generation.path) {
            // Where it fails, checkouts are slower and nothing else.
            let _ = git.local(&generation.path, &["pack-refs", "--all"]).await;
        }
        if (self.fetches.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(FETCHES_BEFORE_PACKING) {
            let (git, generation) = (Arc::clone(git), Arc::clone(generation));
            let packing = Arc::clone(&self.packing);
            packing.store(true, Ordering::Relaxed);
            tokio::spawn(async move {
                let pack = ["-c", "gc.auto=200", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet"];
                if let Err(failure) = git.local(&generation.path, &pack).await {
                    tracing::debug!(failure = failure.words(), "a mirror was not packed");
                }
                packing.store(false, Ordering::Relaxed);
            });
        }
    }
}

impl Generation {
    const fn new(path: PathBuf, sha256: bool) -> Self {
        Self { path, sha256, fresh: AtomicBool::new(false), condemned: AtomicBool::new(false) }
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if self.condemned.load(Ordering::Relaxed) {
            let path = std::mem::take(&mut self.path);
            // A thread of its own: this may be a large folder, and the last one to let go may be anyone.
            std::thread::spawn(move || remove_tree(&path));
        }
    }
}

/// What a fetch asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    TheCommit,
    EveryRef,
}

/// Brings the commit alone where the far side allows it, everything else.
pub(super) async fn fetch(
    git: &Git,
    generation: &Generation,
    wanted: &Wanted<'_>,
) -> Result<Fetched, Trouble> {
    let url = git::shown(wanted.repository_url);
    // One ref per branch, so that their number stays bounded and the next fetch knows what is here.
    let kept = format!("+{}:refs/penstock/{}", wanted.commit_sha, &hex(wanted.branch.as_bytes())[..16]);
    let tag =
        wanted.tag.filter(|tag| is_plain_ref(tag)).map(|tag| format!("+refs/tags/{tag}:refs/tags/{tag}"));
    let mut arguments =
        vec!["fetch", "--quiet", "--no-write-fetch-head", "--no-recurse-submodules", "--", &url, &kept];
    arguments.extend(tag.as_deref());
    let failure = match git.far(&generation.path, wanted.repository_url, &arguments).await {
        Ok(()) => return Ok(Fetched::TheCommit),
        Err(failure) => failure,
    };
    if !failure.says(NOT_THAT) {
        return Err(trouble(git, generation, wanted.repository_url, failure).await);
    }
    let everything = [
        "fetch",
        "--quiet",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--prune",
        "--",
        &url,
        "+refs/*:refs/*",
    ];
    match git.far(&generation.path, wanted.repository_url, &everything).await {
        Ok(()) => Ok(Fetched::EveryRef),
        Err(failure) => Err(trouble(git, generation, wanted.repository_url, failure).await),
    }
}

/// What a far side says that is there, but does not give this one commit or ref.
const NOT_THAT: &[&str] =
    &["not our ref", "unadvertised object", "couldn't find remote ref", "no such ref was fetched"];

/// What is said when a connection did not come about or did not last.
const ON_THE_WAY: &[&str] = &[
    "authentication failed",
    "could not resolve host",
    "unable to access",
    "timed out",
    "connection re",
    "early eof",
    "rpc failed",
    "hung up",
];

/// What is said of a far side that can't be used, with what helps.
const FAR_TROUBLE: &[(&[&str], &str)] = &[
    (
        &[
            "authentication failed",
            "permission denied",
            "could not read username",
            "terminal prompts disabled",
            "403",
        ],
        "give the user of this runner access: a deploy key, or a credential helper in its git configuration",
    ),
    (&["there is no git on"], "install git on the runner's machine"),
    (
        &[
            "not found",
            "does not appear to be a git repository",
            "does not exist",
            "could not read from remote",
        ],
        "look at the pipeline's repository_url, and whether this runner may read there",
    ),
    (ON_THE_WAY, "see whether this runner's machine reaches the repository's host, and run the job again"),
    (&["transport '", "not allowed"], "use an https, http, ssh or file URL"),
];

/// Whom to blame. What is not plainly the way there or the right to it may be the mirror: it is, if the far side
/// answers to a question that needs no mirror.
async fn trouble(git: &Git, generation: &Generation, url: &str, failure: Failure) -> Trouble {
    let hint =
        |failure: &Failure| FAR_TROUBLE.iter().find(|(words, _)| failure.says(words)).map(|(_, hint)| *hint);
    let far = |failure: &Failure, hint: Option<&'static str>| {
        Trouble::Final(CheckoutError::new(failure.words(), hint.unwrap_or(super::LOCAL_HINT)))
    };
    if failure.says(super::OF_THE_DISK) {
        return far(&failure, None);
    }
    if failure.says(ON_THE_WAY) || generation.fresh.load(Ordering::Relaxed) {
        return far(&failure, hint(&failure));
    }
    let folder = generation.path.parent().unwrap_or(&generation.path);
    match git.far(folder, url, &["ls-remote", "--quiet", "--", &git::shown(url), "HEAD"]).await {
        Ok(()) => Trouble::Mirror(failure.words()),
        Err(failure) => far(&failure, hint(&failure)),
    }
}

/// Whether a name can stand in a refspec and mean only itself.
fn is_plain_ref(name: &str) -> bool {
    let odd = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    !name.is_empty() && !name.starts_with(['-', '/', '.']) && !name.contains("..") && !name.contains(odd)
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn generations(folder: &Path) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// At the start: what is beyond the limit goes, and all but the newest generation of each mirror.
fn forget_oldest(root: &Path) -> io::Result<()> {
    let mut mirrors: Vec<_> = fs::read_dir(root)?.flatten().map(|entry| entry.path()).collect();
    mirrors.sort_by_cached_key(|path| fs::metadata(path.join("used")).and_then(|used| used.modified()).ok());
    let excess = mirrors.len().saturating_sub(MAX_MIRRORS);
    let mut old: Vec<PathBuf> = mirrors.drain(..excess).collect();
    for mirror in &mirrors {
        let mut numbers = generations(mirror);
        numbers.sort_unstable();
        numbers.pop();
        old.extend(numbers.into_iter().map(|number| mirror.join(number.to_string())));
    }
    if !old.is_empty() {
        std::thread::spawn(move || old.iter().for_each(|path| drop(remove_tree(path))));
    }
    Ok(())
}
