//! What is switched off, what may fail, what cleans up, and what goes first.

use crate::told::{check, check_job, planned};
use expect_test::expect;
use penstock_pipeline::OFF;

#[test]
fn what_is_switched_off_is_planned_and_never_runs() {
    let plan = planned(
        r#"
stages:
  - name: a
    enabled: false
    if: branch == "main"
    jobs: [{ name: one, steps: [make] }]
  - name: b
    if: ${{ false }}
    jobs:
      - { name: one, enabled: false, steps: [make] }
      - { name: two, if: false, steps: [{ run: make, enabled: false }, { run: make, if: false }, make] }
"#,
    );
    let conditions: Vec<_> = plan.stages.iter().map(|stage| stage.condition.as_deref()).collect();
    assert_eq!(conditions, [Some(OFF), Some(OFF)]);
    let jobs = &plan.stages[1].jobs;
    assert!(jobs.iter().all(|job| job.condition.as_deref() == Some(OFF)));
    let skipped: Vec<_> = jobs[1].steps.iter().map(|step| (step.skipped, step.condition.clone())).collect();
    assert_eq!(skipped, [(true, None), (true, None), (false, None)]);
}

#[test]
fn a_failure_may_be_let_pass_at_every_level() {
    let plan = planned(
        "stages: [{ name: a, continue_on_error: true, jobs: [{ name: b, continue_on_error: true, \
         steps: [{ run: make, continue_on_error: true }, make] }] }]",
    );
    let stage = &plan.stages[0];
    assert!(stage.continue_on_error && stage.jobs[0].continue_on_error);
    assert!(stage.jobs[0].steps[0].continue_on_error && !stage.jobs[0].steps[1].continue_on_error);
}

#[test]
fn what_cleans_up_waits_for_everything_else_and_does_not_ask_how_it_ended() {
    let plan = planned(
        r#"
stages:
  - { name: down, type: cleanup, if: branch == "main", jobs: [{ name: a, if: number > 1, steps: [make] }, { name: b, if: failure(), steps: [make] }] }
  - { name: build, jobs: [{ name: a, steps: [make] }] }
  - { name: teardown, jobs: [{ name: a, steps: [make] }] }
  - { name: sweep, type: cleanup, depends_on: build, jobs: [{ name: a, steps: [make] }] }
"#,
    );
    let facts: Vec<_> = plan
        .stages
        .iter()
        .map(|stage| (stage.always, stage.depends_on.join(" "), stage.condition.as_deref()))
        .collect();
    assert_eq!(
        facts,
        [
            (true, "build teardown".to_owned(), Some("always() && (branch == \"main\")")),
            (false, String::new(), None),
            (false, String::new(), None),
            (true, "build".to_owned(), None),
        ]
    );
    let conditions: Vec<_> = plan.stages[0].jobs.iter().map(|job| job.condition.as_deref()).collect();
    assert_eq!(conditions, [Some("always() && (number > 1)"), Some("failure()")]);
    check(
        r#"
stages:
  - name: down
    type: cleanup
    gates: { g: { type: test_coverage } }
    deploy: { environment: e }
    jobs: [{ name: a, steps: [make] }]
  - { name: after, depends_on: [down], jobs: [{ name: a, steps: [make] }] }
"#,
        expect![[r#"
            5:5 /stages/0/gates conflicting_fields: a stage of type `cleanup` can't have `gates` (put it into a stage of its own: this one runs whatever became of the others)
            6:5 /stages/0/deploy conflicting_fields: a stage of type `cleanup` can't have `deploy` (put it into a stage of its own: this one runs whatever became of the others)
            8:33 /stages/1/depends_on/0 conflicting_fields: nothing can wait for `down`, which cleans up (wait for a stage that it waits for, or take `type: cleanup` from it)
        "#]],
    );
}

#[test]
fn what_cleans_up_needs_a_condition_with_room_left() {
    let long = format!("branch == \"{}\"", "x".repeat(980));
    check(
        &format!(
            "stages: [{{ name: a, type: cleanup, if: '{long}', jobs: [{{ name: b, steps: [make] }}] }}]"
        ),
        expect![[r#"
            1:41 /stages/0/if limit_exceeded: this condition is too long or too deep for a stage that cleans up (split it with variables)
        "#]],
    );
}

#[test]
fn a_priority_is_the_pipelines_unless_a_job_has_its_own() {
    let plan = planned(
        "priority: -5\nstages: [{ name: a, jobs: [{ name: b, steps: [make] }, { name: c, priority: 100, steps: [make] }] }]",
    );
    let priorities: Vec<i32> = plan.stages[0].jobs.iter().map(|job| job.priority).collect();
    assert_eq!((plan.priority, priorities), (-5, vec![-5, 100]));
    check_job(
        "priority: 101",
        expect![[r#"
        1:64 /stages/0/jobs/0/priority out_of_range: `priority` has to be from -100 to 100, and this is 101
    "#]],
    );
    check_job(
        "priority: high",
        expect![[r#"
            1:64 /stages/0/jobs/0/priority wrong_type: `priority` has to be a whole number from -100 to 100, and this is `high`
        "#]],
    );
}
