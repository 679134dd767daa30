//! What people do: start, cancel, retry, approve, roll back. They ask what there is, and then ask for something.

use std::rc::Rc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::beginning::{ADMIN, token_of};
use crate::executor::OUTSIDE;
use crate::network::{self, Reply};
use crate::scenario::{PEOPLE, RetryScope, What};
use crate::world::World;
use crate::{forge, scenario};

/// How often somebody asks again who got no answer.
const MAX_TRIES: u32 = 30;

/// Everything that is decided to happen, at its time.
pub fn begin(world: &Rc<World>) {
    for (index, deed) in world.scenario.deeds.iter().enumerate() {
        let (world, at_ms) = (world.clone(), deed.at_ms);
        world.clone().spawn_outside(async move {
            world.sleep(at_ms).await;
            act(&world, index).await;
        });
    }
    if !world.scenario.environments.is_empty() && world.random(|r| r.chance(350)) {
        let world = world.clone();
        world.clone().spawn_outside(async move { roll_back_what_is_new(&world).await });
    }
    if world.random(|r| r.chance(600)) {
        let world = world.clone();
        world.clone().spawn_outside(async move { decide_what_waits(&world).await });
    }
}

/// Somebody who takes back what has just come in, again and again.
async fn roll_back_what_is_new(world: &Rc<World>) {
    let newest = "SELECT id FROM deployments WHERE status = 'deployed' AND rollback_triggered = 0
      AND previous_version <> version ORDER BY completed_at DESC LIMIT 1";
    for _ in 0..world.random(|r| r.between(2, 8)) {
        world.sleep(world.random(|r| r.between(1_000, 10_000))).await;
        if let Some(id) = nth(ids(world, newest), 0) {
            let path = format!("/api/v1/deployments/{id}/rollback");
            by_token(world, "POST", &path, "grace", &json!({ "reason": "it is new" })).await;
        }
    }
}

/// Somebody who looks at what waits for an approval every now and then, and says yes to most of it. Others may look at the
/// same time.
async fn decide_what_waits(world: &Rc<World>) {
    let rounds = world.random(|r| r.between(3, 30));
    for _ in 0..rounds {
        world.sleep(world.random(|r| r.between(1_000, 12_000))).await;
        let are_several = world.random(|r| r.chance(500));
        for id in ids(world, "SELECT id FROM pipeline_approvals WHERE status = 'pending' ORDER BY id") {
            let (who, approve) = world.random(|r| (r.index(PEOPLE.len()), !r.chance(80)));
            if are_several {
                let world = world.clone();
                world.clone().spawn_outside(async move { decide(&world, &id, who, approve).await });
            } else {
                decide(world, &id, who, approve).await;
            }
        }
    }
}

/// Nobody leaves anything behind that waits for a person.
pub async fn tidy_up(world: Rc<World>) {
    loop {
        let held = "SELECT id FROM pipeline_executions WHERE status = 'queued' AND reason = 'fork_approval'";
        for id in ids(&world, held) {
            let _ =
                post(&world, &format!("/internal/executions/{id}/release"), &json!({ "actor": ADMIN })).await;
        }
        world.sleep(60_000).await;
    }
}

fn ids(world: &World, sql: &str) -> Vec<String> {
    world.database.look(sql, []).iter().filter_map(|r| r.text(0).ok().map(str::to_owned)).collect()
}

fn nth(found: Vec<String>, nth: u64) -> Option<String> {
    let count = found.len() as u64;
    let index = if count == 0 { None } else { usize::try_from(nth % count).ok() };
    index.and_then(|index| found.into_iter().nth(index))
}

async fn act(world: &Rc<World>, index: usize) {
    let what = world.scenario.deeds[index].what.clone();
    world.note(|| format!("deed {index}: {what:?}"));
    match what {
        What::Push { .. } | What::PullRequest { .. } | What::Tag { .. } => forge::tell(world, index),
        What::Execute { pipeline, branch, key } => execute(world, pipeline, branch, key).await,
        What::Cancel { nth: n, force } => cancel(world, n, force).await,
        What::Release { nth: n } => {
            if let Some(id) = nth_execution(world, n) {
                on_execution(world, &id, "release", &json!({ "actor": ADMIN })).await;
            }
        }
        What::Retry { nth: n, scope } => {
            if let Some(id) = nth_execution(world, n) {
                retry(world, &id, scope, index).await;
            }
        }
        What::Decide { nth: n, who, approve } => {
            let waiting =
                ids(world, "SELECT id FROM pipeline_approvals WHERE status = 'pending' ORDER BY id");
            if let Some(id) = nth(waiting, n) {
                decide(world, &id, who, approve).await;
            }
        }
        What::Override { nth: n } => {
            let failed =
                ids(world, "SELECT id FROM quality_gate_evaluations WHERE status = 'failed' ORDER BY id");
            if let Some(id) = nth(failed, n) {
                let path = format!("/api/v1/quality-gates/{id}/override");
                by_token(world, "POST", &path, "grace", &json!({ "reason": "it is known" })).await;
            }
        }
        What::RollBack { nth: n } => {
            let there = ids(world, "SELECT id FROM deployments WHERE status = 'deployed' ORDER BY id DESC");
            if let Some(id) = nth(there, n) {
                let path = format!("/api/v1/deployments/{id}/rollback");
                by_token(world, "POST", &path, "grace", &json!({ "reason": "it is bad" })).await;
            }
        }
        What::Lift { nth: n } => lift(world, n).await,
        What::SwitchApproval { environment, asks } => {
            let name = &world.scenario.environments[environment].name;
            let sql = format!("SELECT id FROM deployment_environments WHERE environment_name = '{name}'");
            if let Some(id) = nth(ids(world, &sql), 0) {
                let path = format!("/api/v1/environments/{id}");
                by_token(world, "PUT", &path, ADMIN, &json!({ "approval_required": asks })).await;
            }
        }
    }
}

async fn lift(world: &Rc<World>, n: u64) {
    let held = ids(world, "SELECT environment_id || ' ' || version FROM quarantined_versions ORDER BY 1");
    let Some(found) = nth(held, n) else { return };
    if let Some((environment, version)) = found.split_once(' ') {
        let path = format!("/api/v1/environments/{environment}/lift");
        by_token(world, "POST", &path, "grace", &json!({ "version": version })).await;
    }
}

async fn decide(world: &Rc<World>, approval: &str, who: usize, approve: bool) {
    let (verb, body) =
        if approve { ("approve", json!({})) } else { ("reject", json!({ "reason": "not today" })) };
    let path = format!("/api/v1/approvals/{approval}/{verb}");
    by_token(world, "POST", &path, PEOPLE[who], &body).await;
}

async fn by_token(world: &Rc<World>, method: &str, path: &str, who: &str, body: &Value) {
    for _ in 0..4 {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("http://penstock.sim{path}"))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", token_of(who)))
            .body(Bytes::from(body.to_string()))
            .expect("people ask for what can be asked");
        let reply = network::send(world, OUTSIDE, request, 45_000).await;
        if let Ok(answer) = &reply {
            world.note(|| format!("{who}: {method} {path} is answered {}", answer.status()));
            if !answer.status().is_server_error() {
                return;
            }
        }
        world.sleep(1_000).await;
    }
}

async fn post(world: &Rc<World>, path: &str, body: &Value) -> Reply {
    let request = http::Request::post(format!("http://penstock.sim{path}"))
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))
        .expect("people ask for what can be asked");
    network::send(world, OUTSIDE, request, 45_000).await
}

fn nth_execution(world: &World, n: u64) -> Option<String> {
    nth(ids(world, "SELECT id FROM pipeline_executions ORDER BY created_at, id"), n)
}

/// Answers whether it was done.
async fn on_execution(world: &Rc<World>, id: &str, verb: &str, body: &Value) -> bool {
    for _ in 0..4 {
        let reply = post(world, &format!("/internal/executions/{id}/{verb}"), body).await;
        if let Ok(answer) = reply {
            world.note(|| format!("{verb} of {id} is answered {}", answer.status()));
            if !answer.status().is_server_error() {
                return answer.status().is_success();
            }
        }
        world.sleep(1_000).await;
    }
    false
}

/// Who does not want to wait for what cleans up has not to.
async fn cancel(world: &Rc<World>, n: u64, force: bool) {
    let Some(id) = nth_execution(world, n) else { return };
    if force {
        world.facts.borrow_mut().forced.insert(id.clone());
    }
    let body = json!({ "actor": ADMIN, "force": force });
    if on_execution(world, &id, "cancel", &body).await && force {
        let status = "SELECT status FROM pipeline_executions WHERE id = ?1";
        let rows = world.database.look(status, [&id]);
        let status = rows.first().and_then(|r| r.text(0).ok()).unwrap_or_default();
        if matches!(status, "queued" | "running") {
            world.violated("forced", format!("{id} was told to end at once, and is {status}"));
        }
    }
}

async fn retry(world: &Rc<World>, id: &str, scope: RetryScope, index: usize) {
    let once = format!("retry-{index}");
    let stage = match scope {
        RetryScope::From(stage) => {
            let sql = format!(
                "SELECT stage_name FROM pipeline_stages WHERE execution_id = '{id}' ORDER BY stage_order"
            );
            nth(ids(world, &sql), stage as u64)
        }
        _ => None,
    };
    let only_failed = scope == RetryScope::Failed;
    world.facts.borrow_mut().retries.insert(once.clone(), (only_failed, stage.clone()));
    let body = json!({ "actor": "grace", "only_failed": only_failed, "from_stage": stage, "once": once });
    on_execution(world, id, "retry", &body).await;
}

/// With a key it is asked for until there is an answer: it starts once, however often it is asked for.
async fn execute(world: &Rc<World>, pipeline: usize, branch: &str, key: Option<u32>) {
    let name = world.scenario.pipelines[pipeline].name.clone();
    let sql = format!("SELECT id FROM pipeline_configurations WHERE pipeline_name = '{name}'");
    let Some(id) = nth(ids(world, &sql), 0) else { return };
    let once = key.map(|key| format!("{name}-{key}"));
    let commit = scenario_commit(world, pipeline);
    let body = json!({ "pipeline_id": id, "actor": "barbara", "once": once,
        "request": { "branch": branch, "commit_sha": commit } });
    for _ in 0..if key.is_some() { MAX_TRIES } else { 1 } {
        if let Ok(answer) = post(world, "/internal/executions", &body).await {
            world.note(|| format!("execute {name} is answered {}", answer.status()));
            if answer.status().is_success() {
                let told: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
                let execution = told["execution_id"].as_str().unwrap_or_default().to_owned();
                if let Some(once) = once {
                    world.facts.borrow_mut().keyed.entry(once).or_default().push(execution);
                }
                return;
            }
            if answer.status().is_client_error() && answer.status() != 409 {
                return;
            }
        }
        world.sleep(1_000).await;
    }
}

/// A file in the repository needs a commit to be read at.
fn scenario_commit(world: &World, pipeline: usize) -> Option<String> {
    let spec: &scenario::PipelineSpec = &world.scenario.pipelines[pipeline];
    spec.is_in_forge.then(|| forge::sha(7))
}
