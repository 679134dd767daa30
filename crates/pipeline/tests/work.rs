//! Stages, jobs and steps: what is switched off, written out, handed on, and asked of what ran before.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use penstock_domain::{TriggerEvent, WorkStatus};
use penstock_pipeline::{
    Facts, Late, OFF, Outputs, Plan, PlannedJob, RunContext, Scalar, StepFact, StepFacts, fill_late,
    fill_parameters, fill_text, fill_version, may_start, may_step_run, parse, parse_action, parse_jobs, plan,
    plan_jobs,
};

/// What is said, one on each line.
fn said(text: &str) -> String {
    lines(&parse(text).diagnostics)
}

fn lines(diagnostics: &[penstock_pipeline::Diagnostic]) -> String {
    let line = |d: &penstock_pipeline::Diagnostic| {
        let hint = d.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        let severity = if d.severity == penstock_pipeline::Severity::Warning { "warning " } else { "" };
        format!("{}:{} {} {severity}{}: {}{hint}\n", d.line, d.column, d.pointer, d.code, d.message)
    };
    diagnostics.iter().map(line).collect()
}

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&said(text));
}

/// `members` are those of the one job.
fn check_job(members: &str, expected: Expect) {
    check(&format!("stages: [{{ name: a, jobs: [{{ name: b, steps: [make], {members} }}] }}]"), expected);
}

fn check_step(members: &str, expected: Expect) {
    check(&format!("stages: [{{ name: a, jobs: [{{ name: b, steps: [{{ {members} }}] }}] }}]"), expected);
}

fn push_to_main() -> RunContext {
    RunContext {
        branch: "main".to_owned(),
        tag: None,
        event: TriggerEvent::Push,
        commit_sha: Some("0123abcd".repeat(5)),
        commit_message: "Fix it".to_owned(),
        author: "Ada".to_owned(),
        repository_url: "https://example.org/web.git".to_owned(),
        pipeline_name: "web".to_owned(),
        number: 7,
        variables: BTreeMap::new(),
        inputs: BTreeMap::new(),
        changed_paths: None,
        event_name: None,
    }
}

fn planned_for(text: &str, context: &RunContext) -> Plan {
    let parsed = parse(text);
    assert!(parsed.errors().next().is_none(), "{}", lines(&parsed.diagnostics));
    let plan = plan(&parsed.definition.expect("there is no error"), context).expect("it can be planned");
    let json = serde_json::to_string(&plan).expect("a plan is JSON");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("a stored plan can be read"), plan);
    plan
}

fn planned(text: &str) -> Plan {
    planned_for(text, &push_to_main())
}

fn jobs(members: &str) -> Vec<PlannedJob> {
    let steps = if members.contains("steps:") { "" } else { "steps: [make], " };
    let text = format!("stages: [{{ name: a, jobs: [{{ name: app, {steps}{members} }}] }}]");
    planned(&text).stages.remove(0).jobs
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn late(pairs: &[(&str, &str)]) -> Vec<Late> {
    pairs.iter().map(|(name, text)| Late { name: (*name).to_owned(), text: (*text).to_owned() }).collect()
}

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
        1:64 /stages/0/jobs/0/priority wrong_type: `priority` has to be a whole number, and this is a plain value
    "#]],
    );
}

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
                1:70 /stages/0/jobs/0/matrix/node wrong_type: `node` has to be a list of values, and this is a plain value (write `node: [a, b]`)
            "#]],
        ),
        (
            "matrix: { node: [[1], { a: b }, ~, '${{ branch }}', \"a\\nb\"] }",
            expect![[r#"
                1:71 /stages/0/jobs/0/matrix/node/0 wrong_type: `node` has to be text, and this is a list
                1:76 /stages/0/jobs/0/matrix/node/1 wrong_type: `node` has to be text, and this is a mapping
                1:86 /stages/0/jobs/0/matrix/node/2 wrong_type: `node` has to be text, and this is a plain value
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
            1:113 /stages/0/jobs/0/matrix/exclude/3 wrong_type: each of `exclude` has to be a mapping with values, and this is a plain value (write a list of mappings, such as `[{ node: 18, os: linux }]`)
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

const HANDED_ON: &str = r#"
variables: { ABOVE: "1" }
stages:
  - name: build
    jobs: [{ name: app, outputs: [version, image-tag], steps: [make] }]
  - name: ship
    depends_on: build
    if: stages.build.outputs.version != ""
    variables: { VERSION: "${{ stages.build.outputs.version }}", KNOWN: known }
    deploy: { environment: staging, version: "v${{ variables.VERSION }}" }
    jobs:
      - name: ship
        if: stages.build.outputs["image-tag"].startsWith("a")
        variables:
          BOTH: "${{ variables.VERSION }}-${{ number }}-${{ variables.KNOWN }}"
          ABOVE: "2"
          PLAIN: "${{ variables.ABOVE }}"
        steps:
          - { run: 'echo $BOTH $ABOVE $PLAIN $OWN', if: variables.VERSION != "", variables: { OWN: "${{ stages.build.outputs['image-tag'] }}" } }
"#;

#[test]
fn what_asks_for_outputs_is_filled_in_when_they_are_known() {
    let plan = planned(HANDED_ON);
    let stage = &plan.stages[1];
    assert_eq!(stage.late, late(&[("VERSION", "${{ stages.build.outputs.version }}")]));
    assert_eq!(stage.variables, texts(&[("KNOWN", "known")]));
    let deploy = stage.deploy.as_ref().expect("it deploys");
    assert_eq!(
        (deploy.version.as_deref(), deploy.late_version.as_deref()),
        (None, Some("v${{ variables.VERSION }}"))
    );
    let job = &stage.jobs[0];
    assert_eq!(
        job.late,
        late(&[
            ("VERSION", "${{ stages.build.outputs.version }}"),
            // What is known already is filled in.
            ("BOTH", "${{ variables.VERSION }}-7-known"),
        ])
    );
    assert_eq!(job.variables, texts(&[("ABOVE", "2"), ("KNOWN", "known"), ("PLAIN", "2")]));
    let step = &job.steps[0];
    assert_eq!(step.late, late(&[("OWN", "${{ stages.build.outputs['image-tag'] }}")]));
    assert_eq!((step.condition.as_deref(), step.skipped), (Some("variables.VERSION != \"\""), false));

    let run = push_to_main();
    let outputs = Outputs::from([("build".to_owned(), texts(&[("version", "1.2"), ("other", "x")]))]);
    let stages = BTreeMap::from([("build".to_owned(), WorkStatus::Succeeded)]);
    let (matrix, none) = (BTreeMap::new(), BTreeMap::new());
    let facts = Facts {
        success: true,
        failure: false,
        cancelled: false,
        stages: &stages,
        outputs: &outputs,
        run: &run,
        matrix: &matrix,
        variables: &none,
    };
    let mut variables = job.variables.clone();
    fill_late(&job.late, &mut variables, &facts).expect("it can be filled in");
    assert_eq!((variables["VERSION"].as_str(), variables["BOTH"].as_str()), ("1.2", "1.2-7-known"));
    let with = Facts { variables: &variables, ..facts };
    assert_eq!(fill_text("v${{ variables.VERSION }}", &with).as_deref(), Ok("v1.2"));
    assert_eq!(penstock_pipeline::evaluate(stage.condition.as_deref().expect("it has"), &with), Ok(true));
    // An output that is not there is the empty text.
    assert_eq!(penstock_pipeline::evaluate(job.condition.as_deref().expect("it has"), &with), Ok(false));
    assert_eq!(fill_text("<${{ stages.none.outputs.x }}>", &with).as_deref(), Ok("<>"));
    assert_eq!(
        fill_text("${{ has(stages.build.outputs.y) }} ${{ has(stages.build.outputs.version) }}", &with)
            .as_deref(),
        Ok("false true")
    );
    // A parameter goes before it.
    let run = RunContext { variables: texts(&[("VERSION", "9")]), ..push_to_main() };
    let mut variables = run.variables.clone();
    fill_late(&job.late, &mut variables, &Facts { run: &run, ..facts }).expect("it can be filled in");
    assert_eq!(variables["BOTH"], "9-7-known");
}

#[test]
fn a_version_and_the_parameters_of_what_follows_are_filled_in_last() {
    let run = push_to_main();
    let outputs = Outputs::from([("a".to_owned(), texts(&[("v", " 1.2 "), ("lines", "a\nb")]))]);
    let (stages, none) = (BTreeMap::from([("a".to_owned(), WorkStatus::Failed)]), BTreeMap::new());
    let variables = texts(&[("V", "1")]);
    let facts = Facts {
        success: false,
        failure: true,
        cancelled: false,
        stages: &stages,
        outputs: &outputs,
        run: &run,
        matrix: &none,
        variables: &variables,
    };
    let version = |text: &str| fill_version(text, &facts).map_err(|error| error.to_string());
    assert_eq!(version("${{ stages.a.outputs.v }}"), Ok(Some("1.2".to_owned())));
    assert_eq!(version("${{ stages.a.outputs.none }}"), Ok(None));
    expect!["`version` would hold a line end or another control character"]
        .assert_eq(&version("${{ stages.a.outputs.lines }}").expect_err("it is refused"));
    let plan = planned(
        "stages: [{ name: a, jobs: [{ name: b, outputs: [v], steps: [make] }] }]\n\
         then: [{ pipeline: next, if: failure(), parameters: { V: '${{ stages.a.status }} ${{ stages.a.outputs.v }}', W: w } }]",
    );
    assert_eq!(may_start(plan.then[0].condition.as_deref(), &facts), Ok(true));
    // Parameters of this run are not those of the next.
    let run = RunContext { variables: texts(&[("V", "mine")]), ..push_to_main() };
    let filled = fill_parameters(&plan.then[0], &Facts { run: &run, ..facts });
    assert_eq!(filled, Ok(texts(&[("V", "failed  1.2 "), ("W", "w")])));
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
fn two_matrices_of_one_name_are_refused() {
    check(
        "stages: [{ name: a, jobs: [{ name: b, matrix: { x: [1] }, steps: [make] }, { name: b, matrix: { y: [1] }, steps: [make] }] }]",
        expect![[r#"
            1:76 /stages/0/jobs/1 duplicate_name: a job `b` is here already, on line 1 (call one of them something else)
        "#]],
    );
}

#[test]
fn what_is_filled_in_later_sees_what_stood_above_it() {
    let plan = planned(
        r#"
variables:
  X: outer
  MIXED: "${{ stages.build.outputs.v + variables.X }}"
  L: "${{ stages.build.outputs.v }}"
stages:
  - { name: build, jobs: [{ name: app, outputs: [v], steps: ['make $MIXED $L'] }] }
  - name: ship
    depends_on: build
    jobs: [{ name: ship, variables: { X: inner, L: 'fixed ${{ "$" }}{{', AFTER: "${{ variables.L }}" }, steps: ['x $AFTER'] }]
"#,
    );
    let job = &plan.stages[1].jobs[0];
    let mut variables = job.variables.clone();
    let outputs = Outputs::from([("build".to_owned(), texts(&[("v", "1")]))]);
    let (run, stages, none) = (push_to_main(), BTreeMap::new(), BTreeMap::new());
    let facts = Facts {
        success: true,
        failure: false,
        cancelled: false,
        stages: &stages,
        outputs: &outputs,
        run: &run,
        matrix: &none,
        variables: &none,
    };
    fill_late(&job.late, &mut variables, &facts).expect("it can be filled in");
    assert_eq!(
        variables,
        texts(&[("AFTER", "fixed ${{"), ("L", "fixed ${{"), ("MIXED", "1outer"), ("X", "inner")])
    );
    // A parameter makes known what would have been filled in later.
    let plan =
        planned_for(HANDED_ON, &RunContext { variables: texts(&[("VERSION", "9")]), ..push_to_main() });
    let stage = &plan.stages[1];
    assert_eq!(stage.late, []);
    assert_eq!(stage.deploy.as_ref().expect("it deploys").version.as_deref(), Some("v9"));
    assert_eq!(stage.jobs[0].variables["BOTH"], "9-7-known");
}

#[test]
fn an_output_that_is_not_there_by_then_is_refused() {
    let with = |expression: &str, depends_on: &str| {
        format!(
            "stages: [{{ name: build, jobs: [{{ name: a, outputs: [version], steps: [make] }}] }}, \
             {{ name: other, jobs: [{{ name: a, outputs: [x], steps: [make] }}] }}, \
             {{ name: ship, depends_on: [{depends_on}], jobs: [{{ name: a, variables: {{ V: '{expression}' }}, steps: ['x $V'] }}] }}]"
        )
    };
    for (expression, depends_on, expected) in [
        (
            "${{ stages.buidl.outputs.version }}",
            "build",
            expect![[r#"
            1:231 /stages/2/jobs/0/variables/V unknown_stage: there is no stage `buidl` (did you mean `build`?)
        "#]],
        ),
        (
            "${{ stages.build.outputs.versoin }}",
            "build",
            expect![[r#"
            1:245 /stages/2/jobs/0/variables/V unknown_output: stage `build` has no output `versoin` (did you mean `version`?)
        "#]],
        ),
        (
            "${{ stages.build.outputs.image }}",
            "build",
            expect![[r#"
            1:245 /stages/2/jobs/0/variables/V unknown_output: stage `build` has no output `image` (a job of `build` has to declare it: `outputs: [image]`)
        "#]],
        ),
        (
            "${{ stages.build.outputs.version }}",
            "",
            expect![[r#"
            1:226 /stages/2/jobs/0/variables/V not_awaited: this asks for an output of `build`, and does not wait for it (add `build` to the stage's `depends_on`)
        "#]],
        ),
        (
            "${{ stages.ship.outputs.version }}",
            "build",
            expect![[r#"
            1:244 /stages/2/jobs/0/variables/V unknown_output: stage `ship` has no output `version` (a job of `ship` has to declare it: `outputs: [version]`)
        "#]],
        ),
        (
            "${{ size(stages.build.outputs) }}",
            "build",
            expect![[r#"
            1:242 /stages/2/jobs/0/variables/V unknown_name: the outputs of a stage can be asked for by name only (write `stages.name.outputs.version`)
        "#]],
        ),
        (
            "${{ stages.build.output.version }}",
            "build",
            expect![[r#"
            1:237 /stages/2/jobs/0/variables/V unknown_name: a stage has no `output` in expressions (ask for its `status`, or for one of its `outputs`)
        "#]],
        ),
        (
            "${{ stages.exists(s, stages[s].outputs.version == \"\") }}",
            "build",
            expect![[r#"
            1:251 /stages/2/jobs/0/variables/V unknown_name: the outputs of a stage can be asked for by name only (write `stages.name.outputs.version`)
        "#]],
        ),
    ] {
        check(&with(expression, depends_on), expected);
    }
    check(
        r#"
variables: { V: "${{ stages.build.outputs.version }}" }
concurrency: { group: "g-${{ variables.V }}" }
stages:
  - name: build
    jobs:
      - { name: a, outputs: [version, version, '1x'], steps: ['echo ${{ stages.build.outputs.version }}'] }
      - { name: b, outputs: [version], steps: [{ uses: ./act, with: { v: "${{ variables.V }}", w: "${{ stages.build.outputs.version }}" } }] }
      - { name: c, outputs: [each], matrix: { a: [1, 2] }, steps: ['make ${{ steps.x.status }}'] }
"#,
        expect![[r#"
            3:40 /concurrency/group unknown_name: the variable `V` asks for an output, and this is filled in before (every variable is in the environment of a step; use it there)
            7:39 /stages/0/jobs/0/outputs/1 warning redundant: the output `version` is here twice (once is enough)
            7:48 /stages/0/jobs/0/outputs/2 bad_name: `1x` can't be an output (use letters, digits, `_` and `-`, not beginning with a digit)
            7:73 /stages/0/jobs/0/steps/0 untrusted_in_run: `stages` may hold text that others wrote, and in a script text becomes commands (give it to the step as `variables: { VERSION: "${{ stages.build.outputs.version }}" }` and write `"$VERSION"`)
            8:9 /stages/0/jobs/1 duplicate_name: an output `version` is handed on by the job of line 7, too (call one of them something else; later stages could not tell them apart)
            8:89 /stages/0/jobs/1/steps/0/with/v unknown_name: the variable `V` asks for an output, and this is filled in before (every variable is in the environment of a step; use it there)
            8:104 /stages/0/jobs/1/steps/0/with/w unknown_name: `stages` can't be used in this text, which is filled in before anything runs (set a variable from it, and let a step use that)
            9:78 /stages/0/jobs/2/steps/0 unknown_name: `steps` can't be used in `run` (ask for it in the `if` of a later step of the job)
        "#]],
    );
}

#[test]
fn a_step_is_a_command_a_script_or_an_action() {
    let steps = jobs(
        r##"steps: [
        { run: "make", shell: bash, type: command },
        { script: "\n  #!/usr/bin/env ruby\nputs 1\n", type: script },
        { script: "print(1)", shell: python3, id: py },
        { uses: ./actions/notify/, type: action, name: tell, with: { channel: "#${{ branch }}", n: 1, e: } },
        { uses: ./x, if: always() }]"##,
    )
    .remove(0)
    .steps;
    let facts: Vec<_> = steps
        .iter()
        .map(|step| (step.name.as_str(), step.run.as_str(), step.shell.as_str(), step.uses.as_deref()))
        .collect();
    assert_eq!(
        facts,
        [
            ("make", "make", "bash", None),
            ("puts 1", "#!/usr/bin/env ruby\nputs 1\n", "script", None),
            ("print(1)", "print(1)", "python3", None),
            ("tell", "", "sh", Some("actions/notify")),
            ("x", "", "sh", Some("x")),
        ]
    );
    assert_eq!(steps[2].id.as_deref(), Some("py"));
    assert_eq!(steps[3].with, texts(&[("channel", "#main"), ("e", ""), ("n", "1")]));
    assert_eq!(steps[4].condition.as_deref(), Some("always()"));
}

#[test]
fn a_step_that_could_not_be_run_as_meant_is_refused() {
    for (members, expected) in [
        (
            "run: make, script: make",
            expect![[r#"
            1:60 /stages/0/jobs/0/steps/0/script conflicting_fields: a step has `run` or `script`, not both (make two steps of it)
        "#]],
        ),
        (
            "name: x",
            expect![[r#"
            1:47 /stages/0/jobs/0/steps/0 missing_field: a step needs `run` (write `run: …`; it is given to `sh -e -c`)
        "#]],
        ),
        (
            "run: make, type: script",
            expect![[r#"
            1:66 /stages/0/jobs/0/steps/0/type conflicting_fields: a step of type `script` has `script`, and this one has `run` (leave `type` out)
        "#]],
        ),
        (
            "run: make, type: shell",
            expect![[r#"
            1:66 /stages/0/jobs/0/steps/0/type unknown_value: a step's `type` can't be `shell` (known are command, script, action)
        "#]],
        ),
        (
            "run: make, shell: fish",
            expect![[r#"
            1:67 /stages/0/jobs/0/steps/0/shell unknown_value: `shell` can't be `fish` (known are sh, bash, python3, node)
        "#]],
        ),
        (
            "script: \"#!/bin/sh\\nx\", shell: bash",
            expect![[r#"
            1:80 /stages/0/jobs/0/steps/0/shell warning redundant: `shell` is not used: the script says itself what runs it (leave it out, or take the line with `#!` out)
        "#]],
        ),
        (
            "run: make, with: { a: b }",
            expect![[r#"
            1:66 /stages/0/jobs/0/steps/0/with conflicting_fields: `with` is given to an action, and this step has none (write `variables`, or `uses: ./folder`)
        "#]],
        ),
        (
            "uses: ./a, shell: bash",
            expect![[r#"
            1:67 /stages/0/jobs/0/steps/0/shell conflicting_fields: `shell` has no meaning beside `uses` (the action's `action.yml` says what runs it)
        "#]],
        ),
        (
            "uses: ./a, with: { 'a b': 1, c: [x] }",
            expect![[r#"
            1:68 /stages/0/jobs/0/steps/0/with/a b bad_name: `a b` can't be an input of an action (use letters, digits, `_` and `-`, not beginning with a digit)
            1:81 /stages/0/jobs/0/steps/0/with/c wrong_type: an action's input has to be text, and this is a list
        "#]],
        ),
        (
            "uses: ./../a",
            expect![[r#"
            1:55 /stages/0/jobs/0/steps/0/uses bad_path: `uses` has to be a folder of the repository (write it like `./actions/notify`; an `action.yml` in it says what it does)
        "#]],
        ),
        (
            "uses: ./",
            expect![[r#"
            1:55 /stages/0/jobs/0/steps/0/uses bad_path: `uses` has to be a folder of the repository (write it like `./actions/notify`; an `action.yml` in it says what it does)
        "#]],
        ),
        (
            "uses: actions/checkout@v4",
            expect![[r#"
            1:55 /stages/0/jobs/0/steps/0/uses foreign_action: `actions/checkout@v4` is an action of another system (leave it out: the commit is checked out already, unless `checkout: false` says otherwise)
        "#]],
        ),
        (
            "uses: actions/setup-node@v4",
            expect![[r#"
            1:55 /stages/0/jobs/0/steps/0/uses foreign_action: `actions/setup-node@v4` is an action of another system (choose a runner that has it by the job's `runs_on`, or install it with `run`)
        "#]],
        ),
        (
            "uses: actions/cache@v4",
            expect![[r#"
            1:55 /stages/0/jobs/0/steps/0/uses foreign_action: `actions/cache@v4` is an action of another system (it is not supported yet; do it with `run` until then)
        "#]],
        ),
        (
            "uses: codecov/codecov-action@v3",
            expect![[r#"
            1:55 /stages/0/jobs/0/steps/0/uses foreign_action: `codecov/codecov-action@v3` is an action of another system (write `reports: { lcov: coverage/lcov.info }` at the job)
        "#]],
        ),
        (
            "uses: 'docker://alpine'",
            expect![[r#"
            1:55 /stages/0/jobs/0/steps/0/uses foreign_action: `docker://alpine` is an action of another system (write what it does as `run`, as in `run: docker run …`)
        "#]],
        ),
        (
            "uses: a/b@v1",
            expect![[r#"
            1:55 /stages/0/jobs/0/steps/0/uses foreign_action: `a/b@v1` is an action of another system (write what it does as `run`, or as an `action.yml` in a folder and `uses: ./folder`)
        "#]],
        ),
        (
            "run: make, id: '1 a'",
            expect![[r#"
            1:64 /stages/0/jobs/0/steps/0/id bad_name: `1 a` can't be the id of a step (use letters, digits, `_` and `-`, not beginning with a digit)
        "#]],
        ),
        (
            "script: '  '",
            expect![[r#"
            1:57 /stages/0/jobs/0/steps/0/script missing_field: `script` is empty (write the commands, or leave the step out)
        "#]],
        ),
        (
            "run: make, if: steps.none.status == \"failed\"",
            expect![[r#"
            1:70 /stages/0/jobs/0/steps/0/if unknown_step: no step before this one has the id `none` (give an earlier step an `id`; known are none)
        "#]],
        ),
        (
            "run: make, variables: { A: '${{ steps.x.status }} ${{ success() }}' }",
            expect![[r#"
            1:81 /stages/0/jobs/0/steps/0/variables/A unknown_name: `steps` can't be used in a variable (ask for it in the `if` of a later step of the job)
            1:103 /stages/0/jobs/0/steps/0/variables/A unknown_function: `success()` can't be used in a variable (ask for it in an `if`)
        "#]],
        ),
        (
            "command: make",
            expect![[r#"
            1:49 /stages/0/jobs/0/steps/0/command unknown_field: a step has no `command` (write `run`)
        "#]],
        ),
    ] {
        check_step(members, expected);
    }
    check(
        r#"
stages:
  - name: a
    jobs:
      - name: b
        steps:
          - { run: make, id: one, if: steps.two.status == "" }
          - { run: make, id: two, if: steps.one.exit_code == 1 && steps.one.outputs.x == "" }
          - { run: make, id: one }
          - { run: make, if: steps.tow.status == "" || steps.one.state == "" }
"#,
        expect![[r#"
            7:45 /stages/0/jobs/0/steps/0/if unknown_step: no step before this one has the id `two` (give an earlier step an `id`; known are none)
            9:13 /stages/0/jobs/0/steps/2 duplicate_name: a step with the id `one` is here already (call one of them something else)
            10:36 /stages/0/jobs/0/steps/3/if unknown_step: no step before this one has the id `tow` (did you mean `two`?)
            10:66 /stages/0/jobs/0/steps/3/if unknown_name: a step has no `state` in expressions (did you mean `status`?)
        "#]],
    );
}

#[test]
fn a_step_may_ask_what_became_of_earlier_ones() {
    let run = push_to_main();
    let none = BTreeMap::new();
    let (stages, outputs) = (BTreeMap::new(), Outputs::new());
    let steps = BTreeMap::from([(
        "test".to_owned(),
        StepFact { status: WorkStatus::Failed, exit_code: Some(3), outputs: texts(&[("count", "7")]) },
    )]);
    let ask = |condition: Option<&str>, success: bool| {
        let facts = Facts {
            success,
            failure: !success,
            cancelled: false,
            stages: &stages,
            outputs: &outputs,
            run: &run,
            matrix: &none,
            variables: &none,
        };
        may_step_run(condition, &StepFacts { facts, steps: &steps })
    };
    for (condition, runs) in [
        (None, [true, false]),
        (Some("always()"), [true, true]),
        (Some("failure()"), [false, true]),
        (Some("branch == \"main\""), [true, false]),
        (Some("always() && steps.test.exit_code == 3 && steps.test.status == \"failed\""), [true, true]),
        (
            Some("always() && steps.test.outputs.count == \"7\" && steps.test.outputs.none == \"\""),
            [true, true],
        ),
        (
            Some("always() && steps.later.status == \"pending\" && steps.later.exit_code == null"),
            [true, true],
        ),
        (Some("always() && has(steps.test.outputs.none)"), [false, false]),
    ] {
        assert_eq!([true, false].map(|success| ask(condition, success)), runs.map(Ok), "{condition:?}");
    }
}

#[test]
fn a_condition_may_ask_what_a_push_changed() {
    let ask = |condition: &str, paths: Option<&[&str]>| {
        let text = format!(
            "stages: [{{ name: a, jobs: [{{ name: b, steps: [{{ run: x, if: '{condition}' }}] }}] }}]"
        );
        let changed_paths = paths.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect());
        let plan = planned_for(&text, &RunContext { changed_paths, ..push_to_main() });
        !plan.stages[0].jobs[0].steps[0].skipped
    };
    assert!(ask("changed(\"src/**\")", Some(&["src/a.rs"])));
    assert!(!ask("changed(\"src/**\")", Some(&["docs/a.md"])));
    assert!(ask("changed(\"src/**\", \"docs/**\")", Some(&["docs/a.md"])));
    assert!(!ask("changed(\"**\", \"!docs/**\")", Some(&["docs/a.md"])));
    assert!(!ask("changed(\"src/**\")", Some(&[])));
    assert!(ask("changed(\"src/**\")", None));
    check_step(
        "run: x, if: 'changed()'",
        expect![[r#"
        1:62 /stages/0/jobs/0/steps/0/if expression_type: `changed` takes the patterns of paths (write `changed("src/**", "Cargo.toml")`)
    "#]],
    );
    check_step(
        "run: x, if: 'changed(branch)'",
        expect![[r#"
        1:62 /stages/0/jobs/0/steps/0/if expression_type: `changed` takes texts that are written out (write `changed("src/**", "Cargo.toml")`)
    "#]],
    );
    check_step(
        "run: x, if: 'changed(\"a**\") || changed(\"!b\")'",
        expect![[r#"
        1:62 /stages/0/jobs/0/steps/0/if bad_pattern: these patterns only take out, so that nothing is left (put `"**"` before them)
        1:70 /stages/0/jobs/0/steps/0/if bad_pattern: `**` has to be a whole segment, such as `release/**` or `**/*.md`
    "#]],
    );
    check_step(
        "run: x, if: '[\"a\"].exists(p, changed(p))'",
        expect![[r#"
        1:78 /stages/0/jobs/0/steps/0/if expression_type: `changed` takes texts that are written out (write `changed("src/**", "Cargo.toml")`)
        1:78 /stages/0/jobs/0/steps/0/if limit_exceeded: `changed` can't be within a loop (it takes several patterns at once)
    "#]],
    );
}

#[test]
fn a_running_step_may_add_jobs_to_its_stage() {
    let context = RunContext {
        inputs: [("n".to_owned(), Scalar::Number(2.0)), ("t".to_owned(), Scalar::Text(String::new()))].into(),
        ..push_to_main()
    };
    let variables = texts(&[("OUTER", "1"), ("VERSION", "old")]);
    let outer = late(&[("VERSION", "${{ stages.build.outputs.version }}")]);
    let parsed = parse_jobs(
        r#"
jobs:
  - { name: one, steps: ['test ${{ inputs.n }} $A'], if: 'stages.any.status == "succeeded"', variables: { A: "${{ variables.OUTER }}${{ variables.VERSION }}" } }
  - { name: two, matrix: { shard: [1, 2] }, priority: 3, steps: ['test ${{ matrix.shard }}'] }
"#,
        &context,
        &variables,
        &outer,
    );
    assert_eq!(lines(&parsed.diagnostics), "");
    let jobs = plan_jobs(&parsed.jobs.expect("there is no error"), &context, &variables, &outer, 9)
        .expect("they can be planned");
    let facts: Vec<_> =
        jobs.iter().map(|job| (job.name.as_str(), job.priority, job.steps[0].run.as_str())).collect();
    assert_eq!(
        facts,
        [("one", 9, "test 2 $A"), ("two (shard=1)", 3, "test 1"), ("two (shard=2)", 3, "test 2")]
    );
    assert_eq!(jobs[0].late[1..], late(&[("A", "1${{ variables.VERSION }}")]));

    for (text, expected) in [
        (
            "",
            expect![[r#"
            1:1  empty: there is nothing here (begin with `jobs: [{ name: app, steps: [make] }]`)
        "#]],
        ),
        (
            "jobs: []",
            expect![[r#"
            1:7 /jobs missing_field: there is no job to add (begin with `jobs: [{ name: app, steps: [make] }]`)
        "#]],
        ),
        (
            "stages: []",
            expect![[r#"
            1:1 /stages unknown_field: an upload of jobs has no `stages` (jobs are added to the stage of the step that adds them; write `jobs` alone)
            1:1  missing_field: an upload of jobs needs `jobs` (begin with `jobs: [{ name: app, steps: [make] }]`)
        "#]],
        ),
        (
            "jobs: [{ name: a, steps: [make] }, { name: a, steps: ['x ${{ inputs.t }} ${{ inputs.none }}'] }]",
            expect![[r#"
                1:36 /jobs/1 duplicate_name: a job `a` is here already, on line 1 (call one of them something else)
                1:69 /jobs/1/steps/0 untrusted_in_run: the input `t` may hold any text, and in a script text becomes commands (every input is in the environment: write `"$t"`)
                1:85 /jobs/1/steps/0 unknown_input: there is no input `none` (declare it in `on.manual.inputs`; known are n, t)
            "#]],
        ),
        (
            "jobs: [{ name: a, steps: [make], if: 'stages.x.outputs.y == variables.NONE', image: x }]",
            expect![[r#"
                1:71 /jobs/0/if warning unset_variable: nothing in the file sets the variable `NONE` here (without a parameter of that name, the run fails; `has(variables.NONE)` asks first)
                1:78 /jobs/0/image not_supported_yet: `image` is not supported yet in a job (choose a runner that has the tools by `runs_on` until then)
            "#]],
        ),
        (
            "jobs: [{ name: a, steps: [make], matrix: { a: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], b: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16] } }]",
            expect![[r#"
                1:7 /jobs limit_exceeded: an upload can add at most 250 jobs, and these are 256 (do several things in one job)
            "#]],
        ),
    ] {
        expected.assert_eq(&lines(&parse_jobs(text, &context, &variables, &outer).diagnostics));
    }
}

#[test]
fn a_local_action_says_what_it_does_and_what_it_is_given() {
    let action = parse_action(
        "name: notify\ndescription: Tells it\ninputs: { channel: { required: true }, dry-run: { default: 'no' }, x: }\n\
         script: |\n  #!/usr/bin/env python3\n  print(1)\nvariables: { A: b }\n",
    )
    .expect("it is right");
    assert_eq!(
        (action.shell.as_str(), action.run.as_str()),
        ("script", "#!/usr/bin/env python3\nprint(1)\n")
    );
    assert_eq!(
        action.environment(&texts(&[("channel", "#ops")])),
        Ok(texts(&[("A", "b"), ("INPUT_CHANNEL", "#ops"), ("INPUT_DRY_RUN", "no"), ("INPUT_X", "")]))
    );
    let problems = action.environment(&texts(&[("chanel", "")])).expect_err("it is wrong");
    let problems: Vec<String> = problems.iter().map(|p| format!("{} {}", p.name, p.message)).collect();
    assert_eq!(
        problems,
        ["chanel is no input of the action; did you mean `channel`?", "channel has to be given by `with`"]
    );
    let plain = parse_action("run: make").expect("it is right");
    assert_eq!((plain.shell.as_str(), plain.run.as_str()), ("sh", "make"));
    for (text, expected) in [
        (
            "",
            expect![[r#"
            1:1  empty: there is nothing here (begin with `run: …`, which is what the action does)
        "#]],
        ),
        (
            "name: x",
            expect![[r#"
            1:1  missing_field: an action needs `run` (begin with `run: …`, which is what the action does)
        "#]],
        ),
        (
            "run: x\nscript: y",
            expect![[r#"
            2:1 /script conflicting_fields: an action has `run` or `script`, not both (make two of it)
        "#]],
        ),
        (
            "run: 'echo ${{ inputs.x }}'\nvariables: { A: '${{ branch }}' }\nshell: zsh",
            expect![[r#"
            1:6 /run interpolation_not_allowed: nothing is filled in within an action (what it is given is in its environment: the input `tag` is `"$INPUT_TAG"`)
            2:12 /variables interpolation_not_allowed: nothing is filled in within an action (what it is given is in its environment: the input `tag` is `"$INPUT_TAG"`)
            3:8 /shell unknown_value: `shell` can't be `zsh` (did you mean `sh`?)
        "#]],
        ),
        (
            "runs: { using: composite }\nrun: x\noutputs: {}\ninputs: { a-b: , a_b: , '1': , c: { type: x } }",
            expect![[r#"
                1:1 /runs unknown_field: an action has no `runs` (write `run` or `script` alone)
                3:1 /outputs not_supported_yet: `outputs` is not supported yet in an action (let the step that uses it hand them on)
                4:18 /inputs/a_b duplicate_name: `a-b` and `a_b` would both be the variable `INPUT_A_B` (call one of them something else)
                4:25 /inputs/1 bad_name: `1` can't be an input of an action (use letters, digits, `_` and `-`, not beginning with a digit)
                4:37 /inputs/c/type not_supported_yet: `type` is not supported yet in an action's input (every input of an action is a text)
            "#]],
        ),
    ] {
        expected.assert_eq(&lines(&parse_action(text).expect_err("it is wrong")));
    }
}
