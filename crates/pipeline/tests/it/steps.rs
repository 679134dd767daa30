//! What a step does, and what it may ask.

use std::collections::BTreeMap;

use crate::told::{check, check_step, jobs, planned_for, push_to_main, texts};
use expect_test::expect;
use penstock_domain::WorkStatus;
use penstock_pipeline::{Facts, Outputs, RunContext, StepFact, StepFacts, may_step_run};

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
            7:49 /stages/0/jobs/0/steps/0/if unknown_value: `steps.two.status` is never `` (known are pending, running, succeeded, failed, cancelled, skipped)
            9:30 /stages/0/jobs/0/steps/2/id duplicate_name: a step with the id `one` is here already (call one of them something else)
            10:36 /stages/0/jobs/0/steps/3/if unknown_step: no step before this one has the id `tow` (did you mean `two`?)
            10:40 /stages/0/jobs/0/steps/3/if unknown_value: `steps.tow.status` is never `` (known are pending, running, succeeded, failed, cancelled, skipped)
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
