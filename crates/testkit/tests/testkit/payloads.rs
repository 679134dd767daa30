//! Payloads made here are read as GitHub's own are, and lack nothing that those have.

use std::collections::BTreeSet;
use std::path::PathBuf;

use penstock_forge::github::{parse, verify};
use penstock_forge::{EventKind, ForgeEvent, Parsed};
use penstock_testkit::{
    GitRepository, HostedRepository, PullRequestFacts, PushedCommit, github_headers, github_ping_payload,
    github_pull_request_payload, github_push_payload, github_tag_create_payload, github_tag_push_payload,
};
use serde_json::Value;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn event(name: &str, body: &[u8]) -> ForgeEvent {
    match parse(name, body) {
        Ok(Parsed::Event(event)) => event,
        other => panic!("{other:?}"),
    }
}

fn facts(fork: Option<HostedRepository>) -> PullRequestFacts {
    PullRequestFacts {
        action: "opened".to_owned(),
        number: 7,
        title: "Mend it".to_owned(),
        author: "ada".to_owned(),
        draft: false,
        head_branch: "feature".to_owned(),
        head_sha: B.to_owned(),
        fork,
        base_branch: "main".to_owned(),
        base_sha: A.to_owned(),
    }
}

#[test]
fn a_push_of_a_real_commit_leads_back_to_it() {
    let git = GitRepository::new().unwrap();
    let before = git.commit(&[("a", "1\n")], "First").unwrap();
    let after = git.commit(&[("src/b", "2\n")], "Second").unwrap();
    let repository = HostedRepository::new("Octo/hello").cloned_from(&git.url());
    let body = github_push_payload(&repository, "main", Some(&before), &[git.pushed_commit(&after).unwrap()]);

    let event = event("push", &body);
    assert_eq!((event.commit_sha(), event.ref_name()), (Some(after.as_str()), "main"));
    assert!(event.repository.keys().contains(&penstock_forge::repository_key(&git.url()).unwrap()));
    let EventKind::Push(push) = event.kind else { panic!("it is a push") };
    assert_eq!((push.before, push.changed_paths), (Some(before), Some(vec!["src/b".to_owned()])));
    let commit = push.head_commit.unwrap();
    assert_eq!((commit.message.as_str(), commit.author_name.as_deref()), ("Second", Some("Ada Example")));
    assert!(commit.committed_at.is_some());
}

#[test]
fn headers_bear_a_signature_that_fits() {
    let body = github_ping_payload(&HostedRepository::new("Octo/hello"));
    assert!(matches!(parse("ping", &body), Ok(Parsed::Ignored(_))));
    let headers = github_headers("ping", "d-1", b"secret", &body);
    let value = |name: &str| headers.iter().find(|(given, _)| *given == name).unwrap().1.as_str();
    assert_eq!((value("x-github-event"), value("x-github-delivery")), ("ping", "d-1"));
    assert_eq!(verify(b"secret", Some(value("x-hub-signature-256").as_bytes()), &body), Ok(()));
}

#[test]
fn a_tag_is_one_tag_by_either_event() {
    let repository = HostedRepository::new("Octo/hello");
    let commit = PushedCommit { sha: B.to_owned(), ..PushedCommit::default() };
    let push = event("push", &github_tag_push_payload(&repository, "v1", Some(A), &commit));
    let create = event("create", &github_tag_create_payload(&repository, "v1", "ada"));
    assert_eq!((push.commit_sha(), push.ref_name(), create.ref_name()), (Some(B), "v1", "v1"));
}

#[test]
fn a_pull_request_is_from_a_fork_when_it_is() {
    let repository = HostedRepository::new("Octo/hello");
    for (fork, want) in [(None, false), (Some(HostedRepository::new("mallory/hello")), true)] {
        let event = event("pull_request", &github_pull_request_payload(&repository, &facts(fork)));
        let EventKind::PullRequest(pr) = event.kind else { panic!("it is a pull request") };
        assert_eq!((pr.from_fork, pr.head_sha.as_str(), pr.base_branch.as_str()), (want, B, "main"));
    }
}

#[test]
fn no_member_that_github_sends_is_missing() {
    let Some(folder) = std::env::var_os("PENSTOCK_WEBHOOK_EXAMPLES").map(PathBuf::from) else {
        eprintln!("skipped: PENSTOCK_WEBHOOK_EXAMPLES does not name an unpacked @octokit/webhooks-examples");
        return;
    };
    let folder = if folder.join("package").is_dir() { folder.join("package") } else { folder };
    let index = std::fs::read(folder.join("api.github.com/index.json")).unwrap();
    let index: Vec<Value> = serde_json::from_slice(&index).unwrap();

    let repository = HostedRepository::new("Octo/hello");
    let commit = PushedCommit { sha: B.to_owned(), ..PushedCommit::default() };
    for (name, ours) in [
        ("push", github_push_payload(&repository, "main", Some(A), &[commit])),
        ("create", github_tag_create_payload(&repository, "v1", "ada")),
        ("pull_request", github_pull_request_payload(&repository, &facts(None))),
    ] {
        let ours: Value = serde_json::from_slice(&ours).unwrap();
        let theirs = index.iter().find(|event| event["name"] == name).unwrap();
        let mut missing = BTreeSet::new();
        lacks(&theirs["examples"][0], &ours, name, &mut missing);
        assert_eq!(missing, BTreeSet::new(), "{name}");
    }
}

fn lacks(theirs: &Value, ours: &Value, at: &str, missing: &mut BTreeSet<String>) {
    for (name, member) in theirs.as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        match ours.get(name) {
            None => drop(missing.insert(at)),
            Some(ours) => lacks(member, ours, &at, missing),
        }
    }
}
