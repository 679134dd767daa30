//! A small forge: it has the pipeline files and keeps commit statuses; and what it sends about pushes.

use std::rc::Rc;

use bytes::Bytes;
use penstock_forge::github::sign;
use penstock_testkit::{
    HostedRepository, PullRequestFacts, PushedCommit, github_headers, github_pull_request_payload,
    github_push_payload, github_tag_create_payload, github_tag_push_payload,
};
use serde_json::{Value, json};

use crate::choices::Fault;
use crate::executor::OUTSIDE;
use crate::facts::{Delivery, Told};
use crate::network::{self, answer};
use crate::platform::WEBHOOK_SECRET;
use crate::scenario::{What, render};
use crate::world::World;

/// How often the forge tries to hand in a webhook that was not accepted.
const MAX_TRIES: u32 = 40;

/// The commit at which every branch stands.
const HEAD: u32 = 7;

/// A request to its API.
pub fn serve(world: &World, request: &http::Request<Bytes>) -> http::Response<Bytes> {
    let is_out_of_order = world.happens(Fault::ForgeErrs);
    // It may have done what it was asked, and still not say so.
    if is_out_of_order && world.random(|r| r.chance(700)) {
        return answer(world.random(|r| r.pick(&[500, 502, 429])), Bytes::new());
    }
    let path: Vec<_> = request.uri().path().split('/').filter(|part| !part.is_empty()).collect();
    let response = match path.as_slice() {
        ["repos", owner, name, "contents", file] => contents(world, &format!("{owner}/{name}"), file),
        ["repos", _, _, "commits", "tags", tag] => {
            let number = tag.trim_start_matches('v').parse().unwrap_or(0);
            answer(200, sha(number))
        }
        ["repos", _, _, "commits", "heads", _] => answer(200, sha(HEAD)),
        ["repos", _, _, "commits"] => {
            let asked = request.uri().query().and_then(|q| q.split('&').find_map(|p| p.strip_prefix("sha=")));
            let commits = json!([{ "sha": asked, "author": { "login": "ada" },
                "commit": { "message": "Go on", "author": { "name": "Ada", "date": "2023-11-14T22:00:00Z" } } }]);
            answer(200, commits.to_string())
        }
        ["repos", _, _] => answer(200, json!({ "default_branch": "main" }).to_string()),
        ["repos", owner, name, "statuses", sha] => {
            keep_status(world, &format!("{owner}/{name}"), sha, request.body());
            answer(201, "{}")
        }
        _ => answer(404, Bytes::new()),
    };
    if is_out_of_order { answer(502, Bytes::new()) } else { response }
}

fn contents(world: &World, repository: &str, file: &str) -> http::Response<Bytes> {
    let is_meant = |spec: &&crate::scenario::PipelineSpec| {
        spec.repository == repository && file == format!("{}.yml", spec.name)
    };
    match world.scenario.pipelines.iter().find(is_meant) {
        Some(spec) => answer(200, render::pipeline(spec, &world.scenario)),
        None => answer(404, Bytes::new()),
    }
}

fn keep_status(world: &World, repository: &str, sha: &str, body: &[u8]) {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    let status = Told {
        repository: repository.to_owned(),
        sha: sha.to_owned(),
        context: text("context"),
        state: text("state"),
        description: text("description"),
        execution: text("target_url").rsplit('/').next().unwrap_or_default().to_owned(),
    };
    world
        .note(|| format!("forge is told {} for {} ({})", status.state, status.execution, status.description));
    world.facts.borrow_mut().told.push(status);
}

/// The id of the nth commit.
pub fn sha(number: u32) -> String {
    format!("{:040x}", u64::from(number) + 0xabc_0001)
}

fn commit(number: u32, author: &str) -> PushedCommit {
    PushedCommit {
        sha: sha(number),
        author_login: author.to_owned(),
        modified: vec!["src/main.rs".to_owned()],
        ..PushedCommit::default()
    }
}

/// The events by which the deed is told; a tag is told twice.
fn payloads(what: &What) -> Vec<(&'static str, Vec<u8>)> {
    match what {
        What::Push { repository, branch, commit: number, author } => {
            let before = sha(1_000 + number);
            let commits = [commit(*number, author)];
            let repository = HostedRepository::new(repository);
            vec![("push", github_push_payload(&repository, branch, Some(&before), &commits))]
        }
        What::PullRequest { repository, number, commit, is_fork } => {
            let facts = PullRequestFacts {
                action: "opened".to_owned(),
                number: *number,
                title: "Change it".to_owned(),
                author: "linus".to_owned(),
                draft: false,
                head_branch: "feature".to_owned(),
                head_sha: sha(*commit),
                fork: is_fork.then(|| HostedRepository::new("linus/fork")),
                base_branch: "main".to_owned(),
                base_sha: sha(999),
            };
            vec![("pull_request", github_pull_request_payload(&HostedRepository::new(repository), &facts))]
        }
        What::Tag { repository, tag, .. } => {
            let repository = HostedRepository::new(repository);
            let number = tag.trim_start_matches('v').parse().unwrap_or(0);
            vec![
                ("push", github_tag_push_payload(&repository, tag, None, &commit(number, "ada"))),
                ("create", github_tag_create_payload(&repository, tag, "ada")),
            ]
        }
        _ => vec![],
    }
}

/// Tells of a deed, sometimes twice and sometimes late.
pub fn tell(world: &Rc<World>, deed: usize) {
    let what = world.scenario.deeds[deed].what.clone();
    for (n, (event, body)) in payloads(&what).into_iter().enumerate() {
        let key = format!("{deed}-{n}");
        let times = if world.happens(Fault::WebhookDoubled) { 2 } else { 1 };
        for _ in 0..times {
            let (world, body, key) = (world.clone(), body.clone(), key.clone());
            world.clone().spawn_outside(async move {
                if world.happens(Fault::WebhookDelayed) {
                    world.sleep(world.random(|r| r.between(1, 20_000))).await;
                }
                hand_in(&world, event, &key, body, deed).await;
            });
        }
    }
}

async fn hand_in(world: &Rc<World>, event: &'static str, key: &str, body: Vec<u8>, deed: usize) {
    debug_assert!(!sign(WEBHOOK_SECRET.as_bytes(), &body).is_empty());
    for _ in 0..MAX_TRIES {
        let mut request = http::Request::post("http://penstock.sim/hooks/github");
        for (name, value) in github_headers(event, key, WEBHOOK_SECRET.as_bytes(), &body) {
            request = request.header(name, value);
        }
        let request = request.body(Bytes::from(body.clone())).expect("a webhook is a request");
        match network::send(world, OUTSIDE, request, 10_000).await {
            Ok(answer) if answer.status().is_success() => {
                world.note(|| format!("webhook {key} ({event}) is accepted"));
                world.facts.borrow_mut().accepted.entry(key.to_owned()).or_insert(Delivery { deed });
                return;
            }
            Ok(answer) if answer.status().is_client_error() => {
                world.violated("webhooks", format!("a right webhook was refused: {}", answer.status()));
                return;
            }
            _ => world.sleep(world.random(|r| r.between(500, 5_000))).await,
        }
    }
}
