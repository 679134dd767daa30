//! Where the built things are. What is not built fails the test with the command that builds it.

use std::path::{Path, PathBuf};

const PROGRAM: &str = "PENSTOCK_BIN";
const BUILD: &str = "build everything by `cargo xtask build`";

pub fn workspace() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the workspace");
    root.to_path_buf()
}

/// The `penstock` binary: beside the folder of this test's own, or where the variable says.
pub fn penstock() -> PathBuf {
    let found = std::env::var_os(PROGRAM).map_or_else(beside_this_test, PathBuf::from);
    assert!(
        found.is_file(),
        "there is no program {}; {BUILD}, or name another one by {PROGRAM}",
        found.display()
    );
    found
}

fn beside_this_test() -> PathBuf {
    let test = std::env::current_exe().expect("the system tells the path of the running program");
    let folder = test.ancestors().nth(2).expect("cargo puts tests two folders below its target");
    folder.join("penstock")
}

/// `spin.toml`, whose components are all there.
pub fn manifest() -> PathBuf {
    let root = workspace();
    let manifest = root.join("spin.toml");
    for source in crate::architecture::manifest::read(&manifest).sources() {
        let component = root.join(source);
        assert!(component.is_file(), "the component {} is not built; {BUILD}", component.display());
    }
    manifest
}

/// Compiled components, shared by every installation of the tests: machine code is the same for all.
pub fn compiled_components() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-components")
}
