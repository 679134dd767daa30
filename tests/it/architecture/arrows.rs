//! Which way the arrows between the crates point.

use super::sources::{Package, packages};

/// Left of it is what it may stand on: a crate needs only crates of lower levels.
const LEVELS: [&[&str]; 5] = [
    &["penstock-domain"],
    &[
        "penstock-api",
        "penstock-forge",
        "penstock-gates",
        "penstock-metrics",
        "penstock-pipeline",
        "penstock-release",
    ],
    &["penstock-engine"],
    &["penstock-store"],
    &["penstock-guest"],
];
/// Above every level.
const COMPONENTS: usize = LEVELS.len();
/// Programs, and what only tests need: nothing that becomes Wasm stands on them.
const OUTSIDE: [&str; 9] = [
    "penstock-bench",
    "penstock-cli",
    "penstock-demo",
    "penstock-host",
    "penstock-runner",
    "penstock-sim",
    "penstock-testkit",
    "penstock-tests",
    "xtask",
];

fn level(package: &Package) -> Option<usize> {
    if package.is_component() { Some(COMPONENTS) } else { level_of(&package.name) }
}

fn level_of(name: &str) -> Option<usize> {
    LEVELS.iter().position(|names| names.contains(&name))
}

#[test]
fn every_package_has_its_level_or_stands_outside() {
    let lost: Vec<_> = packages()
        .into_iter()
        .filter(|package| level(package).is_none() && !OUTSIDE.contains(&package.name.as_str()))
        .map(|package| package.name)
        .collect();
    assert!(lost.is_empty(), "give them a place in `LEVELS` or `OUTSIDE`: {lost:?}");
}

#[test]
fn crates_stand_on_lower_levels_only_and_components_never_on_each_other() {
    let packages = packages();
    let of_name = |name: &str| packages.iter().find(|package| package.name == name);
    let mut wrong = vec![];
    for package in &packages {
        let Some(own) = level(package) else { continue };
        for needed in package.needs().filter_map(of_name) {
            if level(needed).is_none_or(|level| level >= own) {
                wrong.push(format!("{} needs {}", package.name, needed.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn no_program_is_built_of_what_only_runs_as_wasm() {
    let packages = packages();
    let is_wasm_only = |name: &str| {
        name == "penstock-guest"
            || packages.iter().any(|package| package.name == name && package.is_component())
    };
    // The testkit's platform, for the tests of components, is behind a feature that no program asks for; and the
    // simulator runs the components themselves.
    let for_tests = ["penstock-sim", "penstock-testkit"];
    let programs = packages.iter().filter(|p| level(p).is_none() && !for_tests.contains(&p.name.as_str()));
    for package in programs {
        let wrong: Vec<_> = package.needs().filter(|name| is_wasm_only(name)).collect();
        assert!(wrong.is_empty(), "{} needs {wrong:?}", package.name);
    }
}

#[test]
fn each_platform_is_named_in_its_own_place_alone() {
    let packages = packages();
    let named_by = |is_meant: &dyn Fn(&str) -> bool| -> Vec<&str> {
        let names = packages.iter().filter(|package| package.needs().any(is_meant));
        names.filter(|package| !package.is_component()).map(|package| package.name.as_str()).collect()
    };
    assert_eq!(named_by(&|name| name == "spin-sdk"), ["penstock-guest"]);
    assert_eq!(named_by(&|name| name.starts_with("wasmtime")), ["penstock-host"]);
    let components: Vec<_> = packages.iter().filter(|package| package.is_component()).collect();
    assert!(components.len() >= 4, "the components are not where they are looked for");
    for component in components {
        let native: Vec<_> = component
            .needs()
            .filter(|name| name.starts_with("wasmtime") || ["tokio", "rusqlite", "hyper"].contains(name))
            .collect();
        assert!(native.is_empty(), "{} needs {native:?}", component.name);
    }
}

#[test]
fn deliberate_bugs_are_compiled_into_the_simulator_alone() {
    let mut asked_for = vec![];
    for package in packages() {
        let direct = package.dependencies.iter().filter(|d| d.features.iter().any(|f| f == "bugs"));
        asked_for.extend(direct.map(|d| format!("{} asks {} for them", package.name, d.name)));
        for (feature, enables) in &package.features {
            let is_declared = package.name == "penstock-domain" && feature == "bugs" && enables.is_empty();
            let is_simulator = package.name == "penstock-sim" && feature == "bugs";
            let leads_there = feature == "bugs" || enables.iter().any(|e| e.contains("bugs"));
            if leads_there && !is_declared && !is_simulator {
                asked_for.push(format!("{}'s feature {feature} leads to them", package.name));
            }
        }
    }
    assert!(asked_for.is_empty(), "{asked_for:?}");
}
