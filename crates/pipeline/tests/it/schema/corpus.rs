//! Every pipeline file that the tests and the documentation hold, and every piece of one within a file around it.

use std::path::{Path, PathBuf};

/// Where a piece of a file may belong.
const AROUND: [(&str, &str); 5] = [
    ("", ""),
    ("{ stages: [{ name: a, jobs: [{ name: b, steps: [make] }] }], ", " }"),
    ("stages: [{ name: a, jobs: [{ name: b, steps: [make] }], ", " }]"),
    ("stages: [{ name: a, jobs: [{ name: b, steps: [make], ", " }] }]"),
    ("stages: [{ name: a, jobs: [{ name: b, steps: [{ ", " }] }] }]"),
];

/// Texts that may be pipeline files: most of them are, or have mistakes that a test is about.
pub fn texts() -> Vec<String> {
    let pieces = rust_files().into_iter().flat_map(|path| literals(&read(&path))).chain(documented());
    let mut texts: Vec<String> = pieces
        .flat_map(|piece| AROUND.map(|(before, after)| format!("{before}{piece}{after}")))
        .filter(|text| text.contains("stages"))
        .collect();
    texts.sort();
    texts.dedup();
    texts
}

/// The examples of the documentation.
pub fn documented() -> Vec<String> {
    ["README.md", "docs/API.md", "docs/ENVIRONMENTS.md", "docs/PIPELINE.md"]
        .iter()
        .flat_map(|path| fenced(&read(&workspace().join(path))))
        .collect()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rust_files() -> Vec<PathBuf> {
    let folders = ["crates/pipeline/tests/it", "demo/src", "tests/it/stories", "tests/it/kills"];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(workspace().join(folder)).unwrap());
    files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect()
}

/// Blocks of YAML.
fn fenced(text: &str) -> Vec<String> {
    let blocks = text.split("\n```yaml\n").skip(1);
    blocks.map(|block| block.split("\n```").next().unwrap_or_default().to_owned()).collect()
}

/// The texts that a Rust source holds.
fn literals(source: &str) -> Vec<String> {
    let mut literals = vec![];
    let mut rest = source;
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let (before, here) = rest.split_at(at);
        let hashes = "#".repeat(before.len() - before.trim_end_matches('#').len());
        let is_raw = before[..before.len() - hashes.len()].ends_with('r');
        if here.starts_with("//") {
            rest = here.split_once('\n').map_or("", |(_, rest)| rest);
        } else if here.starts_with('"') && is_raw {
            let Some((raw, after)) = here[1..].split_once(&format!("\"{hashes}")) else { break };
            literals.push(raw.to_owned());
            rest = after;
        } else if let Some(inner) = here.strip_prefix('"') {
            let Some((text, after)) = escaped(inner) else { break };
            // Where it is a format, twice stands for once.
            literals.push(text.replace("{{", "{").replace("}}", "}"));
            literals.push(text);
            rest = after;
        } else if let Some(after) = here.strip_prefix("'\"'") {
            rest = after;
        } else if here.starts_with("'\\") {
            rest = here.get(4..).unwrap_or_default();
        } else {
            rest = &here[1..];
        }
    }
    literals
}

/// A literal from behind its first quote, and what comes after it.
fn escaped(source: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut rest = source;
    loop {
        let c = next(&mut rest)?;
        match c {
            '"' => return Some((text, rest)),
            '\\' => match next(&mut rest)? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                '\n' => rest = rest.trim_start(),
                other => text.push(other),
            },
            c => text.push(c),
        }
    }
}

fn next(rest: &mut &str) -> Option<char> {
    let c = rest.chars().next()?;
    *rest = &rest[c.len_utf8()..];
    Some(c)
}
