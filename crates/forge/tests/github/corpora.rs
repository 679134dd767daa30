//! Payloads that nobody here wrote. Each test says so and passes where its files are absent.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect;
use penstock_forge::github::parse;
use penstock_forge::{EventKind, ForgeEvent, Parsed};
use serde_json::{Value, json};

/// The folder of an unpacked `@octokit/webhooks-examples`.
const EXAMPLES: &str = "PENSTOCK_WEBHOOK_EXAMPLES";
/// The version of it that the counts below are of.
const EXAMPLES_VERSION: &str = "7.6.1";

fn webhooks() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/webhooks");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no corpora beside the project");
    None
}

/// Name and bytes of every payload in a folder, sorted by name.
fn payloads(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let payloads = files.filter(|path| path.extension().is_some_and(|ext| ext == "json"));
    payloads
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect()
}

fn go_scm() -> Option<PathBuf> {
    Some(webhooks()?.join("go-scm/scm/driver/github/testdata/webhooks"))
}

fn go_playground() -> Option<PathBuf> {
    Some(webhooks()?.join("go-playground/testdata/github"))
}

pub fn every_payload_on_disk() -> Vec<Value> {
    let folders = [go_scm(), go_playground()].into_iter().flatten();
    folders
        .flat_map(|folder| payloads(&folder))
        .map(|(_, body)| serde_json::from_slice(&body).unwrap())
        .collect()
}

/// What `X-GitHub-Event` said when go-scm's file was sent.
fn event_of(file: &str) -> &str {
    let table = [
        ("branch_create", "create"),
        ("tag_create", "create"),
        ("branch_delete", "delete"),
        ("tag_delete", "delete"),
        ("pr_review", "pull_request_review"),
        ("pr_", "pull_request"),
        ("push", "push"),
        ("comment", "issue_comment"),
        ("pipeline_hook", "workflow_run"),
    ];
    table.iter().find(|(prefix, _)| file.starts_with(prefix)).map_or(file, |(_, event)| event)
}

fn summary(name: &str, body: &[u8]) -> String {
    match parse(name, body) {
        Ok(Parsed::Ignored(reason)) => format!("ignored {reason}"),
        Ok(Parsed::Event(event)) => {
            let sha = event.commit_sha().map_or("unknown", |sha| &sha[..7]);
            format!("{} {} at {sha}", event.trigger(), event.ref_name())
        }
        Err(error) => format!("ERROR {error}"),
    }
}

#[test]
fn every_payload_of_go_playground_is_understood() {
    let Some(folder) = go_playground() else { return };
    let mut text = String::new();
    for (file, body) in payloads(&folder) {
        let line = summary(&file.replace('-', "_"), &body);
        if line != "ignored event_not_used" {
            writeln!(text, "{file}: {line}").unwrap();
        }
    }
    expect![[r#"
        create: tag 0.0.1 at unknown
        delete: ignored ref_deleted
        ping: ignored ping
        pull-request: pull_request changes at 0d1a26e
        push: push master at fd48986
    "#]]
    .assert_eq(&text);
}

#[test]
fn every_payload_of_go_scm_is_understood() {
    let Some(folder) = go_scm() else { return };
    let mut text = String::new();
    for (file, body) in payloads(&folder) {
        let line = summary(event_of(&file), &body);
        if line != "ignored event_not_used" {
            writeln!(text, "{file}: {line}").unwrap();
        }
    }
    expect![[r#"
        branch_create: ignored branch_arrives_as_push
        branch_delete: ignored ref_deleted
        pr_closed: ignored action_not_used
        pr_edited: ignored action_not_used
        pr_labeled: ignored action_not_used
        pr_opened: pull_request master at d2b75aa
        pr_ready_for_review: pull_request rathodmeetsatish-patch-25 at 212015f
        pr_reopened: pull_request master at d2b75aa
        pr_sync: pull_request master at 8102e37
        pr_unlabeled: ignored action_not_used
        push: push master at 199eddf
        push_branch_create: push feature-branch at d2b75aa
        push_branch_delete: ignored ref_deleted
        push_tag: tag v0.0.1 at d2b75aa
        push_tag_delete: ignored ref_deleted
        tag_create: tag v0.0.1 at unknown
        tag_delete: ignored ref_deleted
    "#]]
    .assert_eq(&text);
}

#[test]
fn fields_are_the_ones_that_go_scm_found() {
    let Some(folder) = go_scm() else { return };
    let mut compared = 0;
    for (file, body) in payloads(&folder) {
        let Ok(Parsed::Event(event)) = parse(event_of(&file), &body) else { continue };
        let golden = fs::read(folder.join(format!("{file}.json.golden"))).unwrap();
        let golden: Value = serde_json::from_slice(&golden).unwrap();
        for (pointer, ours) in fields(&event) {
            assert_eq!(golden.pointer(pointer), Some(&ours), "{file} {pointer}");
            compared += 1;
        }
    }
    assert!(compared > 60, "only {compared} fields were compared");
}

/// Where go-scm keeps what we know, and what we know.
fn fields(event: &ForgeEvent) -> Vec<(&'static str, Value)> {
    let repository = &event.repository;
    let mut fields = vec![
        ("/Repo/Namespace", json!(repository.owner)),
        ("/Repo/Name", json!(repository.name)),
        ("/Repo/Branch", json!(repository.default_branch)),
        ("/Repo/Private", json!(repository.private)),
        ("/Repo/Clone", json!(repository.clone_urls[0])),
        ("/Repo/CloneSSH", json!(repository.clone_urls[1])),
        ("/Repo/Link", json!(repository.clone_urls[2])),
        ("/Sender/Login", json!(event.actor)),
    ];
    match &event.kind {
        EventKind::Push(push) => {
            let commit = push.head_commit.as_ref().unwrap();
            fields.extend([
                ("/Ref", json!(format!("refs/heads/{}", push.branch))),
                ("/Before", json!(push.before.clone().unwrap_or_else(|| "0".repeat(40)))),
                ("/After", json!(push.after)),
                ("/Commit/Sha", json!(commit.sha)),
                ("/Commit/Message", json!(commit.message)),
                ("/Commit/Author/Name", json!(commit.author_name)),
                ("/Commit/Author/Login", json!(commit.author_login)),
            ]);
        }
        EventKind::Tag(tag) => match &tag.commit {
            Some(commit) => fields.extend([
                ("/Ref", json!(format!("refs/tags/{}", tag.name))),
                ("/Commit/Sha", json!(commit.sha)),
                ("/Commit/Message", json!(commit.message)),
            ]),
            None => fields.push(("/Ref/Name", json!(tag.name))),
        },
        EventKind::PullRequest(pr) => fields.extend([
            ("/PullRequest/Number", json!(pr.number)),
            ("/PullRequest/Title", json!(pr.title)),
            ("/PullRequest/Sha", json!(pr.head_sha)),
            ("/PullRequest/Source", json!(pr.head_branch)),
            ("/PullRequest/Target", json!(pr.base_branch)),
            ("/PullRequest/Fork", json!(pr.head_repository)),
            ("/PullRequest/Base/Sha", json!(pr.base_sha)),
            ("/PullRequest/Author/Login", json!(pr.author)),
        ]),
    }
    fields
}

#[test]
fn every_example_of_octokit_is_understood() {
    let Some(folder) = std::env::var_os(EXAMPLES).map(PathBuf::from) else {
        eprintln!("skipped: {EXAMPLES} does not name an unpacked @octokit/webhooks-examples");
        return;
    };
    let folder = if folder.join("package").is_dir() { folder.join("package") } else { folder };
    let package: Value = serde_json::from_slice(&fs::read(folder.join("package.json")).unwrap()).unwrap();

    let mut counts = BTreeMap::<(String, String), usize>::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let index = entry.unwrap().path().join("index.json");
        let Ok(bytes) = fs::read(&index) else { continue };
        let server = index.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        for event in serde_json::from_slice::<Vec<Value>>(&bytes).unwrap() {
            let name = event["name"].as_str().unwrap();
            for example in event["examples"].as_array().unwrap() {
                let outcome = match parse(name, &serde_json::to_vec(example).unwrap()) {
                    Ok(Parsed::Event(event)) => format!("started {}", event.trigger()),
                    Ok(Parsed::Ignored(reason)) => format!("ignored {reason}"),
                    Err(error) => panic!("{server} {name}: {error}\n{example}"),
                };
                *counts.entry((server.clone(), outcome)).or_default() += 1;
            }
        }
    }
    assert!(!counts.is_empty(), "{} holds no examples", folder.display());
    if package["version"] != EXAMPLES_VERSION {
        eprintln!("not compared: the counts are of {EXAMPLES_VERSION}");
        return;
    }
    let lines: String =
        counts.iter().map(|((server, outcome), n)| format!("{server} {outcome}: {n}\n")).collect();
    expect![[r#"
        api.github.com ignored action_not_used: 19
        api.github.com ignored event_not_used: 280
        api.github.com ignored ping: 4
        api.github.com ignored ref_deleted: 8
        api.github.com started pull_request: 10
        api.github.com started push: 2
        api.github.com started tag: 6
        ghes-31 ignored event_not_used: 44
        ghes-31 ignored ping: 1
        ghes-31 ignored ref_deleted: 2
        ghes-31 started pull_request: 1
        ghes-31 started tag: 1
        ghes-32 ignored event_not_used: 44
        ghes-32 ignored ping: 1
        ghes-32 ignored ref_deleted: 2
        ghes-32 started pull_request: 1
        ghes-32 started tag: 1
        ghes-33 ignored event_not_used: 45
        ghes-33 ignored ping: 1
        ghes-33 ignored ref_deleted: 1
        ghes-33 started pull_request: 1
        ghes-33 started tag: 2
        ghes-34 ignored action_not_used: 5
        ghes-34 ignored event_not_used: 109
        ghes-34 ignored ping: 2
        ghes-34 ignored ref_deleted: 2
        ghes-34 started pull_request: 2
        ghes-34 started tag: 4
        ghes-35 ignored action_not_used: 5
        ghes-35 ignored event_not_used: 110
        ghes-35 ignored ping: 2
        ghes-35 ignored ref_deleted: 2
        ghes-35 started pull_request: 2
        ghes-35 started tag: 4
    "#]]
    .assert_eq(&lines);
}
