//! Reports that real tools wrote, handed in and listed.

use std::path::{Path, PathBuf};

use crate::platform::{EXECUTION, World};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "xml" || ending == "lcov") {
            found.push(path);
        }
    }
}

#[test]
fn every_real_report_is_taken_or_refused_and_what_is_taken_adds_up() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/reports");
    let mut found = vec![];
    files(&folder, &mut found);
    if found.is_empty() {
        eprintln!("skipped: there are no reports in {}", folder.display());
        return;
    }
    let at = World::new();
    let (mut taken, mut refused, mut tests) = (0, 0, 0);
    for (number, file) in found.iter().enumerate() {
        at.leased(1);
        let format = if file.extension().is_some_and(|ending| ending == "lcov") { "lcov" } else { "junit" };
        let query = format!("type={format}&path={number}");
        let answer = at.hand_in(&query, std::fs::read(file).unwrap());
        match answer.refusal() {
            (201, _) => {
                taken += 1;
                tests += answer.json["summary"]["total"].as_u64().unwrap();
            }
            (400, "bad_report") => refused += 1,
            other => panic!("{}: {other:?}", file.display()),
        }
    }
    assert!(taken > 50 && refused > 10, "{taken} taken, {refused} refused");
    let answer = at.get(&format!("/api/v1/executions/{EXECUTION}/test-results?limit=200"), "viewer");
    assert_eq!(answer.json["summary"]["total"].as_u64(), Some(tests));
    assert!(answer.json["summary"]["coverage_percentage"].as_f64().is_some_and(|percent| percent > 0.0));
    assert!(!answer.json["test_results"].as_array().unwrap().is_empty());
}
