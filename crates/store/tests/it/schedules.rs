//! When the clock starts a pipeline.

use penstock_engine::{Changes, ScheduleRow, schedules};
use penstock_pipeline::Schedule;
use penstock_store::{Cause, DueSchedule, Entry, StoreError};
use penstock_testkit::database::{Database, now_or_never};

use crate::world::World;

const CLAIM_MS: i64 = 60_000;

fn nightly() -> Schedule {
    Schedule {
        cron: "0 3 * * *".into(),
        timezone: "UTC".into(),
        branch: None,
        parameters: Default::default(),
    }
}

fn often() -> Schedule {
    Schedule { cron: "*/5 * * * *".into(), ..nightly() }
}

fn present(world: &World) -> Vec<ScheduleRow> {
    now_or_never(world.store.schedules_of(world.pipeline)).unwrap()
}

fn keep(world: &World, wanted: &[Schedule], expect: i64) -> Result<i64, StoreError> {
    let change = schedules(world.pipeline, wanted, &present(world), &world.moment());
    let subject = format!("schedules:{}", world.pipeline);
    commit(world, subject, expect, &change.unwrap_or_default())
}

fn commit(world: &World, subject: String, expect: i64, change: &Changes) -> Result<i64, StoreError> {
    let by = Cause::new("test", "test");
    now_or_never(world.store.commit(&Entry { subject, expect, change }, &by, world.now()))
}

fn claim(world: &World) -> Vec<DueSchedule> {
    let until = world.now().plus_ms(CLAIM_MS);
    now_or_never(world.store.claim_schedules(world.now(), until, 10)).unwrap()
}

fn advance(world: &World, due: &DueSchedule) -> Result<i64, StoreError> {
    let change = Changes { schedules: vec![due.row.advanced(world.now())], ..Changes::default() };
    commit(world, due.row.subject(), due.version, &change)
}

#[test]
fn a_schedule_is_due_when_its_time_has_come_and_once() {
    let database = Database::in_memory();
    let world = World::new(&database);
    keep(&world, &[nightly()], 0).unwrap();
    assert!(!now_or_never(world.store.due(world.now())).unwrap().schedules);
    world.pass(24 * 3_600_000);
    assert!(now_or_never(world.store.due(world.now())).unwrap().schedules);
    let due = claim(&world);
    assert_eq!(due.len(), 1);
    advance(&world, &due[0]).unwrap();
    let again = advance(&world, &due[0]);
    assert!(matches!(again, Err(StoreError::Conflict)), "of two that find it due, one goes on");
    assert!(claim(&world).is_empty());
}

#[test]
fn what_is_due_is_one_takers_until_they_are_done_or_gone() {
    let database = Database::in_memory();
    let world = World::new(&database);
    keep(&world, &[nightly()], 0).unwrap();
    world.pass(24 * 3_600_000);
    let due = claim(&world);
    assert!(claim(&world).is_empty() && !now_or_never(world.store.due(world.now())).unwrap().schedules);
    world.pass(CLAIM_MS + 1);
    assert_eq!(claim(&world), due, "the taker has died");
    now_or_never(world.store.postpone_schedule(due[0].row.id, world.now().plus_ms(600_000))).unwrap();
    world.pass(CLAIM_MS + 1);
    assert!(claim(&world).is_empty(), "the forge wants to be left alone for longer");
    world.pass(600_000);
    assert_eq!(claim(&world), due);
}

#[test]
fn a_file_with_other_schedules_replaces_them_and_an_inactive_pipeline_has_none_due() {
    let database = Database::in_memory();
    let world = World::new(&database);
    keep(&world, &[nightly(), often()], 0).unwrap();
    keep(&world, &[nightly()], 1).unwrap();
    assert_eq!(present(&world).len(), 1);
    world.pass(48 * 3_600_000);
    database.raw().execute("UPDATE pipeline_configurations SET is_active = 0", []).unwrap();
    assert!(claim(&world).is_empty());
}

#[test]
fn a_schedule_that_stays_keeps_the_time_that_it_is_due_at() {
    let database = Database::in_memory();
    let world = World::new(&database);
    keep(&world, &[nightly()], 0).unwrap();
    let before = present(&world);
    world.pass(24 * 3_600_000);
    keep(&world, &[often(), nightly()], 1).unwrap();
    let after = present(&world);
    assert!(after.contains(&before[0]), "{before:?} is not among {after:?}");
    assert_eq!(claim(&world).len(), 1, "what was due is due");
    assert_eq!(schedules(world.pipeline, &[often(), nightly()], &after, &world.moment()), None);
}

#[test]
fn a_schedule_that_is_gone_stays_gone_whoever_was_about_to_start_it() {
    let database = Database::in_memory();
    let world = World::new(&database);
    keep(&world, &[nightly()], 0).unwrap();
    world.pass(24 * 3_600_000);
    let due = claim(&world);
    keep(&world, &[often()], 1).unwrap();
    advance(&world, &due[0]).unwrap();
    let left: Vec<_> = present(&world).into_iter().map(|row| row.schedule).collect();
    assert_eq!(left, [often()]);
}
