//! Jobs that one matrix was written out to: so many at once, and none without the others.

use penstock_domain::WorkStatus;
use penstock_testkit::database::Database;

use crate::world::{CANCEL, World};

const LIMITED: &str = "
name: matrix
stages:
  - name: test
    jobs:
      - name: unit
        matrix: { n: [1, 2, 3, 4, 5], max_parallel: 2 }
        steps: [make]
  - name: after
    depends_on: [test]
    jobs: [{ name: after, steps: [make] }]
";

fn running(world: &World) -> i64 {
    world.count("SELECT count(*) FROM jobs WHERE status = 'running'")
}

#[test]
fn of_a_limited_matrix_only_so_many_jobs_run_at_once_and_each_end_lets_in_the_next() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(LIMITED);
    let mut done = vec![];
    for left in (1..=5).rev() {
        world.assign_all();
        assert_eq!(running(&world), left.min(2));
        let name = format!("unit (n={})", 6 - left);
        done.push(world.finish(world.running(&name), 1, WorkStatus::Succeeded).unwrap());
    }
    assert!(done[0].stages.len() == 1, "the stage's counter alone changed beside the two jobs");
    world.run_to_the_end();
    assert!(world.picture(id).contains("#1 succeeded"), "{}", world.picture(id));
}

#[test]
fn what_waits_for_another_attempt_keeps_its_place_among_those_of_its_matrix() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.start(
        &LIMITED
            .replace("steps: [make]\n  - name: after", "retry: 1\n        steps: [make]\n  - name: after"),
    );
    world.assign_all();
    world.finish(world.running("unit (n=1)"), 1, WorkStatus::Failed).unwrap();
    world.assign_all();
    assert_eq!(running(&world), 1, "the other one; the third waits behind the one that is tried again");
    world.pass(60_000);
    world.assign_all();
    assert_eq!(running(&world), 2);
}

#[test]
fn with_fail_fast_one_failure_ends_the_others_of_the_matrix() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(&LIMITED.replace("max_parallel: 2", "max_parallel: 2, fail_fast: true"));
    world.assign_all();
    let changes = world.finish(world.running("unit (n=2)"), 1, WorkStatus::Failed).unwrap();
    let told: Vec<_> =
        changes.outbox.iter().filter(|e| matches!(e.kind, penstock_engine::EffectKind::Cancel(_))).collect();
    assert_eq!(told.len(), 1, "the one that ran is ended on its runner");
    expect_test::expect![[r#"
        #1 failed (exit_code) 2/2 stages, 1 failed
        ! test / unit (n=2): exit_code
        test failed (exit_code) 5/5
          unit (n=1) cancelled (fail_fast) attempt 1
            make cancelled (fail_fast)
          unit (n=2) failed (exit_code) attempt 1
            make failed (exit_code)
          unit (n=3) cancelled (fail_fast) attempt 1
            make cancelled (fail_fast)
          unit (n=4) cancelled (fail_fast) attempt 1
            make cancelled (fail_fast)
          unit (n=5) cancelled (fail_fast) attempt 1
            make cancelled (fail_fast)
        after skipped (dependency_failed) 1/1
          after skipped (dependency_failed) attempt 1
            make skipped
    "#]]
    .assert_eq(&world.picture(id));
}

#[test]
fn a_cancel_ends_what_a_matrix_holds_back_as_well() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(LIMITED);
    world.assign_all();
    world.tell(Some(id), None, &CANCEL).unwrap();
    assert_eq!(world.count("SELECT count(*) FROM jobs WHERE status = 'cancelled'"), 6);
    assert_eq!(world.count("SELECT count(*) FROM timers"), 0);
}

#[test]
fn fail_fast_ends_the_others_also_where_the_stage_is_the_only_one() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(
        "stages: [{ name: test, jobs: [{ name: unit, matrix: { n: [1, 2, 3], fail_fast: true }, steps: [make] }] }]",
    );
    world.assign_all();
    world.finish(world.running("unit (n=2)"), 1, WorkStatus::Failed).unwrap();
    assert!(world.picture(id).starts_with("#1 failed"), "{}", world.picture(id));
    assert_eq!(world.count("SELECT count(*) FROM jobs WHERE reason = 'fail_fast'"), 2);
    assert_eq!(world.count("SELECT count(*) FROM timers"), 0);
}
