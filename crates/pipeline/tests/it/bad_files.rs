//! Files with mistakes, and all that is said about them.

use crate::told::{check, check_drawn, check_job};
use expect_test::expect;

#[test]
fn everything_wrong_is_told_at_once_in_the_order_of_the_file() {
    check_drawn(
        r#"
name: web
on:
  push: { branches: [main, "feature**"], path: ["src/**"] }
  schedule: [{ cron: "0 3 * * *" }]
variables: { 1X: a, PENSTOCK_BRANCH: b }
timeout: 5
stages:
  - name: build
    depends_on: tset
    if: brnach == "main"
    jobs:
      - name: app
        image: node:20
        run-on: linux
        retry: { max: 9, on: [runner_lots] }
        steps:
          - npm ci
          - run: echo ${{ commit_message }}
            timeout: 5x
          - uses: actions/checkout@v4
  - name: test
    jobs: []
"#,
        expect![[r#"
            error[bad_pattern]: `**` has to be a whole segment, such as `release/**` or `**/*.md`
             --> .penstock.yml:4:28
            4 |   push: { branches: [main, "feature**"], path: ["src/**"] }
              |                            ^^^^^^^^^^^

            error[unknown_field]: `push` has no `path`
             --> .penstock.yml:4:42
            4 |   push: { branches: [main, "feature**"], path: ["src/**"] }
              |                                          ^^^^
              = did you mean `paths`? Known are branches, paths, paths_ignore

            error[bad_name]: `1X` can't be a variable: letters, digits and `_` can, not beginning with a digit
             --> .penstock.yml:6:14
            6 | variables: { 1X: a, PENSTOCK_BRANCH: b }
              |              ^^

            error[bad_name]: `PENSTOCK_BRANCH`: variables that begin with `PENSTOCK` are set by the runner
             --> .penstock.yml:6:21
            6 | variables: { 1X: a, PENSTOCK_BRANCH: b }
              |                     ^^^^^^^^^^^^^^^

            error[bad_duration]: `timeout` is no length of time: `5`
             --> .penstock.yml:7:10
            7 | timeout: 5
              |          ^
              = say of what: `5s` or `5m`

            error[unknown_stage]: there is no stage `tset`
              --> .penstock.yml:10:17
            10 |     depends_on: tset
               |                 ^^^^
               = did you mean `test`?

            error[unknown_name]: `brnach` means nothing here
              --> .penstock.yml:11:9
            11 |     if: brnach == "main"
               |         ^^^^^^
               = did you mean `branch`? A text needs quotes: `"brnach"`

            error[not_supported_yet]: `image` is not supported yet in a job
              --> .penstock.yml:14:9
            14 |         image: node:20
               |         ^^^^^
               = choose a runner that has the tools by `runs_on` until then

            error[unknown_field]: a job has no `run-on`
              --> .penstock.yml:15:9
            15 |         run-on: linux
               |         ^^^^^^
               = did you mean `runs_on`? Known are name, runs_on, if, variables, env, timeout, retry, resources, checkout, reports, matrix, outputs, priority, continue_on_error, enabled, steps

            error[out_of_range]: `max` has to be from 0 to 5, and this is 9
              --> .penstock.yml:16:23
            16 |         retry: { max: 9, on: [runner_lots] }
               |                       ^

            error[unknown_value]: `runner_lots` is no cause of a retry
              --> .penstock.yml:16:31
            16 |         retry: { max: 9, on: [runner_lots] }
               |                               ^^^^^^^^^^^
               = did you mean `runner_lost`?

            error[untrusted_in_run]: `commit_message` may hold text that others wrote, and in a script text becomes commands
              --> .penstock.yml:19:27
            19 |           - run: echo ${{ commit_message }}
               |                           ^^^^^^^^^^^^^^
               = give it to the step as `variables: { COMMIT_MESSAGE: "${{ commit_message }}" }` and write `"$COMMIT_MESSAGE"`

            error[bad_duration]: `timeout` is no length of time: `5x`
              --> .penstock.yml:20:22
            20 |             timeout: 5x
               |                      ^^
               = write it like `90s`, `5m`, `2h` or `1h30m`

            error[foreign_action]: `actions/checkout@v4` is an action of another system
              --> .penstock.yml:21:19
            21 |           - uses: actions/checkout@v4
               |                   ^^^^^^^^^^^^^^^^^^^
               = leave it out: the commit is checked out already, unless `checkout: false` says otherwise

            error[missing_field]: a stage needs at least one job
              --> .penstock.yml:23:11
            23 |     jobs: []
               |           ^
               = write `jobs:`, and below it `- name: …` with `steps` for each
        "#]],
    );
}

#[test]
fn a_member_that_is_known_and_not_there_yet_says_so_by_name() {
    check(
        r#"
matrix: {}
concurrency: { group: web, limit: 1, cancel_in_progress: true }
on: { manual: { inputs: {} }, pull_request: { types: [opened] } }
stages:
  - name: a
    approval: {}
    jobs:
      - name: b
        image: node
        matrix: {}
        cache: []
        artifacts: []
        services: {}
        outputs: {}
        needs: x
        steps: [{ uses: x, with: {} }]
"#,
        expect![[r#"
            2:1 /matrix unknown_field: a pipeline has no `matrix` (it belongs to a job)
            7:5 /stages/0/approval not_supported_yet: `approval` is not supported yet in a stage (start the stage's pipeline by hand until then)
            10:9 /stages/0/jobs/0/image not_supported_yet: `image` is not supported yet in a job (choose a runner that has the tools by `runs_on` until then)
            11:17 /stages/0/jobs/0/matrix missing_field: the matrix has no combination, so that there is no job (write `matrix: { node: [18, 20] }`)
            12:9 /stages/0/jobs/0/cache not_supported_yet: `cache` is not supported yet in a job (do it in a step with `run` until then)
            13:9 /stages/0/jobs/0/artifacts not_supported_yet: `artifacts` is not supported yet in a job (do it in a step with `run` until then)
            14:9 /stages/0/jobs/0/services not_supported_yet: `services` is not supported yet in a job (do it in a step with `run` until then)
            15:18 /stages/0/jobs/0/outputs wrong_type: `outputs` has to be a list, and this is a mapping (write the names in a list, such as `[version]`)
            16:9 /stages/0/jobs/0/needs not_supported_yet: `needs` is not supported yet in a job (jobs of one stage run side by side; put what has to wait into a stage with `depends_on`)
            17:25 /stages/0/jobs/0/steps/0/uses foreign_action: `x` is an action of another system (write what it does as `run`, or as an `action.yml` in a folder and `uses: ./folder`)
        "#]],
    );
}

#[test]
fn an_unknown_member_says_what_was_meant_where_it_can() {
    for (member, expected) in [
        (
            "runs-on: linux",
            expect![[r#"
                1:54 /stages/0/jobs/0/runs-on unknown_field: a job has no `runs-on` (did you mean `runs_on`? Known are name, runs_on, if, variables, env, timeout, retry, resources, checkout, reports, matrix, outputs, priority, continue_on_error, enabled, steps)
            "#]],
        ),
        (
            "timeout-minutes: 5",
            expect![[r#"
            1:54 /stages/0/jobs/0/timeout-minutes unknown_field: a job has no `timeout-minutes` (write `timeout: 30m`)
        "#]],
        ),
        (
            "frobnicate: 1",
            expect![[r#"
                1:54 /stages/0/jobs/0/frobnicate unknown_field: a job has no `frobnicate` (known are name, runs_on, if, variables, env, timeout, retry, resources, checkout, reports, matrix, outputs, priority, continue_on_error, enabled, steps)
            "#]],
        ),
        (
            "'a/b~c': 1",
            expect![[r#"
                1:54 /stages/0/jobs/0/a~1b~0c unknown_field: a job has no `a/b~c` (known are name, runs_on, if, variables, env, timeout, retry, resources, checkout, reports, matrix, outputs, priority, continue_on_error, enabled, steps)
            "#]],
        ),
    ] {
        check_job(member, expected);
    }
    check(
        "jobs: {}\nstage: []\n",
        expect![[r#"
            1:1 /jobs unknown_field: a pipeline has no `jobs` (jobs belong to stages: `stages: [{ name: build, jobs: […] }]`)
            1:1  missing_field: a pipeline needs `stages` (write `stages:`, and below it `- name: …` with `jobs` for each)
            2:1 /stage unknown_field: a pipeline has no `stage` (did you mean `stages`? Known are name, on, variables, env, timeout, max_concurrent, concurrency, priority, then, stages)
        "#]],
    );
}

#[test]
fn stages_that_wait_for_each_other_are_shown_as_a_circle() {
    check_drawn(
        r#"
stages:
  - { name: a, depends_on: [d, b], jobs: [{ name: j, steps: [make] }] }
  - { name: b, depends_on: c, jobs: [{ name: j, steps: [make] }] }
  - { name: c, depends_on: [a], jobs: [{ name: j, steps: [make] }] }
  - { name: d, depends_on: [], jobs: [{ name: j, steps: [make] }] }
  - { name: e, depends_on: [e], jobs: [{ name: j, steps: [make] }] }
  - { name: f, depends_on: [a, e, a], jobs: [{ name: j, steps: [make] }] }
"#,
        expect![[r#"
            error[dependency_cycle]: stages wait for each other in a circle: a → b → c → a
             --> .penstock.yml:3:32
            3 |   - { name: a, depends_on: [d, b], jobs: [{ name: j, steps: [make] }] }
              |                                ^
              = take one of these out of `depends_on`

            error[dependency_cycle]: stages wait for each other in a circle: e → e
             --> .penstock.yml:7:29
            7 |   - { name: e, depends_on: [e], jobs: [{ name: j, steps: [make] }] }
              |                             ^
              = take one of these out of `depends_on`

            warning[redundant]: `a` is in `depends_on` twice
             --> .penstock.yml:8:35
            8 |   - { name: f, depends_on: [a, e, a], jobs: [{ name: j, steps: [make] }] }
              |                                   ^
              = once is enough
        "#]],
    );
}

#[test]
fn names_are_used_once() {
    check(
        r#"
stages:
  - name: a
    jobs: [{ name: j, steps: [make] }, { name: k, steps: [make] }, { name: j, steps: [make] }]
  - name: a
    jobs: [{ name: j, steps: [make] }]
"#,
        expect![[r#"
            4:76 /stages/0/jobs/2/name duplicate_name: a job `j` is here already, on line 4 (call one of them something else)
            5:11 /stages/1/name duplicate_name: a stage `a` is here already, on line 3 (call one of them something else)
        "#]],
    );
}

#[test]
fn a_condition_that_does_not_wait_for_what_it_asks_is_warned_of() {
    check(
        r#"
stages:
  - { name: a, jobs: [{ name: j, steps: [make] }] }
  - { name: b, depends_on: a, jobs: [{ name: j, steps: [make] }] }
  - { name: c, depends_on: b, if: 'always() && stages.a.status == "failed"', jobs: [{ name: j, steps: [make] }] }
  - { name: d, if: 'stages["c"].status == "failed"', jobs: [{ name: j, steps: [make] }] }
"#,
        expect![[r#"
            6:28 /stages/3/if warning not_awaited: this asks for `c`, and does not wait for it (add `c` to `depends_on`)
        "#]],
    );
}

#[test]
fn triggers_that_could_not_work_as_meant_are_refused() {
    for (on, expected) in [
        (
            "on: pusch",
            expect![[r#"
            1:5 /on unknown_value: there is no event `pusch` (did you mean `push`?)
        "#]],
        ),
        (
            "on: [push, schedule, workflow_dispatch]",
            expect![[r#"
                1:12 /on/1 missing_field: `schedule` has to say when (write `on: { schedule: [{ cron: "0 3 * * *" }] }`)
                1:22 /on/2 unknown_value: there is no event `workflow_dispatch` (by hand is `manual: {}`)
            "#]],
        ),
        (
            "on: {}",
            expect![[r#"
                1:5 /on missing_field: `on` selects nothing, so that nothing can start the pipeline (name at least one of push, pull_request, tag, schedule, webhook, manual)
            "#]],
        ),
        (
            "on: []",
            expect![[r#"
                1:5 /on missing_field: `on` selects nothing, so that nothing can start the pipeline (name at least one of push, pull_request, tag, schedule, webhook, manual)
            "#]],
        ),
        (
            "on: { push: main }",
            expect![[r#"
                1:13 /on/push wrong_type: `push` has to be a mapping, and this is `main` (known are branches, paths, paths_ignore)
            "#]],
        ),
        (
            "on: { push: { branches: [] } }",
            expect![[r#"
            1:25 /on/push/branches bad_pattern: `branches` is empty, so that nothing could match (leave it out to let everything match)
        "#]],
        ),
        (
            "on: { push: { branches: ['!main'], tags: [v1] } }",
            expect![[r#"
            1:25 /on/push/branches bad_pattern: `branches` only takes out, so that nothing is left (put `"**"` before them)
            1:36 /on/push/tags unknown_field: `push` has no `tags` (tags are an event of their own: `on: { tag: ["v*"] }`)
        "#]],
        ),
        (
            "on: { tag: ['v[0'] }",
            expect![[r#"
            1:13 /on/tag/0 bad_pattern: `[` is never closed; write `\[` if the character is meant
        "#]],
        ),
        (
            "on: { push: { paths: [src/] } }",
            expect![[r#"
            1:23 /on/push/paths/0 bad_pattern: a pattern that begins or ends with `/` matches nothing; write `src/**`
        "#]],
        ),
    ] {
        check(&format!("{on}\nstages: [{{ name: a, jobs: [{{ name: j, steps: [make] }}] }}]"), expected);
    }
}

#[test]
fn a_mistake_that_aliases_repeat_is_told_once_where_it_was_written() {
    check(
        r#"
stages:
  - name: a
    jobs: &jobs [{ name: j, steps: [make], imag: x }]
  - name: b
    jobs: *jobs
"#,
        expect![[r#"
            4:44 /stages/0/jobs/0/imag unknown_field: a job has no `imag` (did you mean `image`? It is not supported yet; choose a runner that has the tools by `runs_on` until then)
        "#]],
    );
}
