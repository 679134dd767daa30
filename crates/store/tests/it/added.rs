//! Jobs that a running job adds to its stage.

use expect_test::expect;
use penstock_domain::{JobId, RunnerId, WorkStatus};
use penstock_engine::{Event, Refusal};
use penstock_pipeline::{PlannedJob, parse_jobs, plan_jobs};
use penstock_testkit::database::{Database, now_or_never};

use crate::world::{CANCEL, World};

const FILE: &str = "
stages:
  - name: test
    jobs: [{ name: split, steps: [split] }]
  - name: report
    depends_on: [test]
    jobs: [{ name: report, steps: [report] }]
";

fn jobs(world: &World, text: &str) -> Vec<PlannedJob> {
    let (run, none) = (world.run_context(), Default::default());
    let parsed = parse_jobs(text, &run, &none, &[]);
    plan_jobs(&parsed.jobs.expect("the fragment is right"), &run, &none, &[], 0).unwrap()
}

fn add(world: &World, job: JobId, attempt: u32, runner: RunnerId, text: &str) -> Result<usize, Refusal> {
    let present = now_or_never(world.store.jobs_beside(job)).unwrap();
    let event = Event::AddJobs { job, attempt, runner, jobs: jobs(world, text), present };
    world.tell(None, Some(job), &event).map(|changes| changes.created.jobs.len())
}

const TWO: &str = "jobs: [{ name: a, steps: [a] }, { name: b, if: branch == 'elsewhere', steps: [b] }]";

#[test]
fn what_comes_after_the_stage_waits_for_the_added_jobs_too() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(FILE);
    world.assign_all();
    let split = world.running("split");
    assert_eq!(add(&world, split, 1, world.runner, TWO), Ok(2));
    assert_eq!(add(&world, split, 1, world.runner, TWO), Ok(0), "told again, it adds nothing");
    world.finish(split, 1, WorkStatus::Succeeded).unwrap();
    expect![[r#"
        #1 running 0/2 stages, 0 failed
        test running 2/3
          split succeeded attempt 1
            split succeeded
          a pending attempt 1
            a pending
          b skipped (condition_false) attempt 1
            b skipped (condition_false)
        report pending 0/1
          report pending attempt 1
            report pending
    "#]]
    .assert_eq(&world.picture(id));
    world.run_to_the_end();
    assert!(world.picture(id).starts_with("#1 succeeded 2/2"), "{}", world.picture(id));
}

#[test]
fn a_name_that_is_taken_a_lost_lease_and_too_many_are_refused() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(FILE);
    world.assign_all();
    let split = world.running("split");
    let taken = add(&world, split, 1, world.runner, "jobs: [{ name: split, steps: [a] }]");
    assert_eq!(taken, Err(Refusal::BadReport("the stage has a job `split` already".into())));
    assert_eq!(add(&world, split, 2, world.runner, TWO), Err(Refusal::LeaseExpired));
    for batch in 0..4 {
        let many: Vec<_> = (0..249).map(|n| format!("{{ name: j{batch}-{n}, steps: [a] }}")).collect();
        add(&world, split, 1, world.runner, &format!("jobs: [{}]", many.join(", "))).unwrap();
    }
    let many = "jobs: [{ name: y, steps: [a] }, { name: z, steps: [a] }, { name: w, steps: [a] }]";
    assert!(matches!(add(&world, split, 1, world.runner, many), Err(Refusal::BadReport(_))));
    world.tell(Some(id), None, &CANCEL).unwrap();
    assert_eq!(add(&world, split, 1, world.runner, TWO), Err(Refusal::LeaseExpired));
    assert_eq!(world.count("SELECT count(*) FROM jobs WHERE status NOT IN ('cancelled')"), 0);
}

#[test]
fn an_added_matrix_keeps_its_limit() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.start(FILE);
    world.assign_all();
    let split = world.running("split");
    let text = "jobs: [{ name: m, matrix: { n: [1, 2, 3], max_parallel: 1 }, steps: [a] }]";
    assert_eq!(add(&world, split, 1, world.runner, text), Ok(3));
    world.assign_all();
    assert_eq!(world.count("SELECT count(*) FROM jobs WHERE status = 'running'"), 2, "the adder, and one");
    world.finish(world.running("m (n=1)"), 1, WorkStatus::Succeeded).unwrap();
    world.assign_all();
    assert_eq!(world.running("m (n=2)").to_string().len(), 36);
}
