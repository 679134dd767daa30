//! What keeps `penstock up` and `penstock runner` from starting, as a person reads it.

#![allow(clippy::unwrap_used, reason = "a helper of a test is a part of it")]

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn penstock(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_penstock"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SPIN_VARIABLE_")
            || name.to_string_lossy().starts_with("PENSTOCK_")
        {
            command.env_remove(name);
        }
    }
    command.args(arguments).output().unwrap()
}

fn refused(output: &Output) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty());
    said
}

fn up(data: &Path, more: &[&str]) -> Output {
    penstock(&[&["up", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()], more].concat())
}

#[test]
fn a_data_folder_in_use_is_told_by_its_path() {
    let data = tempfile::tempdir().unwrap();
    let lock = File::create(data.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let said = refused(&up(data.path(), &[]));
    let path = data.path().canonicalize().unwrap();
    assert!(
        said.contains(&format!("another `penstock up` uses the data folder {}", path.display())),
        "{said}"
    );
}

#[test]
fn a_port_in_use_is_told_with_a_way_out() {
    let data = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = refused(&penstock(&["up", "--listen", &address, "--data", data.path().to_str().unwrap()]));
    assert!(said.contains(&format!("{address} is in use by another program")), "{said}");
    assert!(said.contains("--listen"), "{said}");
}

#[test]
fn a_missing_manifest_is_told_and_the_secrets_made_before_stay_private() {
    let data = tempfile::tempdir().unwrap();
    let said = refused(&up(data.path(), &["--manifest", "nowhere/spin.toml"]));
    assert!(said.contains("nowhere/spin.toml"), "{said}");
    let secrets = data.path().join("secrets.env");
    assert_eq!(fs::metadata(&secrets).unwrap().permissions().mode() & 0o777, 0o600);
    for line in fs::read_to_string(&secrets).unwrap().lines().filter(|line| !line.starts_with('#')) {
        let (_, secret) = line.split_once('=').unwrap();
        assert!(!said.contains(secret));
    }
}

#[test]
fn a_public_url_that_is_none_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let said = refused(&up(data.path(), &["--public-url", "ci.example.com"]));
    assert!(said.contains("must begin with http:// or https://"), "{said}");
}

#[test]
fn a_runner_without_a_token_is_told_where_to_put_it() {
    let said = refused(&penstock(&["runner", "--server", "http://127.0.0.1:1"]));
    assert!(said.contains("--token-file or the variable PENSTOCK_RUNNER_TOKEN"), "{said}");
}

#[test]
fn a_token_is_not_taken_from_the_command_line() {
    let output = penstock(&["runner", "--token", "abc"]);
    assert_eq!(output.status.code(), Some(2));
}
