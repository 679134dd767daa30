//! Repositories are real, and the same everywhere.

use penstock_testkit::GitRepository;

#[test]
fn the_same_commits_have_the_same_ids_everywhere() {
    let ids = || {
        let git = GitRepository::new().unwrap();
        let first = git.commit(&[("a", "1\n"), ("b/c", "2\n")], "First").unwrap();
        let second = git.commit(&[("a", "3\n")], "Second").unwrap();
        [first, second]
    };
    let want = ["38612c46b4c2a4503e21b3302904b51a0926a15c", "ccc70cf0693dd8e75410ae54370d450578cac08b"];
    assert_eq!(ids(), want);
    assert_eq!(ids(), want);
}

#[test]
fn a_clone_has_what_was_committed_and_any_commit_can_be_fetched_by_its_id() {
    let git = GitRepository::new().unwrap();
    let first = git.commit(&[("a", "1\n")], "First").unwrap();
    git.commit(&[("a", "2\n")], "Second").unwrap();
    let other = GitRepository::new().unwrap();
    other.git(&["fetch", "--quiet", "--depth=1", &git.url(), &first]).unwrap();
    assert_eq!(other.git(&["show", "FETCH_HEAD:a"]).unwrap(), "1");
}

#[test]
fn a_pushed_commit_says_which_paths_it_touched() {
    let git = GitRepository::new().unwrap();
    let first = git.commit(&[("a", "1\n"), ("é b", "2\n")], "First\n\nwith a body").unwrap();
    std::fs::remove_file(git.path().join("é b")).unwrap();
    let second = git.commit(&[("a", "3\n"), ("c", "")], "Second").unwrap();
    let commit = git.pushed_commit(&first).unwrap();
    assert_eq!(
        (commit.added.as_slice(), commit.message.as_str()),
        (&["a".to_owned(), "é b".to_owned()][..], "First\n\nwith a body")
    );
    assert_eq!(
        (commit.author_name.as_str(), commit.timestamp.as_str()),
        ("Ada Example", "2023-11-14T22:14:20Z")
    );
    let commit = git.pushed_commit(&second).unwrap();
    assert_eq!(
        (commit.added, commit.removed, commit.modified),
        (vec!["c".into()], vec!["é b".into()], vec!["a".into()])
    );
}

#[test]
fn branches_and_tags_are_where_they_were_made() {
    let git = GitRepository::new().unwrap();
    let first = git.commit(&[("a", "1\n")], "First").unwrap();
    git.tag("light", None).unwrap();
    git.tag("heavy", Some("said")).unwrap();
    git.switch("feature/x").unwrap();
    let second = git.commit(&[("a", "2\n")], "Second").unwrap();
    git.switch("main").unwrap();
    let at = |name: &str| git.git(&["rev-parse", name]).unwrap();
    assert_eq!((git.head().unwrap(), at("feature/x"), at("light")), (first.clone(), second, first.clone()));
    assert_ne!(at("heavy"), first, "an annotated tag is an object of its own");
    assert_eq!(at("heavy^{commit}"), first);
}

#[test]
fn a_refusal_says_what_git_said_and_the_folder_goes_with_the_repository() {
    let git = GitRepository::new().unwrap();
    let error = git.head().unwrap_err().to_string();
    assert!(error.starts_with("git rev-parse HEAD: "), "{error}");
    let folder = git.path().to_owned();
    assert!(folder.is_dir());
    drop(git);
    assert!(!folder.exists());
}
