//! What jobs hand on, and what is made of it.

use penstock_domain::WorkStatus;
use penstock_engine::{EffectKind, Refusal};
use penstock_testkit::database::{Database, now_or_never};

use crate::world::World;

const HANDING: &str = r#"
name: handing
stages:
  - name: build
    jobs: [{ name: app, outputs: [version, kind], steps: [make] }]
  - name: ship
    depends_on: [build]
    if: stages.build.outputs.kind == "release"
    variables: { VERSION: "v${{ stages.build.outputs.version }}" }
    jobs: [{ name: ship, steps: [ship] }]
then:
  - { pipeline: deploy, variables: { VERSION: "${{ stages.build.outputs.version }}" } }
  - { pipeline: alarm, if: failure() }
"#;

#[test]
fn outputs_decide_conditions_and_go_to_what_follows() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(HANDING);
    world.assign_all();
    let told = [("version", "1.2"), ("kind", "release")];
    world.finish_with(world.running("app"), 1, WorkStatus::Succeeded, &told).unwrap();
    world.assign_all();
    let ship = world.running("ship");
    let job = now_or_never(world.store.dispatch_job(ship, 1, world.runner)).unwrap().unwrap();
    assert_eq!(job.handed_on.len(), 1);
    assert_eq!(job.handed_on[0].outputs["version"], "1.2");
    let changes = world.finish(ship, 1, WorkStatus::Succeeded).unwrap();
    let started: Vec<_> = changes
        .outbox
        .iter()
        .filter_map(|e| if let EffectKind::StartPipeline(due) = &e.kind { Some(due) } else { None })
        .collect();
    assert_eq!(started.len(), 1, "the one that asks for a failure is not started");
    assert_eq!((started[0].pipeline.as_str(), started[0].parameters["VERSION"].as_str()), ("deploy", "1.2"));
    assert_eq!(started[0].chain, [world.pipeline]);
    assert!(world.picture(id).contains("#1 succeeded"));
}

#[test]
fn an_output_that_was_not_set_is_empty() {
    let database = Database::in_memory();
    let world = World::new(&database);
    let id = world.start(HANDING);
    world.run_to_the_end();
    assert!(world.picture(id).contains("ship skipped (condition_false)"), "{}", world.picture(id));
}

#[test]
fn what_a_job_does_not_declare_it_can_not_hand_on() {
    let database = Database::in_memory();
    let world = World::new(&database);
    world.start(HANDING);
    world.assign_all();
    let refused = world.finish_with(world.running("app"), 1, WorkStatus::Succeeded, &[("secret", "x")]);
    assert!(matches!(refused, Err(Refusal::BadReport(_))), "{refused:?}");
}
