//! What looks wrong, and need not be.

use expect_test::{Expect, expect};
use penstock_pipeline::{Severity, parse};

fn check(text: &str, expected: Expect) {
    let parsed = parse(text);
    let line = |d: &penstock_pipeline::Diagnostic| {
        assert_eq!(d.severity, Severity::Warning, "{d:?}");
        let hint = d.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}:{} {} {}: {}{hint}\n", d.line, d.column, d.pointer, d.code, d.message)
    };
    expected.assert_eq(&parsed.diagnostics.iter().map(line).collect::<String>());
    assert!(parsed.definition.is_some());
}

#[test]
fn what_never_runs_is_told() {
    check(
        r#"
stages:
  - { name: off, enabled: false, jobs: [{ name: b, outputs: [o], steps: [make] }] }
  - { name: never, if: false, jobs: [{ name: b, steps: [make] }] }
  - name: after
    depends_on: [off, never]
    variables: { O: "${{ stages.off.outputs.o }}" }
    jobs:
      - { name: a, if: '"a" == "b" && branch == "main"', steps: ['x $O'] }
      - { name: b, if: 'failure() && false || 1 > 2', steps: [{ run: x, if: 'size("") > 0' }] }
      - { name: c, if: 'failure() || 1 > 2', steps: [{ run: x, if: 'always()' }, { run: x, enabled: false }] }
"#,
        expect![[r#"
            3:13 /stages/0 unreachable: stage `off` is switched off, and never runs (switch it on, or take it out)
            4:24 /stages/1/if unreachable: this is never true, so that the stage never runs (switch it on, or take it out)
            6:18 /stages/2/depends_on/0 unreachable: `off` never runs, so that nothing waits for it (switch it on, or take it out)
            6:23 /stages/2/depends_on/1 unreachable: `never` never runs, so that nothing waits for it (switch it on, or take it out)
            7:33 /stages/2/variables/O unreachable: `off` never runs, so that its outputs are always empty (switch it on, or take this out)
            9:25 /stages/2/jobs/0/if unreachable: this is never true, so that the job never runs (switch it on, or take it out)
            10:25 /stages/2/jobs/1/if unreachable: this is never true, so that the job never runs (switch it on, or take it out)
            10:78 /stages/2/jobs/1/steps/0/if unreachable: this is never true, so that the step never runs (switch it on, or take it out)
            11:25 /stages/2/jobs/2/if unreachable: this is never true, so that the job never runs (its stage starts only where nothing has failed; put it into a stage of its own, which waits for this one)
            11:101 /stages/2/jobs/2/steps/1/enabled unreachable: the step is switched off, and never runs (switch it on, or take it out)
        "#]],
    );
}

#[test]
fn what_asks_for_a_failure_that_can_not_have_been_is_told() {
    check(
        r#"
stages:
  - { name: build, jobs: [{ name: b, steps: [make] }] }
  - { name: notify, if: failure(), jobs: [{ name: b, steps: [make] }] }
  - { name: stopped, depends_on: build, if: cancelled(), jobs: [{ name: b, steps: [make] }] }
  - { name: notok, if: '!success()', jobs: [{ name: b, steps: [make] }] }
  - { name: both, depends_on: build, if: success() && failure(), jobs: [{ name: b, steps: [make] }] }
  - name: ship
    depends_on: build
    jobs:
      - { name: alarm, if: failure(), steps: [./ring.sh] }
      - name: steps
        steps:
          - { run: make, if: failure() || branch == "a" && !success() }
          - { run: make, if: cancelled() }
          - { run: make, if: failure() || cancelled() }
      - { name: off, enabled: false, steps: [{ run: make, enabled: false }] }
"#,
        expect![[r#"
            4:25 /stages/1/if unreachable: this is never true, so that the stage never runs (it waits for no stage, so that nothing has failed by then; name those that it is about in `depends_on`)
            5:45 /stages/2/if unreachable: this is never true, so that the stage never runs (after a cancel only stages of `type: cleanup` run)
            6:25 /stages/3/if unreachable: this is never true, so that the stage never runs (it waits for no stage, so that nothing has failed by then; name those that it is about in `depends_on`)
            7:42 /stages/4/if unreachable: this is never true, so that the stage never runs (what succeeded has not failed; say which of the two is meant)
            11:28 /stages/5/jobs/0/if unreachable: this is never true, so that the job never runs (its stage starts only where nothing has failed; put it into a stage of its own, which waits for this one)
            14:30 /stages/5/jobs/1/steps/0/if unreachable: this is never true, so that the step never runs (no step of the job runs before it; put it behind those that it is about)
            15:30 /stages/5/jobs/1/steps/1/if unreachable: this is never true, so that the step never runs (after a cancel no step runs; put it into a stage of `type: cleanup`)
            17:31 /stages/5/jobs/2/enabled unreachable: the job is switched off, and never runs (switch it on, or take it out)
            17:68 /stages/5/jobs/2/steps/0/enabled unreachable: the step is switched off, and never runs (switch it on, or take it out)
        "#]],
    );
}

#[test]
fn what_asks_for_an_event_that_starts_nothing_is_told() {
    check(
        r#"
on: [pull_request]
stages:
  - { name: pushed, if: event == "push", jobs: [{ name: b, steps: [make] }] }
  - { name: tagged, if: branch == "main" && tag != "", jobs: [{ name: b, if: 'event in ["tag", "push"]', steps: [make] }] }
  - { name: fine, if: event == "manual" || event != "push" || tag == "", jobs: [{ name: b, steps: [make] }] }
  - { name: follows, if: event == "webhook", jobs: [{ name: b, steps: [make] }] }
"#,
        expect![[r#"
            4:25 /stages/0/if unreachable: this is never true, so that the stage never runs (with this `on`, `event` is one of manual, pull_request, webhook, and `tag` is empty)
            5:25 /stages/1/if unreachable: this is never true, so that the stage never runs (with this `on`, `event` is one of manual, pull_request, webhook, and `tag` is empty)
        "#]],
    );
}

#[test]
fn what_asks_for_a_failure_that_may_have_been_is_fine() {
    check(
        r#"
on: { tag: , push: , manual: }
stages:
  - { name: build, jobs: [{ name: b, steps: [make, { run: ./tell.sh, if: failure() }] }] }
  - name: notify
    depends_on: build
    if: failure() && event == "push"
    jobs: [{ name: b, if: failure() && tag == "", steps: [make] }]
  - name: always
    depends_on: build
    if: always()
    jobs: [{ name: good, if: success(), steps: [make] }, { name: bad, if: failure(), steps: [make] }]
  - { name: released, if: tag.startsWith("v") && tag != "v0", jobs: [{ name: b, steps: [make] }] }
  - { name: down, type: cleanup, jobs: [{ name: b, if: cancelled() || failure(), steps: [make] }] }
then: [{ pipeline: next, if: failure() || cancelled() }]
"#,
        expect![""],
    );
}

#[test]
fn a_status_that_is_not_waited_for_is_told_in_variables_too() {
    check(
        r#"
stages:
  - { name: build, jobs: [{ name: j, steps: [make] }] }
  - name: test
    variables: { S: "${{ stages.build.status }}", T: "${{ stages.test.status }}" }
    jobs: [{ name: j, steps: ['x $S $T'] }]
  - { name: down, type: cleanup, variables: { S: "${{ stages.build.status }}" }, jobs: [{ name: j, steps: ['x $S'] }] }
"#,
        expect![[r#"
            5:33 /stages/1/variables/S not_awaited: this asks for `build`, and does not wait for it (add `build` to `depends_on`)
            5:66 /stages/1/variables/T not_awaited: `test` asks for itself, and has no result yet (ask for another stage)
        "#]],
    );
}

#[test]
fn what_nothing_uses_is_told() {
    check(
        r#"
on: { manual: { inputs: { used: , asked: { type: number }, in_script: , idle: } } }
variables: { A: a, B: "${{ variables.A }}", C: c, IDLE: x, ACTION: x }
stages:
  - name: build
    variables: { D: d }
    jobs:
      - name: a
        outputs: [asked, idle]
        variables: { E: e }
        steps:
          - { run: 'echo $B ${C}', variables: { G: g } }
          - { script: 'print($D, $in_script)', if: inputs.asked > 1 }
          - { uses: ./act, variables: { FOR_IT: x } }
  - name: ship
    depends_on: build
    if: stages.build.outputs.asked != "" && variables.E == "" && inputs.used == ""
    jobs: [{ name: a, steps: ['make ACTION'] }]
"#,
        expect![[r#"
            2:73 /on/manual/inputs/idle unused: nothing in the file uses the input `idle` (write `inputs.idle` or `"$idle"`, unless a program reads it)
            9:26 /stages/0/jobs/0/outputs/1 unused: nothing in the file uses the output `idle` (write `${{ stages.build.outputs.idle }}` in a variable of a later stage)
            12:49 /stages/0/jobs/0/steps/0/variables/G unused: nothing in the file uses the variable `G` (leave it, if a program that the steps start reads it)
            17:55 /stages/1/if unset_variable: nothing in the file sets the variable `E` here (without a parameter of that name, the run fails; `has(variables.E)` asks first)
        "#]],
    );
}

#[test]
fn what_is_said_over_something_else_is_told() {
    check(
        r#"
on: { manual: { inputs: { WHERE: } } }
variables: { A: a, B: b, WHERE: x, MATRIX_OS: y }
stages:
  - name: build
    variables: { A: other, B: b }
    jobs:
      - name: a
        matrix: { os: [linux], arch: [x86] }
        variables: { A: third }
        steps: [{ run: 'x $A $B $WHERE $MATRIX_OS $MATRIX_ARCH', variables: { MATRIX_ARCH: arm, B: c } }]
      - { name: b, variables: { B: b }, steps: ['x $B'] }
"#,
        expect![[r#"
            3:26 /variables/WHERE shadowed: the input `WHERE` goes before this variable (call one of them something else)
            6:18 /stages/0/variables/A shadowed: `A` is set to something else on line 3 (call it something else, unless this is meant to replace it here)
            9:19 /stages/0/jobs/0/matrix/os shadowed: the matrix sets `MATRIX_OS`, which is set on line 3, too (call one of them something else)
            10:22 /stages/0/jobs/0/variables/A shadowed: `A` is set to something else on line 6 (call it something else, unless this is meant to replace it here)
            11:79 /stages/0/jobs/0/steps/0/variables/MATRIX_ARCH shadowed: `MATRIX_ARCH` is set by the job's `matrix` on line 9 (call it something else, unless this is meant to replace it here)
            11:97 /stages/0/jobs/0/steps/0/variables/B shadowed: `B` is set to something else on line 6 (call it something else, unless this is meant to replace it here)
        "#]],
    );
}

#[test]
fn an_ordinary_file_has_nothing_to_be_told() {
    check(
        r#"
on: { push: { branches: [main] }, pull_request: , manual: { inputs: { level: { type: choice, options: [a, b], default: a } } } }
variables: { TARGET: x86 }
stages:
  - name: build
    jobs:
      - name: app
        matrix: { node: [18, 20] }
        outputs: [version]
        steps: ['make "$TARGET" ${{ matrix.node }} ${{ inputs.level }}']
  - name: ship
    depends_on: build
    if: branch == "main"
    variables: { VERSION: "${{ stages.build.outputs.version }}" }
    jobs: [{ name: ship, steps: ['./ship.sh "$VERSION"'] }]
  - { name: down, type: cleanup, jobs: [{ name: down, steps: [./down.sh] }] }
"#,
        expect![""],
    );
}
