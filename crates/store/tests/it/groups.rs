//! Concurrency groups and priorities: who runs, who waits, who makes room.

use penstock_domain::{ExecutionStatus, Reason, WorkStatus};
use penstock_engine::Event;
use penstock_testkit::database::{Database, now_or_never};

use crate::world::{CANCEL, World};

fn file(group: &str, more: &str) -> String {
    format!(
        "concurrency: {{ group: {group}, limit: 1{more} }}
stages:
  - name: build
    jobs: [{{ name: app, steps: [make] }}]
"
    )
}

#[test]
fn of_a_group_only_so_many_run_and_the_others_wait_in_their_order() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let first = world.start(&file("main", ""));
    let second = world.start(&file("main", ""));
    world.pass(1);
    let third = world.start(&file("main", ""));
    let elsewhere = world.start(&file("other", ""));
    assert_eq!(world.status(first), ExecutionStatus::Running);
    assert_eq!(world.status(second), ExecutionStatus::Queued);
    assert_eq!(world.status(elsewhere), ExecutionStatus::Running, "another group is not held up");
    assert_eq!(world.admit(), [], "its pipeline runs two at once, and its group one");
    world.run_to_the_end();
    assert_eq!(world.admit(), [second]);
    world.run_to_the_end();
    assert_eq!(world.admit(), [third]);
}

#[test]
fn a_newer_execution_takes_the_place_of_the_older_ones_of_its_group() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let first = world.start(&file("main", ", cancel_in_progress: true"));
    let second = world.start(&file("main", ", cancel_in_progress: true"));
    let sql = "SELECT payload ->> '$.execution_id' FROM outbox WHERE kind = 'supersede'";
    let ended: String = database.raw().query_row(sql, [], |r| r.get(0)).unwrap();
    assert_eq!(ended, first.to_string());
    assert_eq!(world.status(second), ExecutionStatus::Queued, "until the older one has ended");
    world.tell(Some(first), None, &Event::Cancel { reason: Reason::Superseded, force: false }).unwrap();
    assert!(world.picture(first).starts_with("#1 cancelled (superseded)"));
    assert_eq!(world.admit(), [second]);
}

#[test]
fn of_two_that_are_admitted_at_once_a_group_takes_one() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let first = world.start(&file("main", ""));
    let (second, third) = (world.start(&file("main", "")), world.start(&file("main", "")));
    world.tell(Some(first), None, &CANCEL).unwrap();
    let decided = |id| {
        let store = &world.store;
        let group = now_or_never(store.group_state("git.example/a/b#main")).unwrap();
        let snapshot = now_or_never(store.snapshot(Some(id), None, true)).unwrap().unwrap();
        let mut decision = penstock_engine::decide(snapshot, &Event::Admit, &world.moment()).unwrap();
        decision.changes.guards.push(group.guard());
        decision
    };
    let (one, other) = (decided(second), decided(third));
    world.commit(second, &one).unwrap();
    assert!(matches!(world.commit(third, &other), Err(penstock_store::StoreError::Conflict)));
}

#[test]
fn the_higher_priority_goes_first_among_executions_and_among_jobs() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let file = |priority: i32| {
        format!(
            "priority: {priority}
max_concurrent: 1
stages:
  - name: build
    jobs: [{{ name: plain, steps: [make] }}, {{ name: urgent, priority: 50, steps: [make] }}]
"
        )
    };
    let first = world.start(&file(0));
    let (low, high) = (world.start(&file(-5)), world.start(&file(5)));
    world.register(1);
    world.assign_all();
    let urgent = world.running("urgent");
    world.finish(urgent, 1, WorkStatus::Succeeded).unwrap();
    world.run_to_the_end();
    assert_eq!(world.status(first), ExecutionStatus::Succeeded);
    assert_eq!(world.admit(), [high]);
    world.run_to_the_end();
    assert_eq!(world.admit(), [low]);
    let effects = "SELECT count(*) FROM outbox WHERE kind = 'supersede'";
    assert_eq!(world.count(effects), 0);
}
