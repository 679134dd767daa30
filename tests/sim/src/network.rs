//! What goes between processes: requests that are late, lost, or answered into the void.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use bytes::Bytes;
use penstock_domain::{JobId, Timestamp};
use penstock_guest::{Body, ResponseBody, SendError};

use crate::choices::Fault;
use crate::executor::Process;
use crate::platform::{Component, SimPlatform};
use crate::world::World;
use crate::{forge, runners};

/// How long a service that was deployed is not well.
const UNWELL_MS: i64 = 25_000;

pub type Reply = Result<http::Response<Bytes>, SendError>;

/// Where an answer is put, and who waits for it.
#[derive(Default)]
struct Slot {
    reply: RefCell<Option<Reply>>,
    waker: RefCell<Option<Waker>>,
}

/// Whoever has this owes an answer; dropped without one, it was lost.
struct Owed {
    slot: Rc<Slot>,
    uri: String,
}

impl Owed {
    fn give(self, reply: Reply) {
        self.put(reply);
    }

    fn put(&self, reply: Reply) {
        let mut place = self.slot.reply.borrow_mut();
        if place.is_none() {
            *place = Some(reply);
            drop(place);
            if let Some(waker) = self.slot.waker.borrow_mut().take() {
                waker.wake();
            }
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.put(Err(SendError::NoAnswer(self.uri.clone(), "the connection was closed".to_owned())));
    }
}

fn unreachable(uri: &str) -> Reply {
    Err(SendError::Unreachable(uri.to_owned(), "connection refused".to_owned()))
}

/// Sends, and waits for the answer as long as that is wanted.
pub async fn send(world: &Rc<World>, from: Process, request: http::Request<Bytes>, timeout_ms: u64) -> Reply {
    let uri = request.uri().to_string();
    let slot = Rc::<Slot>::default();
    let owed = Owed { slot: slot.clone(), uri: uri.clone() };
    if world.happens(Fault::RequestRefused) {
        return unreachable(&uri);
    }
    if !world.happens(Fault::RequestLost) {
        let (there_ms, back_ms) = (latency(world, timeout_ms), latency(world, timeout_ms));
        let is_answer_lost = world.happens(Fault::AnswerLost);
        let network = world.clone();
        world.spawn_outside(async move {
            network.sleep(there_ms).await;
            deliver(&network, from, request, owed, back_ms, is_answer_lost);
        });
    } else {
        // Kept, so that nobody says that it was lost.
        let network = world.clone();
        world.spawn_outside(async move {
            network.sleep(timeout_ms.max(1)).await;
            drop(owed);
        });
    }
    let mut timeout = pin!(world.sleep(timeout_ms.max(1)));
    let reply = poll_fn(|context| {
        if let Some(reply) = slot.reply.borrow_mut().take() {
            return Poll::Ready(reply);
        }
        if timeout.as_mut().poll(context).is_ready() {
            let late = SendError::NoAnswer(uri.clone(), format!("nothing came within {timeout_ms} ms"));
            return Poll::Ready(Err(late));
        }
        *slot.waker.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    });
    reply.await
}

fn latency(world: &World, timeout_ms: u64) -> u64 {
    if world.happens(Fault::RequestDelayed) {
        return world.random(|r| r.between(1, 3_000)).min(timeout_ms.saturating_sub(1));
    }
    world.random(|r| r.below(4))
}

/// What arrives is worked on by whoever it is for.
fn deliver(
    world: &Rc<World>,
    from: Process,
    request: http::Request<Bytes>,
    owed: Owed,
    back_ms: u64,
    is_answer_lost: bool,
) {
    let host = request.uri().host().unwrap_or_default().to_owned();
    let path = request.uri().path().to_owned();
    if let Some(component) = Component::of(&host, &path) {
        let Some(process) = server_for(world, from) else {
            let reply = unreachable(&owed.uri);
            return owed.give(reply);
        };
        serve(world, process, component, request, owed, back_ms, is_answer_lost);
        return;
    }
    let reply = if let Some(index) = host.strip_suffix(".runner.sim").and_then(|n| n.parse::<usize>().ok()) {
        runners::serve(world, index, &request)
    } else if host == "api.github.sim" {
        Ok(forge::serve(world, &request))
    } else if host.ends_with(".app.sim") {
        Ok(answer(if is_well(world) { 200 } else { 503 }, Bytes::new()))
    } else {
        unreachable(&owed.uri)
    };
    let network = world.clone();
    world.spawn_outside(async move {
        network.sleep(back_ms).await;
        if is_answer_lost {
            drop(owed);
        } else {
            owed.give(reply);
        }
    });
}

/// What is not well stays so for a while.
fn is_well(world: &World) -> bool {
    if world.happens(Fault::HealthIsBad) {
        world.unwell_until_ms.set(world.true_ms() + UNWELL_MS);
    }
    world.true_ms() >= world.unwell_until_ms.get()
}

pub fn answer(status: u16, body: impl Into<Bytes>) -> http::Response<Bytes> {
    let mut response = http::Response::new(body.into());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
}

/// Whoever is asked from within is mostly the same process.
fn server_for(world: &World, from: Process) -> Option<Process> {
    let living = world.living();
    let is_near = living.contains(&from) && world.random(|r| r.chance(650));
    if is_near {
        return Some(from);
    }
    (!living.is_empty()).then(|| world.random(|r| r.pick(&living)))
}

fn serve(
    world: &Rc<World>,
    process: Process,
    component: Component,
    request: http::Request<Bytes>,
    owed: Owed,
    back_ms: u64,
    is_answer_lost: bool,
) {
    let platform = SimPlatform { world: world.clone(), process };
    let heartbeat_of = heartbeat_of(&request);
    let request = request.map(Body::Whole);
    let network = world.clone();
    world.spawn(process, async move {
        let answer = component.handle(platform, request).await;
        let response = answer.unwrap_or_else(|failure| failure.respond("-"));
        let response = response.map(|body| match body {
            ResponseBody::Whole(bytes) => bytes,
            ResponseBody::Stream(_) => Bytes::new(),
        });
        if let Some(job) = heartbeat_of.filter(|_| response.status().is_success()) {
            promised(&network, job, response.body());
        }
        network.sleep(back_ms).await;
        if is_answer_lost {
            drop(owed);
        } else {
            owed.give(Ok(response));
        }
    });
}

fn heartbeat_of(request: &http::Request<Bytes>) -> Option<JobId> {
    let job = request.uri().path().strip_prefix("/api/v1/jobs/")?.strip_suffix("/heartbeat")?;
    job.parse().ok()
}

/// A lease was prolonged. That counts from here on, whether or not anybody hears of it.
fn promised(world: &World, job: JobId, answer: &[u8]) {
    let told: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    let until = told["lease_expires_at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let attempt = world.database.look("SELECT attempt FROM jobs WHERE id = ?1", [job.to_string()]);
    let Some(Ok(attempt)) = attempt.first().map(|row| row.unsigned::<u32>(0)) else { return };
    if let Some(attempt) = world.facts.borrow_mut().attempts.get_mut(&(job, attempt))
        && told["cancel"] != true
    {
        attempt.lease_until_ms = until.map(Timestamp::as_millis).max(attempt.lease_until_ms);
    }
}
