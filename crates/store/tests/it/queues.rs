//! Deliveries, effects, logs and keys: kept once, taken by one at a time.

use penstock_api::runner::{LogLine, LogStream};
use penstock_domain::{DeliveryId, WorkStatus};
use penstock_store::{Appended, LogFilter, NewDelivery, Received, Remembered};
use penstock_testkit::database::{Database, now_or_never};

use crate::world::{SMALL, World};

fn delivery(key: &str) -> NewDelivery<'_> {
    let id = DeliveryId(penstock_domain::id::uuid_v7(
        penstock_domain::Timestamp::from_millis(1),
        [key.len() as u8; 10],
    ));
    NewDelivery {
        id,
        forge: "github",
        delivery_key: key,
        event_name: "push",
        status: "received",
        reason: None,
        event: Some("{}".into()),
        payload: None,
        repository_keys: &[],
    }
}

#[test]
fn a_delivery_is_kept_once_and_claimed_by_one() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let now = world.now();
    let ours = ["git.example/a/b".to_owned()];
    let receive = |key| {
        let new = NewDelivery { repository_keys: &ours, ..delivery(key) };
        now_or_never(world.store.receive(new, now, now)).unwrap()
    };
    assert_eq!(
        (receive("a"), receive("a"), receive("bb")),
        (Received::New, Received::Duplicate, Received::New)
    );
    let claim =
        || now_or_never(world.store.claim_deliveries(world.now(), world.now().plus_ms(1000), 10)).unwrap();
    assert_eq!(claim().len(), 2);
    assert_eq!(claim().len(), 0, "they are somebody's");
    world.pass(1000);
    assert_eq!(claim()[0].attempts, 2, "the claim has ended");
}

#[test]
fn a_delivery_for_no_pipeline_has_ended_when_it_is_kept() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let now = world.now();
    let receive = |key, repository_keys: &[String]| {
        let new = NewDelivery { repository_keys, ..delivery(key) };
        now_or_never(world.store.receive(new, now, now)).unwrap()
    };
    let (ours, other) = (["git.example/a/b".to_owned()], ["git.example/a/c".to_owned()]);
    assert_eq!(receive("a", &other), Received::NoPipeline);
    assert_eq!(receive("a", &other), Received::Duplicate);
    assert_eq!(receive("bb", &[]), Received::NoPipeline);
    assert!(!now_or_never(world.store.due(now)).unwrap().deliveries);
    assert_eq!(receive("ccc", &ours), Received::New);
    assert!(now_or_never(world.store.due(now)).unwrap().deliveries);
    let ended = "SELECT count(*) FROM deliveries WHERE status = 'ignored' AND reason = 'no_pipeline'
      AND completed_at = received_at AND event IS NOT NULL";
    let ended: i64 = database.raw().query_row(ended, [], |r| r.get(0)).unwrap();
    assert_eq!(ended, 2);
}

#[test]
fn a_delivery_that_has_failed_begins_anew_when_it_comes_again() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let ours = ["git.example/a/b".to_owned()];
    let first = delivery("a").id;
    let receive = |repository_keys: &[String]| {
        let id = DeliveryId(penstock_domain::id::uuid_v7(world.now(), [9; 10]));
        let new = NewDelivery { id, repository_keys, ..delivery("a") };
        now_or_never(world.store.receive(new, world.now(), world.now())).unwrap()
    };
    let new = NewDelivery { repository_keys: &ours, ..delivery("a") };
    now_or_never(world.store.receive(new, world.now(), world.now())).unwrap();
    let end_as = |status: &str| {
        let [delivery] = now_or_never(world.store.deliveries(&[first])).unwrap().try_into().unwrap();
        let done = penstock_engine::DeliveryDone {
            id: first,
            status: status.to_owned(),
            reason: Some("the forge was out of order".to_owned()),
            outcome: Some("[]".to_owned()),
        };
        let change = penstock_engine::Changes { deliveries: vec![done], ..Default::default() };
        let subject = format!("delivery:{first}");
        let entry = penstock_store::Entry { subject, expect: delivery.version, change: &change };
        let by = penstock_store::Cause::new("scheduler", "work_off");
        now_or_never(world.store.commit(&entry, &by, world.now())).unwrap();
    };
    now_or_never(world.store.claim_deliveries(world.now(), world.now(), 10)).unwrap();
    end_as("failed");
    world.pass(86_400_000);

    assert_eq!(receive(&ours), Received::Again(first));
    let [again] = now_or_never(world.store.deliveries(&[first])).unwrap().try_into().unwrap();
    assert_eq!((again.status.as_str(), again.attempts, again.was_postponed), ("received", 0, false));
    assert_eq!((again.received_at, again.version), (world.now(), 1));
    assert_eq!(receive(&ours), Received::Duplicate, "it waits to be worked off");
    end_as("failed");
    assert_eq!(receive(&[]), Received::NoPipeline, "there is none of its repository any more");
    assert_eq!(receive(&[]), Received::Duplicate, "that has not changed");
    assert_eq!(receive(&ours), Received::Again(first), "somebody has made one");
    let rows: i64 = database.raw().query_row("SELECT count(*) FROM deliveries", [], |r| r.get(0)).unwrap();
    assert_eq!(rows, 1);
}

#[test]
fn a_forge_that_takes_no_more_is_told_no_status_before_it_wants_to_hear_them() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let add = |n: u32, forge: &str, due_at: penstock_domain::Timestamp| {
        let sql = "INSERT INTO outbox (id, kind, topic, payload, due_at, created_at)
          VALUES (?1, 'forge_status', ?1, json_object('forge', ?2, 'repository', 'a/b', 'commit_sha', 'c',
            'state', 'success', 'context', 'x', 'description', ''), ?3, ?3)";
        let id = penstock_domain::id::uuid_v7(world.now(), [u8::try_from(n).unwrap(); 10]);
        database.raw().execute(sql, [id.to_string(), forge.to_owned(), due_at.to_string()]).unwrap();
    };
    let (now, until) = (world.now(), world.now().plus_ms(90_000));
    for (n, forge, due_at) in [
        (1, "github", now),
        (2, "github", now),
        (3, "github", now.plus_ms(89_999)),
        (4, "github", now.plus_ms(3_600_000)),
        (5, "gitea", now),
    ] {
        add(n, forge, due_at);
    }
    let claim =
        |at| now_or_never(world.store.claim_effects(&["forge_status"], at, at.plus_ms(120_000), 1)).unwrap();
    let refused = claim(now).remove(0);
    now_or_never(world.store.postpone_statuses("github", refused.id, until, "less at once")).unwrap();
    assert_eq!(claim(now).len(), 1, "another forge has asked for nothing");
    assert_eq!(claim(until.plus_ms(-1)).len(), 0);
    let sql = "SELECT count(*) FROM outbox WHERE due_at = ?1 AND last_error = 'less at once'";
    let put_off: i64 = database.raw().query_row(sql, [until.to_string()], |r| r.get(0)).unwrap();
    assert_eq!(put_off, 3, "also what was claimed for longer; what is due later stays");
}

#[test]
fn effects_of_one_topic_go_out_one_after_the_other() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.start(SMALL);
    let job = world.assign_all()[0];
    world.pass(10_000);
    let claim = || {
        let until = world.now().plus_ms(1000);
        now_or_never(world.store.claim_effects(&["dispatch", "cancel"], world.now(), until, 10)).unwrap()
    };
    world.pass(30_000);
    let sql = "SELECT id FROM timers WHERE kind = 'lease'";
    let timer: String = database.raw().query_row(sql, [], |r| r.get(0)).unwrap();
    let timer = timer.parse().unwrap();
    world
        .tell(
            None,
            Some(job),
            &penstock_engine::Event::LeaseExpired { job, attempt: 1, timer, unheard_claim: false },
        )
        .unwrap();
    world.pass(20_000);
    let first = claim();
    assert_eq!(first.len(), 1, "the cancel waits for the dispatch");
    now_or_never(world.store.finish_effect(first[0].id, "taken", world.now())).unwrap();
    let second = claim();
    assert_eq!(second.len(), 1);
    assert_ne!(first[0].id, second[0].id);
}

fn lines(from: u64, to: u64) -> Vec<LogLine> {
    let at = penstock_domain::Timestamp::from_millis(1);
    (from..=to)
        .map(|seq| LogLine { seq, step: Some(0), stream: LogStream::Stdout, at, text: seq.to_string() })
        .collect()
}

#[test]
fn log_lines_are_kept_once_each_and_in_order() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(SMALL);
    let job = world.assign_all()[0];
    let append =
        |from, to| now_or_never(world.store.append_log(id, job, 1, &lines(from, to), world.now())).unwrap();
    assert_eq!(append(1, 3), Appended::Kept);
    assert_eq!(append(1, 3), Appended::Kept);
    assert_eq!(append(2, 5), Appended::Kept);
    assert_eq!(append(8, 9), Appended::Gap { next_seq: 6 });
    let read = |filter| now_or_never(world.store.log_chunks(id, &filter, 0, 100)).unwrap();
    let kept: Vec<u64> =
        read(LogFilter::default()).iter().flat_map(|c| c.lines.iter().map(|l| l.seq)).collect();
    assert_eq!(kept, [1, 2, 3, 4, 5]);
    assert_eq!(read(LogFilter { job: Some("app".into()), stage: Some("build".into()) }).len(), 2);
    assert_eq!(read(LogFilter { job: Some("other".into()), stage: None }).len(), 0);
    world.finish(job, 1, WorkStatus::Succeeded).unwrap();
}

#[test]
fn a_key_gives_the_same_answer_for_a_day() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let take = |hash| now_or_never(world.store.take_key("k", hash, world.now(), 60_000)).unwrap();
    assert_eq!(take("a"), Remembered::New { again: false });
    assert_eq!(take("a"), Remembered::UnderWay);
    now_or_never(world.store.remember("k", 201, "{}")).unwrap();
    assert_eq!(take("a"), Remembered::Answered { status: 201, body: "{}".into() });
    assert_eq!(take("b"), Remembered::OtherRequest);
    world.pass(24 * 3_600_000 + 1);
    assert_eq!(take("b"), Remembered::New { again: false });
    world.pass(60_001);
    assert_eq!(take("c"), Remembered::New { again: false }, "whoever took it has died, for something else");
    world.pass(60_001);
    assert_eq!(take("c"), Remembered::New { again: true }, "whoever took it has died, and may have done it");
}

#[test]
fn a_demand_that_nobody_meets_hides_no_other() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let jobs: String = (0..300).map(|n| format!("{{name: g{n}, runs_on: gpu, steps: [x]}},")).collect();
    world.start(&format!(
        "{{name: g, on: push, stages: [{{name: s, jobs: [{jobs} {{name: l, runs_on: linux, steps: [x]}}]}}]}}"
    ));
    assert_eq!(world.assign_all().len(), 1);
}
