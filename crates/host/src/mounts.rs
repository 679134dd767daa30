//! `files` of a component: folders mounted as they are, or a copy where single files are picked.
//!
//! As in Spin, everything is read-only to the guest.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component as Part, Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::manifest::{Component, Files};

/// Files copied for one component: assets, not data.
const MAX_FILES: usize = 10_000;
const MAX_BYTES: u64 = 256 << 20;
/// Folders within folders.
const MAX_DEPTH: usize = 32;

/// What to mount for the component: the folder here, and its path there.
pub fn prepare(
    component: &Component,
    folder: &Path,
    data_dir: &Path,
) -> Result<Vec<(PathBuf, String)>, String> {
    let mut folders: Vec<(PathBuf, PathBuf)> = vec![];
    let mut copies = !component.exclude_files.is_empty();
    for files in &component.files {
        match files {
            Files::Pattern(_) => copies = true,
            Files::Placement(placement) => {
                let source = folder.join(&placement.source);
                let kind = fs::metadata(&source).map_err(|e| format!("{}: {e}", source.display()))?;
                copies |= !kind.is_dir();
                let to = inside(&placement.destination)?;
                // As one mount, or only one of the two would be seen.
                copies |= folders.iter().any(|(_, other)| *other == to);
                folders.push((source, to));
            }
        }
    }
    if !copies {
        return Ok(folders.into_iter().map(|(source, to)| (source, format!("/{}", to.display()))).collect());
    }
    let root = data_dir.join("files").join(&component.id);
    if root.exists() {
        fs::remove_dir_all(&root).map_err(|e| format!("{}: {e}", root.display()))?;
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&root)
        .map_err(|e| format!("{}: {e}", root.display()))?;
    let mut copy = Copy {
        from: folder,
        root: &root,
        exclude: globs(&component.exclude_files, false)?,
        files: 0,
        bytes: 0,
    };
    for (source, to) in folders {
        copy.place(&source, &to, &|_| true, 0)?;
    }
    for files in &component.files {
        if let Files::Pattern(pattern) = files {
            copy.pick(pattern)?;
        }
    }
    Ok(vec![(root, "/".to_owned())])
}

/// A guest path, without its leading slash and without `..`.
fn inside(destination: &str) -> Result<PathBuf, String> {
    let path = Path::new(destination.trim_start_matches('/'));
    if path.components().all(|part| matches!(part, Part::Normal(_))) {
        Ok(path.to_owned())
    } else {
        Err(format!("the destination {destination:?} must be an absolute path without `..`"))
    }
}

/// `by_folder`: whether a star stays within its folder.
fn globs(patterns: &[String], by_folder: bool) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = GlobBuilder::new(pattern).literal_separator(by_folder).build();
        set.add(glob.map_err(|e| format!("{pattern:?} is not a pattern: {e}"))?);
    }
    set.build().map_err(|e| e.to_string())
}

struct Copy<'a> {
    from: &'a Path,
    root: &'a Path,
    /// Paths below `from` to leave out of folders and patterns.
    exclude: GlobSet,
    files: usize,
    bytes: u64,
}

impl Copy<'_> {
    /// Copies the files below the manifest's folder that the pattern fits.
    fn pick(&mut self, pattern: &str) -> Result<(), String> {
        let parts: Vec<_> = pattern.split('/').collect();
        if parts.contains(&"..") || parts.last() == Some(&".") || pattern.starts_with('/') {
            return Err(format!(
                "the pattern {pattern:?} must stay below the manifest's folder; use source and destination"
            ));
        }
        // Only what stands before the first wildcard has to be walked.
        let fixed: PathBuf = parts.iter().take_while(|part| !part.contains(['*', '?', '[', '{'])).collect();
        let source = self.from.join(&fixed);
        if !source.exists() {
            return Err(format!("{pattern:?} fits no file; correct it or add the file"));
        }
        if fixed.as_os_str().len() == pattern.len() && source.is_dir() {
            return Err(format!(
                "{pattern:?} is a folder; write `{pattern}/**/*`, or source and destination"
            ));
        }
        let set = globs(&[pattern.to_owned()], true)?;
        self.place(&source, &fixed, &|path| set.is_match(path), 0)
    }

    /// Copies a file, or the files of a folder whose paths below the guest's root `fits`.
    fn place(
        &mut self,
        source: &Path,
        to: &Path,
        fits: &dyn Fn(&Path) -> bool,
        depth: usize,
    ) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("{}: {e}", source.display());
        let kind = fs::metadata(source).map_err(failed)?;
        if kind.is_dir() {
            if depth > MAX_DEPTH {
                return Err(format!("{}: folders lie more than {MAX_DEPTH} deep", source.display()));
            }
            for entry in fs::read_dir(source).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let is_link = entry.file_type().map_err(failed)?.is_symlink();
                // A linked folder may lead anywhere, also back here.
                if !(is_link && entry.path().is_dir()) {
                    self.place(&entry.path(), &to.join(entry.file_name()), fits, depth + 1)?;
                }
            }
            return Ok(());
        }
        // What is named by itself is wanted.
        let excluded =
            depth > 0 && source.strip_prefix(self.from).is_ok_and(|path| self.exclude.is_match(path));
        if !kind.is_file() || excluded || !fits(to) {
            return Ok(());
        }
        (self.files, self.bytes) = (self.files + 1, self.bytes + kind.len());
        if self.files > MAX_FILES || self.bytes > MAX_BYTES {
            return Err(format!("more than {MAX_FILES} files or {MAX_BYTES} bytes; mount a folder instead"));
        }
        let target = self.root.join(to);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(|e| format!("{}: {e}", parent.display()))?;
        }
        fs::copy(source, &target).map_err(failed)?;
        Ok(())
    }
}
