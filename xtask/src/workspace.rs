//! Where things are in the repository, and which packages are components.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};

pub const WASM_TARGET: &str = "wasm32-wasip2";

/// The checkout that `cargo xtask` was started in.
pub struct Workspace {
    pub root: PathBuf,
}

impl Workspace {
    pub fn find() -> Outcome<Self> {
        // Cargo tells where this package lies now; the path of compile time is for a start without cargo.
        let package =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&package).parent().map(Path::to_path_buf).unwrap_or_default();
        if root.join("Cargo.toml").is_file() {
            Ok(Self { root })
        } else {
            Err(Failure::new("this is not inside the repository; start it by `cargo xtask`"))
        }
    }

    /// Always below the root, whatever the machine's own settings are: `spin.toml` names files in here.
    pub fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// A program built with the profile of the tests.
    pub fn program(&self, name: &str) -> PathBuf {
        self.target().join("debug").join(name).with_extension(std::env::consts::EXE_EXTENSION)
    }

    /// The packages in `components/`, by name.
    pub fn components(&self) -> Outcome<Vec<String>> {
        let folder = self.root.join("components");
        let mut names = Vec::new();
        for manifest in manifests_in(&folder)? {
            let text = fs::read_to_string(&manifest)
                .map_err(Failure::because(format_args!("can't read {}", manifest.display())))?;
            names.push(package_name(&text).ok_or_else(|| {
                Failure::new(format!("{} has no `name = \"…\"` in its [package]", manifest.display()))
            })?);
        }
        Ok(names)
    }
}

/// The `Cargo.toml` of each folder in `folder`, sorted; none where there is no such folder.
fn manifests_in(folder: &Path) -> Outcome<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(vec![]);
    }
    let entries =
        fs::read_dir(folder).map_err(Failure::because(format_args!("can't list {}", folder.display())))?;
    let mut manifests: Vec<_> = entries.flatten().map(|entry| entry.path().join("Cargo.toml")).collect();
    manifests.retain(|manifest| manifest.is_file());
    manifests.sort();
    Ok(manifests)
}

/// The `name` in the `[package]` table, as every manifest here spells it: on a line of its own.
fn package_name(manifest: &str) -> Option<String> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[package]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| line.strip_prefix("name")?.trim_start().strip_prefix('='))
        .map(|value| value.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_that_of_the_package_and_of_nothing_else() {
        let manifest = "[lib]\nname = \"no\"\n\n[package]\ndescription = \"name = x\"\nname = \"yes\"\n";
        assert_eq!(package_name(manifest).as_deref(), Some("yes"));
        assert_eq!(package_name("[package]\nversion = \"1\"\n[lib]\nname = \"no\"\n"), None);
    }
}
