//! Simulated runners: good ones, and such as vanish, stall, come back from the dead, lie or babble.
//!
//! A good one speaks the protocol as the real one does. What a step comes to stands in its `run`.

mod at_work;

use std::rc::Rc;

use bytes::Bytes;
use penstock_api::runner::{CancelRequest, JobRequest};
use penstock_domain::RunnerId;
use serde_json::{Value, json};

use crate::choices::Fault;
use crate::executor::OUTSIDE;
use crate::network::{self, Reply, answer};
use crate::platform::RUNNER_TOKEN;
use crate::scenario::{RunnerSpec, render};
use crate::world::World;
use at_work::AtWork;

/// A good runner that was not answered for so long gives the work up, before its lease ends.
const GIVES_UP_MS: i64 = 27_000;

/// How a runner behaves in one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Good,
    Vanishes,
    Stalls,
    ReturnsLate,
    Falters,
    Lies,
}

pub fn begin(world: &Rc<World>) {
    for (index, spec) in world.scenario.runners.iter().enumerate() {
        let (world, spec) = (world.clone(), spec.clone());
        world.clone().spawn_outside(async move { live(&world, index, &spec).await });
    }
}

/// A runner that has every label and does everything right: nothing is to wait for want of one in the end.
pub async fn help_out(world: Rc<World>) {
    let spec = RunnerSpec { labels: vec!["linux", "gpu", "arm"], capacity: 4, claims: false };
    live(&world, world.scenario.runners.len(), &spec).await;
}

async fn live(world: &Rc<World>, index: usize, spec: &RunnerSpec) {
    let url = (!spec.claims).then(|| format!("http://{index}.runner.sim"));
    let body = json!({ "name": format!("runner-{index}"), "labels": spec.labels, "capacity": spec.capacity, "url": url });
    loop {
        let reply = post(world, "/internal/runners", RUNNER_TOKEN, body.to_string().into()).await;
        if let Ok(answered) = reply.as_ref()
            && answered.status().is_success()
        {
            let told: Value = serde_json::from_slice(answered.body()).unwrap_or_default();
            let mut facts = world.facts.borrow_mut();
            let runner = facts.runners.entry(index).or_default();
            runner.id = told["runner"]["id"].as_str().and_then(|id| id.parse().ok());
            runner.token = told["token"].as_str().unwrap_or_default().to_owned();
            break;
        }
        world.sleep(1_000).await;
    }
    if spec.claims {
        claim(world, index, spec).await;
    }
}

/// Asks for work, more often while there is some.
async fn claim(world: &Rc<World>, index: usize, spec: &RunnerSpec) {
    loop {
        let (id, token, running) = {
            let facts = world.facts.borrow();
            let runner = &facts.runners[&index];
            (runner.id, runner.token.clone(), runner.running.len())
        };
        let Some(id) = id else { return };
        let sql = "SELECT EXISTS (SELECT 1 FROM jobs WHERE status = 'pending' AND ready_at IS NOT NULL)";
        let is_wanted = world.database.count(sql) == 1;
        if is_wanted && running < spec.capacity as usize {
            let path = format!("/api/v1/runners/{id}/claim?wait={}", world.random(|r| r.below(2)));
            if let Ok(answered) = post(world, &path, &token, Bytes::new()).await
                && answered.status() == 200
                && let Ok(request) = serde_json::from_slice::<JobRequest>(answered.body())
                && is_still_meant(world, &request).await
            {
                take(world, index, request);
            }
        }
        world.sleep(if is_wanted { 1_000 } else { 15_000 }).await;
    }
}

/// Who has claimed begins only when its first heartbeat is answered: the server gives what nobody is heard of to others.
async fn is_still_meant(world: &Rc<World>, request: &JobRequest) -> bool {
    let path = format!("/api/v1/jobs/{}/heartbeat", request.job.id);
    let until_ms = world.true_ms() + GIVES_UP_MS;
    while world.true_ms() < until_ms {
        match post(world, &path, &request.job.lease.token, Bytes::new()).await {
            Ok(answered) if answered.status().is_success() => return true,
            Ok(answered) if answered.status().is_client_error() => return false,
            _ => world.sleep(world.random(|r| r.between(200, 1_000))).await,
        }
    }
    false
}

/// What is pushed to a runner.
pub fn serve(world: &Rc<World>, index: usize, request: &http::Request<Bytes>) -> Reply {
    match request.uri().path() {
        "/v1/cancel" => {
            let Ok(cancel) = serde_json::from_slice::<CancelRequest>(request.body()) else {
                return Ok(answer(400, Bytes::new()));
            };
            let mut facts = world.facts.borrow_mut();
            let runner = facts.runners.entry(index).or_default();
            runner.cancelled.push((cancel.job_id, cancel.attempt));
            Ok(answer(
                if runner.running.contains(&(cancel.job_id, cancel.attempt)) { 202 } else { 404 },
                Bytes::new(),
            ))
        }
        "/v1/jobs" => Ok(pushed(world, index, request.body())),
        _ => Ok(answer(404, Bytes::new())),
    }
}

fn capacity(world: &World, index: usize) -> usize {
    world.scenario.runners.get(index).map_or(4, |spec| spec.capacity as usize)
}

fn pushed(world: &Rc<World>, index: usize, body: &Bytes) -> http::Response<Bytes> {
    let Ok(request) = serde_json::from_slice::<JobRequest>(body) else {
        world.violated("dispatch", "what was pushed is no job".to_owned());
        return answer(400, Bytes::new());
    };
    let key = (request.job.id, request.job.attempt);
    let (is_known, running) = {
        let facts = world.facts.borrow();
        let is_known = facts.attempts.get(&key).is_some_and(|a| a.taken_by.contains(&index));
        (is_known, facts.runners.get(&index).map_or(0, |r| r.running.len()))
    };
    if is_known {
        return answer(409, Bytes::new());
    }
    if running >= capacity(world, index) || world.happens(Fault::RunnerIsFull) {
        return answer(429, Bytes::new());
    }
    if world.happens(Fault::RunnerRefuses) {
        return answer(503, Bytes::new());
    }
    let errs = world.happens(Fault::RunnerErrs);
    if !errs || world.random(|r| r.chance(400)) {
        take(world, index, request);
    }
    answer(if errs { 500 } else { 202 }, Bytes::new())
}

/// It has the attempt now, and begins.
fn take(world: &Rc<World>, index: usize, request: JobRequest) {
    let key = (request.job.id, request.job.attempt);
    is_given_what_it_asks_for(world, &request);
    let manner = manner(world);
    {
        let mut facts = world.facts.borrow_mut();
        let attempt = facts.attempts.entry(key).or_default();
        if !attempt.taken_by.contains(&index) {
            attempt.taken_by.push(index);
        }
        attempt.is_honest = manner == Manner::Good;
        let taken = attempt.taken_by.clone();
        facts.runners.entry(index).or_default().running.push(key);
        drop(facts);
        if taken.len() > 1 {
            let what = format!("attempt {} of job {} is with runners {taken:?}", key.1, key.0);
            world.violated("held_once", what);
        }
    }
    world.note(|| {
        format!("runner {index} takes {} ({}) attempt {}: {manner:?}", request.job.name, key.0, key.1)
    });
    let at_work = Rc::new(AtWork::new(world, index, request, manner));
    let beating = at_work.clone();
    world.spawn_outside(async move { beating.heartbeats().await });
    world.spawn_outside(async move { at_work.work().await });
}

fn manner(world: &World) -> Manner {
    if world.happens(Fault::RunnerVanishes) {
        Manner::Vanishes
    } else if world.happens(Fault::RunnerStalls) {
        Manner::Stalls
    } else if world.happens(Fault::RunnerReturnsLate) {
        Manner::ReturnsLate
    } else if world.happens(Fault::RunnerFalters) {
        Manner::Falters
    } else if world.happens(Fault::RunnerLies) {
        Manner::Lies
    } else {
        Manner::Good
    }
}

async fn post(world: &Rc<World>, path: &str, token: &str, body: Bytes) -> Reply {
    let request = http::Request::post(format!("http://penstock.sim{path}"))
        .header("authorization", format!("Bearer {token}"))
        .body(body)
        .expect("runners ask for what can be asked");
    network::send(world, OUTSIDE, request, 10_000).await
}

/// What a job asks for is what the attempt that succeeded has handed on, also in an execution before; else nothing.
fn is_given_what_it_asks_for(world: &World, request: &JobRequest) {
    let execution = &request.execution;
    let spec = world.scenario.pipelines.iter().find(|p| p.name == execution.pipeline_name);
    let stage = spec.and_then(|p| p.stages.iter().find(|s| s.name == execution.stage));
    let asked = stage.and_then(|s| s.job(&request.job.name)).and_then(|j| j.asks_for.as_ref());
    let (Some(spec), Some((stage, job))) = (spec, asked) else { return };
    let sql = "SELECT COALESCE(j.carried_from, j.id) || '/' || o.attempt
      FROM jobs AS j JOIN pipeline_stages AS s ON s.id = j.stage_id JOIN jobs AS o ON o.id = COALESCE(j.carried_from, j.id)
      WHERE j.execution_id = ?1 AND s.stage_name = ?2 AND j.job_name = ?3 AND j.status = 'succeeded'";
    let rows = world.database.look(sql, [&execution.id.to_string(), &spec.stages[*stage].name, job]);
    let expected = rows.first().and_then(|r| r.text(0).ok()).unwrap_or_default();
    let given = request.environment.variables.get(render::ASKED_FOR).map(String::as_str);
    let takes_back = "SELECT context ->> '$.takes_back' IS NOT NULL FROM pipeline_executions WHERE id = ?1";
    let rows = world.database.look(takes_back, [execution.id.to_string()]);
    // What brings back an earlier version is given what that was given.
    let is_alone = rows.first().and_then(|r| r.integer(0).ok()) == Some(1);
    if !is_alone && given != Some(expected) {
        let what =
            format!("{} asks for an output of {job}: {expected:?}, and is given {given:?}", request.job.name);
        world.violated("outputs", what);
    }
}

/// The index of the runner with this id.
pub fn index_of(world: &World, id: RunnerId) -> Option<usize> {
    world.facts.borrow().runners.iter().find(|(_, facts)| facts.id == Some(id)).map(|(index, _)| *index)
}
