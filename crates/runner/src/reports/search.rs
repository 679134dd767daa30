//! Which files of a workspace are meant by the patterns of a job's reports.
//!
//! Each search begins at the folder that its pattern spells out, and goes through no links to folders. Blocks; reads
//! no file. What is left out is told as sentences for the log.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fast_glob::glob_match;
use penstock_api::runner::{MAX_REPORT_FILES, ReportRequest};

/// Files and folders that all searches of a job may look at: some seconds of work.
const MAX_ENTRIES: usize = 200_000;
/// Sentences about what is left out.
const MAX_COMPLAINTS: usize = 20;
/// What makes a segment of a pattern more than a name.
const SPECIAL: [char; 6] = ['*', '?', '[', '{', '\\', '!'];

/// A report to be handed in.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    pub format: String,
    pub test_type: Option<String>,
    /// Relative to the workspace, with `/`.
    pub path: String,
    /// The same without links.
    pub file: PathBuf,
}

#[derive(Debug, Default)]
pub struct Found {
    /// By path, then by format; each once.
    pub reports: Vec<Report>,
    pub complaints: Vec<String>,
}

/// Looks for what `wanted` asks for.
pub fn search(workspace: &Path, wanted: &[ReportRequest]) -> Found {
    let Ok(root) = workspace.canonicalize() else {
        let complaints = vec!["The workspace is gone, and with it the reports.".to_owned()];
        return Found { reports: vec![], complaints };
    };
    let mut search = Search { root, left: MAX_ENTRIES, found: BTreeMap::new(), complaints: vec![] };
    for request in wanted {
        search.request(request);
    }
    search.finish()
}

struct Search {
    root: PathBuf,
    /// Files and folders that may still be looked at.
    left: usize,
    found: BTreeMap<(String, String), Report>,
    complaints: Vec<String>,
}

/// What one pattern asks for.
struct Pattern<'a> {
    request: &'a ReportRequest,
    /// The folder that it spells out, with a `/` at its end unless it is the workspace.
    prefix: &'a str,
    /// How many segments a match has, where that is known.
    segments: Option<usize>,
    matches: usize,
}

impl<'a> Pattern<'a> {
    fn new(request: &'a ReportRequest) -> Self {
        let path = request.path.as_str();
        let special = path.find(SPECIAL).unwrap_or(path.len());
        let prefix = &path[..path[..special].rfind('/').map_or(0, |slash| slash + 1)];
        let open = path.contains("**") || path.contains('{');
        let segments = (!open).then(|| path.split('/').count());
        Self { request, prefix, segments, matches: 0 }
    }

    /// Whether anything below the folder could match.
    fn reaches_below(&self, folder: &str) -> bool {
        self.segments.is_none_or(|segments| folder.matches('/').count() + 1 < segments)
    }
}

impl Search {
    fn request(&mut self, request: &ReportRequest) {
        let path = &request.path;
        let leaves = path.starts_with('/') || path.split(['/', ',', '{', '}']).any(|part| part == "..");
        if leaves || path.starts_with('!') {
            self.complain(format!("The pattern `{path}` of reports does not stay below the workspace."));
            return;
        }
        let mut pattern = Pattern::new(request);
        if path.contains(SPECIAL) {
            self.walk(&mut pattern);
        } else {
            self.take(path, &mut pattern);
        }
        if pattern.matches == 0 {
            self.complain(format!(
                "No file matches `{path}`, so there is no {} report of it.",
                request.format
            ));
        }
    }

    fn walk(&mut self, pattern: &mut Pattern<'_>) {
        let mut folders = vec![pattern.prefix.to_owned()];
        while let Some(folder) = folders.pop() {
            // Only the folder that is spelled out may be reached through links.
            let Some(path) = self.inside(&folder) else { continue };
            for entry in fs::read_dir(path).into_iter().flatten().flatten() {
                if self.left == 0 {
                    let path = &pattern.request.path;
                    self.complain(format!(
                        "The search for `{path}` was ended after {MAX_ENTRIES} files; write the folder into the pattern."
                    ));
                    return;
                }
                self.left -= 1;
                let name = entry.file_name();
                // No pattern can match what is not UTF-8.
                let (Some(name), Ok(kind)) = (name.to_str(), entry.file_type()) else { continue };
                let relative = format!("{folder}{name}");
                if kind.is_dir() && name != ".git" && pattern.reaches_below(&relative) {
                    folders.push(format!("{relative}/"));
                } else if !kind.is_dir() && glob_match(&pattern.request.path, &relative) {
                    self.take(&relative, pattern);
                }
            }
        }
    }

    /// The path without links, if it is there and in the workspace.
    fn inside(&self, relative: &str) -> Option<PathBuf> {
        self.root.join(relative).canonicalize().ok().filter(|path| path.starts_with(&self.root))
    }

    fn take(&mut self, relative: &str, pattern: &mut Pattern<'_>) {
        let Ok(file) = self.root.join(relative).canonicalize() else { return };
        pattern.matches += 1;
        if !file.starts_with(&self.root) {
            self.complain(format!("`{relative}` leads out of the workspace, and is not handed in."));
        } else if !file.is_file() {
            self.complain(format!("`{relative}` is no file, and is not handed in; match what is in it."));
        } else {
            let ReportRequest { format, test_type, .. } = pattern.request.clone();
            let key = (relative.to_owned(), format.clone());
            let report = Report { format, test_type, path: relative.to_owned(), file };
            self.found.entry(key).or_insert(report);
        }
    }

    fn complain(&mut self, sentence: String) {
        match self.complaints.len() {
            ..MAX_COMPLAINTS => self.complaints.push(sentence),
            MAX_COMPLAINTS => self.complaints.push("More of the reports is left out.".to_owned()),
            _ => {}
        }
    }

    fn finish(mut self) -> Found {
        let count = self.found.len();
        if count > MAX_REPORT_FILES {
            self.complaints.push(format!(
                "Of {count} reports only the first {MAX_REPORT_FILES} are handed in; merge some."
            ));
        }
        let reports = self.found.into_values().take(MAX_REPORT_FILES).collect();
        Found { reports, complaints: self.complaints }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Workspace(PathBuf);

    impl Workspace {
        fn new(files: &[&str]) -> Self {
            let base =
                std::env::temp_dir().join(format!("penstock-reports-{:x}", crate::backoff::random_u64()));
            let workspace = Self(base.join("workspace"));
            fs::create_dir_all(&workspace.0).unwrap();
            files.iter().for_each(|file| workspace.write(file));
            workspace
        }

        fn write(&self, file: &str) {
            let path = self.0.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }

        fn search(&self, patterns: &[&str]) -> Found {
            let wanted: Vec<_> = patterns.iter().map(|path| junit(path)).collect();
            search(&self.0, &wanted)
        }

        fn paths(&self, patterns: &[&str]) -> Vec<String> {
            self.search(patterns).reports.into_iter().map(|report| report.path).collect()
        }
    }

    impl Drop for Workspace {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(self.0.parent().unwrap());
        }
    }

    fn junit(path: &str) -> ReportRequest {
        ReportRequest { format: "junit".into(), path: path.into(), test_type: None }
    }

    #[test]
    fn patterns_find_files_sorted_and_each_once() {
        let all =
            ["b.xml", "a.xml", "reports/z.xml", "reports/deep/er/y.xml", "reports/no.txt", "größe/ä b.xml"];
        let workspace = Workspace::new(&all);
        workspace.write(".git/c.xml");
        for (patterns, paths) in [
            (&["*.xml"][..], &["a.xml", "b.xml"][..]),
            (&["b.xml", "*.xml", "a.xml"], &["a.xml", "b.xml"]),
            (&["reports/*.xml"], &["reports/z.xml"]),
            (&["reports/**/*.xml"], &["reports/deep/er/y.xml", "reports/z.xml"]),
            (&["reports/*/*/y.xml"], &["reports/deep/er/y.xml"]),
            (&["**/y.xml"], &["reports/deep/er/y.xml"]),
            (&["{a,reports/z}.xml"], &["a.xml", "reports/z.xml"]),
            (&["[ab].xml"], &["a.xml", "b.xml"]),
            (&["größe/*.xml"], &["größe/ä b.xml"]),
            (&["**/c.xml", "*/*.txt"], &["reports/no.txt"]),
            (&["missing/*.xml", "reports", "reports/*"], &["reports/no.txt", "reports/z.xml"]),
        ] {
            assert_eq!(workspace.paths(patterns), paths, "{patterns:?}");
        }
    }

    #[test]
    fn what_matches_nothing_or_is_no_file_is_told() {
        let workspace = Workspace::new(&["reports/a.xml"]);
        let found =
            workspace.search(&["coverage/*.xml", "a.xml", "reports", "../*.xml", "/etc/passwd", "!a"]);
        assert_eq!(found.reports, []);
        assert_eq!(
            found.complaints,
            [
                "No file matches `coverage/*.xml`, so there is no junit report of it.",
                "No file matches `a.xml`, so there is no junit report of it.",
                "`reports` is no file, and is not handed in; match what is in it.",
                "The pattern `../*.xml` of reports does not stay below the workspace.",
                "The pattern `/etc/passwd` of reports does not stay below the workspace.",
                "The pattern `!a` of reports does not stay below the workspace.",
            ]
        );
    }

    #[test]
    fn links_within_the_workspace_are_followed_and_links_out_of_it_are_not() {
        let workspace = Workspace::new(&["build/out/a.xml"]);
        let outside = workspace.0.parent().unwrap().join("outside");
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("secret.xml"), "x").unwrap();
        symlink("build/out", workspace.0.join("reports")).unwrap();
        symlink("build/out/a.xml", workspace.0.join("inside.xml")).unwrap();
        symlink(outside.join("secret.xml"), workspace.0.join("secret.xml")).unwrap();
        symlink(&outside, workspace.0.join("away")).unwrap();
        symlink(".", workspace.0.join("build/loop")).unwrap();
        symlink("nowhere", workspace.0.join("broken.xml")).unwrap();
        let found =
            workspace.search(&["reports/*.xml", "*.xml", "away/*.xml", "away/secret.xml", "build/**/*.xml"]);
        let paths: Vec<_> = found.reports.iter().map(|report| report.path.as_str()).collect();
        assert_eq!(paths, ["build/out/a.xml", "inside.xml", "reports/a.xml"]);
        assert_eq!(
            found.complaints,
            [
                "`secret.xml` leads out of the workspace, and is not handed in.",
                "No file matches `away/*.xml`, so there is no junit report of it.",
                "`away/secret.xml` leads out of the workspace, and is not handed in.",
            ]
        );
    }

    #[test]
    fn there_are_at_most_so_many_reports_and_complaints() {
        let workspace = Workspace::new(&[]);
        (0..MAX_REPORT_FILES + 1).for_each(|n| workspace.write(&format!("{n:04}.xml")));
        let found = workspace.search(&["*.xml"]);
        assert_eq!(found.reports.len(), MAX_REPORT_FILES);
        assert_eq!(found.reports.last().unwrap().path, format!("{:04}.xml", MAX_REPORT_FILES - 1));
        assert_eq!(found.complaints, ["Of 501 reports only the first 500 are handed in; merge some."]);
        let missing: Vec<String> = (0..50).map(|n| format!("missing-{n}")).collect();
        let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
        assert_eq!(workspace.search(&missing).complaints.len(), MAX_COMPLAINTS + 1);
    }
}
