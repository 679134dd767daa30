//! Fetches the test inputs that nobody here wrote: GitHub's webhook payloads and its API description.
//!
//! Their versions and checksums are pinned beside this package. A test whose input is absent says so and passes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::piped;
use crate::failure::{Failure, Outcome};
use crate::progress::{Meter, watch};
use crate::set_up;
use crate::workspace::Workspace;

/// Variables for the tests, each with the path that it names.
pub struct TestInputs(pub Vec<(&'static str, PathBuf)>);

/// What tests look for, below `node_modules`: a package's folder, a file.
const PATHS: [(&str, &str); 2] = [
    ("PENSTOCK_WEBHOOK_EXAMPLES", "@octokit/webhooks-examples"),
    ("PENSTOCK_GITHUB_OPENAPI", "@octokit/openapi/generated/api.github.com.json"),
];

/// The inputs, fetched where they are not there yet; none where npm is absent or can't fetch.
pub fn prepare(workspace: &Workspace) -> Outcome<TestInputs> {
    let folder = workspace.target().join("test-inputs");
    let pinned = workspace.root.join("xtask").join("test-inputs");
    if !is_current(&folder, &pinned) {
        if !set_up::answers("npm", &["--version"]) {
            eprintln!(
                "skipped: no `npm` on this machine, so the tests of GitHub's published payloads do nothing"
            );
            return Ok(TestInputs(vec![]));
        }
        if let Err(failure) = install(&folder, &pinned) {
            eprintln!("skipped: {failure}; the tests of GitHub's published payloads do nothing");
            return Ok(TestInputs(vec![]));
        }
    }
    Ok(TestInputs(present(&folder)))
}

fn present(folder: &Path) -> Vec<(&'static str, PathBuf)> {
    let found = PATHS.map(|(variable, path)| (variable, folder.join("node_modules").join(path)));
    found.into_iter().filter(|(_, path)| path.exists()).collect()
}

/// Whether the folder holds what the pinned lock file asks for.
fn is_current(folder: &Path, pinned: &Path) -> bool {
    let lock = |folder: &Path| fs::read(folder.join("package-lock.json")).ok();
    present(folder).len() == PATHS.len() && lock(folder) == lock(pinned)
}

fn install(folder: &Path, pinned: &Path) -> Outcome {
    fs::create_dir_all(folder).map_err(Failure::because(format_args!("can't make {}", folder.display())))?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(pinned.join(file), folder.join(file))
            .map_err(Failure::because(format_args!("can't copy {file} to {}", folder.display())))?;
    }
    let mut command = Command::new("npm");
    command
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(folder);
    let meter = Meter::start("test inputs (npm)");
    let (mut child, pieces) = piped(command)?;
    let mut said = String::new();
    watch(&pieces, |piece| said = piece.to_owned(), || eprintln!("{}", meter.line()));
    let status = child.wait().map_err(Failure::because("can't wait for npm"))?;
    if status.success() {
        eprintln!("{}, done", meter.line());
        Ok(())
    } else {
        // The lock file that was copied would pass for a finished installation.
        let _ = fs::remove_file(folder.join("package-lock.json"));
        Err(Failure::new(format!("npm could not fetch the test inputs ({said})")))
    }
}
