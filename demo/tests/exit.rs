//! The demo to its end, with the real server, the real components and a real runner.

#![allow(clippy::unwrap_used, reason = "a helper of a test is a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The built server and the application; None where they are not built, as by a test of this package alone.
fn built() -> Option<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let penstock = Path::new(env!("CARGO_BIN_EXE_penstock-demo")).with_file_name("penstock");
    let manifest = root.join("spin.toml");
    let component = root.join("target/wasm32-wasip2/release/penstock_scheduler.wasm");
    [&penstock, &manifest, &component].iter().all(|path| path.is_file()).then_some((penstock, manifest))
}

#[test]
fn the_demo_ends_well_and_leaves_nothing_behind() {
    let Some((penstock, manifest)) = built() else {
        println!("skipped: the server and its components are not built; `cargo xtask test` builds them");
        return;
    };
    let temporary = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_penstock-demo"))
        .arg("--penstock")
        .arg(&penstock)
        .arg("--manifest")
        .arg(&manifest)
        .args(["--exit", "--listen", "127.0.0.1:0"])
        .env("TMPDIR", temporary.path())
        // As `cargo xtask demo` has it: a new data folder need not compile the components again.
        .env("PENSTOCK_COMPILED_DIR", manifest.with_file_name("target").join("compiled"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    for expected in [
        "build / program",
        "Hello, Ada!",
        "gate coverage      passed",
        "The demo approves this as `grace`",
        "The execution succeeded",
        "The execution failed (health_check_failed)",
        "Version 2 is quarantined in production",
        "The service says again: greeter 1\n",
        "change failure rate    50 %",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in:\n{said}");
    }
    let left: Vec<_> =
        std::fs::read_dir(temporary.path()).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_port_in_use_is_told_with_a_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_penstock-demo"))
        .args(["--penstock", "penstock", "--manifest", "spin.toml", "--exit", "--listen"])
        .arg(taken.local_addr().unwrap().to_string())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("stop what listens there"), "{said}");
}
