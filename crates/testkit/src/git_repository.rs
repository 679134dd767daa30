//! A small real git repository in a folder of its own, gone when dropped.
//!
//! The same commits give the same ids on every machine: authors, dates and the hash are fixed, and no
//! configuration of the machine or its user is read. Only a repository of today has the dates of its making.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::payload::PushedCommit;

pub const AUTHOR_NAME: &str = "Ada Example";
pub const AUTHOR_EMAIL: &str = "ada@example.com";
/// The first commit's time; each later one is a minute later.
const FIRST_COMMIT_SECONDS: u64 = 1_700_000_000;
/// Tries to find a name for the folder that nothing has left behind.
const MAX_FOLDERS: u32 = 10_000;

pub struct GitRepository {
    folder: PathBuf,
    commits: AtomicU64,
    is_of_today: bool,
}

impl GitRepository {
    /// An empty repository whose branch is `main`.
    ///
    /// # Errors
    /// Where the folder can't be made, or there is no `git`.
    pub fn new() -> io::Result<Self> {
        Self::make(false)
    }

    /// As [`GitRepository::new`], but its commits bear the time at which they are made: for what measures time from
    /// a commit on.
    ///
    /// # Errors
    /// As [`GitRepository::new`].
    pub fn of_today() -> io::Result<Self> {
        Self::make(true)
    }

    fn make(is_of_today: bool) -> io::Result<Self> {
        let repository = Self { folder: new_folder()?, commits: AtomicU64::new(0), is_of_today };
        repository.git(&["init", "--quiet", "--initial-branch=main", "--object-format=sha1"])?;
        for (name, value) in [
            // As GitHub does: any commit can be fetched by its id.
            ("uploadpack.allowAnySHA1InWant", "true"),
            ("core.autocrlf", "false"),
            ("core.fileMode", "false"),
            ("gc.auto", "0"),
        ] {
            repository.git(&["config", name, value])?;
        }
        Ok(repository)
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// What one clones from.
    pub fn url(&self) -> String {
        format!("file://{}", self.folder.display())
    }

    /// Writes the files, commits everything, and answers the commit's id.
    ///
    /// # Errors
    /// Where a file can't be written or `git` refuses.
    pub fn commit(&self, files: &[(&str, &str)], message: &str) -> io::Result<String> {
        for (name, content) in files {
            let path = self.folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, content)?;
        }
        self.git(&["add", "--all"])?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message])?;
        self.head()
    }

    /// Goes to a branch, made from where we are if it isn't there.
    ///
    /// # Errors
    /// Where `git` refuses.
    pub fn switch(&self, branch: &str) -> io::Result<()> {
        let known = self.git(&["rev-parse", "--quiet", "--verify", &format!("refs/heads/{branch}")]).is_ok();
        let create: &[&str] = if known { &[] } else { &["--create"] };
        self.git(&[&["switch", "--quiet"], create, &[branch]].concat()).map(drop)
    }

    /// Tags the current commit; with a message the tag is an annotated one.
    ///
    /// # Errors
    /// Where `git` refuses.
    pub fn tag(&self, name: &str, message: Option<&str>) -> io::Result<()> {
        match message {
            Some(message) => self.git(&["tag", "--annotate", "--message", message, name]),
            None => self.git(&["tag", name]),
        }
        .map(drop)
    }

    /// The current commit's id.
    ///
    /// # Errors
    /// Where there is no commit yet.
    pub fn head(&self) -> io::Result<String> {
        self.git(&["rev-parse", "HEAD"])
    }

    /// A commit as a push reports it.
    ///
    /// # Errors
    /// Where there is no such commit.
    pub fn pushed_commit(&self, sha: &str) -> io::Result<PushedCommit> {
        // Every commit here is in UTC; git's own RFC 3339 form is not the same in every version.
        let date = "--date=format:%Y-%m-%dT%H:%M:%SZ";
        let facts = self.git(&["show", "--no-patch", date, "--format=%T%n%ad%n%an%n%ae%n%B", sha])?;
        let mut lines = facts.splitn(5, '\n').map(str::to_owned);
        let mut next = || lines.next().unwrap_or_default();
        let mut commit = PushedCommit {
            sha: sha.to_owned(),
            tree: next(),
            timestamp: next(),
            author_name: next(),
            author_email: next(),
            message: next().trim_end().to_owned(),
            ..PushedCommit::default()
        };
        let changes =
            self.git(&["diff-tree", "-r", "--root", "--no-commit-id", "--name-status", "-z", sha])?;
        let mut words = changes.split('\0');
        while let (Some(kind), Some(path)) = (words.next(), words.next()) {
            match kind {
                "A" => commit.added.push(path.to_owned()),
                "D" => commit.removed.push(path.to_owned()),
                _ => commit.modified.push(path.to_owned()),
            }
        }
        Ok(commit)
    }

    /// Every ref and the commit that it leads to, as `heads/main`, `tags/v1`.
    pub(crate) fn refs(&self) -> io::Result<Vec<(String, String)>> {
        let names = self.git(&["for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags"])?;
        let refs = names.lines().map(|name| {
            let commit = self.git(&["rev-parse", &format!("{name}^{{commit}}")])?;
            Ok((name.trim_start_matches("refs/").to_owned(), commit))
        });
        refs.collect()
    }

    pub(crate) fn all_commits(&self) -> io::Result<Vec<String>> {
        Ok(self.git(&["rev-list", "--all"])?.lines().map(str::to_owned).collect())
    }

    pub(crate) fn files_at(&self, sha: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
        let names = self.git(&["ls-tree", "-r", "-z", "--name-only", sha])?;
        let files = names.split('\0').filter(|name| !name.is_empty()).map(|name| {
            let content = self.output(&["cat-file", "blob", &format!("{sha}:{name}")])?.stdout;
            Ok((name.to_owned(), content))
        });
        files.collect()
    }

    /// Runs `git` in the repository and answers what it wrote, without the last line's end.
    ///
    /// # Errors
    /// With what `git` said, where it fails.
    pub fn git(&self, arguments: &[&str]) -> io::Result<String> {
        let text = String::from_utf8(self.output(arguments)?.stdout).map_err(io::Error::other)?;
        Ok(text.trim_end_matches('\n').to_owned())
    }

    fn output(&self, arguments: &[&str]) -> io::Result<Output> {
        let minutes = self.commits.load(Ordering::Relaxed);
        let date = format!("{} +0000", FIRST_COMMIT_SECONDS + 60 * minutes);
        let dates = [("GIT_AUTHOR_DATE", &date), ("GIT_COMMITTER_DATE", &date)];
        let output = Command::new("git")
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.folder)
            .env("LC_ALL", "C")
            .envs([
                ("GIT_CONFIG_GLOBAL", "/dev/null"),
                ("GIT_CONFIG_NOSYSTEM", "1"),
                ("GIT_TERMINAL_PROMPT", "0"),
                ("TZ", "UTC0"),
            ])
            .envs([("GIT_AUTHOR_NAME", AUTHOR_NAME), ("GIT_AUTHOR_EMAIL", AUTHOR_EMAIL)])
            .envs([("GIT_COMMITTER_NAME", AUTHOR_NAME), ("GIT_COMMITTER_EMAIL", AUTHOR_EMAIL)])
            .envs(dates.into_iter().filter(|_| !self.is_of_today))
            .stdin(Stdio::null())
            .output()?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!("git {}: {}", arguments.join(" "), said.trim())))
    }
}

impl Drop for GitRepository {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            let _ = writeln!(io::stderr(), "{} is left behind: {error}", self.folder.display());
        }
    }
}

/// A folder that was not there before, whatever other processes of the same id have left.
fn new_folder() -> io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..MAX_FOLDERS {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("penstock-git-{}-{number}", std::process::id()));
        match std::fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            done => return done.map(|()| folder),
        }
    }
    Err(io::Error::other("the temporary folder is full of old repositories; remove penstock-git-*"))
}
