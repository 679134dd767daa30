//! What stands in sources, and what must not.

use super::sources::{Package, has_word, packages};

/// Decide and read, and do nothing: the same input gives the same output, here and in a year.
const PURE: [&str; 7] = [
    "penstock-domain",
    "penstock-engine",
    "penstock-forge",
    "penstock-gates",
    "penstock-metrics",
    "penstock-pipeline",
    "penstock-release",
];
/// Input, output, clocks, randomness, and whatever waits.
const IMPURE: [&str; 16] = [
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "new_v4",
    "getrandom",
    "rand",
    "async fn",
    "async move",
    "await",
];
/// Runs steps, or is a tool or a test that has to.
const STARTS_PROCESSES: [&str; 7] = [
    "penstock-bench",
    "penstock-cli",
    "penstock-demo",
    "penstock-runner",
    "penstock-testkit",
    "penstock-tests",
    "xtask",
];

fn found(package: &Package, words: &[&str]) -> Vec<String> {
    let mut found = vec![];
    for (path, code) in package.sources() {
        let words = words.iter().filter(|word| has_word(&code, word));
        found.extend(words.map(|word| format!("`{word}` in {}", path.display())));
    }
    found
}

#[test]
fn what_decides_has_no_io_no_clock_no_randomness_and_nothing_to_wait_for() {
    let pure: Vec<_> =
        packages().into_iter().filter(|package| PURE.contains(&package.name.as_str())).collect();
    assert!(pure.len() >= 4, "the pure crates are not where they are looked for");
    for package in pure {
        let impure = found(&package, &IMPURE);
        assert!(impure.is_empty(), "{}: {impure:#?}", package.name);
    }
}

#[test]
fn only_the_runner_and_tools_start_processes() {
    let others = packages().into_iter().filter(|package| !STARTS_PROCESSES.contains(&package.name.as_str()));
    for package in others {
        let started = found(&package, &["Command::new", "process::Command", "tokio::process"]);
        assert!(started.is_empty(), "{}: {started:#?}", package.name);
    }
}
