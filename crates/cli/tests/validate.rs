//! `penstock validate`, as a person runs it.

#![allow(clippy::unwrap_used, reason = "a helper of a test is a part of it")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use expect_test::expect;

fn validate(file: &str, text: &str, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    if file != "-" {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_penstock"))
        .arg("validate")
        .args((file != ".penstock.yml").then_some(file))
        .args(more)
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Where it does not read what it is given, the pipe is closed: that is its right.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

const GOOD: &str =
    "name: web\nstages:\n  - name: build\n    jobs:\n      - name: app\n        steps: [make]\n";
const BAD: &str = "name: web\nstages:\n  - name: build\n    jobz: []\n    jobs:\n      - name: app\n        timeout: 5q\n        steps: [make]\n";

#[test]
fn a_good_file_is_told_in_one_line() {
    for file in [".penstock.yml", "other.yml"] {
        let output = validate(file, GOOD, &[]);
        assert!(output.status.success());
        assert_eq!(text(&output.stdout), format!("{file} is valid\n"));
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn every_error_is_shown_at_its_place_with_what_to_do() {
    let output = validate("-", BAD, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "standard input is not valid: 2 errors\n");
    expect![[r#"
        error[unknown_field]: a stage has no `jobz`
         --> standard input:4:5
        4 |     jobz: []
          |     ^^^^
          = did you mean `jobs`? Known are name, type, depends_on, if, timeout, variables, env, continue_on_error, enabled, gates, deploy, resources, jobs

        error[bad_duration]: `timeout` is no length of time: `5q`
         --> standard input:7:18
        7 |         timeout: 5q
          |                  ^^
          = write it like `90s`, `5m`, `2h` or `1h30m`

    "#]]
    .assert_eq(text(&output.stderr));
}

#[test]
fn json_has_the_members_of_the_api() {
    for (source, valid) in [(GOOD, true), (BAD, false)] {
        let output = validate(".penstock.yml", source, &["--json"]);
        assert_eq!(output.status.success(), valid);
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["valid"], valid);
        assert_eq!(answer["errors"].as_array().unwrap().is_empty(), valid);
        assert!(answer["warnings"].is_array());
    }
}

#[test]
fn what_is_no_file_or_no_text_is_told_so() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_penstock")).args(["validate", "nowhere.yml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("can't read nowhere.yml; name the pipeline's file"));

    let folder = tempfile::tempdir().unwrap();
    let latin = folder.path().join("latin.yml");
    std::fs::write(&latin, b"name: caf\xe9\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_penstock"))
        .args(["validate", "--json"])
        .arg(&latin)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["errors"][0]["code"], "not_utf8");
    assert_eq!(
        (answer["errors"][0]["line"].as_u64(), answer["errors"][0]["column"].as_u64()),
        (Some(1), Some(10))
    );
}

#[test]
fn the_demos_pipeline_is_valid() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/repository/penstock.yml");
    let output = validate(".penstock.yml", &std::fs::read_to_string(file).unwrap(), &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
}
