//! What a job may use of its runner's machine.

use crate::told::{check, check_job, jobs, planned};
use expect_test::expect;
use penstock_pipeline::Resources;

#[test]
fn a_job_says_how_much_of_the_machine_its_steps_may_use() {
    let of = |members: &str| jobs(members).remove(0).resources;
    let both = Resources { cpus: Some(2), memory_mib: Some(512) };
    assert_eq!(of("resources: { cpus: 2, memory: 512MiB }"), Some(both));
    assert_eq!(of("resources: { memory: 2GiB }"), Some(Resources { cpus: None, memory_mib: Some(2048) }));
    assert_eq!(of("resources: { memory: 500MB }"), Some(Resources { cpus: None, memory_mib: Some(476) }));
    assert_eq!(of("resources: { cpus: 256, memory: 1TiB }").and_then(|r| r.memory_mib), Some(1 << 20));
    assert_eq!(of("resources: {}"), None);
    assert_eq!(of("timeout: 1h"), None);
}

#[test]
fn what_a_stage_says_is_for_each_of_its_jobs_that_does_not_say_it_itself() {
    let plan = planned(
        "stages: [{ name: a, resources: { cpus: 2, memory: 1GiB }, jobs: [{ name: b, steps: [make] }, \
         { name: c, resources: { memory: 64MiB }, matrix: { x: [1, 2] }, steps: [make] }] }]",
    );
    let resources: Vec<_> = plan.stages[0].jobs.iter().map(|job| job.resources).collect();
    let with = |memory_mib| Some(Resources { cpus: Some(2), memory_mib: Some(memory_mib) });
    assert_eq!(resources, [with(1024), with(64), with(64)]);
}

#[test]
fn resources_that_no_machine_could_give_are_refused() {
    for (resources, expected) in [
        (
            "{ cpus: 0, memory: 8MiB }",
            expect![[r#"
            1:73 /stages/0/jobs/0/resources/cpus out_of_range: `cpus` has to be from 1 to 256, and this is 0
            1:84 /stages/0/jobs/0/resources/memory out_of_range: `memory` has to be from 16MiB to 1TiB, and this is 8MiB
        "#]],
        ),
        (
            "{ cpus: 257, memory: 2TiB }",
            expect![[r#"
            1:73 /stages/0/jobs/0/resources/cpus out_of_range: `cpus` has to be from 1 to 256, and this is 257
            1:86 /stages/0/jobs/0/resources/memory out_of_range: `memory` has to be from 16MiB to 1TiB, and this is 2TiB
        "#]],
        ),
        (
            "{ cpus: 1.5, memory: 512 }",
            expect![[r#"
                1:73 /stages/0/jobs/0/resources/cpus wrong_type: `cpus` has to be a whole number from 1 to 256, and this is `1.5`
                1:86 /stages/0/jobs/0/resources/memory bad_value: `memory` is no size: `512` (say of what: `512MiB` or `512GiB`)
            "#]],
        ),
        (
            "{ cpus: half, memory: 2g }",
            expect![[r#"
                1:73 /stages/0/jobs/0/resources/cpus wrong_type: `cpus` has to be a whole number from 1 to 256, and this is `half`
                1:87 /stages/0/jobs/0/resources/memory bad_value: `memory` is no size: `2g` (write `2GiB`)
            "#]],
        ),
        (
            "{ memory: 512Mi }",
            expect![[r#"
            1:75 /stages/0/jobs/0/resources/memory bad_value: `memory` is no size: `512Mi` (write `512MiB`)
        "#]],
        ),
        (
            "{ memory: 1.5GiB }",
            expect![[r#"
            1:75 /stages/0/jobs/0/resources/memory bad_value: `memory` is no size: `1.5GiB` (write it like `512MiB`, `2GiB` or `500MB`)
        "#]],
        ),
        (
            "{ memory: '${{ variables.M }}' }",
            expect![[r#"
            1:75 /stages/0/jobs/0/resources/memory interpolation_not_allowed: `memory` can't hold `${{ }}` (it is filled in within `variables`, `run`, `version` and a few more; this has to be written out)
        "#]],
        ),
        (
            "{ cpu: 1, limits: {}, gpus: 1 }",
            expect![[r#"
            1:67 /stages/0/jobs/0/resources/cpu unknown_field: `resources` has no `cpu` (write `cpus`)
            1:75 /stages/0/jobs/0/resources/limits unknown_field: `resources` has no `limits` (write `cpus` and `memory` alone)
            1:87 /stages/0/jobs/0/resources/gpus not_supported_yet: `gpus` is not supported yet in `resources` (choose a runner that has one by `runs_on` until then)
        "#]],
        ),
        (
            "2",
            expect![[r#"
            1:65 /stages/0/jobs/0/resources wrong_type: `resources` has to be a mapping, and this is `2` (write `resources: { cpus: 2, memory: 512MiB }`)
        "#]],
        ),
    ] {
        check_job(&format!("resources: {resources}"), expected);
    }
    check(
        "resources: { cpus: 1 }\nstages: [{ name: a, jobs: [{ name: b, steps: [x] }] }]",
        expect![[r#"
        1:1 /resources unknown_field: a pipeline has no `resources` (they belong to a job, or to a stage for all of its jobs)
    "#]],
    );
}
