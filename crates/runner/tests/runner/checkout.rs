//! Workspaces of real repositories.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use penstock_api::runner::{JobRequest, LogStream};
use penstock_domain::{Reason, TriggerEvent, WorkStatus};

use crate::agent::{self, Agent, Scratch};
use crate::job::job;
use crate::plane::{Plane, Told};

/// A bare repository, and a clone to commit in.
struct Repository {
    bare: PathBuf,
    clone: PathBuf,
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let run = Command::new("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(run.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap().trim().to_owned()
}

impl Repository {
    fn new(scratch: &Scratch, format: &str) -> Self {
        let (bare, clone) = (scratch.join("origin.git"), scratch.join("clone"));
        git(
            scratch.0.path(),
            &["init", "-q", "--bare", "-b", "main", &format!("--object-format={format}"), "origin.git"],
        );
        git(scratch.0.path(), &["clone", "-q", "origin.git", "clone"]);
        Self { bare, clone }
    }

    /// Commits a file and gives the commit's id; it is pushed to the branch.
    fn commit(&self, text: &str, branch: &str) -> String {
        fs::write(self.clone.join("file"), format!("{text}\n")).unwrap();
        git(&self.clone, &["add", "."]);
        git(&self.clone, &["commit", "-q", "-m", text]);
        git(&self.clone, &["push", "-q", "-f", "origin", &format!("HEAD:refs/heads/{branch}")]);
        git(&self.clone, &["rev-parse", "HEAD"])
    }

    fn tag(&self, name: &str) {
        git(&self.clone, &["tag", "-a", "-m", name, name]);
        git(&self.clone, &["push", "-q", "origin", name]);
    }

    fn url(&self) -> String {
        format!("file://{}", self.bare.display())
    }

    fn job(&self, plane: &Plane, sha: &str, command: &str) -> JobRequest {
        let mut job = job(plane, &[command]);
        job.environment.checkout = true;
        job.execution.repository_url = self.url();
        job.execution.commit_sha = Some(sha.to_owned());
        job
    }
}

async fn run(runner: &Agent, plane: &Plane, job: &JobRequest) -> Told {
    assert_eq!(runner.push(job).await, 202);
    plane.finished(job.job.id).await
}

fn mirrors(scratch: &Scratch) -> Vec<PathBuf> {
    let folders = |path: &Path| fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir());
    folders(&scratch.join("work/0/mirrors")).flat_map(|mirror| folders(&mirror).collect::<Vec<_>>()).collect()
}

#[tokio::test]
async fn the_workspace_is_the_commit_and_a_real_repository() {
    for format in ["sha1", "sha256"] {
        let (plane, scratch) = (Plane::start().await, Scratch::new());
        let runner = agent::plain(&plane, &scratch).await;
        let repository = Repository::new(&scratch, format);
        let old = repository.commit("old", "main");
        repository.tag("v1");
        let new = repository.commit("new", "main");
        let look =
            "cat file; git rev-parse HEAD; git describe; git status --porcelain; echo $PENSTOCK_COMMIT";
        for _ in 0..2 {
            let told = run(&runner, &plane, &repository.job(&plane, &old, look)).await;
            assert_eq!(told.stdout(), ["old", &old, "v1", &old], "{:?}", told.lines);
            let told = run(&runner, &plane, &repository.job(&plane, &new, look)).await;
            assert_eq!(told.stdout()[..2], ["new", &new]);
            assert!(told.stdout()[2].starts_with("v1-1-g"), "{:?}", told.stdout());
        }
    }
}

#[tokio::test]
async fn what_a_job_does_to_its_workspace_is_not_seen_by_the_next() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let repository = Repository::new(&scratch, "sha1");
    let sha = repository.commit("text", "main");
    let spoil = "echo spoilt > file; touch more; git tag mine; \
                 git -c user.name=a -c user.email=a@b.c commit -qam mine; git config core.bare true; chmod -R a-w .; echo spoilt";
    let told = run(&runner, &plane, &repository.job(&plane, &sha, spoil)).await;
    assert_eq!(told.stdout(), ["spoilt"], "{:?}", told.lines);
    let look = "cat file; ls; git tag; git rev-parse HEAD";
    let told = run(&runner, &plane, &repository.job(&plane, &sha, look)).await;
    assert_eq!(told.stdout(), ["text", "file", &sha]);
}

#[tokio::test]
async fn only_the_first_job_of_a_commit_fetches() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let repository = Repository::new(&scratch, "sha1");
    let sha = repository.commit("text", "main");
    let first = run(&runner, &plane, &repository.job(&plane, &sha, "cat file")).await;
    assert_eq!(first.text(LogStream::System), [format!("Fetching {}", repository.url())]);
    fs::remove_dir_all(&repository.bare).unwrap();
    let second = run(&runner, &plane, &repository.job(&plane, &sha, "cat file")).await;
    assert_eq!((second.stdout(), second.text(LogStream::System).len()), (vec!["text"], 0));
}

#[tokio::test]
async fn a_commit_that_is_on_no_branch_any_more_is_said_to_be_gone_and_one_still_served_is_found() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let repository = Repository::new(&scratch, "sha1");
    repository.commit("base", "main");
    let never = "0123456789012345678901234567890123456789";
    let told = run(&runner, &plane, &repository.job(&plane, never, "echo never")).await;
    assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::CheckoutFailed))));
    assert!(told.message().contains(&format!("has no commit {never}")), "{}", told.message());
    assert!(told.message().contains("forced away"), "{}", told.message());
    assert_eq!(told.steps()[0].0, WorkStatus::Skipped);
    assert_eq!(mirrors(&scratch).len(), 1, "the mirror is not to blame");
    // Replaced on its branch, but the far side still gives it by its id.
    let replaced = repository.commit("replaced", "side");
    repository.commit("other", "side");
    let told = run(&runner, &plane, &repository.job(&plane, &replaced, "cat file")).await;
    assert_eq!(told.stdout(), ["replaced"], "{:?}", told.lines);
}

#[tokio::test]
async fn a_run_of_a_tag_knows_the_tag_also_when_the_commit_was_there_before_it() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let repository = Repository::new(&scratch, "sha1");
    let sha = repository.commit("text", "main");
    run(&runner, &plane, &repository.job(&plane, &sha, "true")).await;
    // So many that the mirror packs them.
    (0..20).for_each(|n| git(&repository.clone, &["tag", &format!("nightly/{n}")]).clear());
    repository.tag("v2");
    git(&repository.clone, &["push", "-q", "--tags"]);
    let mut tagged = repository.job(&plane, &sha, "git describe; git tag | wc -l");
    tagged.execution.event = TriggerEvent::Tag;
    tagged.execution.branch = "v2".into();
    for _ in 0..2 {
        tagged.job.id = job(&plane, &[]).job.id;
        let told = run(&runner, &plane, &tagged).await;
        assert_eq!(told.stdout()[0], "v2", "{:?}", told.lines);
    }
}

#[tokio::test]
async fn a_broken_mirror_is_made_anew() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let repository = Repository::new(&scratch, "sha1");
    let sha = repository.commit("text", "main");
    run(&runner, &plane, &repository.job(&plane, &sha, "true")).await;
    let [mirror] = &mirrors(&scratch)[..] else { panic!("there is one mirror") };
    let objects = mirror.join("objects");
    let breakages: [&dyn Fn(); 2] = [
        // The objects are gone, and the refs to them are still there.
        &|| fs::remove_dir_all(&objects).and_then(|()| fs::create_dir(&objects)).unwrap(),
        &|| fs::write(mirrors(&scratch).pop().unwrap().join("config"), "no configuration").unwrap(),
    ];
    for breaks in breakages {
        breaks();
        let told = run(&runner, &plane, &repository.job(&plane, &sha, "cat file")).await;
        assert_eq!(told.stdout(), ["text"], "{:?} {}", told.lines, told.message());
    }
}

#[tokio::test]
async fn a_repository_that_is_not_there_or_not_allowed_is_said_with_what_to_do() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let runner = agent::plain(&plane, &scratch).await;
    let repository = Repository::new(&scratch, "sha1");
    let sha = repository.commit("text", "main");
    let bait = scratch.join("bait");
    for (url, words) in [
        (
            format!("file://{}/nowhere.git", scratch.0.path().display()),
            "look at the pipeline's repository_url",
        ),
        (format!("ext::touch {}", bait.display()), "it has to be"),
        (format!("--upload-pack=touch {}", bait.display()), "it has to be"),
        ("http://127.0.0.1:1/a.git".to_owned(), "reaches the repository's host"),
        ("http://ann:pass-word@127.0.0.1:1/a.git".to_owned(), "reaches the repository's host"),
    ] {
        let mut job = repository.job(&plane, &sha, "echo never");
        job.execution.repository_url = url;
        let told = run(&runner, &plane, &job).await;
        assert_eq!(told.end(), Some((WorkStatus::Failed, Some(Reason::CheckoutFailed))));
        assert!(told.message().contains(words), "{}", told.message());
        let all = format!("{:?}{}", told.lines, told.message());
        assert!(!all.contains("pass-word") && told.stdout().is_empty(), "{all}");
    }
    assert!(!bait.exists());
}

#[tokio::test]
async fn hooks_and_filters_of_the_repository_are_not_run() {
    let (plane, scratch) = (Plane::start().await, Scratch::new());
    let home = scratch.join("home");
    fs::create_dir(&home).unwrap();
    let bait = scratch.join("bait");
    let touch = format!("touch {}", bait.display());
    fs::write(home.join(".gitconfig"), format!("[filter \"f\"]\n\tsmudge = {touch}\n\trequired\n")).unwrap();
    let mut program = agent::program(&plane, &scratch);
    program.env("HOME", &home);
    let runner = agent::start(&plane, program).await;
    let repository = Repository::new(&scratch, "sha1");
    fs::write(repository.clone.join(".gitattributes"), "file filter=f\n").unwrap();
    let sha = repository.commit("text", "main");
    let told = run(&runner, &plane, &repository.job(&plane, &sha, "cat file")).await;
    assert_eq!(told.stdout(), ["text"]);
    assert!(!bait.exists());
}
