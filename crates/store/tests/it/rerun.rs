//! What is done again, and what is carried over.

use penstock_domain::{ExecutionId, WorkStatus};
use penstock_engine::{Admission, NewExecution, Origin, RerunError, Scope, Work, rerun};
use penstock_testkit::database::{Database, now_or_never};

use crate::world::World;

const FILE: &str = "
stages:
  - name: build
    jobs: [{ name: app, outputs: [version], steps: [make] }]
  - name: test
    depends_on: [build]
    jobs: [{ name: unit, steps: [unit] }, { name: slow, steps: [slow] }]
  - name: docs
    depends_on: [build]
    jobs: [{ name: docs, steps: [docs] }]
  - name: tell
    depends_on: [test]
    if: always()
    jobs: [{ name: tell, steps: [tell] }]
";

/// Build and docs succeed, `slow` fails, `tell` runs all the same.
fn ended(world: &World) -> ExecutionId {
    let id = world.start(FILE);
    world.assign_all();
    world.finish_with(world.running("app"), 1, WorkStatus::Succeeded, &[("version", "7")]).unwrap();
    world.assign_all();
    world.finish(world.running("slow"), 1, WorkStatus::Failed).unwrap();
    for name in ["unit", "docs"] {
        world.finish(world.running(name), 1, WorkStatus::Succeeded).unwrap();
    }
    world.run_to_the_end();
    assert!(world.picture(id).starts_with("#1 failed"), "{}", world.picture(id));
    id
}

/// The names of the jobs that are not carried over.
fn again(world: &World, id: ExecutionId, scope: &Scope) -> Vec<String> {
    let past = now_or_never(world.store.planned_work(id)).unwrap().unwrap();
    let work = Work::Rerun(rerun(past.stages, past.timeout_ms, scope).unwrap());
    let snapshot = now_or_never(world.store.snapshot(Some(id), None, true)).unwrap().unwrap();
    let context = snapshot.execution.context;
    let new = NewExecution { origin: Origin::default(), context, work, admission: Admission::default() };
    let id = world.launch(new);
    let sql = "SELECT job_name FROM jobs WHERE execution_id = ?1 AND carried_from IS NULL ORDER BY id";
    let mut statement = world.database.raw().prepare(sql).unwrap();
    let names = statement.query_map([id.to_string()], |r| r.get(0)).unwrap();
    names.collect::<Result<_, _>>().unwrap()
}

#[test]
fn what_failed_runs_again_and_what_depends_on_it() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = ended(&world);
    assert_eq!(again(&world, id, &Scope::Failed), ["slow", "tell"], "`tell` succeeded on other ground");
    let carried =
        "SELECT count(*) FROM jobs WHERE carried_from IS NOT NULL AND outputs ->> '$.version' = '7'";
    assert_eq!(world.count(carried), 1, "what the carried job handed on is handed on again");
}

#[test]
fn from_a_stage_on_everything_runs_again_that_depends_on_it() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = ended(&world);
    assert_eq!(again(&world, id, &Scope::From("test".into())), ["unit", "slow", "tell"]);
    assert_eq!(again(&world, id, &Scope::From("docs".into())), ["slow", "docs", "tell"]);
    assert_eq!(again(&world, id, &Scope::All).len(), 5);
    let past = now_or_never(world.store.planned_work(id)).unwrap().unwrap();
    let unknown = rerun(past.stages, past.timeout_ms, &Scope::From("tset".into()));
    assert!(matches!(unknown, Err(RerunError::NoSuchStage { .. })));
}

#[test]
fn what_a_condition_left_out_of_a_stage_that_is_carried_over_holds_nothing_up() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(
        "
stages:
  - name: build
    jobs: [{ name: app, steps: [make] }, { name: extra, if: branch == 'elsewhere', steps: [make] }]
  - name: test
    depends_on: [build]
    jobs: [{ name: unit, steps: [unit] }]
",
    );
    world.assign_all();
    world.finish(world.running("app"), 1, WorkStatus::Succeeded).unwrap();
    world.assign_all();
    world.finish(world.running("unit"), 1, WorkStatus::Failed).unwrap();
    again(&world, id, &Scope::Failed);
    world.run_to_the_end();
    let open = "SELECT count(*) FROM jobs WHERE status IN ('pending', 'running')";
    assert_eq!(world.count(open), 0);
    assert_eq!(world.count("SELECT count(*) FROM pipeline_executions WHERE status = 'succeeded'"), 1);
}
