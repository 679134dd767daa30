//! A workspace out of a mirror: a repository written by hand, and one git process that fills it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::git::{Failure, Git, shown};
use super::{Generation, Wanted};
use crate::folder::AttemptFolder;

/// Tags beyond this much text are not given to the workspace: no `git describe` needs so many.
const MAX_PACKED_REFS_BYTES: u64 = 32 << 20;
/// Depth of folders below `refs/tags` that is looked into.
const MAX_TAG_DEPTH: u32 = 16;

/// Makes the workspace a repository at the commit, with its files.
pub(crate) async fn fill(
    git: &Git,
    from: &Generation,
    wanted: &Wanted<'_>,
    folder: &AttemptFolder,
) -> Result<(), Failure> {
    if let Err(error) = prepare(from, wanted, &folder.workspace) {
        return Err(Failure::local(&error));
    }
    git.local(&folder.workspace, &["read-tree", "-u", "--reset", wanted.commit_sha]).await
}

pub(crate) async fn has_commit(git: &Git, from: &Generation, wanted: &Wanted<'_>) -> bool {
    git.local(&from.path, &["cat-file", "-e", &format!("{}^{{commit}}", wanted.commit_sha)]).await.is_ok()
}

pub fn knows_tag(from: &Generation, tag: &str) -> bool {
    let name = format!("refs/tags/{tag}");
    packed_tags(&from.path).contains_key(&name) || (!tag.contains("..") && from.path.join(&name).is_file())
}

fn prepare(from: &Generation, wanted: &Wanted<'_>, workspace: &Path) -> io::Result<()> {
    let git_dir = workspace.join(".git");
    let remote = format!(
        "[remote \"origin\"]\n\turl = {}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n",
        quoted(&shown(wanted.repository_url))
    );
    make_repository(&git_dir, from.sha256, false, &remote)?;
    // Detached at the commit, as nothing a job does moves a branch.
    fs::write(git_dir.join("HEAD"), format!("{}\n", wanted.commit_sha.to_ascii_lowercase()))?;
    fs::create_dir(git_dir.join("objects/info"))?;
    let objects = from.path.join("objects").canonicalize()?;
    fs::write(git_dir.join("objects/info/alternates"), format!("{}\n", objects.display()))?;
    let tags = tags(&from.path);
    if tags.is_empty() { Ok(()) } else { fs::write(git_dir.join("packed-refs"), tags) }
}

/// Writes an empty repository, which is quicker than a process that does.
pub fn make_repository(git_dir: &Path, sha256: bool, bare: bool, more: &str) -> io::Result<()> {
    fs::create_dir_all(git_dir)?;
    for folder in ["objects", "refs"] {
        fs::create_dir(git_dir.join(folder))?;
    }
    let (version, format) = if sha256 { (1, "[extensions]\n\tobjectFormat = sha256\n") } else { (0, "") };
    let core = format!("[core]\n\trepositoryformatversion = {version}\n\tfilemode = true\n\tbare = {bare}\n");
    fs::write(git_dir.join("config"), format!("{core}{format}{more}"))?;
    fs::write(git_dir.join("HEAD"), "ref: refs/heads/main\n")
}

/// The mirror's tags as text for `packed-refs`; git peels by itself what does not say that it is.
fn tags(mirror: &Path) -> String {
    let mut all = packed_tags(mirror);
    // A loose one is newer than the packed one of its name.
    loose_tags(&mirror.join("refs/tags"), "refs/tags", MAX_TAG_DEPTH, &mut all);
    all.into_iter().map(|(name, id)| format!("{id} {name}\n")).collect()
}

/// Whether so many tags lie in files of their own that reading them would slow every checkout down.
pub fn has_many_loose_tags(mirror: &Path) -> bool {
    const MANY: usize = 16;
    fs::read_dir(mirror.join("refs/tags")).is_ok_and(|entries| entries.take(MANY).count() == MANY)
}

fn packed_tags(mirror: &Path) -> BTreeMap<String, String> {
    let path = mirror.join("packed-refs");
    if fs::metadata(&path).is_ok_and(|found| found.len() > MAX_PACKED_REFS_BYTES) {
        return BTreeMap::new();
    }
    let text = fs::read_to_string(path).unwrap_or_default();
    // Lines that begin with `^` are peeled tags and `#` is the header: neither names a tag.
    let tags = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(_, name)| name.starts_with("refs/tags/"));
    tags.map(|(id, name)| (name.to_owned(), id.to_owned())).collect()
}

fn loose_tags(folder: &Path, prefix: &str, depth: u32, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|_| depth > 0) {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let name = format!("{prefix}/{name}");
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            loose_tags(&entry.path(), &name, depth - 1, found);
        } else if let Ok(id) = fs::read_to_string(entry.path())
            && !name.ends_with(".lock")
        {
            found.insert(name, id.trim().to_owned());
        }
    }
}

/// As git's configuration quotes a value.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
