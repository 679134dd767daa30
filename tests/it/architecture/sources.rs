//! The workspace's packages as cargo knows them, and the text of their sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::programs::workspace;

pub struct Package {
    pub name: String,
    pub folder: PathBuf,
    pub dependencies: Vec<Dependency>,
    /// What each feature switches on.
    pub features: Vec<(String, Vec<String>)>,
}

pub struct Dependency {
    pub name: String,
    /// Of the tests alone, or of what builds.
    pub is_for_development: bool,
    pub features: Vec<String>,
}

impl Package {
    /// Whether it is one of the components, which are known by their folder.
    pub fn is_component(&self) -> bool {
        self.folder.parent().is_some_and(|parent| parent.ends_with("components"))
    }

    /// What it is built of, without what only its tests need.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        self.dependencies.iter().filter(|one| !one.is_for_development).map(|one| one.name.as_str())
    }

    /// Every source file that is built into it, with its text less the comments.
    pub fn sources(&self) -> Vec<(PathBuf, String)> {
        let mut files = vec![];
        collect(&self.folder.join("src"), &mut files);
        assert!(!files.is_empty(), "{} has no sources in `src`", self.name);
        let read = |path: PathBuf| {
            let text = fs::read_to_string(&path).expect("sources can be read");
            (path, without_comments(&text))
        };
        files.into_iter().map(read).collect()
    }
}

/// Every package of the workspace.
pub fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(workspace())
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    metadata["packages"].as_array().expect("packages").iter().map(package).collect()
}

fn package(json: &Value) -> Package {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let texts = |value: &Value| value.as_array().expect("a list").iter().map(text).collect::<Vec<_>>();
    let features = json["features"].as_object().expect("features");
    let dependency = |json: &Value| Dependency {
        name: text(&json["name"]),
        is_for_development: json["kind"] == "dev",
        features: texts(&json["features"]),
    };
    let manifest = PathBuf::from(text(&json["manifest_path"]));
    Package {
        name: text(&json["name"]),
        folder: manifest.parent().expect("a manifest lies in a folder").to_path_buf(),
        dependencies: json["dependencies"].as_array().expect("a list").iter().map(dependency).collect(),
        features: features.iter().map(|(name, enables)| (name.clone(), texts(enables))).collect(),
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn without_comments(text: &str) -> String {
    let code = |line: &str| match line.trim_start().starts_with("//") {
        true => String::new(),
        false => line.split(" // ").next().unwrap_or_default().to_owned(),
    };
    text.lines().map(|line| code(line) + "\n").collect()
}

/// Whether `word` stands in `code` with nothing around it that would make it a part of another word.
pub fn has_word(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let after = code[start + word.len()..].chars().next();
        let goes_on_before = before.is_some_and(is_part) && word.starts_with(is_part);
        let goes_on_after = after.is_some_and(is_part) && word.ends_with(is_part);
        !goes_on_before && !goes_on_after
    })
}

#[test]
fn a_word_is_found_as_a_word_and_not_in_a_comment() {
    let code = without_comments("/// async fn\nfn a() { std::fs::read() } // SystemTime\nlet operand = 1;\n");
    for (word, stands) in [("std::fs", true), ("async fn", false), ("SystemTime", false), ("rand", false)] {
        assert_eq!(has_word(&code, word), stands, "{word}");
    }
}
