//! What is written as elsewhere, or nearly right, says what to write here.

use crate::told::{check, check_job, check_step};
use expect_test::{Expect, expect};

#[test]
fn a_member_of_another_system_says_what_to_write() {
    for (member, expected) in [
        (
            "before_script: [x]",
            expect![[r#"
            1:54 /stages/0/jobs/0/before_script unknown_field: a job has no `before_script` (write it as the first of the `steps`)
        "#]],
        ),
        (
            "rules: []",
            expect![[r#"
            1:54 /stages/0/jobs/0/rules unknown_field: a job has no `rules` (write `if`)
        "#]],
        ),
        (
            "extends: .x",
            expect![[r#"
            1:54 /stages/0/jobs/0/extends unknown_field: a job has no `extends` (anchor it in a member that begins with `x-`, and write `<<: *name`)
        "#]],
        ),
        (
            "environment: production",
            expect![[r#"
            1:54 /stages/0/jobs/0/environment not_supported_yet: `environment` is not supported yet in a job (name it in the stage's `deploy: { environment: … }`, or set `variables`)
        "#]],
        ),
        (
            "imag: node",
            expect![[r#"
            1:54 /stages/0/jobs/0/imag unknown_field: a job has no `imag` (did you mean `image`? It is not supported yet; choose a runner that has the tools by `runs_on` until then)
        "#]],
        ),
        (
            "need: x",
            expect![[r#"
            1:54 /stages/0/jobs/0/need unknown_field: a job has no `need` (did you mean `needs`? It is not supported yet; jobs of one stage run side by side; put what has to wait into a stage with `depends_on`)
        "#]],
        ),
        (
            "commands: [x]",
            expect![[r#"
            1:54 /stages/0/jobs/0/commands unknown_field: a job has no `commands` (write `steps:`, each with a `run`)
        "#]],
        ),
        (
            "displayName: x",
            expect![[r#"
            1:54 /stages/0/jobs/0/displayName unknown_field: a job has no `displayName` (write `name`)
        "#]],
        ),
        (
            "env: [A=b]",
            expect![[r#"
            1:59 /stages/0/jobs/0/env wrong_type: `env` has to be a mapping, and this is a list (write `env: { NAME: value }`)
        "#]],
        ),
        (
            "enabled: '${{ branch }}'",
            expect![[r#"
            1:63 /stages/0/jobs/0/enabled wrong_type: `enabled` has to be true or false (write it as `if`: nothing is filled in here)
        "#]],
        ),
        (
            "checkout: '${{ branch }}'",
            expect![[r#"
            1:64 /stages/0/jobs/0/checkout wrong_type: `checkout` has to be true or false (nothing is filled in here; write `true` or `false`)
        "#]],
        ),
        (
            "matrix: { cfg: [{ os: linux }] }",
            expect![[r#"
            1:70 /stages/0/jobs/0/matrix/cfg/0 wrong_type: each of `cfg` has to be a text, and this is a mapping (values that belong together are written as `include: [{ os: linux, node: 18 }]`)
        "#]],
        ),
    ] {
        check_job(member, expected);
    }
    for (member, expected) in [
        (
            "run: x, label: y",
            expect![[r#"
            1:57 /stages/0/jobs/0/steps/0/label unknown_field: a step has no `label` (write `name`)
        "#]],
        ),
        (
            "task: Npm@1, key: z",
            expect![[r#"
            1:47 /stages/0/jobs/0/steps/0 missing_field: a step needs `run` (write `run: …`; it is given to `sh -e -c`)
            1:49 /stages/0/jobs/0/steps/0/task unknown_field: a step has no `task` (write what it does as `run`)
            1:62 /stages/0/jobs/0/steps/0/key unknown_field: a step has no `key` (write `id`)
        "#]],
        ),
        (
            "run: x, ignore_errors: true",
            expect![[r#"
            1:57 /stages/0/jobs/0/steps/0/ignore_errors unknown_field: a step has no `ignore_errors` (write `continue_on_error`)
        "#]],
        ),
    ] {
        check_step(member, expected);
    }
}

#[test]
fn a_file_of_another_system_says_where_things_belong() {
    check(
        r#"
.defaults: &d { tags: [docker] }
definitions: { steps: [] }
when: always
stages: [build, test]
build-job: { stage: build, script: [make] }
"#,
        expect![[r#"
            2:1 /.defaults unknown_field: a pipeline has no `.defaults` (a member of your own begins with `x-`: `x-defaults`)
            3:1 /definitions unknown_field: a pipeline has no `definitions` (what is only anchored is a member of your own, which begins with `x-`)
            4:1 /when unknown_field: a pipeline has no `when` (write `on`)
            5:10 /stages/0 wrong_type: a stage has to be a mapping, and this is `build` (write `- name: build`, with its `jobs` below it)
            5:17 /stages/1 wrong_type: a stage has to be a mapping, and this is `test` (write `- name: test`, with its `jobs` below it)
            6:1 /build-job unknown_field: a pipeline has no `build-job` (jobs belong to stages: `stages: [{ name: test, jobs: [{ name: unit, steps: […] }] }]`)
        "#]],
    );
    check(
        "stages: [{ name: a, deploy: { environment: e, strategy: blue-green }, jobs: [{ name: b, steps: [x] }] }]",
        expect![[r#"
            1:57 /stages/0/deploy/strategy unknown_value: `strategy` can't be `blue-green` (did you mean `blue_green`? It is not supported yet; use `rolling` or `recreate` until then)
        "#]],
    );
}

#[test]
fn a_character_that_no_name_can_have_is_shown_with_its_number() {
    for (name, expected) in [
        (
            "a — b",
            expect![[r#"
            1:18 /stages/0/name bad_name: a stage's name can't hold `—` (U+2014) (use letters, digits, blanks and `_ - . / : ( ) + , & # @`)
        "#]],
        ),
        (
            "a\u{200b}b",
            expect![[r#"
            1:18 /stages/0/name bad_name: a stage's name can't hold U+200B (use letters, digits, blanks and `_ - . / : ( ) + , & # @`)
        "#]],
        ),
        (
            "\"a\\u00a0b\"",
            expect![[r#"
            1:18 /stages/0/name bad_name: a stage's name can't hold U+00A0 (use letters, digits, blanks and `_ - . / : ( ) + , & # @`)
        "#]],
        ),
        (
            "'a|b'",
            expect![[r#"
            1:18 /stages/0/name bad_name: a stage's name can't hold `|` (use letters, digits, blanks and `_ - . / : ( ) + , & # @`)
        "#]],
        ),
    ] {
        check(&format!("stages: [{{ name: {name}, jobs: [{{ name: b, steps: [x] }}] }}]"), expected);
    }
}

fn check_cron(schedule: &str, expected: Expect) {
    check(
        &format!(
            "on: {{ schedule: [{{ {schedule} }}] }}\nstages: [{{ name: a, jobs: [{{ name: b, steps: [x] }}] }}]"
        ),
        expected,
    );
}

#[test]
fn a_schedule_that_is_nearly_right_says_what_was_meant() {
    for (schedule, expected) in [
        (
            "cron: TZ=Europe/Berlin 0 3 * * *",
            expect![[r#"
            1:26 /on/schedule/0/cron bad_cron: a cron expression has five fields (minute, hour, day of the month, month, day of the week), and this has 6 (write `cron: "0 3 * * *"` and `timezone: Europe/Berlin`)
        "#]],
        ),
        (
            "cron: '*/90 * * * *'",
            expect![[r#"
            1:26 /on/schedule/0/cron bad_cron: `*/90` is once only, at 0: the minute of a cron expression is from 0 to 59 (what is to happen more seldom is said by the next field, as in `0 */2 * * *`)
        "#]],
        ),
        (
            "cron: '*/0 * * * *'",
            expect![[r#"
            1:26 /on/schedule/0/cron bad_cron: `*/0` is no minute of a cron expression, which is from 0 to 59 (a step is at least 1)
        "#]],
        ),
        (
            "cron: '61 25 * * *'",
            expect![[r#"
            1:26 /on/schedule/0/cron bad_cron: `61` is no minute of a cron expression, which is from 0 to 59 (write it like `30 3 * * 1-5`: at half past three, Monday to Friday)
            1:26 /on/schedule/0/cron bad_cron: `25` is no hour of a cron expression, which is from 0 to 23 (write it like `30 3 * * 1-5`: at half past three, Monday to Friday)
        "#]],
        ),
        (
            "cron: 0 3 * * Monday",
            expect![[r#"
            1:26 /on/schedule/0/cron bad_cron: `Monday` is no day of the week of a cron expression, which is from 0 to 7 (did you mean `mon`? Months and days have three letters)
        "#]],
        ),
        (
            "cron: 0 3 1 January-mar *",
            expect![[r#"
            1:26 /on/schedule/0/cron bad_cron: `January-mar` is no month of a cron expression, which is from 1 to 12 (did you mean `jan-mar`? Months and days have three letters)
        "#]],
        ),
        (
            "cron: 0 3 * * 1, timezone: Europe/Berlln",
            expect![[r#"
            1:47 /on/schedule/0/timezone unknown_time_zone: there is no time zone `Europe/Berlln` (did you mean `Europe/Berlin`?)
        "#]],
        ),
        (
            "cron: 0 3 * * 1, branch: 'release/*'",
            expect![[r#"
            1:45 /on/schedule/0/branch bad_value: `branch` is one branch, and no pattern (write a schedule for each branch)
        "#]],
        ),
        ("cron: '*/60 */24 * * *'", expect![""]),
    ] {
        check_cron(schedule, expected);
    }
    check(
        "stages: [{ name: a, jobs: [{ name: b, steps: [x] }] }]\n\
         then: [{ pipeline: p, branch: 'release/*' }, { pipeline: q, branch: '${{ tag == \"\" ? \"main\" : branch }}' }]",
        expect![[r#"
            2:31 /then/0/branch bad_value: `branch` is one branch, and no pattern (name each pipeline that follows, with its branch)
        "#]],
    );
}

#[test]
fn what_has_no_effect_is_told() {
    for (member, expected) in [
        (
            "retry: { max: 2, on: [] }",
            expect![[r#"
            1:75 /stages/0/jobs/0/retry/on missing_field: `on` holds no cause, so that nothing is tried again (leave it out for every cause)
        "#]],
        ),
        (
            "timeout: 1h, steps: [{ run: x, timeout: 3h }, { run: x, timeout: 1h }]",
            expect![[r#"
            1:79 /stages/0/jobs/0/steps/0/timeout warning redundant: the job's own time is over before, after 1h (give the job a longer `timeout`)
        "#]],
        ),
    ] {
        let member = member.to_owned();
        if member.contains("steps:") {
            check(&format!("stages: [{{ name: a, jobs: [{{ name: b, {member} }}] }}]"), expected);
        } else {
            check_job(&member, expected);
        }
    }
    for (step, expected) in [
        (
            "run: \"#!/usr/bin/env python3\\nprint(1)\"",
            expect![[r#"
            1:54 /stages/0/jobs/0/steps/0/run warning redundant: `#!/usr/bin/env python3` is a comment here: a `run` is given to `sh` (write `script` instead of `run`)
        "#]],
        ),
        ("run: \"#!/bin/bash\\nx\", shell: bash", expect![""]),
        ("run: \"#!/bin/sh\\nx\"", expect![""]),
    ] {
        check_step(step, expected);
    }
}

#[test]
fn a_number_is_read_however_yaml_writes_it() {
    check(
        r#"
on: { manual: { inputs: { dry: { type: boolean, default: True }, level: { type: number, default: 0x10 } } } }
stages:
  - name: a
    jobs:
      - { name: b, retry: 2.0, priority: 1e1, steps: ['x $dry $level'] }
      - { name: c, retry: { max: 0x1, backoff: 0o7 }, priority: -5, steps: [x] }
  - { name: q, gates: { g: { type: test_coverage, threshold: 0x32 } } }
"#,
        expect![""],
    );
    for (member, expected) in [
        (
            "retry: '0x1'",
            expect![[r#"
            1:61 /stages/0/jobs/0/retry wrong_type: `retry` has to be a whole number from 0 to 5, and this is a text
        "#]],
        ),
        (
            "retry: 1.5",
            expect![[r#"
            1:61 /stages/0/jobs/0/retry wrong_type: `retry` has to be a whole number from 0 to 5, and this is `1.5`
        "#]],
        ),
        (
            "retry: .inf",
            expect![[r#"
            1:61 /stages/0/jobs/0/retry wrong_type: `retry` has to be a whole number from 0 to 5, and this is `.inf`
        "#]],
        ),
        (
            "retry: [2]",
            expect![[r#"
            1:61 /stages/0/jobs/0/retry wrong_type: `retry` has to be a mapping, and this is a list (known are max, delay, backoff, on)
        "#]],
        ),
        (
            "priority: high",
            expect![[r#"
            1:64 /stages/0/jobs/0/priority wrong_type: `priority` has to be a whole number from -100 to 100, and this is `high`
        "#]],
        ),
        (
            "retry: ~, priority: -0x5",
            expect![[r#"
            1:74 /stages/0/jobs/0/priority wrong_type: `priority` has to be a whole number from -100 to 100, and this is `-0x5`
        "#]],
        ),
    ] {
        check_job(member, expected);
    }
}

#[test]
fn what_nothing_uses_is_told_beside_mistakes_that_hide_no_use() {
    let file = |timeout: &str, step: &str| {
        format!(
            "variables: {{ IDLE: x, NODE_ENV: x, CARGO_TERM_COLOR: always }}\n\
             stages: [{{ name: a, jobs: [{{ name: b, variables: {{ AROUND: x }}, timeout: {timeout}, steps: [{step}] }}] }}]"
        )
    };
    check(
        &file("5", "make"),
        expect![[r#"
        1:14 /variables/IDLE warning unused: nothing in the file uses the variable `IDLE` (leave it, if a program that the steps start reads it)
        2:52 /stages/0/jobs/0/variables/AROUND warning unused: nothing in the file uses the variable `AROUND` (leave it, if a program that the steps start reads it)
        2:74 /stages/0/jobs/0/timeout bad_duration: `timeout` is no length of time: `5` (say of what: `5s` or `5m`)
    "#]],
    );
    check(
        &file("1h", "{ run: make, scirpt: x }"),
        expect![[r#"
        2:99 /stages/0/jobs/0/steps/0/scirpt unknown_field: a step has no `scirpt` (did you mean `script`? Known are run, script, uses, with, shell, id, type, name, if, variables, env, working_directory, timeout, continue_on_error, enabled)
    "#]],
    );
    check(&file("1h", "make, { uses: ./act }"), expect![""]);
}
