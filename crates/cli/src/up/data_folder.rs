//! The data folder: made private, and held by one server at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

const PRIVATE: u32 = 0o700;

/// A data folder that no other server uses for as long as this value lives.
#[derive(Debug)]
pub struct DataFolder {
    pub path: PathBuf,
    /// The system lets go of the lock when the process ends, however it ends.
    _lock: File,
}

impl DataFolder {
    /// # Errors
    /// Where the folder can't be made or used, or another server uses it.
    pub fn open(path: &Path) -> Result<Self> {
        make(path).with_context(|| {
            format!("can't make the data folder {}; choose another one by --data", path.display())
        })?;
        let path = path.canonicalize().with_context(|| format!("can't find {}", path.display()))?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"))
            .with_context(|| format!("can't write in the data folder {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => bail!(
                "another `penstock up` uses the data folder {}; stop that one, or give this one a folder of its \
                 own by --data",
                path.display()
            ),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| {
                format!(
                    "can't lock the data folder {}; it has to lie on a file system with locks",
                    path.display()
                )
            }),
        }
    }
}

fn make(path: &Path) -> std::io::Result<()> {
    if !path.exists() {
        return fs::DirBuilder::new().recursive(true).mode(PRIVATE).create(path);
    }
    let open_to_others = fs::metadata(path)?.permissions().mode() & 0o077 != 0;
    if open_to_others {
        // An empty folder was made for this. One with something in it may be someone's home: its files are
        // private by themselves, and its own mode is its owner's choice.
        if fs::read_dir(path)?.next().is_none() {
            fs::set_permissions(path, fs::Permissions::from_mode(PRIVATE))?;
        } else {
            tracing::warn!("the data folder {} is open to other users of this machine", path.display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_folder_is_made_private_where_it_is_new_or_empty() {
        let parent = tempfile::tempdir().unwrap();
        let new = parent.path().join("a/b");
        drop(DataFolder::open(&new).unwrap());
        assert_eq!(mode(&new), PRIVATE);

        let empty = parent.path().join("empty");
        fs::create_dir(&empty).unwrap();
        fs::set_permissions(&empty, fs::Permissions::from_mode(0o755)).unwrap();
        drop(DataFolder::open(&empty).unwrap());
        assert_eq!(mode(&empty), PRIVATE);

        let lived_in = parent.path().join("home");
        fs::create_dir(&lived_in).unwrap();
        fs::write(lived_in.join("letter"), "").unwrap();
        fs::set_permissions(&lived_in, fs::Permissions::from_mode(0o755)).unwrap();
        drop(DataFolder::open(&lived_in).unwrap());
        assert_eq!(mode(&lived_in), 0o755);
    }

    #[test]
    fn a_second_server_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataFolder::open(folder.path()).unwrap();
        let error = DataFolder::open(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("another `penstock up` uses the data folder "), "{error}");
        drop(first);
        DataFolder::open(folder.path()).unwrap();
    }

    #[test]
    fn a_file_in_its_place_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(DataFolder::open(&file).is_err());
    }
}
