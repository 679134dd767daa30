//! The two servers come up, and come up again; and the clock that ticks them.

use std::rc::Rc;

use bytes::Bytes;
use penstock_domain::Timestamp;

use crate::choices::Fault;
use crate::executor::OUTSIDE;
use crate::network;
use crate::platform::INTERNAL_TOKEN;
use crate::world::World;

/// Two servers differ by no more.
const MAX_DIFFERENCE_MS: u64 = 2_000;

/// Brings one of them up whenever it is down.
pub async fn keep_up(world: Rc<World>, index: usize) {
    loop {
        let is_down = world.servers.borrow()[index].process.is_none();
        if is_down {
            let process = world.executor.new_process();
            let clock_ms = if world.happens(Fault::ClocksDiffer) {
                let ms = i64::try_from(world.random(|r| r.below(MAX_DIFFERENCE_MS))).unwrap_or(0);
                world.unsteady_ms.set(world.unsteady_ms.get().max(ms));
                ms
            } else {
                0
            };
            world.servers.borrow_mut()[index] = crate::world::Server { process: Some(process), clock_ms };
            world.note(|| format!("server {index} is up as process {}", process.0));
        }
        world.sleep(if world.is_calm() { 5_000 } else { 700 }).await;
        if !is_down && world.is_calm() && world.servers.borrow()[index].process.is_some() {
            // In calm weather nobody dies any more.
            return;
        }
        if world.servers.borrow()[index].process.is_none() && !world.is_calm() {
            let down_ms = world.random(|r| r.pick(&[0, 100, 2_000, 20_000, 60_000]));
            world.sleep(down_ms).await;
        }
    }
}

/// Ticks whoever is up, as often as there is something to find.
pub async fn tick(world: Rc<World>) {
    loop {
        world.sleep(wait_ms(&world)).await;
        if world.happens(Fault::ClockJumps) {
            let ms = world.random(|r| r.pick(&[1_500, 20_000, 45_000, 200_000, 400_000, 4_000_000]));
            world.jump(ms);
        }
        if world.happens(Fault::ClockJumpsBack) {
            let ms = world.random(|r| r.pick(&[500, 5_000, 60_000]));
            world.jump(-ms);
        }
        if world.happens(Fault::TickSkipped) {
            let silence_ms = world.random(|r| r.pick(&[3_000, 15_000, 60_000]));
            world.sleep(silence_ms).await;
        }
        let count = if world.happens(Fault::TwoTicks) { 2 } else { 1 };
        for _ in 0..count {
            let world = world.clone();
            world.clone().spawn_outside(async move {
                let request = http::Request::post("http://penstock.sim/internal/tick")
                    .header("authorization", format!("Bearer {INTERNAL_TOKEN}"))
                    .body(Bytes::new())
                    .expect("a tick is a request");
                // Whether it came through shows in what is done.
                let _ = network::send(&world, OUTSIDE, request, 30_000).await;
            });
        }
    }
}

/// A second while something is about to be due; longer while nothing is, so that hours pass at once.
fn wait_ms(world: &World) -> u64 {
    let database = &world.database;
    let now = world.common_now();
    let next = database.look(
        "SELECT min(at) FROM (SELECT min(due_at) AS at FROM timers
           UNION ALL SELECT min(due_at) FROM outbox WHERE done_at IS NULL
           UNION ALL SELECT min(due_at) FROM deliveries WHERE status = 'received'
           UNION ALL SELECT min(max(j.ready_at, COALESCE((SELECT min(unreachable_until) FROM runners), '')))
             FROM jobs AS j WHERE j.status = 'pending' AND j.ready_at IS NOT NULL)",
        [],
    );
    let next = next.first().and_then(|r| r.optional_parse::<Timestamp>(0).ok().flatten());
    let due_ms = next.map_or(60_000, |at| at.as_millis() - now.as_millis());
    let most_ms = if !world.is_calm()
        || database.count("SELECT EXISTS (SELECT 1 FROM timers WHERE kind = 'lease')") == 1
    {
        4_000
    } else if database.count(
        "SELECT EXISTS (SELECT 1 FROM jobs WHERE status = 'pending' AND ready_at IS NOT NULL)
           OR EXISTS (SELECT 1 FROM pipeline_executions WHERE status = 'queued')
           OR EXISTS (SELECT 1 FROM pipeline_stages WHERE status = 'pending' AND reason IS NOT NULL)",
    ) == 1
    {
        10_000
    } else {
        3_600_000
    };
    let wait_ms = due_ms.clamp(1_000, most_ms);
    // In the very moment that a lease ends, its holder may be heard of.
    let lease = database.look("SELECT min(due_at) FROM timers WHERE kind = 'lease'", []);
    let lease = lease.first().and_then(|r| r.optional_parse::<Timestamp>(0).ok().flatten());
    let lease_ms = lease.map(|at| at.as_millis() - now.as_millis()).filter(|ms| *ms > 0);
    u64::try_from(lease_ms.map_or(wait_ms, |ms| ms.min(wait_ms))).unwrap_or(1_000)
}
