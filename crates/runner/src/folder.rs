//! The folder of one attempt: made anew, and removed with all that the steps left in it.

use std::ffi::{CStr, CString};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;

use crate::backoff::random_u64;

/// A process that is just dying may still write into what is being removed.
const REMOVE_TRIES: u32 = 5;
const REMOVE_PAUSE: Duration = Duration::from_millis(100);
/// What an attempt's folders and its line in the ledger take of a disk, and some more.
const PROBE_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone)]
pub struct AttemptFolder {
    root: PathBuf,
    pub workspace: PathBuf,
    pub home: PathBuf,
    pub temporary: PathBuf,
}

impl AttemptFolder {
    /// `root` must not be there yet: nothing of another attempt is ever seen.
    ///
    /// # Errors
    /// What the system says to making the folders; there is nothing at `root` then that was not there before.
    pub fn create(root: PathBuf) -> io::Result<Self> {
        let (workspace, home, temporary) = (root.join("workspace"), root.join("home"), root.join("tmp"));
        make(&root)?;
        let folder = Self { root, workspace, home, temporary };
        match folder.make_inner() {
            Ok(()) => Ok(folder),
            Err(error) => {
                folder.discard();
                Err(error)
            }
        }
    }

    fn make_inner(&self) -> io::Result<()> {
        [&self.workspace, &self.home, &self.temporary].into_iter().try_for_each(|folder| make(folder))
    }

    /// Takes back what was made for an attempt that is not begun.
    pub fn discard(self) {
        let _ = fs::remove_dir_all(self.root);
    }

    /// Removes it with all that the steps left in it. Blocks.
    ///
    /// # Errors
    /// As [`remove_tree`].
    pub fn remove(self) -> io::Result<()> {
        remove_tree(&self.root)
    }

    /// Where the log waits when the control plane is away.
    pub fn spool_file(&self) -> PathBuf {
        self.root.join("log.ndjson")
    }

    pub fn script_file(&self, step: usize) -> PathBuf {
        self.root.join(format!("step-{step}.script"))
    }

    /// Where a step may write what it hands on; the folder is there, and the file if it did.
    pub fn handed_on(&self, step: usize, what: &str) -> PathBuf {
        self.root.join(format!("step-{step}.{what}"))
    }

    /// An empty workspace again.
    ///
    /// # Errors
    /// What the system says to removing and making it.
    pub fn renew_workspace(&self) -> io::Result<()> {
        remove_tree(&self.workspace)?;
        make(&self.workspace)
    }
}

fn make(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(folder)
}

/// Writes a file and removes it: whether the folder of an attempt could be made there now.
///
/// # Errors
/// What the system says to writing it.
pub fn probe(parent: &Path) -> io::Result<()> {
    let file = parent.join("probe");
    let written = fs::write(&file, [0; PROBE_BYTES]);
    let _ = fs::remove_file(file);
    written
}

/// Removes a folder and all below, also where steps took their own rights away. Blocks; follows no links.
///
/// # Errors
/// What is in the way after several tries.
pub fn remove_tree(root: &Path) -> io::Result<()> {
    let mut tries = 0;
    loop {
        match remove_level_by_level(root) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                tries += 1;
                if tries == REMOVE_TRIES {
                    return Err(error);
                }
                if error.kind() == io::ErrorKind::PermissionDenied {
                    allow_removal(root);
                } else {
                    std::thread::sleep(REMOVE_PAUSE);
                }
            }
        }
    }
}

/// Folders are brought up to the top before they are emptied, so that a tree as deep as a step can make it takes two
/// open files and no stack: whoever goes down into it takes as many of both as it has levels.
fn remove_level_by_level(root: &Path) -> io::Result<()> {
    let top = open_folder(CWD, root)?;
    let mark = random_u64();
    let mut brought_up = 0_u64;
    loop {
        let mut is_empty = true;
        for entry in entries(&top)? {
            let (name, kind) = entry?;
            is_empty = false;
            if !is_folder(&top, &name, kind)? {
                continue;
            }
            let folder = open_folder(&top, &name)?;
            for entry in entries(&folder)? {
                let (below, kind) = entry?;
                if is_folder(&folder, &below, kind)? {
                    brought_up += 1;
                    renameat(&folder, &below, &top, format!("{mark:x}-{brought_up}"))?;
                }
            }
            unlinkat(&top, &name, AtFlags::REMOVEDIR)?;
        }
        if is_empty {
            return Ok(unlinkat(CWD, root, AtFlags::REMOVEDIR)?);
        }
    }
}

fn open_folder(at: impl AsFd, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    openat(at, name, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

fn entries(folder: &OwnedFd) -> io::Result<impl Iterator<Item = io::Result<(CString, FileType)>>> {
    let found = Dir::read_from(folder)?.map(|entry| {
        let entry = entry?;
        Ok((entry.file_name().to_owned(), entry.file_type()))
    });
    Ok(found.filter(|entry| !entry.as_ref().is_ok_and(|(name, _)| matches!(name.to_bytes(), b"." | b".."))))
}

/// Anything else is removed.
fn is_folder(at: &OwnedFd, name: &CStr, kind: FileType) -> io::Result<bool> {
    if kind == FileType::Directory {
        return Ok(true);
    }
    match unlinkat(at, name, AtFlags::empty()) {
        Ok(()) => Ok(false),
        // Some file systems don't tell what an entry is before it is asked for.
        Err(Errno::ISDIR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Gives the owner back the rights to look into folders and to empty them.
fn allow_removal(root: &Path) {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(found) = fs::symlink_metadata(&folder) else { continue };
        if !found.is_dir() {
            continue;
        }
        let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o700));
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        folders.extend(entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_only_folders_go_too_and_links_out_of_the_tree_are_not_followed() {
        let base = std::env::temp_dir().join(format!("penstock-folder-{:x}", crate::backoff::random_u64()));
        fs::create_dir_all(base.join("outside")).unwrap();
        fs::write(base.join("outside/kept"), "").unwrap();
        let folder = AttemptFolder::create(base.join("attempt")).unwrap();
        let locked = folder.workspace.join("a/b");
        fs::create_dir_all(&locked).unwrap();
        fs::write(locked.join("file"), "").unwrap();
        std::os::unix::fs::symlink(base.join("outside"), locked.join("link")).unwrap();
        for path in [&locked, &folder.workspace.join("a")] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
        }
        allow_removal(&folder.root);
        assert_eq!(fs::metadata(&locked).unwrap().permissions().mode() & 0o777, 0o700);
        remove_tree(&folder.root).unwrap();
        assert!(!folder.root.exists() && base.join("outside/kept").exists());
        assert!(remove_tree(&folder.root).is_ok(), "removing twice is no error");
        fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn a_tree_of_any_depth_goes() {
        const LEVELS: usize = 20_000;
        let root = std::env::temp_dir().join(format!("penstock-folder-{:x}", random_u64()));
        fs::create_dir(&root).unwrap();
        let mut folder = open_folder(CWD, &root).unwrap();
        for _ in 0..LEVELS {
            rustix::fs::mkdirat(&folder, "d", Mode::RWXU).unwrap();
            rustix::fs::symlinkat("..", &folder, "link").unwrap();
            folder = open_folder(&folder, "d").unwrap();
        }
        remove_tree(&root).unwrap();
        assert!(!root.exists());
    }

    #[test]
    fn a_folder_that_can_not_be_made_wholly_is_not_there_at_all() {
        /// Of a path, which leaves room for the root and for nothing in it.
        const LONGEST: usize = 4_095;
        let base = std::env::temp_dir().join(format!("penstock-folder-{:x}", crate::backoff::random_u64()));
        let mut deep = base.clone();
        while deep.as_os_str().len() < LONGEST - 300 {
            deep.push("x".repeat(200));
        }
        deep.push("x".repeat(LONGEST - 100 - deep.as_os_str().len()));
        fs::create_dir_all(&deep).unwrap();
        let root = deep.join("x".repeat(97));
        assert!(AttemptFolder::create(root.clone()).is_err());
        assert!(fs::symlink_metadata(&root).is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
        fs::remove_dir_all(base).unwrap();
    }
}
