//! Health checks from the outbox to the scheduler.

use penstock_guest::Clock as _;
use serde_json::{Value, json};

use crate::platform::Reply::{self, Hang, Problem, Refused, Status};
use crate::platform::Sent;
use crate::world::{DEPLOYMENT, EXECUTION, World};

const EFFECT: &str = "00000000-0000-7000-8000-0000000000aa";
const TOLD: &str = "/internal/deployments/00000000-0000-7000-8000-000000000004/health";

/// A world in which a health check of so many attempts and successes is due.
fn due(attempts: u32, successes: u32) -> World {
    due_with(&json!({
        "url": "http://app.example/healthz?key=secret", "expect_status": 200, "timeout_ms": 1000, "interval_ms": 500,
        "attempts": attempts, "successes": successes,
    }))
}

fn due_with(check: &Value) -> World {
    let world = World::new();
    let environment = world.environment("production");
    world.deployment(&environment);
    world.platform.drop_spawned();
    let payload = json!({ "deployment_id": DEPLOYMENT, "check": check });
    let at = world.platform.now().to_string();
    let sql = "INSERT INTO outbox (id, kind, topic, execution_id, payload, due_at, created_at)
      VALUES (?1, 'health_check', 't', ?2, ?3, ?4, ?4)";
    world.platform.raw().execute(sql, [EFFECT, EXECUTION, &payload.to_string(), &at]).unwrap();
    world
}

/// Wakes the component; how many checks it has begun.
fn wake(world: &World) -> u64 {
    let answer = world.ask("", "POST", "/internal/health-checks", &Value::Null);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["begun"].as_u64().unwrap()
}

/// The requests to what was deployed, and what the scheduler was told.
fn split(world: &World) -> (Vec<Sent>, Vec<Value>) {
    let (told, asked): (Vec<_>, Vec<_>) =
        world.platform.take_sent().into_iter().partition(|s| s.url.ends_with(TOLD));
    (asked, told.iter().map(|s| serde_json::from_str(&s.body).unwrap()).collect())
}

fn outcome(world: &World) -> Option<String> {
    world
        .platform
        .raw()
        .query_row("SELECT outcome FROM outbox WHERE id = ?1", [EFFECT], |r| r.get(0))
        .unwrap()
}

/// Runs the check against these answers; how many requests it took, and what was told.
fn judged(attempts: u32, successes: u32, answers: &[Reply]) -> (usize, bool, String) {
    let world = due(attempts, successes);
    world.platform.deployed_answers(answers.to_vec());
    assert_eq!(wake(&world), 1);
    assert!(world.platform.take_sent().is_empty(), "it runs after the answer");
    world.platform.run_spawned();
    let (asked, told) = split(&world);
    assert_eq!(told.len(), 1, "told once");
    let is_healthy = told[0]["is_healthy"].as_bool().unwrap();
    assert_eq!(outcome(&world).as_deref(), Some(if is_healthy { "healthy" } else { "unhealthy" }));
    (asked.len(), is_healthy, told[0]["detail"].as_str().unwrap().to_owned())
}

#[test]
fn what_counts_as_well() {
    let url = "GET http://app.example/healthz";
    for (attempts, successes, answers, requests, is_healthy, detail) in [
        (10, 1, vec![Status(200)], 1, true, "answered 200, 1 of 10 tries"),
        (
            10,
            2,
            vec![Refused, Hang, Status(503), Status(200)],
            5,
            true,
            "answered 200 2 times in a row, 5 of 10 tries",
        ),
        (3, 1, vec![Hang], 3, false, "gave no answer (nothing came within 1000 ms), 3 of 3 tries"),
        (3, 1, vec![Refused], 3, false, "can't be reached (connection refused), 3 of 3 tries"),
        (
            2,
            1,
            vec![Status(302)],
            2,
            false,
            "answered 302 (expected 200; a redirect is not followed), 2 of 2 tries",
        ),
        (
            4,
            2,
            vec![Status(200), Status(500), Status(200), Status(500)],
            4,
            false,
            "answered 500 (expected 200), 4 of 4 tries",
        ),
    ] {
        let judged = judged(attempts, successes, &answers);
        assert_eq!(judged, (requests, is_healthy, format!("{url} {detail}")), "{answers:?}");
    }
}

#[test]
fn tries_are_an_interval_apart_and_bear_the_whole_address() {
    let world = due(3, 3);
    wake(&world);
    world.platform.run_spawned();
    let (asked, _) = split(&world);
    let at: Vec<i64> = asked.iter().map(|s| s.at.since_ms(asked[0].at)).collect();
    assert_eq!(at, [0, 500, 1000]);
    assert!(asked.iter().all(|s| s.method == "GET" && s.url == "http://app.example/healthz?key=secret"));
}

#[test]
fn a_check_never_asks_the_other_components() {
    for host in ["scheduler.spin.internal", "Scheduler.Spin.Internal.:80", "spin.internal"] {
        let world = due_with(&json!({
            "url": format!("http://{host}/internal/settle"), "expect_status": 200, "timeout_ms": 1000,
            "interval_ms": 500, "attempts": 1, "successes": 1,
        }));
        wake(&world);
        world.platform.run_spawned();
        let (asked, told) = split(&world);
        assert!(asked.is_empty(), "{asked:?}");
        assert_eq!(told[0]["is_healthy"], false);
    }
}

#[test]
fn a_check_that_is_under_way_is_not_begun_again_however_long_it_takes() {
    let world = due_with(&json!({
        "url": "http://app.example/", "expect_status": 200, "timeout_ms": 60_000, "interval_ms": 60_000,
        "attempts": 5, "successes": 1,
    }));
    world.platform.deployed_answers([Hang]);
    assert_eq!(wake(&world), 1);
    assert_eq!(wake(&world), 0, "it is claimed");
    world.platform.run_spawned();
    let (asked, _) = split(&world);
    assert_eq!(asked.len(), 5);
    for sent in asked {
        let ends = sent.at.plus_ms(60_000).to_string();
        assert!(sent.claimed_until > Some(ends), "it is this process's own for the whole of the try");
    }
    assert_eq!(outcome(&world).as_deref(), Some("unhealthy"));
    assert_eq!(wake(&world), 0, "it is done");
}

#[test]
fn a_check_that_takes_too_long_is_given_up_and_told() {
    let world = due_with(&json!({
        "url": "http://app.example/", "expect_status": 200, "timeout_ms": 60_000, "interval_ms": 60_000,
        "attempts": 100, "successes": 1,
    }));
    world.platform.deployed_answers([Hang]);
    wake(&world);
    world.platform.run_spawned();
    let (asked, told) = split(&world);
    assert!((25..30).contains(&asked.len()), "{}", asked.len());
    assert_eq!(told[0]["is_healthy"], false);
    assert!(told[0]["detail"].as_str().unwrap().ends_with("it took too long"), "{told:?}");
}

#[test]
fn a_process_that_dies_leaves_the_check_to_the_next_which_begins_anew() {
    let world = due(5, 1);
    assert_eq!(wake(&world), 1);
    world.platform.drop_spawned();
    assert_eq!(wake(&world), 0, "the dead one's claim has not ended");
    world.platform.pass(30_000);
    assert_eq!(wake(&world), 1);
    world.platform.run_spawned();
    let (asked, told) = split(&world);
    assert_eq!((asked.len(), told.len()), (1, 1));
    assert_eq!(outcome(&world).as_deref(), Some("healthy"));
}

#[test]
fn who_lost_the_claim_asks_no_more() {
    let world = due_with(&json!({
        "url": "http://app.example/", "expect_status": 200, "timeout_ms": 20_000, "interval_ms": 1_000,
        "attempts": 9, "successes": 1,
    }));
    wake(&world);
    // As when this process stood still for longer than its claim.
    world.platform.raw().execute("UPDATE outbox SET attempts = attempts + 1", []).unwrap();
    world.platform.run_spawned();
    let (asked, told) = split(&world);
    assert!(asked.is_empty() && told.is_empty(), "{asked:?} {told:?}");
    assert_eq!(outcome(&world), None);
}

#[test]
fn the_scheduler_is_told_until_it_answers() {
    let world = due(1, 1);
    world.platform.scheduler_answers([Refused, Problem(503, "busy"), Problem(409, "conflict"), Status(200)]);
    wake(&world);
    world.platform.run_spawned();
    let (asked, told) = split(&world);
    assert_eq!((asked.len(), told.len()), (1, 4), "what was found out is told again, not found out again");
    assert!(told.iter().all(|t| *t == told[0]));
    assert_eq!(outcome(&world).as_deref(), Some("healthy"));
}

#[test]
fn a_scheduler_that_stays_away_is_asked_again_later() {
    let world = due(1, 1);
    world.platform.scheduler_answers([Refused]);
    wake(&world);
    world.platform.run_spawned();
    assert_eq!((split(&world).1.len(), outcome(&world)), (5, None));
    world.platform.scheduler_answers([Status(200)]);
    assert_eq!(wake(&world), 0);
    world.platform.pass(10_000);
    assert_eq!(wake(&world), 1);
    world.platform.run_spawned();
    assert_eq!(outcome(&world).as_deref(), Some("healthy"));
}

#[test]
fn a_deployment_that_has_ended_otherwise_ends_its_check() {
    for refusal in [Problem(409, "already_ended"), Problem(404, "not_found")] {
        let world = due(1, 1);
        world.platform.scheduler_answers([refusal]);
        wake(&world);
        world.platform.run_spawned();
        assert_eq!(split(&world).1.len(), 1);
        assert_eq!(outcome(&world).as_deref(), Some("obsolete"));
    }
}

#[test]
fn the_private_route_takes_no_token_and_nothing_else_is_there() {
    let world = World::new();
    assert_eq!(wake(&world), 0);
    assert_eq!(world.ask("", "GET", "/internal/health-checks", &Value::Null).status, 405);
    assert_eq!(world.ask("", "POST", "/internal/approvals", &Value::Null).status, 404);
}
