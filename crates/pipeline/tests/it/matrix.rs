//! A job with a matrix, written out.

use crate::told::{check, check_job, jobs, planned, texts};
use expect_test::expect;
use penstock_pipeline::PlannedJob;

#[test]
fn a_matrix_is_written_out_as_elsewhere() {
    let combinations = |matrix: &str| {
        let jobs = jobs(&format!("matrix: {{ {matrix} }}"));
        let values = |job: &PlannedJob| {
            job.matrix.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ")
        };
        jobs.iter().map(values).collect::<Vec<_>>().join(", ")
    };
    // The example of GitHub's documentation.
    assert_eq!(
        combinations(
            "fruit: [apple, pear], animal: [cat, dog], include: [{ color: green }, { color: pink, animal: cat }, \
             { fruit: apple, shape: circle }, { fruit: banana }, { fruit: banana, animal: cat }]"
        ),
        "animal=cat color=pink fruit=apple shape=circle, animal=dog color=green fruit=apple shape=circle, \
         animal=cat color=pink fruit=pear, animal=dog color=green fruit=pear, fruit=banana, animal=cat fruit=banana"
    );
    assert_eq!(
        combinations(
            "os: [macos, windows], version: [12, 14, 16], environment: [staging, production], exclude: \
             [{ os: macos, version: 12, environment: production }, { os: windows, version: 16 }]"
        ),
        "environment=staging os=macos version=12, environment=staging os=macos version=14, \
         environment=production os=macos version=14, environment=staging os=macos version=16, \
         environment=production os=macos version=16, environment=staging os=windows version=12, \
         environment=production os=windows version=12, environment=staging os=windows version=14, \
         environment=production os=windows version=14"
    );
    assert_eq!(combinations("include: [{ a: 1 }, { a: 2, b: 1.10 }]"), "a=1, a=2 b=1.10");
    assert_eq!(combinations("a: [1], exclude: [{ a: 1 }], include: [{ a: 1 }]"), "a=1");
}

#[test]
fn each_job_of_a_matrix_has_its_own_name_values_and_labels() {
    let jobs = jobs(
        "matrix: { node-version: [18, 1.10], os: [linux, mac], max_parallel: 2, fail_fast: true }, \
         runs_on: ['${{ matrix.os }}', 'n${{ matrix[\"node-version\"] }}', x], if: matrix.os != \"mac\", \
         variables: { V: 'v${{ matrix.os }}', MATRIX_X: x }, \
         steps: ['install ${{ matrix.os }} $MATRIX_NODE_VERSION $V', { run: make, if: matrix.os == \"mac\" }]",
    );
    let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "app (node-version=18, os=linux)",
            "app (node-version=18, os=mac)",
            "app (node-version=1.10, os=linux)",
            "app (node-version=1.10, os=mac)"
        ]
    );
    let job = &jobs[3];
    assert_eq!(job.runs_on, ["mac", "n1.10", "x"]);
    assert_eq!(job.condition.as_deref(), Some("matrix.os != \"mac\""));
    assert_eq!(
        job.variables,
        texts(&[("MATRIX_NODE_VERSION", "1.10"), ("MATRIX_OS", "mac"), ("MATRIX_X", "x"), ("V", "vmac")])
    );
    assert_eq!(job.steps[0].run, "install mac $MATRIX_NODE_VERSION $V");
    assert_eq!(jobs.iter().map(|job| job.steps[1].skipped).collect::<Vec<_>>(), [true, false, true, false]);
    let siblings = job.siblings.as_ref().expect("it has siblings");
    assert_eq!((siblings.group.as_str(), siblings.max_parallel, siblings.fail_fast), ("app", Some(2), true));
}

#[test]
fn names_of_a_matrix_stay_within_their_limit_and_unlike_each_other() {
    let long = "x".repeat(95);
    let jobs = jobs(&format!("matrix: {{ a: ['{long}1', '{long}2', '{long}3'] }}"));
    let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    assert!(names.iter().all(|name| name.chars().count() <= 100), "{names:?}");
    assert!(names[1].ends_with(" #2") && names[2].ends_with(" #3"), "{names:?}");
    let plan = planned(
        "stages: [{ name: a, jobs: [{ name: 'app ${{ matrix.a }}', steps: [make], matrix: { a: [1, 2], b: [1, 2] } }] }]",
    );
    let names: Vec<&str> = plan.stages[0].jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(names, ["app 1", "app 1 (a=1, b=2)", "app 2", "app 2 (a=2, b=2)"]);
    assert_eq!(plan.stages[0].jobs[0].siblings.as_ref().expect("it has").group, "app ${{ matrix.a }}");
}

#[test]
fn a_value_that_a_combination_lacks_is_empty() {
    let jobs = jobs("matrix: { a: [1], include: [{ b: 2, a: 3 }] }, variables: { V: '<${{ matrix.b }}>' }");
    assert_eq!(jobs.iter().map(|job| job.variables["V"].as_str()).collect::<Vec<_>>(), ["<>", "<2>"]);
}

#[test]
fn a_matrix_that_could_not_be_meant_is_refused() {
    for (members, expected) in [
        (
            "matrix: []",
            expect![[r#"
            1:62 /stages/0/jobs/0/matrix wrong_type: `matrix` has to be a mapping, and this is a list (write `matrix: { node: [18, 20] }`; jobs that are known only while it runs are added by a step)
        "#]],
        ),
        (
            "matrix: '${{ fromJSON(x) }}'",
            expect![[r#"
            1:62 /stages/0/jobs/0/matrix wrong_type: `matrix` has to be a mapping, and this is a text (write `matrix: { node: [18, 20] }`; jobs that are known only while it runs are added by a step)
        "#]],
        ),
        (
            "matrix: { node: [] }",
            expect![[r#"
                1:70 /stages/0/jobs/0/matrix/node missing_field: `node` has no value, so that there is no combination (write `node: [a, b]`)
            "#]],
        ),
        (
            "matrix: { node: 18 }",
            expect![[r#"
                1:70 /stages/0/jobs/0/matrix/node wrong_type: `node` has to be a list of values, and this is `18` (write `node: [a, b]`)
            "#]],
        ),
        (
            "matrix: { node: [[1], { a: b }, ~, '${{ branch }}', \"a\\nb\"] }",
            expect![[r#"
                1:71 /stages/0/jobs/0/matrix/node/0 wrong_type: `node` has to be text, and this is a list
                1:76 /stages/0/jobs/0/matrix/node/1 wrong_type: each of `node` has to be a text, and this is a mapping (values that belong together are written as `include: [{ os: linux, node: 18 }]`)
                1:86 /stages/0/jobs/0/matrix/node/2 wrong_type: `node` has to be text, and this is nothing
                1:89 /stages/0/jobs/0/matrix/node/3 interpolation_not_allowed: `node` can't hold `${{ }}` (it is filled in within `variables`, `run`, `version` and a few more; this has to be written out)
                1:106 /stages/0/jobs/0/matrix/node/4 bad_value: a value of a matrix has to be one line of text (it is a part of the job's name; use something short)
            "#]],
        ),
        (
            "matrix: { 1a: [x], max-parallel: 1, 'b c': [x] }",
            expect![[r#"
                1:64 /stages/0/jobs/0/matrix/1a bad_name: `1a` can't be an axis of a matrix (use letters, digits, `_` and `-`, not beginning with a digit)
                1:73 /stages/0/jobs/0/matrix/max-parallel unknown_field: `matrix` has no `max-parallel` (write `max_parallel`)
                1:90 /stages/0/jobs/0/matrix/b c bad_name: `b c` can't be an axis of a matrix (use letters, digits, `_` and `-`, not beginning with a digit)
            "#]],
        ),
        (
            "matrix: { a: [1, 2, 1], max_parallel: 0, fail_fast: yes }",
            expect![[r#"
            1:74 /stages/0/jobs/0/matrix/a/2 warning redundant: `1` is here twice (once is enough)
            1:92 /stages/0/jobs/0/matrix/max_parallel out_of_range: `max_parallel` has to be from 1 to 256, and this is 0
            1:106 /stages/0/jobs/0/matrix/fail_fast wrong_type: `fail_fast` has to be true or false (write `true` or `false`, without quotes)
        "#]],
        ),
        (
            "matrix: { a: [1], exclude: [{ b: 1 }, { a: 2 }, { aa: 1 }, x, {}] }",
            expect![[r#"
                1:84 /stages/0/jobs/0/matrix/exclude/0/b unknown_name: `b` is no axis of the matrix, so that nothing has a value of it (the matrix has a)
                1:92 /stages/0/jobs/0/matrix/exclude/1 warning matches_nothing: this takes no combination out (compare its values with those of the axes)
                1:104 /stages/0/jobs/0/matrix/exclude/2/aa unknown_name: `aa` is no axis of the matrix, so that nothing has a value of it (the matrix has a)
                1:113 /stages/0/jobs/0/matrix/exclude/3 wrong_type: each of `exclude` has to be a mapping with values, and this is `x` (write a list of mappings, such as `[{ node: 18, os: linux }]`)
                1:116 /stages/0/jobs/0/matrix/exclude/4 wrong_type: each of `exclude` has to be a mapping with values, and this is a mapping (write a list of mappings, such as `[{ node: 18, os: linux }]`)
            "#]],
        ),
        (
            "matrix: { a: [1], exclude: [{ a: 1 }] }",
            expect![[r#"
            1:62 /stages/0/jobs/0/matrix missing_field: the matrix has no combination, so that there is no job (write `matrix: { node: [18, 20] }`)
        "#]],
        ),
        (
            "matrix: { a: [1], b: [1], include: [{ a: 1, b: 1 }, { a: 2 }, { a: 2 }] }",
            expect![[r#"
            1:90 /stages/0/jobs/0/matrix/include/0 warning matches_nothing: this adds nothing: every combination that it fits is like this already (compare its values with those of the axes)
            1:106 /stages/0/jobs/0/matrix/include/1 warning matches_nothing: this fits no combination, and becomes one of its own, without `b` (compare its values with those of the axes)
            1:116 /stages/0/jobs/0/matrix/include/2 warning matches_nothing: this combination is here already (compare its values with those of the axes)
        "#]],
        ),
        (
            "matrix: { a-b: [1], a_b: [2] }",
            expect![[r#"
                1:62 /stages/0/jobs/0/matrix duplicate_name: `a-b` and `a_b` would both be the variable `MATRIX_A_B` (call one of them something else)
            "#]],
        ),
        (
            "matrix: { a: [1] }, runs_on: ['${{ matrix.b }}', '${{ branch }}', 'x y${{ matrix.a }}']",
            expect![[r#"
                1:96 /stages/0/jobs/0/runs_on/0 unknown_name: the matrix has no `b` (it has a)
                1:108 /stages/0/jobs/0/runs_on/1 unknown_name: `branch` can't be used in a name or a label (only the job's `matrix` is filled in here)
                1:120 /stages/0/jobs/0/runs_on/2 bad_name: `x y1` can't be a label (use up to 63 letters, digits and `_ - . :`)
            "#]],
        ),
        (
            "runs_on: ['${{ matrix.b }}']",
            expect![[r#"
            1:69 /stages/0/jobs/0/runs_on/0 unknown_name: `matrix` means nothing here: there is no matrix (a job has one: `matrix: { node: [18, 20] }`)
        "#]],
        ),
        (
            "matrix: { a: [1] }, timeout: '${{ matrix.a }}m'",
            expect![[r#"
            1:83 /stages/0/jobs/0/timeout interpolation_not_allowed: `timeout` can't hold `${{ }}` (it is filled in within `variables`, `run`, `version` and a few more; this has to be written out)
        "#]],
        ),
        (
            "if: matrix.a == ''",
            expect![[r#"
            1:58 /stages/0/jobs/0/if unknown_name: `matrix` means nothing here: there is no matrix (a job has one: `matrix: { node: [18, 20] }`)
        "#]],
        ),
    ] {
        check_job(members, expected);
    }
    check(
        "stages: [{ name: a, jobs: [{ name: '${{ matrix.a }}', matrix: { a: [x, '-y'] }, steps: [make] }, \
         { name: b, matrix: { a: [1] }, steps: [make] }, { name: 'b (a${{ matrix.e }}1)', matrix: { e: ['='] }, steps: [make] }, { name: '${{ branch }}', steps: [make] }] }]",
        expect![[r#"
            1:36 /stages/0/jobs/0/name bad_name: a job's name has to begin with a letter or a digit, and this would be `-y` (use letters, digits, blanks and `_ - . / : ( ) + , & # @`)
            1:154 /stages/0/jobs/2/name bad_name: a job's name can't hold `=`, and this would be `b (a=1)` (use letters, digits, blanks and `_ - . / : ( ) + , & # @`)
            1:226 /stages/0/jobs/3/name interpolation_not_allowed: a job's name can't hold `${{ }}` (it is filled in within `variables`, `run`, `version` and a few more; this has to be written out)
        "#]],
    );
}

#[test]
fn a_matrix_counts_as_the_jobs_that_it_stands_for() {
    let values = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let sixteen = values(16);
    assert_eq!(jobs(&format!("matrix: {{ a: [{sixteen}], b: [{sixteen}] }}")).len(), 256);
    check_job(
        &format!("matrix: {{ a: [{sixteen}], b: [{sixteen}], include: [{{ a: x, b: x }}] }}"),
        expect![[r#"
            1:62 /stages/0/jobs/0/matrix limit_exceeded: a matrix can have at most 256 combinations, and these are 257 (take some out by `exclude`, or split the job)
        "#]],
    );
    check_job(
        &format!("matrix: {{ a: [{0}], b: [{0}], c: [{0}], d: [{0}] }}", values(200)),
        expect![[r#"
        1:62 /stages/0/jobs/0/matrix limit_exceeded: a matrix can have at most 256 combinations (split the job)
    "#]],
    );
    let job = |n: usize| format!("{{ name: j{n}, steps: [make], matrix: {{ a: [{}] }} }}", values(256));
    let many = (0..4).map(job).collect::<Vec<_>>().join(", ");
    check(
        &format!("stages: [{{ name: a, jobs: [{many}] }}]"),
        expect![[r#"
        1:27 /stages/0/jobs limit_exceeded: a pipeline can have at most 1000 jobs, and there are more from here on (split the pipeline)
    "#]],
    );
}

#[test]
fn two_matrices_of_one_name_are_refused() {
    check(
        "stages: [{ name: a, jobs: [{ name: b, matrix: { x: [1] }, steps: [make] }, { name: b, matrix: { y: [1] }, steps: [make] }] }]",
        expect![[r#"
            1:84 /stages/0/jobs/1/name duplicate_name: a job `b` is here already, on line 1 (call one of them something else)
        "#]],
    );
}
