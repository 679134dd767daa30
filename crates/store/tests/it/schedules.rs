//! When the clock starts a pipeline.

use penstock_engine::schedules;
use penstock_pipeline::Schedule;
use penstock_store::{Cause, Entry, StoreError};
use penstock_testkit::database::{Database, now_or_never};

use crate::world::World;

fn nightly() -> Schedule {
    Schedule {
        cron: "0 3 * * *".into(),
        timezone: "UTC".into(),
        branch: None,
        parameters: Default::default(),
    }
}

fn keep(world: &World, wanted: &[Schedule], expect: i64) -> Result<i64, StoreError> {
    let change = schedules(world.pipeline, wanted, &world.moment());
    let subject = format!("schedules:{}", world.pipeline);
    let by = Cause::new("test", "test");
    now_or_never(world.store.commit(&Entry { subject, expect, change: &change }, &by, world.now()))
}

#[test]
fn a_schedule_is_due_when_its_time_has_come_and_once() {
    let database = Database::in_memory();
    let world = World::new(&database);
    keep(&world, &[nightly()], 0).unwrap();
    assert!(!now_or_never(world.store.due(world.now())).unwrap().schedules);
    world.pass(24 * 3_600_000);
    assert!(now_or_never(world.store.due(world.now())).unwrap().schedules);
    let due = now_or_never(world.store.due_schedules(world.now(), 10)).unwrap();
    assert_eq!(due.len(), 1);
    let advance = || {
        let change = penstock_engine::Changes {
            schedules: vec![due[0].row.advanced(world.now())],
            ..Default::default()
        };
        let entry = Entry { subject: due[0].row.subject(), expect: due[0].version, change: &change };
        now_or_never(world.store.commit(&entry, &Cause::new("clock", "test"), world.now()))
    };
    advance().unwrap();
    assert!(matches!(advance(), Err(StoreError::Conflict)), "of two that find it due, one goes on");
    assert!(now_or_never(world.store.due_schedules(world.now(), 10)).unwrap().is_empty());
}

#[test]
fn a_file_with_other_schedules_replaces_them_and_an_inactive_pipeline_has_none_due() {
    let database = Database::in_memory();
    let world = World::new(&database);
    keep(&world, &[nightly(), Schedule { cron: "*/5 * * * *".into(), ..nightly() }], 0).unwrap();
    keep(&world, &[nightly()], 1).unwrap();
    assert_eq!(now_or_never(world.store.schedules_of(world.pipeline)).unwrap().len(), 1);
    world.pass(48 * 3_600_000);
    database.raw().execute("UPDATE pipeline_configurations SET is_active = 0", []).unwrap();
    assert!(now_or_never(world.store.due_schedules(world.now(), 10)).unwrap().is_empty());
}
